//! `smd`: market data (docs/protocol.md §3.1).

use alloc::borrow::Cow;

use super::macros::body;
use crate::field::{Field, Value};
use crate::frame::{FieldResult, Json, Number};

body! {
    /// Market data of one contract. The first frame, which is sent twice, has all fields; later
    /// frames have those that changed. An absent field is unchanged (docs/protocol.md §3.1).
    ///
    /// Frames without any value, and without `conid`, occur. The topic then names the contract.
    MarketData [] {
        /// The contract.
        conid: i64 = "conid",
        /// The contract, with its exchange if the subscription named one; absent from recordings of
        /// 2021.
        conid_ex: Cow<'a, str> = "conidEx",
        /// Id of this stream, `q1`; each subscription has a new one.
        server_id: Cow<'a, str> = "server_id",
        /// Time of the update by the server's clock, in milliseconds since 1970.
        updated: i64 = "_updated",
    }
}

impl<'a> MarketData<'a> {
    /// Returns the value of a field, the first one if the field occurs twice; `None` if the frame
    /// does not have it.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<Value<'a>> {
        self.member(field.key().as_str()).map(|json| Value::new(field, json))
    }

    /// Returns the fields of the frame in the order of the wire, in one walk. Fields that are not
    /// listed are among them. A field that occurs twice is returned twice; the first value counts,
    /// as in [`get`](Self::get) and in a [`Quote`](crate::fold::Quote).
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields { members: self.0.walk() }
    }

    /// Returns the volume of the day from the number beside field 87 (`87_raw`), which was recorded
    /// in E notation.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if it is not a number.
    pub fn volume_raw(&self) -> FieldResult<Number<'a>> {
        self.get(Field::VOLUME_RAW).map_or(Ok(None), Value::number)
    }

    /// Returns the target of the topic: `265598`, `265598@ARCA`, or the text of a combo; empty for
    /// a bare `smd`.
    #[must_use]
    pub fn target(&self) -> Cow<'a, str> {
        match self.topic() {
            Some(Cow::Borrowed(topic)) => Cow::Borrowed(topic.split_once('+').map_or("", |(_, target)| target)),
            Some(Cow::Owned(topic)) => Cow::Owned(topic.split_once('+').map_or("", |(_, target)| target).into()),
            None => Cow::Borrowed(""),
        }
    }

    /// Returns the members that are neither fields nor read by another accessor.
    pub fn others(&self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> + use<'a> {
        self.unknown().filter(|(key, _)| Field::from_key(key).is_none())
    }
}

/// An iterator over the fields of a market data frame, returned by [`MarketData::fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    members: crate::frame::Walk<'a>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Field, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (field, json) = self.members.next_with(Field::from_bytes)?;
        Some((field, Value::new(field, json)))
    }
}
