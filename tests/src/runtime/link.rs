//! The link between the client and the simulated gateway: without delay, without bytes and without
//! loss, unless a test injects a fault.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll, Waker};

use ibws_proto::transport::{IncomingMessage, Link, OutgoingMessage, WriteError};
use ibws_proto::{Action, CloseCause, ConnId, Input, Instant, Output};

use super::{Simulated, World};
use crate::gateway::GatewayOutput;
use crate::world::Content;

use crate::opaque::opaque;

/// The client's ends of connections, by number.
#[derive(Default)]
pub(super) struct Wires {
    wires: BTreeMap<u64, Wire>,
    /// The number of the last dial, which its connection has too.
    dials: u64,
}

#[derive(Default)]
struct Wire {
    reader: Option<Waker>,
    pongs: u32,
    /// The code of the client's Close; the reply has the same code.
    closed: Option<u16>,
    is_half_open: bool,
    /// What is on its way to the client, with the times of arrival. Empty on a good line.
    inbox: VecDeque<(Instant, IncomingMessage)>,
    /// What is on its way to the gateway. Empty on a good line.
    outbox: VecDeque<(Instant, OutgoingMessage)>,
}

impl Wires {
    /// The wakers of all readers; a reader without anything to read waits again.
    pub(super) fn ready(&mut self) -> Vec<Waker> {
        self.wires.values_mut().filter_map(|wire| wire.reader.take()).collect()
    }

    pub(super) fn dialled(&mut self) -> ConnId {
        self.dials += 1;
        ConnId(self.dials)
    }

    pub(super) fn newest(&self) -> Option<u64> {
        self.wires.last_key_value().map(|(conn, _)| *conn)
    }

    /// Nothing passes on the newest connection any more.
    pub(super) fn half_open(&mut self) {
        if let Some(mut wire) = self.wires.last_entry() {
            wire.get_mut().is_half_open = true;
            wire.get_mut().inbox.clear();
            wire.get_mut().outbox.clear();
        }
    }

    /// When the next item arrives that has not arrived yet.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let of = |wire: &Wire| {
            let ends = [wire.inbox.front().map(|(at, _)| *at), wire.outbox.front().map(|(at, _)| *at)];
            ends.into_iter().flatten().filter(|at| *at > now).min()
        };
        self.wires.values().filter_map(of).min()
    }
}

impl World {
    /// Gives the gateway what has arrived there.
    pub(super) fn deliver(&mut self) {
        let now = self.now;
        let mut due = Vec::new();
        for (conn, wire) in &mut self.wires.wires {
            while let Some((_, message)) = wire.outbox.pop_front_if(|(at, _)| *at <= now) {
                due.push((*conn, message));
            }
        }
        due.into_iter().for_each(|(conn, message)| self.arrives(conn, message));
    }

    /// An item of the client arrives at the gateway.
    fn arrives(&mut self, conn: u64, message: OutgoingMessage) {
        let now = self.now;
        match message {
            OutgoingMessage::Text(text) => self.gateway.received(now, conn, text.as_bytes()),
            OutgoingMessage::Close(code) => {
                self.gateway.closed(now, conn);
                self.wires.wires.entry(conn).or_default().closed = Some(code);
            }
            OutgoingMessage::Ping => self.wires.wires.entry(conn).or_default().pongs += 1,
        }
    }

    /// Takes an item that the client writes.
    fn written(&mut self, conn: u64, message: OutgoingMessage) {
        let id = ConnId(conn);
        self.see(|| {
            Content::Output(Output::Action(match &message {
                OutgoingMessage::Text(text) => Action::SendText { conn: id, text: text.clone() },
                OutgoingMessage::Close(code) => Action::Close { conn: id, code: *code },
                OutgoingMessage::Ping => Action::Ping { conn: id },
            }))
        });
        let at = self.line.out(self.now);
        let wire = self.wires.wires.entry(conn).or_default();
        if wire.is_half_open {
            return;
        }
        if at > self.now || !wire.outbox.is_empty() {
            let last = wire.outbox.back().map_or(at, |(last, _)| *last);
            wire.outbox.push_back((at.max(last), message));
        } else {
            self.arrives(conn, message);
        }
    }

    /// The next item that has arrived at the client.
    fn incoming(&mut self, conn: u64) -> Option<IncomingMessage> {
        let now = self.now;
        while let Some(output) = self.gateway.poll_connection(conn) {
            let message = match output {
                GatewayOutput::Text(bytes) | GatewayOutput::Binary(bytes) => IncomingMessage::Frame(bytes.into()),
                GatewayOutput::Close(code) => IncomingMessage::Closed(CloseCause::Close(Some(code))),
                GatewayOutput::Drop => IncomingMessage::Closed(CloseCause::Eof),
            };
            let bytes = if let IncomingMessage::Frame(bytes) = &message { bytes.len() } else { 0 };
            let at = self.line.arrival(now, bytes);
            let Some(wire) = self.wires.wires.get_mut(&conn) else { return Some(message) };
            if wire.is_half_open {
                continue;
            }
            if at <= now && wire.inbox.is_empty() {
                return Some(message);
            }
            let last = wire.inbox.back().map_or(at, |(last, _)| *last);
            wire.inbox.push_back((at.max(last), message));
        }
        let Some(wire) = self.wires.wires.get_mut(&conn) else {
            return Some(IncomingMessage::Closed(CloseCause::Eof));
        };
        if wire.is_half_open {
            return None;
        }
        if let Some((_, message)) = wire.inbox.pop_front_if(|(at, _)| *at <= now) {
            return Some(message);
        }
        if !wire.inbox.is_empty() || self.line.out(now) > now {
            return None;
        }
        if wire.pongs > 0 {
            wire.pongs -= 1;
            return Some(IncomingMessage::Pong);
        }
        wire.closed.map(|code| IncomingMessage::Closed(CloseCause::Close(Some(code))))
    }
}

/// An open connection to the simulated gateway.
pub struct SimulatedLink {
    runtime: Simulated,
    conn: u64,
}

opaque!(SimulatedLink);

impl SimulatedLink {
    pub(super) fn open(runtime: Simulated, ConnId(conn): ConnId, authorised: bool) -> Self {
        {
            let mut world = runtime.world();
            world.wires.wires.insert(conn, Wire::default());
            let now = world.now;
            world.gateway.opened(now, conn, authorised);
            world.see(|| Content::Input(Input::Opened(ConnId(conn))));
        }
        Self { runtime, conn }
    }
}

impl Link for SimulatedLink {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        let mut world = self.runtime.world();
        let conn = ConnId(self.conn);
        if let Some(message) = world.incoming(self.conn) {
            world.see(|| {
                Content::Input(match &message {
                    IncomingMessage::Frame(raw) => Input::Frame(conn, raw.clone()),
                    IncomingMessage::Pong => Input::Pong(conn),
                    IncomingMessage::Ping => Input::Pinged(conn),
                    IncomingMessage::Closed(cause) => Input::Closed(conn, cause.clone()),
                })
            });
            return Poll::Ready(message);
        }
        let before = world.wires.wires.get_mut(&self.conn).and_then(|wire| wire.reader.replace(cx.waker().clone()));
        drop(world);
        drop(before);
        Poll::Pending
    }

    fn poll_send(
        &mut self,
        _: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>> {
        let wakers = {
            let mut world = self.runtime.world();
            if let Some(message) = message.take() {
                world.written(self.conn, message);
            }
            world.wires.ready()
        };
        wakers.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimulatedLink {
    fn drop(&mut self) {
        let wire = {
            let mut world = self.runtime.world();
            let now = world.now;
            world.gateway.closed(now, self.conn);
            world.wires.wires.remove(&self.conn)
        };
        drop(wire);
    }
}
