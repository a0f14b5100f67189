//! One connection between a client and the kit's gateway, into which the flood is poured.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use ibws_testkit::Server;

use super::pour::{Flood, Poured};
use super::wire::Wire;

/// How long the relay sleeps when neither side sends anything.
const PAUSE: Duration = Duration::from_micros(200);
/// From the last subscribe to the flood: time for the gateway's first frames, and for the client to
/// become idle.
const SETTLE: Duration = Duration::from_millis(300);

/// The relay of one connection.
pub struct Relay<'a> {
    /// The gateway.
    pub server: &'a Server,
    /// The number of the connection at the gateway.
    pub conn: u64,
    /// The connection to the client.
    pub client: Wire,
    /// The connection to the gateway.
    pub gateway: TcpStream,
    /// What is poured once the client has subscribed.
    pub flood: Flood,
}

impl Relay<'_> {
    /// Passes everything on in both directions until one side ends, and pours the flood once.
    ///
    /// # Errors
    ///
    /// If a connection fails.
    pub fn run(mut self, poured: impl FnOnce(Poured)) -> io::Result<()> {
        self.client.socket().set_nodelay(true)?;
        self.gateway.set_nodelay(true)?;
        self.client.socket().set_nonblocking(true)?;
        self.gateway.set_nonblocking(true)?;
        let mut report = (self.flood.messages > 0).then_some(poured);
        let mut subscribed: Option<Instant> = None;
        loop {
            let up = pass(&mut self.client, &mut self.gateway)?;
            let down = pass(&mut self.gateway, &mut self.client)?;
            if up == Passed::End || down == Passed::End {
                self.gateway.shutdown(Shutdown::Both).or_else(ignore_closed)?;
                return self.client.socket().shutdown(Shutdown::Both).or_else(ignore_closed);
            }
            if report.is_some() && subscribed.is_none() && self.holds_all() {
                subscribed = Some(Instant::now());
            }
            if subscribed.is_some_and(|since| since.elapsed() > SETTLE)
                && let Some(report) = report.take()
            {
                self.client.socket().set_nonblocking(false)?;
                report(self.flood.pour(&mut self.client)?);
                self.client.socket().set_nonblocking(true)?;
            }
            if up == Passed::Nothing && down == Passed::Nothing {
                thread::sleep(PAUSE);
            }
        }
    }

    fn holds_all(&self) -> bool {
        self.server.control().subscriptions(self.conn).count() >= self.flood.subscriptions
    }
}

/// What one look at a direction found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// Bytes, which are passed on.
    Bytes,
    /// Nothing now.
    Nothing,
    /// The end of the stream.
    End,
}

fn pass(from: &mut impl Read, to: &mut impl Write) -> io::Result<Passed> {
    let mut bytes = [0; 16 * 1024];
    let count = match from.read(&mut bytes) {
        Ok(0) => return Ok(Passed::End),
        Ok(count) => count,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Passed::Nothing),
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            return Ok(Passed::End);
        }
        Err(error) => return Err(error),
    };
    let mut rest = &bytes[..count];
    while !rest.is_empty() {
        match to.write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    while let Err(error) = to.flush() {
        if error.kind() != ErrorKind::WouldBlock {
            return Err(error);
        }
        thread::sleep(PAUSE);
    }
    Ok(Passed::Bytes)
}

fn ignore_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotConnected { Ok(()) } else { Err(error) }
}
