//! What writes the typed messages: a table of accessors, types and wire keys becomes a view over the frame or the row.

/// A message whose members lie at the top level of the frame.
macro_rules! body {
    (
        $(#[$meta:meta])*
        $name:ident [$($extra:literal),*] {
            $( $(#[$doc:meta])* $method:ident : $ty:ty = $key:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            frame: &'a $crate::Frame,
            text: &'a str,
        }

        impl<'a> $name<'a> {
            /// The keys that are documented at the top level; all others are found with [`unknown`](Self::unknown).
            pub const KEYS: &'static [&'static str] = &["topic", $($extra,)* $($key),*];

            pub(crate) fn new(frame: &'a $crate::Frame) -> Self {
                Self { frame, text: frame.text() }
            }

            /// The frame itself: its bytes, its text, all its members.
            #[must_use]
            pub fn frame(&self) -> &'a $crate::Frame {
                self.frame
            }

            /// The topic, as it came.
            #[must_use]
            pub fn topic(&self) -> Option<alloc::borrow::Cow<'a, str>> {
                self.frame.topic()
            }

            /// A top-level member by its key, documented or not.
            #[must_use]
            pub fn member(&self, key: &str) -> Option<$crate::Json<'a>> {
                self.frame.get_in(self.text, key)
            }

            /// The top-level members that no documentation names.
            pub fn unknown(&self) -> impl Iterator<Item = (alloc::borrow::Cow<'a, str>, $crate::Json<'a>)> + use<'a> {
                self.frame.members().filter(|(key, _)| !Self::KEYS.contains(&&**key))
            }

            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`FieldError`](crate::FieldError) if the value is of another kind.
                #[inline]
                pub fn $method(&self) -> $crate::FieldResult<$ty> {
                    $crate::frame::lookup($key, self.frame.get_in(self.text, $key))
                }
            )*
        }

        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.frame.serialize(serializer)
            }
        }

        impl core::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.frame.text()).finish()
            }
        }
    };
}

/// A row: an object inside the message. One walk puts each documented member in its slot.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $name:ident [$($unique:literal),*] {
            $( $(#[$doc:meta])* $method:ident : $ty:ty = $key:literal $(| $alias:literal)* ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            json: $crate::Json<'a>,
            /// Where the members lie in it: half the size of the members themselves, and a row is moved about.
            slots: [$crate::frame::Span; [$($key),*].len()],
        }

        const _: () = {
            #[allow(non_camel_case_types, clippy::allow_attributes)]
            enum Slot { $($method),* }

            const KEYS: [&str; [$($key),*].len()] = [$($key),*];

            /// Every spelling, and the slot of its member.
            const SPELLINGS: &[(&str, u8)] =
                &[$( ($key, Slot::$method as u8), $( ($alias, Slot::$method as u8), )* )*];

            static SLOTS: $crate::message::Slots = $crate::message::Slots::new(SPELLINGS);

            impl<'a> $name<'a> {
                #[inline(always)]
                fn slot(&self, slot: Slot) -> Option<$crate::Json<'a>> {
                    self.slots.get(slot as usize)?.of(self.json.text()).map($crate::Json)
                }

                $(
                    $(#[$doc])*
                    ///
                    /// # Errors
                    /// [`FieldError`](crate::FieldError) if the value is of another kind.
                    #[inline]
                    pub fn $method(&self) -> $crate::FieldResult<$ty> {
                        $crate::frame::lookup($key, self.slot(Slot::$method))
                    }
                )*
            }

            impl<'a> $crate::message::Row<'a> for $name<'a> {
                const KEYS: &'static [&'static str] = &KEYS;

                fn from_json(json: $crate::Json<'a>) -> Result<Self, $crate::RowError> {
                    Self::next_of(&mut $crate::Elements::one(json))
                        .unwrap_or_else(|| Err($crate::message::row_error(json, $crate::RowReason::NotAnObject)))
                }

                fn next_of(elements: &mut $crate::Elements<'a>) -> Option<Result<Self, $crate::RowError>> {
                    let mut slots = [$crate::frame::Span::NONE; [$($key),*].len()];
                    let mut twice = None;
                    let json = elements.next_with(|key, value| {
                        let Some(place) = SLOTS.find(key).and_then(|slot| slots.get_mut(slot)) else { return };
                        if *place == $crate::frame::Span::NONE {
                            *place = value;
                        } else if twice.is_none() {
                            let unique: &[&'static str] = &[$($unique),*];
                            twice = unique.iter().find(|name| name.as_bytes() == key);
                        }
                    })?;
                    Some(if json.kind() != $crate::Kind::Object {
                        Err($crate::message::row_error(json, $crate::RowReason::NotAnObject))
                    } else if let Some(twice) = twice {
                        Err($crate::message::row_error(json, $crate::RowReason::Duplicate(twice)))
                    } else {
                        Ok(Self { json, slots })
                    })
                }

                fn json(&self) -> $crate::Json<'a> {
                    self.json
                }

                fn known(&self) -> impl Iterator<Item = (&'static str, $crate::Json<'a>)> {
                    let text = self.json.text();
                    let member = move |(key, slot): (_, $crate::frame::Span)| Some((key, $crate::Json(slot.of(text)?)));
                    KEYS.into_iter().zip(self.slots).filter_map(member)
                }

                fn unknown(&self) -> impl Iterator<Item = (alloc::borrow::Cow<'a, str>, $crate::Json<'a>)> {
                    let (slots, text) = (self.slots, self.json.text());
                    self.json.members().filter(move |(_, value)| {
                        !slots.iter().filter_map(|slot| slot.of(text)).any(|known| core::ptr::eq(known, value.text()))
                    })
                }
            }
        };

        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.json.serialize(serializer)
            }
        }

        impl core::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.json.text()).finish()
            }
        }
    };
}

pub(crate) use {body, row};
