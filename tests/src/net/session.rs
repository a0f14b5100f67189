//! One connection from its first byte to its last: TLS, requests, and the WebSocket if the client
//! upgrades.

use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::wire::Wire;
use super::{Shared, WRITE_TIMEOUT, http};
use crate::gateway::GatewayOutput;

/// Longest time until outputs are noticed that another connection's thread, or a test, made for
/// this one.
const LOOK: Duration = Duration::from_millis(5);
/// Outputs written between two reads.
const BATCH: usize = 512;
/// Longest message of a client that is read; the gateway's own limit is lower.
const MAX_MESSAGE: usize = 256 * 1024;
/// Longest time that the reply to a Close may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves `stream` until either side ends it.
pub(super) fn run(shared: &Shared, conn: u64, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let mut wire = Wire::new(stream, shared.identity.as_ref().map(|identity| &identity.config))?;
    let mut buffer = Vec::new();
    while let Some(head) = http::read(&mut wire, &mut buffer)? {
        if shared.stops() {
            return Ok(());
        }
        if !head.is_for_socket() {
            let reply =
                shared.gateway().rest_with_body(shared.now(), &head.method, &head.path, &head.query, &head.body);
            http::write(&mut wire, &reply, head.closes())?;
            if head.closes() {
                return wire.finish();
            }
            continue;
        }
        return match head.upgrade() {
            Err((status, reason)) => http::refuse(&mut wire, status, reason),
            Ok(response) => {
                wire.write_all(response.as_bytes())?;
                wire.flush()?;
                let mut socket = Socket { shared, conn, poured: false, closing: None };
                let authorised = shared.gateway().accepts_cookie(&head.cookie);
                shared.gateway().opened(shared.now(), conn, authorised);
                let result = socket.run(wire, buffer);
                shared.gateway().closed(shared.now(), conn);
                result
            }
        };
    }
    Ok(())
}

struct Socket<'a> {
    shared: &'a Shared,
    conn: u64,
    poured: bool,
    /// When the gateway sent its Close, whose reply is still missing.
    closing: Option<ibws_proto::Instant>,
}

impl Socket<'_> {
    fn run(&mut self, wire: Wire, buffer: Vec<u8>) -> io::Result<()> {
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE))
            .max_write_buffer_size(8 * 1024 * 1024);
        let mut socket = WebSocket::from_partially_read(wire, buffer, Role::Server, Some(limits));
        while !self.shared.stops() {
            let (outputs, patience) = self.due();
            for output in outputs {
                if output == GatewayOutput::Drop {
                    return Ok(());
                }
                self.write(&mut socket, output)?;
            }
            socket.flush().or_else(ended)?;
            self.pour(&mut socket)?;
            if self.shared.gateway().is_muted(self.conn) {
                return self.discard(socket.get_mut());
            }
            socket.get_ref().set_patience(patience)?;
            match socket.read() {
                Ok(Message::Text(text)) => self.received(text.as_bytes()),
                Ok(Message::Binary(bytes)) => self.received(&bytes),
                // The library would reply with the next write.
                Ok(Message::Close(_)) if self.closing.is_none() && !self.shared.gateway().replies_to_close() => {
                    return socket.get_mut().finish();
                }
                // The library replies to pings with the next flush.
                Ok(_) => {}
                Err(Error::Io(error)) if is_timeout(&error) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return socket.get_mut().finish(),
                Err(error) => return Err(io::Error::other(error)),
            }
            if self.closing.is_some_and(|since| self.shared.now().since(since) > CLOSE_TIMEOUT) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The outputs to write now, and how long a read may wait.
    fn due(&self) -> (Vec<GatewayOutput>, Duration) {
        let (mut gateway, now) = (self.shared.gateway(), self.shared.now());
        gateway.tick(now);
        let outputs: Vec<_> = core::iter::from_fn(|| gateway.poll_connection(self.conn)).take(BATCH).collect();
        let wake = gateway.next_wake().map_or(LOOK, |wake| wake.since(now));
        let patience = if outputs.len() == BATCH { Duration::ZERO } else { wake.min(LOOK) };
        (outputs, patience)
    }

    fn write(&mut self, socket: &mut WebSocket<Wire>, output: GatewayOutput) -> io::Result<()> {
        let frame = |bytes: Vec<u8>, kind| Message::Frame(Frame::message(bytes, OpCode::Data(kind), true));
        let message = match output {
            // The frame is written raw, because a text frame of the gateway need not be UTF-8.
            GatewayOutput::Text(bytes) => frame(bytes, Data::Text),
            GatewayOutput::Binary(bytes) => frame(bytes, Data::Binary),
            GatewayOutput::Close(code) => {
                self.closing = Some(self.shared.now());
                let close = CloseFrame { code: CloseCode::from(code), reason: "".into() };
                return socket.close(Some(close)).or_else(ended);
            }
            GatewayOutput::Drop => return Ok(()),
        };
        socket.write(message).or_else(ended)
    }

    fn received(&self, bytes: &[u8]) {
        self.shared.gateway().received(self.shared.now(), self.conn, bytes);
    }

    /// Writes the flood as soon as the client has a subscription.
    fn pour(&mut self, socket: &mut WebSocket<Wire>) -> io::Result<()> {
        let Some(flood) = &self.shared.flood else { return Ok(()) };
        if self.poured || self.shared.gateway().subscriptions(self.conn).next().is_none() {
            return Ok(());
        }
        self.poured = true;
        flood.pour(socket.get_mut())
    }

    /// Discards what the client sends on a half-open connection; nothing is sent back, not even
    /// pongs.
    fn discard(&self, wire: &Wire) -> io::Result<()> {
        let mut scratch = [0; 4096];
        wire.set_patience(Duration::from_millis(100))?;
        while !self.shared.stops() {
            match wire.socket().read(&mut scratch) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Ignores the error of a write on a closing connection; the next read returns its end.
fn ended(error: Error) -> io::Result<()> {
    match error {
        Error::ConnectionClosed | Error::Protocol(_) => Ok(()),
        Error::Io(error) => Err(error),
        error => Err(io::Error::other(error)),
    }
}
