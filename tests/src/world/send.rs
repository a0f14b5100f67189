//! Both directions of the link: executes the machine's actions and delivers the gateway's output.

use core::time::Duration;

use ibws_proto::{Action, CloseCause, ConnId, Input, Output, SessionUpdate};

use super::{Content, Dial, InFlight, World, rest_result};
use crate::gateway::GatewayOutput;

impl World {
    /// Returns `true` if what the client writes on this connection reaches the gateway.
    pub(super) fn reaches(&self, conn: ConnId) -> bool {
        self.up.contains(&conn) && !self.frozen.contains_key(&conn)
    }

    pub(super) fn outputs(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            self.note_down(Content::Output(output.clone()));
            match output {
                Output::Action(action) => self.act(action),
                Output::Done(id, reply) => drop(self.replies.insert(id, (self.now, reply))),
                Output::Event(_) => {}
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect { conn } => {
                let outcome = self.link.dials.pop_front().unwrap_or_else(|| self.link.dials_to.clone());
                match outcome {
                    Dial::Opens => self.post(self.link.dial, InFlight::Open(conn)),
                    Dial::Fails(kind, after) => {
                        self.post(self.link.dial, InFlight::Fail(conn, Dial::error(kind, after)))
                    }
                    Dial::Resets => {
                        self.post(self.link.dial, InFlight::Input(Input::Opened(conn)));
                        self.post(self.link.dial, InFlight::Input(Input::Closed(conn, CloseCause::Eof)));
                    }
                    Dial::Hangs => {}
                }
            }
            Action::SendText { conn, text } if self.reaches(conn) => self.post_out(InFlight::Text(conn, text)),
            Action::SendSession { conn } => self.post(self.link.session_after, InFlight::Provided(conn)),
            Action::Ping { conn } if self.reaches(conn) => self.post_out(InFlight::Ping(conn)),
            Action::Close { conn, code } if self.reaches(conn) && self.link.replies_to_close => {
                self.post_out(InFlight::Close(conn, code));
            }
            Action::Abandon { conn } => {
                self.last_in.remove(&conn);
                self.last_out.remove(&conn);
                self.up.remove(&conn);
                self.frozen.remove(&conn);
                self.gateway.closed(self.now, conn.0);
            }
            Action::Rest { id, request } => {
                if let Some((after, done)) = self.link.rest {
                    if done {
                        let wait = self.rest_wait(&request);
                        self.post(wait, InFlight::RestCall(id, request, after));
                    } else {
                        self.post(after, InFlight::RestDone(id, rest_result(false)));
                    }
                }
            }
            Action::SendText { .. } | Action::Ping { .. } | Action::Close { .. } => {}
        }
    }

    /// Writes the session if the provider has one, and reports the result to the machine.
    pub(super) fn provided(&mut self, conn: ConnId) {
        let Some(session) = self.link.session.clone() else {
            return self.input(Input::Session(conn, SessionUpdate::Unavailable));
        };
        if self.reaches(conn) {
            self.post_out(InFlight::Text(conn, format!("{{\"session\":\"{session}\"}}")));
        }
        self.input(Input::Session(conn, SessionUpdate::Sent));
    }

    /// Draws the time that one item takes over the link in one direction.
    fn latency(&mut self) -> Duration {
        let spread = self.link.jitter.as_nanos() as u64;
        self.link.latency + Duration::from_nanos(self.chance.below(spread))
    }

    /// Sends an input towards the machine, at the speed of the link.
    pub(super) fn post_in(&mut self, input: Input) {
        let bytes = if let Input::Frame(_, raw) = &input { raw.len() } else { 0 };
        let late = self.line.arrival(self.now, bytes).since(self.now);
        if let (Some(speed), Input::Frame(_, raw)) = (self.link.bytes_per_second, &input) {
            let takes = Duration::from_nanos(raw.len() as u64 * 1_000_000_000 / speed.max(1));
            // The link buffers at most 20 s of data: a sender that is faster has to wait with it.
            self.free_in = (self.free_in.max(self.now) + takes).min(self.now + Duration::from_secs(20));
        }
        let queued = self.free_in.since(self.now);
        let after = self.latency() + queued + late;
        self.post(after, InFlight::Input(input));
    }

    /// Sends an item towards the gateway, or holds it back while writes are blocked.
    fn post_out(&mut self, in_flight: InFlight) {
        if self.link.writes_block {
            self.stuck.push(in_flight);
        } else {
            let after = self.latency() + self.line.out(self.now).since(self.now);
            self.post(after, in_flight);
        }
    }

    /// Puts an item on the link; it arrives after `after`, and not before earlier items of its
    /// direction.
    pub(super) fn post(&mut self, after: Duration, in_flight: InFlight) {
        self.posted += 1;
        // Each direction keeps its order, even if the latency falls meanwhile.
        let mut at = self.now + after;
        let way = match &in_flight {
            InFlight::Input(
                Input::Opened(conn) | Input::Frame(conn, _) | Input::Pong(conn) | Input::Closed(conn, _),
            ) => Some((&mut self.last_in, *conn)),
            InFlight::Text(conn, _) | InFlight::Ping(conn) | InFlight::Close(conn, _) => {
                Some((&mut self.last_out, *conn))
            }
            _ => None,
        };
        if let Some((last, conn)) = way {
            at = at.max(last.get(&conn).copied().unwrap_or_default());
            last.insert(conn, at);
        }
        self.in_flight.insert((at, self.posted), in_flight);
    }

    /// Puts the gateway's output on the link.
    pub(super) fn collect(&mut self) {
        while let Some((conn, output)) = self.gateway.poll() {
            let conn = ConnId(conn);
            let input = match output {
                GatewayOutput::Text(bytes) | GatewayOutput::Binary(bytes) => Input::Frame(conn, bytes.into()),
                GatewayOutput::Close(code) => Input::Closed(conn, CloseCause::Close(Some(code))),
                GatewayOutput::Drop => Input::Closed(conn, CloseCause::Eof),
            };
            let ends = matches!(input, Input::Closed(..));
            if let Some(void) = self.frozen.get_mut(&conn) {
                void.push(input);
            } else if self.up.contains(&conn) {
                self.post_in(input);
            }
            if ends {
                self.up.remove(&conn);
                self.gateway.closed(self.now, conn.0);
            }
        }
    }
}
