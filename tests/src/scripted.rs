//! A machine without a gateway: a story hands in every frame at an exact time, and reads what the
//! machine does. The invariants check every step.
//!
//! Time passes timer by timer, so that nothing happens late. A dial opens at once, which
//! [`ScriptedMachine::dials_open`] turns off; everything else that the gateway or the REST handler
//! does is up to the story.

use core::time::Duration;

use ibws_proto::{
    Action, CloseCause, Command, CommandError, Config, ConnId, ConnectionState, Event, Gap, Input, Instant, Machine,
    Output, Reply, RequestId, Resumed, Subscribe, SubscriptionState,
    rest::{RestReport, RestRequest, RestRequestId, RestResult},
    status::HealthReason,
};

use crate::opaque::opaque;
use crate::replay::Transcript;
use crate::world::{Content, Entry, at, sub};

/// The greeting.
pub const GREETING: &str = r#"{"topic":"system","success":"user"}"#;
/// A heartbeat: a frame that shows that the connection delivers, and nothing else.
pub const HEARTBEAT: &str = r#"{"topic":"system","hb":1764366452000}"#;

/// A state of authentication.
#[must_use]
pub fn authenticated(value: bool) -> String {
    format!(r#"{{"topic":"sts","args":{{"authenticated":{value}}}}}"#)
}

/// A frame of the stream `key`, as the gateway sends it first.
#[must_use]
pub fn data(key: &str) -> String {
    let rest = match key.split('+').next().unwrap_or_default() {
        "mh" => r#","serverId":"7","data":[]"#,
        "sd" | "ld" => r#","result":[]"#,
        "bd" => r#","data":[]"#,
        "or" | "tr" => r#","args":[]"#,
        "pl" => r#","args":{}"#,
        _ => "",
    };
    format!(r#"{{"topic":"s{key}"{rest}}}"#)
}

/// A refusal of the topic `sor`, `smd` and so on.
#[must_use]
pub fn refusal(topic: &str) -> String {
    format!(r#"{{"error":"unable to subscribe","code":500,"topic":"{topic}"}}"#)
}

/// An entry of [`ScriptedMachine::gap_ends`], with times in milliseconds.
#[must_use]
pub fn gap_end(key: &str, since: u64, until: u64, attempts: u32) -> (String, Instant, Instant, u32) {
    (key.to_owned(), at(since), at(until), attempts)
}

/// Settings without a REST handler, so that orders are written at once, and without pings, which
/// nobody would reply to.
#[must_use]
pub fn passive() -> Config {
    Config { rest_handler: false, ping_interval: None, ..Config::default() }
}

/// A machine, its clock, and everything that it did.
pub struct ScriptedMachine {
    transcript: Transcript,
    now: Instant,
    /// Whether each dial opens at the moment at which it begins; `true` by default.
    pub dials_open: bool,
    conn: ConnId,
    trace: Vec<Entry>,
}

opaque!(ScriptedMachine);

impl ScriptedMachine {
    /// Makes a machine at time zero and starts it; its first dial opens at once.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let transcript = Transcript::new(config, Instant::ORIGIN).forgetful();
        let (now, conn) = (Instant::ORIGIN, ConnId(0));
        let mut script = Self { transcript, now, dials_open: true, conn, trace: Vec::new() };
        script.submit(Command::Start);
        script
    }

    /// Makes a machine that has subscribed to `keys`, and is greeted and authenticated at time
    /// zero.
    #[must_use]
    pub fn ready(config: Config, keys: &[&str]) -> Self {
        let mut script = Self::new(config);
        for key in keys {
            script.subscribe(key);
        }
        script.greet();
        script
    }

    /// Submits a command.
    pub fn submit(&mut self, command: Command) -> RequestId {
        let (id, outputs) = match self.transcript.submit(self.now, command.clone()) {
            Ok(done) => done,
            Err(rule) => self.broken(&rule),
        };
        self.note(Content::Command(id, command));
        self.outputs(outputs);
        id
    }

    /// Subscribes to `key` with empty arguments.
    pub fn subscribe(&mut self, key: &str) -> RequestId {
        self.submit(Command::Subscribe(Subscribe::new(sub(key))))
    }

    /// Hands in an input.
    pub fn input(&mut self, input: Input) {
        if input != Input::Tick {
            self.note(Content::Input(input.clone()));
        }
        match self.transcript.handle(self.now, input) {
            Ok(outputs) => self.outputs(outputs),
            Err(rule) => self.broken(&rule),
        }
    }

    /// Hands in a frame of the present connection.
    pub fn frame(&mut self, text: impl Into<String>) {
        self.input(Input::Frame(self.conn, text.into().into_bytes().into()));
    }

    /// Hands in the first frame of each stream.
    pub fn data(&mut self, keys: &[&str]) {
        for key in keys {
            self.frame(data(key));
        }
    }

    /// Hands in the greeting and `sts` with `authenticated:true`.
    pub fn greet(&mut self) {
        self.frame(GREETING);
        self.frame(authenticated(true));
    }

    /// Ends the present connection without a Close.
    pub fn cut(&mut self) {
        self.input(Input::Closed(self.conn, CloseCause::Eof));
    }

    /// Ends the present connection without a Close, and lets time pass until the next one is open.
    pub fn reconnect(&mut self) {
        let before = self.conn;
        self.cut();
        while self.conn == before || self.state() == ConnectionState::Connecting {
            self.step();
        }
    }

    /// Replies to an attempt at a REST request.
    pub fn reply(&mut self, id: RestRequestId, result: RestResult) {
        self.input(Input::RestDone(id, result));
    }

    /// Replies to the newest attempt.
    ///
    /// # Panics
    /// If there was none.
    pub fn reply_to_last(&mut self, result: RestResult) {
        let (_, id, _) = *self.rest_requests().last().unwrap_or_else(|| self.broken("nothing was requested"));
        self.reply(id, result);
    }

    /// Lets time pass until `at`, inclusive of what is due then.
    pub fn run_until(&mut self, at: Instant) {
        while self.machine().poll_timeout().is_some_and(|next| next <= at) {
            self.step();
        }
        self.now = at;
    }

    /// Lets `span` pass.
    pub fn run(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// Lets `span` pass, with a heartbeat every 10 s, so that the connection is not silent.
    pub fn run_with_heartbeats(&mut self, span: Duration) {
        let (period, end) = (Duration::from_secs(10), self.now + span);
        while self.now + period <= end {
            self.run(period);
            self.frame(HEARTBEAT);
        }
        self.run_until(end);
    }

    fn step(&mut self) {
        match self.machine().poll_timeout() {
            Some(at) => self.now = self.now.max(at),
            None => self.broken("no timer runs"),
        }
        self.input(Input::Tick);
    }

    fn outputs(&mut self, outputs: Vec<Output>) {
        let mut dialled = None;
        for output in outputs {
            if let Output::Action(Action::Connect { conn }) = &output {
                dialled = Some(*conn);
            }
            self.note(Content::Output(output));
        }
        if let Some(conn) = dialled {
            self.conn = conn;
            if self.dials_open {
                self.input(Input::Opened(conn));
            }
        }
    }

    fn note(&mut self, content: Content) {
        self.trace.push(Entry { at: self.now, content });
    }

    fn broken(&self, rule: &str) -> ! {
        panic!("{rule}\n{}", self.timeline())
    }
}

/// What a story reads.
impl ScriptedMachine {
    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        self.transcript.checked().machine()
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The number of the present connection.
    #[must_use]
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// The connection's state.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.machine().status().state
    }

    /// The reason of the connection's health.
    #[must_use]
    pub fn health(&self) -> HealthReason {
        self.machine().health(self.now).reason
    }

    /// A subscription's state; `Removed` if the machine does not hold it.
    #[must_use]
    pub fn subscription_state(&self, key: &str) -> SubscriptionState {
        self.machine().subscription(&sub(key)).unwrap_or(SubscriptionState::Removed)
    }

    /// Every output, with its time.
    pub fn outputs_at(&self) -> impl Iterator<Item = (Instant, &Output)> {
        self.trace.iter().filter_map(|Entry { at, content }| match content {
            Content::Output(output) => Some((*at, output)),
            _ => None,
        })
    }

    /// Every event, with its time.
    pub fn events(&self) -> impl Iterator<Item = (Instant, &Event)> {
        self.outputs_at().filter_map(|(at, output)| match output {
            Output::Event(event) => Some((at, event)),
            _ => None,
        })
    }

    /// The reply to a request, with its time; `None` while it waits.
    #[must_use]
    pub fn reply_of(&self, request: RequestId) -> Option<(Instant, &Result<Reply, CommandError>)> {
        self.outputs_at().find_map(|(at, output)| match output {
            Output::Done(id, reply) if *id == request => Some((at, reply)),
            _ => None,
        })
    }

    /// Every state of the connection.
    #[must_use]
    pub fn states(&self) -> Vec<ConnectionState> {
        self.events()
            .filter_map(|(_, event)| if let Event::State(to) = event { Some(to.state) } else { None })
            .collect()
    }

    /// Every text that was written from `since` on, with its time.
    #[must_use]
    pub fn texts(&self, since: Instant) -> Vec<(Instant, &str)> {
        self.outputs_at()
            .filter_map(|(at, output)| match output {
                Output::Action(Action::SendText { text, .. }) if at >= since => Some((at, text.as_str())),
                _ => None,
            })
            .collect()
    }

    /// Times at which a text with this prefix was written.
    #[must_use]
    pub fn written(&self, prefix: &str) -> Vec<Instant> {
        self.texts(Instant::ORIGIN).into_iter().filter(|(_, text)| text.starts_with(prefix)).map(|(at, _)| at).collect()
    }

    /// Gaps that were reported.
    #[must_use]
    pub fn gaps(&self) -> Vec<&Gap> {
        self.events().filter_map(|(_, event)| if let Event::Gap(gap) = event { Some(gap) } else { None }).collect()
    }

    /// Ends of gaps that were reported.
    #[must_use]
    pub fn resumptions(&self) -> Vec<&Resumed> {
        self.events().filter_map(|(_, event)| if let Event::Resumed(end) = event { Some(end) } else { None }).collect()
    }

    /// The key and the start of each gap that was reported.
    #[must_use]
    pub fn gap_starts(&self) -> Vec<(String, Instant)> {
        self.gaps().iter().map(|gap| (gap.key.as_str().to_owned(), gap.since)).collect()
    }

    /// The key, the start and the end of each gap that has ended, and its number of dials.
    #[must_use]
    pub fn gap_ends(&self) -> Vec<(String, Instant, Instant, u32)> {
        self.resumptions().iter().map(|end| (end.key.as_str().to_owned(), end.since, end.at, end.attempts)).collect()
    }

    /// Attempts at REST requests.
    #[must_use]
    pub fn rest_requests(&self) -> Vec<(Instant, RestRequestId, &RestRequest)> {
        self.outputs_at()
            .filter_map(|(at, output)| match output {
                Output::Action(Action::Rest { id, request }) => Some((at, *id, request)),
                _ => None,
            })
            .collect()
    }

    /// Reports about attempts at REST requests.
    #[must_use]
    pub fn reports(&self) -> Vec<(Instant, &RestReport)> {
        self.events()
            .filter_map(|(at, event)| if let Event::Rest(report) = event { Some((at, report)) } else { None })
            .collect()
    }

    /// The whole timeline as text, a line for each entry.
    #[must_use]
    pub fn timeline(&self) -> String {
        self.trace.iter().map(|entry| format!("{entry}\n")).collect()
    }
}
