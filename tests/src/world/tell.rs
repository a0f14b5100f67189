//! What a story does to the world, and what it rest_requests of it.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;

use ibws_proto::{
    Action, Args, Command, ConnId, ConnectionState, Event, Frame, Gap, Input, Instant, Message, Output, RequestId,
    RestReport, RestRequest, Resumed, Subscribe, SubscriptionKey, SubscriptionState,
};

use super::{Entry, InFlight, What, World};
use crate::gateway::GatewayOutput;
use crate::replay::Transcript;

// What breaks.
impl World {
    /// The connection that is up, the latest one.
    #[must_use]
    pub fn conn(&self) -> Option<ConnId> {
        self.up.last().copied()
    }

    /// Half-open from now on: nothing passes either way, and nobody is told.
    pub fn freeze(&mut self) {
        if let Some(conn) = self.conn() {
            self.note("frozen");
            self.frozen.entry(conn).or_default();
        }
    }

    /// Ends the freeze; what the gateway said meanwhile comes in one burst.
    pub fn thaw(&mut self) {
        self.note("thawed");
        for (_, void) in core::mem::take(&mut self.frozen) {
            for input in void {
                self.post_in(input);
            }
        }
    }

    /// The connection ends without a Close.
    pub fn cut(&mut self) {
        if let Some(conn) = self.conn() {
            self.gateway.drop_connection(conn.0);
            self.collect();
        }
    }

    /// The gateway closes the connection with this code.
    pub fn close(&mut self, code: u16) {
        if let Some(conn) = self.conn() {
            self.gateway.close(conn.0, code);
            self.collect();
        }
    }

    /// The gateway says exactly this.
    pub fn say(&mut self, bytes: impl Into<Vec<u8>>) {
        if let Some(conn) = self.conn() {
            self.gateway.inject(conn.0, GatewayOutput::Binary(bytes.into()));
            self.collect();
        }
    }

    /// The connection is reset: what was on its way in is lost with it.
    pub fn reset(&mut self) {
        let Some(conn) = self.conn() else { return };
        self.in_flight.retain(|_, in_flight| !matches!(in_flight, InFlight::Input(Input::Frame(of, _)) if *of == conn));
        self.cut();
    }

    /// What we write goes out again, and what was held back with it.
    pub fn unblock(&mut self) {
        self.link.writes_block = false;
        for in_flight in core::mem::take(&mut self.stuck) {
            self.post(self.link.latency, in_flight);
        }
    }

    /// Nothing runs for so long: no timer, no reader, no writer. Then everything that is due comes at once.
    pub fn suspend(&mut self, span: Duration) {
        self.note(&format!("nothing runs for {span:?}"));
        self.now = self.now + span;
    }

    /// Inputs of the past, the latest last.
    pub fn heard(&self) -> impl DoubleEndedIterator<Item = &Input> {
        self.heard.iter()
    }

    /// This input comes once more, so much later, out of any order.
    pub fn repeat(&mut self, input: Input, after: Duration) {
        self.in_flight.insert((self.now + after, u64::MAX - self.posted), InFlight::Input(input));
        self.posted += 1;
    }

    /// The dial that is under way goes through after all, whether it hangs or was to fail.
    pub fn rescue_dial(&mut self) {
        let status = self.machine().status();
        let (ConnectionState::Connecting, Some(conn)) = (status.state, status.conn) else { return };
        let of_dial =
            |in_flight: &InFlight| matches!(in_flight, InFlight::Open(of) | InFlight::Fail(of, _) if *of == conn);
        self.in_flight.retain(|_, in_flight| !of_dial(in_flight));
        self.post(self.link.dial, InFlight::Open(conn));
    }

    /// What a slow line still held comes at once, in its order.
    pub fn clear_line(&mut self) {
        self.free_in = self.now;
        self.last_in.clear();
        self.last_out.clear();
        let is_held = |in_flight: &InFlight| match in_flight {
            InFlight::Input(input) => {
                matches!(input, Input::Opened(_) | Input::Frame(..) | Input::Pong(_) | Input::Closed(..))
            }
            InFlight::Text(..) | InFlight::Ping(_) | InFlight::Close(..) => true,
            _ => false,
        };
        let (held, others) =
            core::mem::take(&mut self.in_flight).into_iter().partition(|(_, in_flight)| is_held(in_flight));
        self.in_flight = others;
        for in_flight in BTreeMap::into_values(held) {
            self.post(self.link.latency, in_flight);
        }
    }

    /// Forgets what happened until now, for worlds that last.
    pub fn forget(&mut self) {
        self.trace.clear();
    }

    /// The steps that were taken, if this world remembers them.
    #[must_use]
    pub fn told(&self) -> &Transcript {
        &self.told
    }

    /// No output may hold the session, wherever it comes from.
    pub fn keep_secret(&mut self, secret: &str) {
        self.told.keep_secret(secret);
    }

    /// Writes a line into the timeline.
    pub fn note(&mut self, text: &str) {
        self.note_down(What::Note(text.into()));
    }
}

// What is asked for.
impl World {
    /// `Start`.
    pub fn start(&mut self) -> RequestId {
        self.submit(Command::Start)
    }

    /// `Subscribe` with the text that the wire knows, without its first letter.
    ///
    /// # Panics
    /// If it is no such text.
    pub fn subscribe(&mut self, channel: &str) -> RequestId {
        match Subscribe::parse(channel) {
            Ok(subscribe) => self.submit(Command::Subscribe(subscribe)),
            Err(error) => self.broken(&format!("{channel}: {error}")),
        }
    }

    /// `Unsubscribe`.
    pub fn unsubscribe(&mut self, key: &str, needs_confirmation: bool) -> RequestId {
        self.submit(Command::Unsubscribe { key: sub(key), needs_confirmation })
    }

    /// Starts, subscribes, and lets everything settle for five seconds.
    pub fn settle(&mut self, channels: &[&str]) {
        self.start();
        for channel in channels {
            self.subscribe(channel);
        }
        self.run(Duration::from_secs(5));
    }
}

// What is known.
impl World {
    /// The connection's state.
    #[must_use]
    pub fn connection_state(&self) -> ConnectionState {
        self.machine().status().state
    }

    /// A subscription's state; `Gone` if it is not wanted.
    #[must_use]
    pub fn status(&self, key: &str) -> SubscriptionState {
        self.machine().subscription(&sub(key)).unwrap_or(SubscriptionState::Removed)
    }

    /// What the machine said, with its time.
    pub fn outputs_at(&self) -> impl Iterator<Item = (Instant, &Output)> {
        self.trace.iter().filter_map(|Entry { at, what }| match what {
            What::Output(output) => Some((*at, output)),
            _ => None,
        })
    }

    /// Texts that were written, with time and connection.
    pub fn texts(&self) -> impl Iterator<Item = (Instant, ConnId, &str)> {
        self.outputs_at().filter_map(|(at, output)| match output {
            Output::Action(Action::SendText { conn, text }) => Some((at, *conn, text.as_str())),
            _ => None,
        })
    }

    /// When a text that begins so was written.
    #[must_use]
    pub fn written(&self, prefix: &str) -> Vec<Instant> {
        self.texts().filter(|(.., text)| text.starts_with(prefix)).map(|(at, ..)| at).collect()
    }

    /// Questions to the host.
    pub fn rest_requests(&self) -> impl Iterator<Item = (Instant, &RestRequest)> {
        self.outputs_at().filter_map(|(at, output)| match output {
            Output::Action(Action::Rest { request, .. }) => Some((at, request)),
            _ => None,
        })
    }

    /// What became of them.
    pub fn reports(&self) -> impl Iterator<Item = (Instant, &RestReport)> {
        self.events().filter_map(|(at, event)| if let Event::Rest(report) = event { Some((at, report)) } else { None })
    }

    /// Times of the dials.
    #[must_use]
    pub fn dials(&self) -> Vec<Instant> {
        let dials = |output: &Output| matches!(output, Output::Action(Action::Connect { .. }));
        self.outputs_at().filter(|(_, output)| dials(output)).map(|(at, _)| at).collect()
    }

    /// Every change of the connection's state.
    #[must_use]
    pub fn connection_states(&self) -> Vec<(Instant, ConnectionState)> {
        self.events()
            .filter_map(|(at, event)| if let Event::State(to) = event { Some((at, to.state)) } else { None })
            .collect()
    }

    /// Every change of a subscription's state.
    #[must_use]
    pub fn statuses(&self, key: &str) -> Vec<(Instant, SubscriptionState)> {
        let key = sub(key);
        let of = |event: &Event| match event {
            Event::Subscription(event) if event.key == key => Some(event.state),
            _ => None,
        };
        self.events().filter_map(|(at, event)| Some((at, of(event)?))).collect()
    }

    /// Events, with their times.
    pub fn events(&self) -> impl Iterator<Item = (Instant, &Event)> {
        self.outputs_at().filter_map(|(at, output)| match output {
            Output::Event(event) => Some((at, event)),
            _ => None,
        })
    }

    /// Gaps that were told.
    #[must_use]
    pub fn gaps(&self) -> Vec<&Gap> {
        self.events().filter_map(|(_, event)| if let Event::Gap(gap) = event { Some(gap) } else { None }).collect()
    }

    /// Ends of gaps that were told.
    #[must_use]
    pub fn resumptions(&self) -> Vec<&Resumed> {
        self.events().filter_map(|(_, event)| if let Event::Resumed(end) = event { Some(end) } else { None }).collect()
    }

    /// Frames that were told, with the subscription they were given to.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.events().filter_map(|(_, event)| if let Event::Message(message) = event { Some(message) } else { None })
    }

    /// Frames of one subscription.
    #[must_use]
    pub fn data(&self, key: &str) -> Vec<&Frame> {
        let key = sub(key);
        self.messages()
            .filter(|message| message.subscription.as_ref() == Some(&key))
            .map(|message| &message.frame)
            .collect()
    }

    /// When the last byte came in.
    #[must_use]
    pub fn last_heard(&self) -> Option<Instant> {
        let heard = |what: &What| matches!(what, What::Input(Input::Frame(..) | Input::Pong(_) | Input::Opened(_)));
        self.trace.iter().rev().find(|entry| heard(&entry.what)).map(|entry| entry.at)
    }

    /// The whole timeline as text, a line for each entry.
    #[must_use]
    pub fn timeline(&self) -> String {
        let mut text = String::new();
        for entry in &self.trace {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{entry}");
        }
        text
    }
}

/// `md+265598` as a key.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn sub(key: &str) -> SubscriptionKey {
    SubscriptionKey::parse(key).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// JSON arguments.
///
/// # Panics
/// If they are none.
#[must_use]
pub fn args(json: &str) -> Args {
    Args::from_text(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}
