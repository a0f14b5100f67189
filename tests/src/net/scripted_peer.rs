//! An open WebSocket of a [`Script`](super::Script): what the gateway's side says and hears, and how it misbehaves.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use tungstenite::{Error, Message, WebSocket};

use super::script::Shared;
use super::wire::Wire;

/// What a client said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeerInput {
    /// A text, or a binary message.
    Text(String),
    /// A WebSocket ping, which has been answered unless the peer has stopped.
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
    quiet: bool,
}

impl ScriptedPeer {
    pub(super) fn new(socket: WebSocket<Wire>, conn: usize, shared: Arc<Shared>) -> Self {
        Self { socket, conn, shared, quiet: false }
    }

    /// The bytes below TLS.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        self.socket.get_ref().socket()
    }

    /// What is heard from here on is not written down: it is much, or differs from run to run.
    pub fn quiet(&mut self) {
        self.quiet = true;
    }

    /// The gateway's first two frames: logged in, authenticated.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn greet(&mut self) -> io::Result<()> {
        self.text(r#"{"topic":"system","success":"user12345"}"#)?;
        self.text(r#"{"topic":"sts","args":{"authenticated":true}}"#)
    }

    /// Says a text.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.socket.send(Message::text(text)).map_err(io_error)
    }

    /// Says this message.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn send(&mut self, message: Message) -> io::Result<()> {
        self.socket.send(message).map_err(io_error)
    }

    /// The same, without pushing it out yet: [`ScriptedPeer::hear`] does, or a full buffer.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn write(&mut self, message: Message) -> io::Result<()> {
        self.socket.write(message).map_err(io_error)
    }

    /// A frame of market data of conid 265598, told from others by its number.
    ///
    /// # Errors
    /// If the client is gone.
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

    /// Writes bytes past the WebSocket.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let wire = self.socket.get_mut();
        wire.write_all(bytes)?;
        wire.flush()
    }

    /// What the client says next. Pings and its Close are answered.
    ///
    /// # Errors
    /// If it says nothing for too long.
    pub fn hear(&mut self) -> io::Result<PeerInput> {
        // What was only written so far.
        let _ = self.socket.flush();
        let heard = match self.socket.read() {
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
        // The answer to a ping or a Close.
        let _ = self.socket.flush();
        if heard != PeerInput::Pong && !self.quiet {
            self.shared.note(self.conn, heard.clone());
        }
        Ok(heard)
    }

    /// Waits for a text that begins so.
    ///
    /// # Errors
    /// If the client ends the connection first.
    pub fn expect(&mut self, prefix: &str) -> io::Result<String> {
        loop {
            match self.hear()? {
                PeerInput::Text(text) if text.starts_with(prefix) => return Ok(text),
                PeerInput::End => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }

    /// Listens until the client ends the connection, and finishes it in good order.
    ///
    /// # Errors
    /// If the client takes too long.
    pub fn until_end(&mut self) -> io::Result<()> {
        while self.hear()? != PeerInput::End {}
        self.finish()
    }

    /// Reads on, without answering anything, until the client ends the connection.
    ///
    /// # Errors
    /// If the client takes too long.
    pub fn swallow(&mut self) -> io::Result<()> {
        let mut scratch = [0; 4096];
        while self.socket.get_mut().read(&mut scratch)? > 0 {}
        Ok(())
    }

    /// The same, but says `text` to whatever comes.
    ///
    /// # Errors
    /// If the client takes too long, or is gone.
    pub fn swallow_saying(&mut self, text: &[u8]) -> io::Result<()> {
        let mut scratch = [0; 4096];
        while self.socket.get_mut().read(&mut scratch)? > 0 {
            self.raw(&[&[0x81, text.len().min(125) as u8], text].concat())?;
        }
        Ok(())
    }

    /// Reads nothing, and keeps the connection until the script is dropped.
    ///
    /// # Errors
    /// None; it is what a script returns.
    pub fn hold(&self) -> io::Result<()> {
        self.shared.hold();
        Ok(())
    }

    /// Says, in TLS too, that nothing follows.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn finish(&mut self) -> io::Result<()> {
        self.socket.get_mut().finish()
    }

    /// Ends the connection with a reset.
    ///
    /// # Errors
    /// If the socket is gone.
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
