//! What one connection has shown, collected from the inputs.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use ibws_proto::{ConnId, Frame, Instant, Json, Key, ReadyGate, SubscriptionKey, frame::Shape};
use serde_json::Value;

/// The stage of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Dialling,
    Open,
    /// The client wrote a Close.
    CloseSent,
}

/// What one connection has shown.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(crate) conn: ConnId,
    pub(crate) stage: Stage,
    /// An input reported its end.
    pub(crate) over: bool,
    pub(crate) opened: Instant,
    /// The last frame; before the first, the time at which the socket opened.
    pub(crate) received: Instant,
    /// It has sent a frame, well-formed or not.
    pub(crate) has_frame: bool,
    pub(crate) heartbeat: bool,
    pub(crate) pong: Option<Instant>,
    pub(crate) greeted: bool,
    pub(crate) authenticated: Option<bool>,
    /// The gateway sent `waiting for session`, and no greeting since.
    pub(crate) waits_for_session: bool,
    /// Subscriptions written on this connection, and whether a frame of each came since.
    pub(crate) sent: BTreeMap<SubscriptionKey, bool>,
    /// When each of them was last written.
    pub(crate) sent_at: BTreeMap<SubscriptionKey, Instant>,
    /// Streams that may have lost a message of which a part arrived, and had no frame since.
    pub(crate) silent_since_gap: BTreeSet<SubscriptionKey>,
}

/// What a connection had shown at some moment of itself, without what it showed of subscriptions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signs {
    pub(crate) received: Instant,
    /// The last pong; before the first, the time at which the socket opened.
    pub(crate) pong: Instant,
    pub(crate) authenticated: Option<bool>,
}

impl Evidence {
    pub(crate) fn signs(&self) -> Signs {
        let Self { opened, received, pong, authenticated, .. } = *self;
        Signs { received, pong: pong.unwrap_or(opened), authenticated }
    }

    pub(crate) fn new(conn: ConnId, now: Instant) -> Self {
        Self {
            conn,
            stage: Stage::Dialling,
            over: false,
            opened: now,
            received: now,
            has_frame: false,
            heartbeat: false,
            pong: None,
            greeted: false,
            authenticated: None,
            waits_for_session: false,
            sent: BTreeMap::new(),
            silent_since_gap: BTreeSet::new(),
            sent_at: BTreeMap::new(),
        }
    }

    pub(crate) fn open(&mut self, now: Instant) {
        self.stage = Stage::Open;
        (self.opened, self.received) = (now, now);
    }

    /// Records what a frame shows, by the rules of the protocol.
    pub(crate) fn frame(&mut self, now: Instant, frame: &Frame) {
        self.received = now;
        let topic = frame.topic();
        // What follows a plus sign is a target, of which these topics have none.
        let head = topic.as_deref().and_then(|topic| topic.split('+').next());
        match (frame.shape(), head) {
            (Shape::Topic, Some("system")) => {
                self.heartbeat |= frame.get("hb").is_some();
                self.greeted |= frame.get("success").is_some();
                self.waits_for_session &= !self.greeted;
            }
            (Shape::Topic, Some("sts")) => {
                // Of a key that occurs twice the first value counts.
                let value = frame.get("args").and_then(|args| args.get("authenticated"));
                let authenticated = match value.and_then(|value| value.parse().ok()) {
                    Some(Value::Bool(value)) => Some(value),
                    Some(Value::String(text)) => text.parse().ok(),
                    _ => None,
                };
                self.authenticated = authenticated.or(self.authenticated);
            }
            (Shape::Message, _)
                if frame.get("message").and_then(Json::as_str).as_deref() == Some("waiting for session") =>
            {
                self.waits_for_session |= !self.greeted;
            }
            _ => {}
        }
    }

    /// Returns `true` if the connection has shown that the stream `key` flows: by a frame of it
    /// since it was written, or, where nothing confirms it, by having been written 5 s ago.
    pub(crate) fn shows(&self, key: &SubscriptionKey, now: Instant) -> bool {
        let waited = |at: &Instant| *at + Duration::from_secs(5) <= now;
        self.sent.get(key) == Some(&true)
            || (!key.key().is_confirmed() && self.has_frame && self.sent_at.get(key).is_some_and(waited))
    }

    /// Returns `true` if the gap of `key` on this connection can end with a frame of its own only,
    /// and none has come.
    pub(crate) fn owes(&self, key: &SubscriptionKey) -> bool {
        key.key().is_confirmed() && self.silent_since_gap.contains(key)
    }

    /// Returns `true` if the ready gate allows subscriptions, as far as the greeting decides it.
    pub(crate) fn gate_is_open(&self, gate: ReadyGate, now: Instant) -> bool {
        self.greeted
            || match gate {
                ReadyGate::Off => true,
                ReadyGate::Wait(wait) => self.has_frame && now >= self.opened + wait,
                _ => false,
            }
    }
}

/// Returns `true` if the frame names `key` itself, by its topic or its `conidEx`.
pub(crate) fn names(key: &SubscriptionKey, frame: &Frame) -> bool {
    let extended = frame.get("conidEx").and_then(Json::scalar);
    let own = key.as_str().split_once('+').map(|(_, own)| own);
    frame.topic().is_some_and(|topic| topic.strip_prefix('s') == Some(key.as_str()))
        || (extended.is_some() && extended.as_deref() == own)
}

/// Returns `true` if the frame can be about `key`. A frame of another channel or of another
/// contract never is.
pub(crate) fn could_mean(key: &SubscriptionKey, frame: &Frame) -> bool {
    let Some(topic) = frame.topic() else { return false };
    if topic.strip_prefix('s') == Some(key.as_str()) {
        return true;
    }
    if Key::from_topic(&topic) != Some(key.key()) {
        return false;
    }
    let target = topic.split_once('+').map(|(_, target)| target);
    match key.key() {
        Key::PriceLadder => target.is_none_or(|target| {
            let account = target.split('+').next().unwrap_or_default();
            key.account() == Some(account)
        }),
        Key::MarketData | Key::MarketHistory => {
            let extended = frame.get("conidEx").and_then(Json::scalar);
            let own = key.as_str().split_once('+').map(|(_, own)| own);
            let conid = target.and_then(|target| target.split('@').next()?.parse::<i64>().ok());
            let conid = conid.or_else(|| frame.get("conid").and_then(Json::as_i64));
            (extended.is_some() && extended.as_deref() == own) || (conid.is_some() && conid == key.conid())
        }
        _ => false,
    }
}
