//! The source of the events: a machine whose connection comes and goes, and numbered frames of
//! every stream.

use crate::world::rest_result;
use std::time::Duration;

use bytes::Bytes;
use ibws_proto::{
    Action, CloseCause, Command, Config, ConnId, ConnectionState, Event, Input, Instant, Key, Machine, Output,
    Subscribe, SubscriptionKey,
};

use crate::frames::numbered;
use crate::prng::Prng;

/// Subscriptions with the topics of their frames: the full key for some, a bare topic for others.
pub(crate) const CHANNELS: [(&str, &str); 7] = [
    ("md+101", "smd+101"),
    ("md+102", "smd+102"),
    ("md+103@ARCA", "smd+103@ARCA"),
    ("bd+DU1234567+101", "sbd+DU1234567+101"),
    ("or", "sor"),
    ("tr", "str"),
    ("pl", "spl"),
];

/// A machine that is driven by hand, with the events it emitted.
pub(crate) struct Source {
    machine: Machine,
    now: Instant,
    conn: Option<ConnId>,
    events: Vec<Event>,
    /// Frames made so far, by channel: the number of the next one.
    made: [u64; CHANNELS.len()],
    /// Whether frames hold their number outside of their rows as well.
    numbered: bool,
}

impl Source {
    pub(crate) fn new(seed: u64, numbered: bool) -> Self {
        let machine = Machine::new(Config { seed, ..Config::default() }, Instant::ORIGIN);
        let made = [0; CHANNELS.len()];
        let mut source = Self { machine, now: Instant::ORIGIN, conn: None, events: Vec::new(), made, numbered };
        source.machine.submit(source.now, Command::Start);
        for (channel, _) in CHANNELS {
            if let Ok(subscribe) = Subscribe::parse(channel) {
                source.machine.submit(source.now, Command::Subscribe(subscribe));
            }
        }
        source.drain();
        source.open();
        source
    }

    /// Takes the events emitted since the last call.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Receives a random frame of a channel, given by its place in [`CHANNELS`].
    pub(crate) fn frame(&mut self, channel: usize, chance: &mut Prng) {
        let (name, topic) = CHANNELS[channel];
        let n = self.made[channel];
        self.made[channel] += 1;
        if let Ok(key) = SubscriptionKey::parse(name) {
            self.receive(numbered::random(topic, key.key(), n, self.numbered, chance));
        }
    }

    /// Receives an unsolicited frame.
    pub(crate) fn heartbeat(&mut self) {
        self.receive(r#"{"topic":"system","hb":1700000000000}"#);
    }

    /// Receives a frame that is no JSON.
    pub(crate) fn garbage(&mut self) {
        self.receive("{");
    }

    /// Loses the authentication of the session and gets it back; the connection stays open.
    pub(crate) fn lose_authentication(&mut self) {
        self.receive(r#"{"topic":"sts","args":{"authenticated":false}}"#);
        self.receive(r#"{"topic":"sts","args":{"authenticated":true}}"#);
    }

    /// Loses the connection and opens the next one.
    pub(crate) fn cut(&mut self) {
        if let Some(conn) = self.conn {
            self.input(Input::Closed(conn, CloseCause::Eof));
        }
        while self.machine.status().state != ConnectionState::Connecting {
            let Some(at) = self.machine.poll_timeout() else { return };
            self.now = self.now.max(at);
            self.input(Input::Tick);
        }
        self.open();
    }

    fn open(&mut self) {
        if let Some(conn) = self.conn {
            self.input(Input::Opened(conn));
            self.receive(r#"{"topic":"system","success":"user12345"}"#);
            self.receive(r#"{"topic":"sts","args":{"authenticated":true}}"#);
        }
    }

    /// Receives a frame.
    pub(crate) fn receive(&mut self, frame: impl Into<Bytes>) {
        if let Some(conn) = self.conn {
            self.input(Input::Frame(conn, frame.into()));
        }
    }

    fn input(&mut self, input: Input) {
        // No two inputs share a time, so the times of messages identify them.
        self.now = self.now + Duration::from_micros(1);
        self.machine.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Action(Action::Connect { conn }) => self.conn = Some(conn),
                Output::Action(Action::Rest { id, .. }) => {
                    self.machine.handle(self.now, Input::RestDone(id, rest_result(true)))
                }
                Output::Action(_) | Output::Done(..) => {}
            }
        }
    }
}

/// The channel of a message, by its place in [`CHANNELS`].
pub(super) fn channel(subscription: Option<&SubscriptionKey>, key: Option<Key>) -> Option<usize> {
    let name = subscription?.as_str();
    CHANNELS.iter().position(|(channel, _)| *channel == name).filter(|_| key.is_some())
}
