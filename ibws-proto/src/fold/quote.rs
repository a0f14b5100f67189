//! The state of one contract's market data (docs/protocol.md §3.1).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use crate::connect::ConnId;
use crate::field::{Field, Value, quote_accessors};
use crate::frame::Json;
use crate::mask::Discreet;
use crate::message::MarketData;
use crate::time::{Instant, UnixMillis};

/// The largest number of fields of a quote: every listed one, and as many again.
const MOST: usize = 256;
/// The largest size of a value in bytes.
const LONGEST: usize = 4_096;

/// The state of one contract: each field with the time at which it was last received.
///
/// Of a field that occurs twice in a frame the first value counts, as in [`MarketData::get`].
///
/// A field that a frame does not have is unchanged, because the gateway sends changes only. A quote
/// never spans connections: a field may have changed during an outage, so the first frame of a new
/// connection clears the fields.
///
/// ```
/// use bytes::Bytes;
/// use ibws_proto::{Body, ConnId, Field, Frame, Instant, fold::Quote};
///
/// let mut quote = Quote::new();
/// let first = br#"{"topic":"smd+265598","31":"271.50","84":"271.40"}"#.as_slice();
/// let delta = br#"{"topic":"smd+265598","84":"271.45"}"#.as_slice();
/// for (at, text) in [(0, first), (500, delta)] {
///     let frame = Frame::decode(Bytes::from_static(text)).unwrap();
///     let Body::MarketData(data) = frame.body() else { panic!() };
///     assert!(quote.apply(ConnId(1), Instant::from_millis(at), &data));
/// }
/// assert_eq!(quote.last().unwrap().unwrap().to_f64(), Some(271.5));
/// assert_eq!(quote.bid().unwrap().unwrap().text(), "271.45");
/// assert_eq!(quote.ask(), Ok(None), "not received yet");
/// assert_eq!(quote.is_halted(), Ok(Some(false)));
/// assert_eq!(quote.age(Field::LAST, Instant::from_millis(600)).unwrap().as_millis(), 600);
/// assert_eq!(quote.age(Field::BID, Instant::from_millis(600)).unwrap().as_millis(), 100);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Quote {
    conn: Option<ConnId>,
    target: Discreet<Box<str>>,
    conid: Option<i64>,
    updated: Option<UnixMillis>,
    fields: BTreeMap<Field, Known>,
    /// The number of the frame that was folded last.
    frame: u64,
    refused: u64,
}

/// The value of a field.
#[derive(Clone, Debug)]
struct Known {
    text: Discreet<Box<str>>,
    /// When it was received.
    at: Instant,
    /// The number of the frame that it is from.
    frame: u64,
}

impl Quote {
    quote_accessors!('_);

    /// Returns an empty quote. The first frame determines its contract.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Folds a frame that was received on `conn` at `now`. Returns `false` if it is about another
    /// contract or of an older connection; then nothing changes. A frame of a newer connection
    /// clears the quote first.
    pub fn apply(&mut self, conn: ConnId, now: Instant, data: &MarketData<'_>) -> bool {
        let target = data.target();
        match self.conn {
            Some(_) if *target != **self.target => return false,
            Some(current) if conn < current => return false,
            Some(current) if conn == current => {}
            _ => {
                *self =
                    Self { conn: Some(conn), target: Discreet(target.into()), refused: self.refused, ..Self::default() }
            }
        }
        if let Ok(Some(conid)) = data.conid() {
            self.conid = Some(conid);
        }
        if let Ok(Some(updated)) = data.updated() {
            self.updated = Some(updated);
        }
        self.frame = self.frame.wrapping_add(1);
        let frame = self.frame;
        // Fields of this frame whose first value is too long to keep.
        let mut too_long = BTreeSet::new();
        for (field, value) in data.fields() {
            let text = value.json().text();
            let known = |text: &str| Known { text: Discreet(text.into()), at: now, frame };
            let full = self.fields.len() >= MOST;
            match self.fields.get_mut(&field) {
                // Of a field that occurs twice in a frame the first one counts, as for every
                // accessor.
                Some(held) if held.frame == frame => {}
                _ if too_long.contains(&field) => {}
                _ if text.len() > LONGEST => {
                    too_long.insert(field);
                    self.refused = self.refused.saturating_add(1);
                }
                Some(held) => *held = known(text),
                None if full => self.refused = self.refused.saturating_add(1),
                None => drop(self.fields.insert(field, known(text))),
            }
        }
        true
    }

    /// Clears the fields and keeps the contract. Call this when the connection is lost.
    pub fn reset(&mut self) {
        self.fields.clear();
        self.updated = None;
    }

    /// Returns the target of the topic, `265598` or `265598@ARCA`; empty before the first frame.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the number of the contract; `None` before a frame names it.
    #[must_use]
    pub fn conid(&self) -> Option<i64> {
        self.conid
    }

    /// Returns the connection that the fields were received on.
    #[must_use]
    pub fn connection(&self) -> Option<ConnId> {
        self.conn
    }

    /// Returns the time of the last frame that stated one, by the server's clock.
    #[doc(alias = "_updated")]
    #[must_use]
    pub fn updated(&self) -> Option<UnixMillis> {
        self.updated
    }

    /// Returns the value of a field; `None` if no frame had it.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<Value<'_>> {
        self.fields.get(&field).map(|known| Value::new(field, Json(&known.text)))
    }

    /// Returns the time since a field was received, whether it changed or not.
    #[must_use]
    pub fn age(&self, field: Field, now: Instant) -> Option<Duration> {
        self.fields.get(&field).map(|known| now.since(known.at))
    }

    /// Returns all fields in ascending order, each with the time at which it was received.
    pub fn fields(&self) -> impl Iterator<Item = (Field, Value<'_>, Instant)> {
        self.fields.iter().map(|(field, known)| (*field, Value::new(*field, Json(&known.text)), known.at))
    }

    /// Returns the number of values that were not kept: those beyond 256 fields, and those longer
    /// than 4 KiB.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
