//! The macros that declare the typed messages from a list of accessors.
//!
//! They expand to the type, its list of keys and its accessors. The rules are in ordinary code:
//! [`View`](super::view::View) for the top level of a frame, [`RowView`](super::rows::RowView) for
//! a row.
//!
//! An accessor whose key on the wire has another name lists it after `=`, and the search of the
//! documentation finds the accessor by that key as well. An accessor without a key has its own name
//! on the wire. The documentation of both states the key.

/// Returns the key of an accessor.
macro_rules! key {
    ($method:ident) => {
        stringify!($method)
    };
    ($method:ident $key:literal) => {
        $key
    };
}

/// Declares a message whose members are at the top level of the frame.
///
/// The brackets list documented keys that have no accessor in the list.
macro_rules! body {
    (
        $(#[$meta:meta])*
        $name:ident [$($extra:literal),*] {
            $( $(#[$doc:meta])* $method:ident : $ty:ty $(= $key:literal)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name<'a>($crate::message::View<'a>);

        impl<'a> $name<'a> {
            /// The documented keys of the top level. [`unknown`](Self::unknown) returns the others.
            pub const KEYS: &'static [&'static str] =
                $crate::message::View::keys(&["topic", $($extra,)* $( $crate::message::macros::key!($method $($key)?) ),*]);

            pub(crate) fn new(frame: &'a $crate::Frame) -> Self {
                Self($crate::message::View::new(frame))
            }

            /// Returns the frame, which gives access to its bytes, its text and all its members.
            #[must_use]
            pub fn frame(&self) -> &'a $crate::Frame {
                self.0.frame()
            }

            /// Returns the topic as the gateway wrote it.
            #[must_use]
            pub fn topic(&self) -> Option<alloc::borrow::Cow<'a, str>> {
                self.0.frame().topic()
            }

            /// Returns the first top-level member with this key, documented or not.
            #[must_use]
            pub fn member(&self, key: &str) -> Option<$crate::Json<'a>> {
                self.0.member(key)
            }

            /// Returns the top-level members that no accessor reads: those with an undocumented
            /// key, and those with a key that occurred before.
            pub fn unknown(&self) -> impl Iterator<Item = (alloc::borrow::Cow<'a, str>, $crate::Json<'a>)> + use<'a> {
                self.0.unknown(Self::KEYS)
            }

            $(
                $(#[$doc])*
                ///
                #[doc = concat!("Key on the wire: `", $crate::message::macros::key!($method $($key)?), "`.")]
                ///
                /// # Errors
                /// [`FieldError`](crate::frame::FieldError) if the value is of another kind.
                $( #[doc(alias = $key)] )?
                #[inline]
                pub fn $method(&self) -> $crate::frame::FieldResult<$ty> {
                    const KEY: &str = $crate::message::macros::key!($method $($key)?);
                    $crate::frame::lookup(KEY, self.0.member(KEY))
                }
            )*
        }
    };
}

/// Declares a row: an object inside a message.
///
/// The brackets name, by their accessors, the members that identify the row. A row that has one of
/// them twice is an error. An accessor that does not exist does not compile.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $name:ident [$($unique:ident),*] {
            $( $(#[$doc:meta])* $method:ident : $ty:ty $(= $key:literal $(| $alias:literal)*)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a>($crate::message::RowView<'a, { [$(stringify!($method)),*].len() }>);

        const _: () = {
            /// The place of each accessor in the list.
            #[allow(non_camel_case_types, clippy::allow_attributes)]
            #[derive(Clone, Copy)]
            enum Slot { $($method),* }

            static KEYS: $crate::message::Slots = $crate::message::Slots::new(
                &[$( $crate::message::macros::key!($method $($key)?) ),*],
                &[$(
                    ($crate::message::macros::key!($method $($key)?), Slot::$method as u8),
                    $( $( ($alias, Slot::$method as u8), )* )?
                )*],
                &[$( Slot::$unique as u8 ),*],
            );

            impl<'a> $name<'a> {
                $(
                    $(#[$doc])*
                    ///
                    #[doc = concat!(
                        "Key on the wire: `",
                        $crate::message::macros::key!($method $($key)?),
                        $( $( "` or `", $alias, )* )?
                        "`."
                    )]
                    ///
                    /// # Errors
                    /// [`FieldError`](crate::frame::FieldError) if the value is of another kind.
                    $( #[doc(alias = $key)] $( #[doc(alias = $alias)] )* )?
                    #[inline]
                    pub fn $method(&self) -> $crate::frame::FieldResult<$ty> {
                        const KEY: &str = $crate::message::macros::key!($method $($key)?);
                        self.0.read(Slot::$method as usize, KEY)
                    }
                )*
            }

            impl serde::Serialize for $name<'_> {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    self.0.json().serialize(serializer)
                }
            }

            impl<'a> $crate::message::Row<'a> for $name<'a> {
                const KEYS: &'static [&'static str] = &[$( $crate::message::macros::key!($method $($key)?) ),*];

                #[inline(always)]
                fn next_of(elements: &mut $crate::frame::Elements<'a>) -> Option<Result<Self, $crate::frame::RowError>> {
                    let mut next = Some(Ok(Self($crate::message::RowView::EMPTY)));
                    if let Some(Ok(Self(row))) = &mut next {
                        match row.fill(elements, &KEYS) {
                            Some(Ok(())) => {}
                            Some(Err(error)) => next = Some(Err(error)),
                            None => next = None,
                        }
                    }
                    next
                }

                fn json(&self) -> $crate::Json<'a> {
                    self.0.json()
                }

                fn known(&self) -> impl Iterator<Item = (&'static str, $crate::Json<'a>)> {
                    self.0.known(&KEYS)
                }

                fn unknown(&self) -> impl Iterator<Item = (alloc::borrow::Cow<'a, str>, $crate::Json<'a>)> {
                    self.0.unknown()
                }
            }
        };
    };
}

pub(crate) use {body, key, row};
