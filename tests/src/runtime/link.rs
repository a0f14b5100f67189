//! The link between the client and the simulated gateway: without delay, without bytes, without
//! loss.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use ibws_proto::CloseCause;
use ibws_proto::transport::{IncomingMessage, Link, OutgoingMessage, WriteError};

use super::Simulated;
use crate::gateway::GatewayOutput;
use crate::opaque::opaque;

/// The client's ends of connections, by number.
#[derive(Default)]
pub(super) struct Wires {
    wires: BTreeMap<u64, Wire>,
    last: u64,
}

#[derive(Default)]
struct Wire {
    reader: Option<Waker>,
    pongs: u32,
    /// The code of the client's Close; the reply has the same code.
    closed: Option<u16>,
}

impl Wires {
    /// The wakers of all readers; a reader without anything to read waits again.
    pub(super) fn ready(&mut self) -> Vec<Waker> {
        self.wires.values_mut().filter_map(|wire| wire.reader.take()).collect()
    }
}

/// An open connection to the simulated gateway.
pub struct SimulatedLink {
    runtime: Simulated,
    conn: u64,
}

opaque!(SimulatedLink);

impl SimulatedLink {
    pub(super) fn open(runtime: Simulated, authorised: bool) -> Self {
        let conn = {
            let mut world = runtime.world();
            world.wires.last += 1;
            let conn = world.wires.last;
            world.wires.wires.insert(conn, Wire::default());
            let now = world.now;
            world.gateway.opened(now, conn, authorised);
            conn
        };
        Self { runtime, conn }
    }
}

impl Link for SimulatedLink {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        let mut world = self.runtime.world();
        let output = world.gateway.poll_connection(self.conn);
        let Some(wire) = world.wires.wires.get_mut(&self.conn) else {
            return Poll::Ready(IncomingMessage::Closed(CloseCause::Eof));
        };
        let before = match output {
            Some(GatewayOutput::Text(bytes) | GatewayOutput::Binary(bytes)) => {
                return Poll::Ready(IncomingMessage::Frame(bytes.into()));
            }
            Some(GatewayOutput::Close(code)) => {
                return Poll::Ready(IncomingMessage::Closed(CloseCause::Close(Some(code))));
            }
            Some(GatewayOutput::Drop) => return Poll::Ready(IncomingMessage::Closed(CloseCause::Eof)),
            None if wire.pongs > 0 => {
                wire.pongs -= 1;
                return Poll::Ready(IncomingMessage::Pong);
            }
            None if wire.closed.is_some() => {
                return Poll::Ready(IncomingMessage::Closed(CloseCause::Close(wire.closed)));
            }
            None => wire.reader.replace(cx.waker().clone()),
        };
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
            let now = world.now;
            let conn = self.conn;
            match message.take() {
                Some(OutgoingMessage::Text(text)) => world.gateway.received(now, conn, text.as_bytes()),
                Some(OutgoingMessage::Close(code)) => {
                    world.gateway.closed(now, conn);
                    world.wires.wires.entry(conn).or_default().closed = Some(code);
                }
                Some(OutgoingMessage::Ping) => world.wires.wires.entry(conn).or_default().pongs += 1,
                None => {}
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
