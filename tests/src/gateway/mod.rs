//! The protocol half of the simulated gateway: a state machine without socket, clock or thread.
//!
//! The caller opens connections and passes in texts and time; frames come out of [`Gateway::poll`].
//! The same machine therefore serves the virtual world of the tests and the sockets of the
//! `gateway` program.

mod agenda;
mod backend;
mod config;
mod connection;
mod control;
mod fire;
mod limits;
mod opening;
mod request;
mod rest;
mod scenario;
mod script;
mod session;
mod subscribe;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ibws_proto::Instant;

pub use config::{FrameKind, GatewayConfig, GatewayOutput, OpeningOrder, Source, Success};
pub use control::Recovery;
pub use rest::{RestFault, RestReply};
pub use scenario::{Scenario, UnknownScenario};
pub use script::{OpenOrder, OrderSide, PromptReply};

use crate::feed::Feed;
use crate::opaque::opaque;
use crate::prng::Prng;
use crate::recording::Playback;
use agenda::{Agenda, Due, Part};
use config::OpeningOrder::{StatusFirst, SystemFirst};
use connection::Connection;
use control::Faults;
use limits::Limits;
use request::Request;
use session::Reset;

/// Longest message of a client; a longer one ends its connection with code 1009.
const MAX_PAYLOAD: usize = 64 * 1024;
/// Texts of clients that the log keeps.
const MAX_LOG: usize = 65_536;
const HEARTBEAT_MS: u64 = 10_000;

/// A simulated gateway: its protocol and REST, without a socket and without a clock.
///
/// [`World`](crate::world::World) and `runtime::Simulated` drive one in virtual time, and `Server`
/// puts one behind a socket. By hand, each call has the time, and [`poll`](Self::poll) returns what
/// the gateway sends:
///
/// ```
/// use ibws_proto::Instant;
/// use ibws_testkit::{Gateway, GatewayConfig, OrderSide};
///
/// let mut gateway = Gateway::new(GatewayConfig::seeded(1));
/// let seconds = |secs: u64| Instant::from_millis(secs * 1_000);
/// gateway.opened(seconds(0), 1, true); // connection 1, with a session cookie
/// gateway.tick(seconds(1));
/// gateway.received(seconds(1), 1, br#"smd+265598+{"fields":["31"]}"#);
/// gateway.tick(seconds(5));
/// let mut texts = Vec::new();
/// while let Some((_, output)) = gateway.poll() {
///     texts.push(String::from_utf8_lossy(output.payload().unwrap_or_default()).into_owned());
/// }
/// assert!(texts[0].contains("success"));
/// assert!(texts.iter().any(|text| text.contains(r#""topic":"smd+265598""#)));
///
/// let order = gateway.place_order(265_598, OrderSide::Buy, 100, 20_000).ok_or("a bad contract")?;
/// assert!(gateway.fill_order(order, 40, 20_000));
/// assert!(gateway.open_orders().iter().any(|open| open.id == order && open.remaining == 60));
/// # Ok::<(), &'static str>(())
/// ```
pub struct Gateway {
    config: GatewayConfig,
    session: String,
    trading_session: String,
    /// The value of the browser cookie that `tickle` sets.
    browser_cookie: String,
    feed: Feed,
    now: Instant,
    agenda: Agenda,
    connections: BTreeMap<u64, Connection>,
    /// The number of the newest output; it orders the outputs of different connections.
    serial: u64,
    opened: u64,
    next_server_id: u64,
    next_history_id: u64,
    heartbeat_offset_ms: u64,
    faults: Faults,
    log: VecDeque<Received>,
    /// New connections are dead.
    is_backend_away: bool,
    /// Decides where messages are cut into pieces.
    piece_chance: Prng,
    limits: Limits,
    rest_fault: Option<RestFault>,
    init_fault: Option<RestFault>,
    reset: Option<Reset>,
    /// The number of prompts that were sent.
    prompts: u64,
    /// Prompts that wait for a reply: the order and the options, by request id.
    open_prompts: BTreeMap<String, (u64, Vec<String>)>,
    prompt_replies: Vec<PromptReply>,
    /// A filter of the REST call for orders, which leaks into `sor` (docs/protocol.md §3.4).
    leaked_filter: Option<String>,
    /// Orders were requested over REST before, so the next reply is complete.
    has_listed_orders: bool,
}

opaque!(Gateway);

/// A text that a client sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// When it arrived.
    pub at: Instant,
    /// The connection.
    pub conn: u64,
    /// The text, decoded lossily.
    pub text: String,
    /// `false` if the gateway dropped it silently: before `success`, or on a muted or dead
    /// connection.
    pub honoured: bool,
}

impl Gateway {
    /// Makes a gateway without connections.
    #[must_use]
    pub fn new(config: GatewayConfig) -> Self {
        let mut chance = Prng::part(config.seed, "gateway", 0);
        let faults = Faults::of(config.scenario);
        let session = config.session.clone().unwrap_or_else(|| chance.hex(32));
        Self {
            session,
            trading_session: format!("{}.{}", chance.hex(8), chance.hex(8)),
            browser_cookie: format!("0.{}.{}", chance.hex(8), chance.hex(8)),
            feed: Feed::new(config.seed, &config.account, config.epoch_ms),
            now: Instant::ORIGIN,
            agenda: Agenda::default(),
            connections: BTreeMap::new(),
            serial: 0,
            opened: 0,
            next_server_id: 1,
            next_history_id: 100_000 + chance.below(800_000),
            // The offset of heartbeats belongs to the server, not to the connection
            // (docs/protocol.md §1.4).
            heartbeat_offset_ms: chance.below(HEARTBEAT_MS),
            faults,
            is_backend_away: config.scenario == Scenario::NothingBehind,
            piece_chance: Prng::part(config.seed, "pieces", 0),
            limits: Limits::default(),
            rest_fault: (config.scenario == Scenario::AccessDenied).then_some(RestFault::AccessDenied),
            init_fault: (config.scenario == Scenario::NoBrokerageSession).then_some(RestFault::NoBridge),
            reset: None,
            prompts: 0,
            open_prompts: BTreeMap::new(),
            prompt_replies: Vec::new(),
            log: VecDeque::new(),
            leaked_filter: None,
            has_listed_orders: false,
            config,
        }
    }

    /// Reports an open connection. `authorised` is `true` if its upgrade carried a valid cookie.
    pub fn opened(&mut self, now: Instant, conn: u64, authorised: bool) {
        self.tick(now);
        if self.connections.contains_key(&conn) {
            return;
        }
        let is_first = self.opened == 0;
        self.opened += 1;
        let mut connection = Connection::new(self.opened, self.session.clone());
        connection.is_dead = self.is_backend_away;
        connection.is_waiting = self.config.waiting_for_session && !authorised;
        let is_waiting = connection.is_waiting;
        self.connections.insert(conn, connection);
        for (own, after, step) in self.config.scenario.on_open(is_first) {
            self.agenda.add(self.now + after, Due::Step(own.then_some(conn), step));
        }
        if self.agenda.when(&Due::Heartbeat).is_none() {
            self.agenda.add(self.next_heartbeat(self.now), Due::Heartbeat);
        }
        if self.agenda.when(&Due::News).is_none() {
            let pause = self.feed.chance.millis(25_000, 50_000);
            self.agenda.add(self.now + pause, Due::News);
        }
        if is_waiting {
            self.push(conn, opening::message("waiting for session"));
        } else {
            self.begin(conn);
        }
    }

    /// Reports the end of a connection, and drops what is queued for it.
    pub fn closed(&mut self, now: Instant, conn: u64) {
        self.tick(now);
        if self.connections.remove(&conn).is_some() {
            self.agenda.remove(|due| due.connection() == Some(conn));
        }
    }

    /// Receives a message of the client, text or binary.
    pub fn received(&mut self, now: Instant, conn: u64, text: &[u8]) {
        self.tick(now);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.has_ended {
            return;
        }
        if text.len() > MAX_PAYLOAD {
            let end = if self.config.flat_closes { GatewayOutput::Drop } else { GatewayOutput::Close(1_009) };
            self.output(conn, end);
            return;
        }
        let text = String::from_utf8_lossy(text).into_owned();
        let honoured = if connection.is_muted || connection.is_dead {
            false
        } else if connection.is_waiting {
            self.session_message(conn, &text)
        } else {
            // Before `success` the gateway drops everything silently, `tic` included
            // (docs/protocol.md §1.3).
            connection.is_ready && self.honour(conn, &text)
        };
        if self.log.len() == MAX_LOG {
            self.log.pop_front();
        }
        self.log.push_back(Received { at: self.now, conn, text, honoured });
    }

    /// Lets time pass. Everything that is due happens, each at the moment it was due.
    pub fn tick(&mut self, now: Instant) {
        let now = self.now.max(now);
        while let Some((at, due)) = self.agenda.pop(now) {
            self.now = self.now.max(at);
            self.fire(due, at, now);
        }
        self.now = now;
    }

    /// The seed of everything random.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.config.seed
    }

    /// The next output of any connection, in the order in which outputs were made.
    pub fn poll(&mut self) -> Option<(u64, GatewayOutput)> {
        let first = |(conn, connection): (&u64, &Connection)| Some((connection.outputs.front()?.0, *conn));
        let (_, conn) = self.connections.iter().filter_map(first).min()?;
        Some((conn, self.poll_connection(conn)?))
    }

    /// The next output of one connection.
    pub fn poll_connection(&mut self, conn: u64) -> Option<GatewayOutput> {
        self.connections.get_mut(&conn)?.outputs.pop_front().map(|(_, output)| output)
    }

    /// When [`tick`](Self::tick) has something to do; `None` while no connection is open and
    /// nothing was planned for a time without one.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        self.agenda.next()
    }

    /// The session that `tickle` and `tic` show.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The account id.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.config.account
    }

    /// Returns `true` if the value of a `Cookie` header authorises a connection: `api=SESSION`,
    /// `api={"session":"SESSION"}`, or the browser's cookie that `tickle` set (docs/protocol.md
    /// §1.2).
    #[must_use]
    pub fn accepts_cookie(&self, header: &str) -> bool {
        header.split(';').filter_map(|pair| pair.trim().split_once('=')).any(|(name, value)| match name {
            "api" => {
                let object: Option<serde_json::Value> = serde_json::from_str(value).ok();
                let inner = object.as_ref().and_then(|object| object.get("session")?.as_str());
                inner.unwrap_or(value) == self.session
            }
            "x-sess-uuid" => value == self.browser_cookie,
            _ => false,
        })
    }

    /// Starts the opening burst, or the recording that has one.
    fn begin(&mut self, conn: u64) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.session.clone_from(&self.session);
        if let Source::Recording(recording) = &self.config.source {
            connection.playback = Some(Playback::new(Arc::clone(recording), self.now));
            self.agenda.add(self.now, Due::Playback(conn));
            if recording.has_success() {
                return;
            }
        }
        // The whole burst takes at most 250 ms (docs/protocol.md §1.4).
        let mut chance = Prng::part(self.config.seed, "opening", connection.number);
        let mut after = Duration::ZERO;
        let order = match self.config.opening {
            SystemFirst => [Part::Success, Part::Accounts, Part::Status],
            StatusFirst => [Part::Status, Part::Accounts, Part::Success],
        };
        for part in order {
            after += chance.millis(20, 80);
            if let (Part::Success, Success::After(wait)) = (part, self.config.success) {
                after = wait.max(if self.config.opening == StatusFirst { after } else { Duration::ZERO });
            }
            self.agenda.add(self.now + after, Due::Opening(conn, part));
        }
    }

    /// Handles a text while the gateway waits for a session: the right session opens the
    /// connection, everything else is dropped.
    fn session_message(&mut self, conn: u64, text: &str) -> bool {
        let Request::Session(session) = Request::parse(text) else { return false };
        if session != self.session || self.faults.refuses_sessions {
            self.push(conn, opening::message("waiting for session"));
            return false;
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.is_waiting = false;
        }
        self.begin(conn);
        true
    }

    fn push(&mut self, conn: u64, text: String) {
        let output = match self.config.frames {
            FrameKind::Binary => GatewayOutput::Binary(text.into_bytes()),
            FrameKind::Text => GatewayOutput::Text(text.into_bytes()),
        };
        self.output(conn, output);
    }

    fn output(&mut self, conn: u64, output: GatewayOutput) {
        for output in self.delivered(output) {
            self.serial += 1;
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            match output {
                GatewayOutput::Close(_) if self.config.flat_closes => {
                    connection.end(self.serial, GatewayOutput::Close(1_000));
                }
                GatewayOutput::Close(_) | GatewayOutput::Drop => connection.end(self.serial, output),
                GatewayOutput::Text(_) | GatewayOutput::Binary(_) => connection.push(self.serial, output),
            }
        }
    }

    fn epoch_ms(&self, at: Instant) -> u64 {
        self.config.epoch_ms + at.as_nanos() / 1_000_000
    }

    fn next_heartbeat(&self, now: Instant) -> Instant {
        let since = (self.epoch_ms(now) + HEARTBEAT_MS - self.heartbeat_offset_ms) % HEARTBEAT_MS;
        now + Duration::from_millis(HEARTBEAT_MS - since)
    }
}
