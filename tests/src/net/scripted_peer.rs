//! An open WebSocket of a [`Script`](super::Script), seen from the gateway: what it sends and
//! receives, and how it misbehaves.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use tungstenite::{Error, Message, WebSocket};

use super::script::Shared;
use super::wire::Wire;

use crate::opaque::opaque;

/// A message of a client, or the end of its connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeerInput {
    /// A text, or a binary message.
    Text(String),
    /// A WebSocket ping; the pong has been sent, unless the peer has stopped.
    Ping,
    /// A WebSocket pong.
    Pong,
    /// A Close with its code.
    Close(Option<u16>),
    /// The end of the connection.
    End,
}

/// An open WebSocket, seen from the gateway's side.
pub struct ScriptedPeer {
    socket: WebSocket<Wire>,
    conn: usize,
    shared: Arc<Shared>,
    is_recorded: bool,
}

opaque!(ScriptedPeer);

impl ScriptedPeer {
    pub(super) fn new(socket: WebSocket<Wire>, conn: usize, shared: Arc<Shared>) -> Self {
        Self { socket, conn, shared, is_recorded: true }
    }

    /// The socket below TLS.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        self.socket.get_ref().socket()
    }

    /// Stops recording what the client sends, because it is much or differs between runs.
    pub fn stop_recording(&mut self) {
        self.is_recorded = false;
    }

    /// Sends the first two frames of a gateway that is logged in: `success` and the authenticated
    /// status.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn greet(&mut self) -> io::Result<()> {
        self.text(r#"{"topic":"system","success":"user12345"}"#)?;
        self.text(r#"{"topic":"sts","args":{"authenticated":true}}"#)
    }

    /// Sends a text.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.socket.send(Message::text(text)).map_err(io_error)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn send(&mut self, message: Message) -> io::Result<()> {
        self.socket.send(message).map_err(io_error)
    }

    /// Writes a message without flushing it; [`ScriptedPeer::receive`] or a full buffer flushes.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn write(&mut self, message: Message) -> io::Result<()> {
        self.socket.write(message).map_err(io_error)
    }

    /// Sends a frame of market data of conid 265598 with a number.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn quote(&mut self, number: u64) -> io::Result<()> {
        self.text(&Self::quote_text(number))
    }

    /// The text of [`ScriptedPeer::quote`].
    #[must_use]
    pub fn quote_text(number: u64) -> String {
        format!(
            r#"{{"topic":"smd+265598","conid":265598,"conidEx":"265598","server_id":"q1","_updated":{number},"31":"{number}"}}"#
        )
    }

    /// Writes bytes below the WebSocket.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let wire = self.socket.get_mut();
        wire.write_all(bytes)?;
        wire.flush()
    }

    /// Receives the next message of the client, and replies to a ping and to a Close.
    ///
    /// # Errors
    /// If nothing arrives in time.
    pub fn receive(&mut self) -> io::Result<PeerInput> {
        // Earlier messages may be unflushed.
        let _ = self.socket.flush();
        let input = match self.socket.read() {
            Ok(Message::Text(text)) => PeerInput::Text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => PeerInput::Text(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(Message::Ping(_)) => PeerInput::Ping,
            Ok(Message::Pong(_) | Message::Frame(_)) => PeerInput::Pong,
            Ok(Message::Close(frame)) => PeerInput::Close(frame.map(|frame| frame.code.into())),
            Err(Error::Io(error)) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(error);
            }
            Err(_) => PeerInput::End,
        };
        // The reply to a ping or a Close is unflushed.
        let _ = self.socket.flush();
        if input != PeerInput::Pong && self.is_recorded {
            self.shared.note(self.conn, input.clone());
        }
        Ok(input)
    }

    /// Waits for a text with this prefix.
    ///
    /// # Errors
    /// If the client ends the connection first.
    pub fn expect(&mut self, prefix: &str) -> io::Result<String> {
        loop {
            match self.receive()? {
                PeerInput::Text(text) if text.starts_with(prefix) => return Ok(text),
                PeerInput::End => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }

    /// Receives until the client ends the connection, and then ends it properly.
    ///
    /// # Errors
    /// If the client takes too long.
    pub fn until_end(&mut self) -> io::Result<()> {
        while self.receive()? != PeerInput::End {}
        self.finish()
    }

    /// Discards what the client sends, without any reply, until the client ends the connection.
    ///
    /// # Errors
    /// If the client takes too long.
    pub fn discard(&mut self) -> io::Result<()> {
        let mut scratch = [0; 4096];
        while self.socket.get_mut().read(&mut scratch)? > 0 {}
        Ok(())
    }

    /// Discards what the client sends, and sends `text` each time.
    ///
    /// # Errors
    /// If the client takes too long, or closed the connection.
    pub fn discard_and_send(&mut self, text: &[u8]) -> io::Result<()> {
        let mut scratch = [0; 4096];
        while self.socket.get_mut().read(&mut scratch)? > 0 {
            self.raw(&[&[0x81, text.len().min(125) as u8], text].concat())?;
        }
        Ok(())
    }

    /// Reads nothing, and keeps the connection until the script is dropped.
    ///
    /// # Errors
    /// None; the type is that of the other ends of a script.
    pub fn hold(&self) -> io::Result<()> {
        self.shared.hold();
        Ok(())
    }

    /// Ends the stream properly, including TLS.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn finish(&mut self) -> io::Result<()> {
        self.socket.get_mut().finish()
    }

    /// Ends the connection with a reset.
    ///
    /// # Errors
    /// If the socket is closed.
    pub fn reset(self) -> io::Result<()> {
        self.shared.reset(self.conn, self.tcp())
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}
