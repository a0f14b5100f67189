//! The state of one contract's market data (docs/protocol.md §3.1).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use crate::connect::ConnId;
use crate::field::{Field, Value};
use crate::frame::Json;
use crate::message::MarketData;
use crate::time::Instant;

/// Most fields that one quote holds: every listed one, and as many again.
const MOST: usize = 256;
/// Longest value that is held.
const LONGEST: usize = 4_096;

/// What is known of one contract: each field with the time at which it was last told.
///
/// Of a field that occurs twice in a frame the first value counts, as in [`MarketData::get`].
///
/// Fields that a frame does not have stay as they are, for the wire tells changes only. A quote never spans connections:
/// what was known before a reconnect may have changed unheard, so it is forgotten.
///
/// ```
/// use bytes::Bytes;
/// use ibws_proto::{Body, ConnId, Field, Frame, Instant, fold::Quote};
///
/// let mut quote = Quote::new();
/// let first = Frame::decode(Bytes::from_static(br#"{"topic":"smd+265598","31":"271.50","84":"271.40"}"#)).unwrap();
/// let delta = Frame::decode(Bytes::from_static(br#"{"topic":"smd+265598","84":"271.45"}"#)).unwrap();
/// for (at, frame) in [(0, &first), (500, &delta)] {
///     let Body::MarketData(data) = frame.body() else { panic!() };
///     assert!(quote.apply(ConnId(1), Instant::from_millis(at), &data));
/// }
/// assert_eq!(quote.get(Field::BID).unwrap().text(), "271.45");
/// assert_eq!(quote.age(Field::LAST, Instant::from_millis(600)).unwrap().as_millis(), 600);
/// assert_eq!(quote.age(Field::BID, Instant::from_millis(600)).unwrap().as_millis(), 100);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Quote {
    conn: Option<ConnId>,
    target: Box<str>,
    conid: Option<i64>,
    updated: Option<i64>,
    fields: BTreeMap<Field, Known>,
    /// Number of the frame that was folded last.
    frame: u64,
    refused: u64,
}

/// The value of a field.
#[derive(Clone, Debug)]
struct Known {
    text: Box<str>,
    /// When it was received.
    at: Instant,
    /// The number of the frame that it is from.
    frame: u64,
}

impl Quote {
    /// A quote of which nothing is known; the first frame says of what contract it is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Folds one frame that came over `conn` at `now`. `false` if it is about another contract, or of an older connection:
    /// then nothing changes. A frame of a newer connection begins anew.
    pub fn apply(&mut self, conn: ConnId, now: Instant, data: &MarketData<'_>) -> bool {
        let target = data.target();
        match self.conn {
            Some(_) if *target != *self.target => return false,
            Some(current) if conn < current => return false,
            Some(current) if conn == current => {}
            _ => *self = Self { conn: Some(conn), target: target.into(), refused: self.refused, ..Self::default() },
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
            let known = |text: &str| Known { text: text.into(), at: now, frame };
            let full = self.fields.len() >= MOST;
            match self.fields.get_mut(&field) {
                // Of a field that occurs twice in a frame the first one counts, as for every accessor.
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

    /// Forgets everything but the contract: what to do when the connection is lost.
    pub fn reset(&mut self) {
        self.fields.clear();
        self.updated = None;
    }

    /// What the topic names, `265598` or `265598@ARCA`; empty before the first frame.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The contract, once a frame has named it.
    #[must_use]
    pub fn conid(&self) -> Option<i64> {
        self.conid
    }

    /// The connection that all of this came over.
    #[must_use]
    pub fn connection(&self) -> Option<ConnId> {
        self.conn
    }

    /// The server's time of the last frame, in milliseconds since 1970.
    #[must_use]
    pub fn updated(&self) -> Option<i64> {
        self.updated
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<Value<'_>> {
        self.fields.get(&field).map(|known| Value::new(field, Json(&known.text)))
    }

    /// How long ago a field was told, whether it changed or not.
    #[must_use]
    pub fn age(&self, field: Field, now: Instant) -> Option<Duration> {
        self.fields.get(&field).map(|known| now.since(known.at))
    }

    /// All fields known, ascending, each with the time at which it was told.
    pub fn fields(&self) -> impl Iterator<Item = (Field, Value<'_>, Instant)> {
        self.fields.iter().map(|(field, known)| (*field, Value::new(*field, Json(&known.text)), known.at))
    }

    /// Values that found no room: beyond 256 fields, or longer than 4 KiB.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
