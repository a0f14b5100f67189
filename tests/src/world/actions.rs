//! What a story does: it breaks the link, makes the gateway misbehave, and submits commands.

use core::time::Duration;
use std::collections::BTreeMap;

use ibws_proto::{Command, ConnectionState, Input, RequestId, Subscribe, Unsubscribe};

use super::{Content, InFlight, Moment, World, sub};
use crate::gateway::GatewayOutput;

/// Faults of the link, the peer and the clock.
impl World {
    /// Makes the connection half-open: nothing passes in either direction, and neither side is
    /// notified.
    pub fn freeze(&mut self) {
        if let Some(conn) = self.conn() {
            self.note("frozen");
            self.frozen.entry(conn).or_default();
        }
    }

    /// Ends the freeze. What the gateway sent meanwhile arrives in one burst.
    pub fn thaw(&mut self) {
        self.note("thawed");
        for (_, void) in core::mem::take(&mut self.frozen) {
            for input in void {
                self.post_in(input);
            }
        }
    }

    /// Ends the connection without a Close.
    pub fn cut(&mut self) {
        if let Some(conn) = self.conn() {
            self.gateway.drop_connection(conn.0);
            self.collect();
        }
    }

    /// Makes the gateway close the connection with this code.
    pub fn close(&mut self, code: u16) {
        if let Some(conn) = self.conn() {
            self.gateway.close(conn.0, code);
            self.collect();
        }
    }

    /// Puts on the link what a method of the gateway made it send.
    pub fn flush_gateway(&mut self) {
        self.collect();
    }

    /// Makes the gateway send exactly these bytes on the present connection; does nothing without
    /// one.
    pub fn gateway_sends(&mut self, bytes: impl Into<Vec<u8>>) {
        if let Some(conn) = self.conn() {
            self.gateway.inject(conn.0, GatewayOutput::Binary(bytes.into()));
            self.collect();
        }
    }

    /// Makes the gateway send these frames on the present connection, and runs until they arrive.
    /// They take 10 ms on the default link.
    pub fn gateway_delivers(&mut self, frames: &[&str]) {
        for frame in frames {
            self.gateway_sends(*frame);
        }
        self.run(self.link.latency);
    }

    /// Resets the connection. Frames that were on their way to the client are lost with it.
    pub fn reset(&mut self) {
        let Some(conn) = self.conn() else { return };
        self.in_flight.retain(|_, in_flight| !matches!(in_flight, InFlight::Input(Input::Frame(of, _)) if *of == conn));
        self.cut();
    }

    /// Lets the client's writes pass again, beginning with those that were held back.
    pub fn unblock(&mut self) {
        self.link.writes_block = false;
        for in_flight in core::mem::take(&mut self.stuck) {
            self.post(self.link.latency, in_flight);
        }
    }

    /// Stops every timer, reader and writer for `span`. Afterwards everything that is due happens
    /// at once.
    pub fn suspend(&mut self, span: Duration) {
        self.note(&format!("nothing runs for {span:?}"));
        self.now = self.now + span;
    }

    /// Delivers this input once more after `after`, regardless of the order of the link.
    pub fn repeat(&mut self, input: Input, after: Duration) {
        self.in_flight.insert((self.now + after, u64::MAX - self.posted), InFlight::Input(input));
        self.posted += 1;
    }

    /// Makes the present dial succeed, even if it hangs or was to fail.
    pub fn rescue_dial(&mut self) {
        let status = self.machine().status();
        let (ConnectionState::Connecting, Some(conn)) = (status.state, status.conn) else { return };
        let of_dial =
            |in_flight: &InFlight| matches!(in_flight, InFlight::Open(of) | InFlight::Fail(of, _) if *of == conn);
        self.in_flight.retain(|_, in_flight| !of_dial(in_flight));
        self.post(self.link.dial, InFlight::Open(conn));
    }

    /// Delivers everything that a slow link still holds, at once and in its order.
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
}

/// Commands that a story submits.
impl World {
    /// Submits `Start`.
    pub fn start(&mut self) -> RequestId {
        self.submit(Command::Start)
    }

    /// Submits `Subscribe` with the text of the wire without its first letter, such as `md+265598`.
    ///
    /// # Panics
    /// If the text is not a subscription.
    pub fn subscribe(&mut self, channel: &str) -> RequestId {
        match Subscribe::parse(channel) {
            Ok(subscribe) => self.submit(Command::Subscribe(subscribe)),
            Err(error) => self.broken(&format!("{channel}: {error}")),
        }
    }

    /// Submits `Unsubscribe`.
    pub fn unsubscribe(&mut self, key: &str, needs_confirmation: bool) -> RequestId {
        self.submit(Command::Unsubscribe(Unsubscribe::new(sub(key)).needs_confirmation(needs_confirmation)))
    }

    /// Starts the client, subscribes to `channels`, and runs for five seconds so that all is
    /// confirmed.
    pub fn settle(&mut self, channels: &[&str]) {
        self.start();
        for channel in channels {
            self.subscribe(channel);
        }
        self.run(Duration::from_secs(5));
    }
}

/// Rules of a test's own.
impl World {
    /// Adds a rule that is checked whenever something happens, from now on: after each input,
    /// command and output of the machine, and after each note. `state` belongs to the rule; an
    /// error is a text that states what is wrong.
    ///
    /// The methods of the world panic when a rule is broken. The message holds the rule, the
    /// timeline, the seed of the gateway and how to replay the run.
    pub fn rule<S: Send + 'static>(
        &mut self,
        name: &str,
        state: S,
        check: impl FnMut(&mut S, &Moment<'_>) -> Result<(), String> + Send + 'static,
    ) {
        self.rules.add(name, state, check);
    }
}

/// Entries of the timeline.
impl World {
    /// Clears the timeline, so that a world that runs for days keeps a bounded amount of memory.
    pub fn forget(&mut self) {
        self.trace.clear();
    }

    /// Fails the run if an output contains `secret`; frames, which come from the gateway, are
    /// exempt.
    pub fn keep_secret(&mut self, secret: &str) {
        self.transcript.keep_secret(secret);
    }

    /// Writes a line into the timeline.
    pub fn note(&mut self, text: &str) {
        self.note_down(Content::Note(text.into()));
    }
}
