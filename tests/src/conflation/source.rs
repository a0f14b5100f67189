//! Where the events come from: a machine whose connection comes and goes, and numbered frames of every stream.

use std::fmt::Write as _;
use std::time::Duration;

use ibws_proto::{
    Action, Command, Config, ConnId, ConnectionState, Event, Input, Instant, Key, Machine, Output, Subscribe,
    SubscriptionKey,
};

use crate::prng::Prng;

/// What is subscribed to. Of some, the topic of the frames is the subscription's; of others it is bare.
pub(super) const CHANNELS: [(&str, &str); 7] = [
    ("md+101", "smd+101"),
    ("md+102", "smd+102"),
    ("md+103@ARCA", "smd+103@ARCA"),
    ("bd+DU1234567+101", "sbd+DU1234567+101"),
    ("or", "sor"),
    ("tr", "str"),
    ("pl", "spl"),
];

/// A machine under a seed.
pub(super) struct Source {
    machine: Machine,
    now: Instant,
    conn: Option<ConnId>,
    events: Vec<Event>,
    /// Frames made so far, by channel: the number of the next.
    made: [u64; CHANNELS.len()],
    /// Do the frames say their number outside of their rows as well?
    numbered: bool,
}

impl Source {
    pub(super) fn new(seed: u64, numbered: bool) -> Self {
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

    /// What happened since this was last asked.
    pub(super) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// A frame of a channel by its place in [`CHANNELS`].
    pub(super) fn frame(&mut self, channel: usize, dice: &mut Prng) {
        let (name, topic) = CHANNELS[channel];
        let number = self.made[channel];
        self.made[channel] += 1;
        let text = match &name[..2] {
            "md" => quote(topic, number, dice),
            "bd" => self.rows(topic, "data", number, dice, ladder_row),
            "or" => self.rows(topic, "args", number, dice, order_row),
            "tr" => self.rows(topic, "args", number, dice, execution_row),
            _ => format!("{{\"topic\":\"{topic}\",\"n\":{number},\"args\":{{}}}}"),
        };
        self.say(text);
    }

    /// A frame that comes unasked.
    pub(super) fn heartbeat(&mut self) {
        self.say(r#"{"topic":"system","hb":1700000000000}"#.into());
    }

    /// A frame that cannot be read.
    pub(super) fn garbage(&mut self) {
        self.say("{".into());
    }

    /// The session loses its authentication and gets it back; the connection stands.
    pub(super) fn lose_authentication(&mut self) {
        self.say(r#"{"topic":"sts","args":{"authenticated":false}}"#.into());
        self.say(r#"{"topic":"sts","args":{"authenticated":true}}"#.into());
    }

    /// The connection is lost, and comes back.
    pub(super) fn cut(&mut self) {
        if let Some(conn) = self.conn {
            self.input(Input::Closed(conn, None));
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
            self.say(r#"{"topic":"system","success":"user12345"}"#.into());
            self.say(r#"{"topic":"sts","args":{"authenticated":true}}"#.into());
        }
    }

    fn say(&mut self, text: String) {
        if let Some(conn) = self.conn {
            self.input(Input::Frame(conn, text.into()));
        }
    }

    fn input(&mut self, input: Input) {
        // No two things happen at the same time, so that their times tell them apart.
        self.now = self.now + Duration::from_micros(1);
        self.machine.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Action(Action::Connect { conn }) => self.conn = Some(conn),
                Output::Action(Action::Rest { id, .. }) => self.machine.handle(self.now, Input::RestDone(id, true)),
                Output::Action(_) | Output::Done(..) => {}
            }
        }
    }

    fn rows(&self, topic: &str, list: &str, number: u64, dice: &mut Prng, row: fn(u64, &mut Prng) -> String) -> String {
        let mut rows: Vec<_> = (0..dice.below(4)).map(|_| row(number, dice)).collect();
        if dice.chance(1, 40) {
            rows.push("5".into());
        }
        let mut count = if self.numbered { format!(",\"n\":{number}") } else { String::new() };
        if dice.chance(1, 4) {
            let _ = write!(count, ",\"beside{}\":{number}", dice.below(3));
        }
        format!("{{\"topic\":\"{topic}\",\"{list}\":[{}]{count}}}", rows.join(","))
    }
}

/// The channel that a message is of, by its place in [`CHANNELS`].
pub(super) fn channel(subscription: Option<&SubscriptionKey>, key: Option<Key>) -> Option<usize> {
    let name = subscription?.as_str();
    CHANNELS.iter().position(|(channel, _)| *channel == name).filter(|_| key.is_some())
}

fn quote(topic: &str, number: u64, dice: &mut Prng) -> String {
    // Its number stands in a field, as everything in market data does.
    let mut text = format!("{{\"topic\":\"{topic}\",\"n\":{number}");
    for field in ["31", "84", "86", "7059", "\\u0035\\u0035", "70"] {
        if dice.chance(1, 3) {
            // Writing to a String cannot fail.
            let _ = write!(text, ",\"{field}\":\"{number}.{}\"", dice.below(10));
        }
    }
    if dice.chance(1, 20) {
        // Twice: the folds have their own mind about which counts.
        let _ = write!(text, ",\"84\":\"{number}.84\"");
    }
    if dice.chance(1, 60) {
        let _ = write!(text, ",\"7220\":\"{}\"", "x".repeat(5_000));
    }
    text + "}"
}

fn order_row(number: u64, dice: &mut Prng) -> String {
    let mut row = format!("{{\"orderId\":{},\"acct\":\"DU1234567\"", dice.below(3));
    for key in ["conid", "orderDesc", "status", "price", "ticker", "avgPrice"] {
        if dice.chance(1, 2) {
            let _ = write!(row, ",\"{key}\":\"{number}\"");
        }
    }
    row + "}"
}

fn execution_row(number: u64, dice: &mut Prng) -> String {
    let mut row = format!("{{\"execution_id\":\"0000{}\"", dice.below(3));
    for key in ["commission", "conid", "price"] {
        match dice.below(5) {
            0 => drop(write!(row, ",\"{key}\":null")),
            1 => drop(write!(row, ",\"{key}\":\"\"")),
            2 => {}
            _ => drop(write!(row, ",\"{key}\":\"{number}\"")),
        }
    }
    row + "}"
}

fn ladder_row(number: u64, dice: &mut Prng) -> String {
    let mut row = format!("{{\"row\":{},\"price\":{number}", dice.below(4));
    for key in ["ask", "bid", "focus"] {
        if dice.chance(1, 2) {
            let _ = write!(row, ",\"{key}\":{number}");
        }
    }
    row + "}"
}
