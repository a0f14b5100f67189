//! `smd`: market data (docs/protocol.md §3.1).

use alloc::borrow::Cow;

use super::macros::body;
use crate::field::{Field, Value, quote_accessors};
use crate::frame::Json;
use crate::time::UnixMillis;

body! {
    /// Market data of one contract. The first frame, which is sent twice, has all fields; later
    /// frames have those that changed. An absent field is unchanged (docs/protocol.md §3.1).
    ///
    /// Frames without any value, and without `conid`, occur. The topic then names the contract.
    ///
    /// [`last`](Self::last), [`bid`](Self::bid) and the others read one field each, and
    /// [`get`](Self::get) reads any. A [`Quote`](crate::fold::Quote) has the same accessors and
    /// keeps the fields that a frame lacks.
    ///
    /// ```
    /// use ibws_proto::{Body, Frame};
    ///
    /// let text =
    ///     r#"{"topic":"smd+265598","31":"C271.50","86":"271.55","85":"3,700","6509":"DP"}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::MarketData(data) = frame.body() else { panic!() };
    /// assert_eq!(data.ask().unwrap().unwrap().text(), "271.55");
    /// assert_eq!(data.ask_size().unwrap().unwrap().to_i64(), Some(3_700));
    /// assert_eq!(data.bid(), Ok(None), "unchanged");
    /// assert_eq!(data.last().unwrap().unwrap().to_f64(), Some(271.5));
    /// assert_eq!(data.is_closing_price(), Ok(Some(true)), "nothing was traded today");
    /// assert_eq!(data.is_delayed(), Ok(Some(true)));
    /// ```
    MarketData [] {
        /// The contract.
        conid: i64,
        /// The contract, with its exchange if the subscription named one; absent from recordings of
        /// 2021.
        conid_ex: Cow<'a, str> = "conidEx",
        /// Id of this stream, `q1`; each subscription has a new one.
        server_id: Cow<'a, str>,
        /// Time of the update by the server's clock.
        updated: UnixMillis = "_updated",
    }
}

impl<'a> MarketData<'a> {
    quote_accessors!('a);

    /// Returns the value of a field, the first one if the field occurs twice; `None` if the frame
    /// does not have it.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<Value<'a>> {
        self.0.frame().get_bytes(field.key().as_bytes()).map(|json| Value::new(field, json))
    }

    /// Returns the fields of the frame in the order of the wire, in one walk. Fields that are not
    /// listed are among them. A field that occurs twice is returned twice; the first value counts,
    /// as in [`get`](Self::get) and in a [`Quote`](crate::fold::Quote).
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields { members: self.0.walk() }
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
