//! The machine, driven by hand over a blocking socket, until the first quote: no client, no
//! runtime, one thread. The numbers are those of the checklist "Your transport" in
//! `docs/guides/your-own-runtime.md`. With a real gateway, log in at `https://localhost:5000` and
//! run `cargo run -p ibws-proto --features client,websocket --example machine_by_hand`. With the
//! simulated one, run `cargo run -p ibws-testkit --features gateway -- --certificate gateway.pem`
//! in another terminal, and put `IBIND_CACERT=gateway.pem` before the command.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program has a clock, and prints a quote")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant as Clock};

use ibws_proto::client::Settings;
use ibws_proto::rest::RestError;
use ibws_proto::transport::upgrade::{self, UpgradeResponse};
use ibws_proto::transport::websocket::rustls::{ClientConnection, StreamOwned};
use ibws_proto::transport::websocket::tungstenite::handshake::{client::generate_key, derive_accept_key};
use ibws_proto::transport::websocket::tungstenite::protocol::{CloseFrame, Role};
use ibws_proto::transport::websocket::tungstenite::{Error, Message, WebSocket};
use ibws_proto::transport::{Credentials, Endpoint, Peer, Plaintext, TextFilter, Trust, tls};
use ibws_proto::{
    Action, CloseCause, Command, Config, ConnectError, ConnectErrorKind, Event, Field, Input, Instant, Machine, Output,
    SessionUpdate, Subscribe, subscribe::MarketData,
};

/// TLS under the text filter, which works on the bytes that TLS has decrypted.
struct Socket(StreamOwned<ClientConnection, TcpStream>, TextFilter);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.apply(buffer.get_mut(..count).unwrap_or_default()); // 2: the filter
        Ok(count)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn dial(endpoint: &Endpoint, trust: &Trust) -> Result<WebSocket<Socket>, ConnectError> {
    let failed = |error: io::Error| ConnectError::new(ConnectErrorKind::Unreachable, error.to_string());
    let socket = TcpStream::connect((endpoint.host(), endpoint.port())).map_err(failed)?;
    socket.set_read_timeout(Some(Duration::from_secs(10))).map_err(failed)?;
    // What counts for the stock certificate is the address, not the name.
    let peer = socket.peer_addr().map_or(Peer::Unknown, Peer::Gateway);
    let config = trust.client_config(peer).map_err(|error| tls::trust_error(&error))?;
    let session = ClientConnection::new(config, tls::server_name(endpoint)?);
    let mut stream = StreamOwned::new(session.map_err(|error| failed(io::Error::other(error)))?, socket);

    let (key, credentials) = (generate_key(), Credentials::default());
    let request = upgrade::request(endpoint, &credentials, &key)
        .map_err(|error| ConnectError::new(ConnectErrorKind::Credentials, error.to_string()))?;
    stream.write_all(&request).map_err(failed)?;
    let mut response = UpgradeResponse::new(endpoint, &derive_accept_key(key.as_bytes()));
    let mut buffer = [0; 4_096];
    let mut early = loop {
        match stream.read(&mut buffer).map_err(failed)? {
            0 => return Err(response.cut_off()),
            count => {
                if let Some(early) = response.push(&buffer[..count])? {
                    break early; // 1: the bytes behind the 101
                }
            }
        }
    };
    let mut filter = TextFilter::new();
    filter.apply(&mut early);
    Ok(WebSocket::from_partially_read(Socket(stream, filter), early, Role::Client, None))
}

/// Drives the machine until `on_event` returns `false`.
fn run(endpoint: &Endpoint, trust: &Trust, machine: &mut Machine, mut on_event: impl FnMut(&Event) -> bool) {
    let origin = Clock::now();
    let now = || Instant::ORIGIN + origin.elapsed();
    let mut open = None;
    loop {
        // 6: all outputs after each input, in their order.
        while let Some(output) = machine.poll() {
            let mut send = |to, message| match &mut open {
                // A write that fails shows as the end of the connection in the next read.
                Some((conn, socket)) if *conn == to => drop(WebSocket::send(socket, message)),
                _ => {}
            };
            match output {
                Output::Event(event) if !on_event(&event) => return,
                Output::Event(_) | Output::Done(..) => {}
                Output::Action(Action::SendText { conn, text }) => send(conn, Message::text(text)),
                Output::Action(Action::Ping { conn }) => send(conn, Message::Ping(Vec::new().into())),
                Output::Action(Action::Close { conn, code }) => {
                    send(conn, Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() })));
                }
                Output::Action(Action::Connect { conn }) => match dial(endpoint, trust) {
                    Ok(socket) => {
                        open = Some((conn, socket));
                        machine.handle(now(), Input::Opened(conn));
                    }
                    Err(error) => machine.handle(now(), Input::ConnectFailed(conn, error)),
                },
                // 5: no Close, no wait, no result.
                Output::Action(Action::Abandon { conn }) => open = open.take().filter(|(of, _)| *of != conn),
                Output::Action(Action::SendSession { conn }) => {
                    machine.handle(now(), Input::Session(conn, SessionUpdate::Unavailable));
                }
                Output::Action(Action::Rest { id, .. }) => {
                    machine.handle(now(), Input::RestDone(id, Err(RestError::new("this program makes no calls"))));
                }
            }
        }
        let wait = machine.poll_timeout().map_or(Duration::from_secs(1), |at| at.since(now()));
        let wait = wait.clamp(Duration::from_millis(1), Duration::from_secs(1));
        let Some((conn, socket)) = &mut open else {
            std::thread::sleep(wait);
            machine.handle(now(), Input::Tick);
            continue;
        };
        let (conn, _) = (*conn, socket.get_ref().0.sock.set_read_timeout(Some(wait)));
        let input = match socket.read() {
            Ok(Message::Binary(bytes)) => Input::Frame(conn, bytes), // 3: text comes as binary through the filter
            Ok(Message::Text(text)) => Input::Frame(conn, text.into()),
            Ok(Message::Pong(_)) => Input::Pong(conn), // 4: pongs, and pings, to which the library replies
            Ok(Message::Ping(_)) => Input::Pinged(conn),
            Ok(Message::Close(_) | Message::Frame(_)) => Input::Tick, // the end follows
            Err(Error::Io(error)) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Input::Tick
            }
            Err(Error::ConnectionClosed) => Input::Closed(conn, CloseCause::Close(socket.get_ref().1.close_code())),
            Err(_) => Input::Closed(conn, CloseCause::Eof),
        };
        if let Input::Closed(..) = input {
            open = None;
        }
        machine.handle(now(), input);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::from_env()?;
    let url = settings.url.as_deref().unwrap_or("wss://localhost:5000/v1/api/ws");
    let endpoint = Endpoint::parse(url, Plaintext::Refused)?;
    let trust = settings.cacert.as_ref().map_or(Ok(Trust::StockCertificate), Trust::from_ca_file)?;
    let mut machine = Machine::new(Config { rest_handler: false, ..Config::default() }, Instant::ORIGIN);
    machine.submit(Instant::ORIGIN, Command::Start);
    let apple = Subscribe::try_from(MarketData::new(265598).fields([Field::LAST]))?;
    machine.submit(Instant::ORIGIN, Command::Subscribe(apple));
    run(&endpoint, &trust, &mut machine, |event| match event {
        Event::Message(message) if message.subscription.is_some() => {
            println!("{:?}", message.frame);
            false
        }
        _ => true,
    });
    Ok(())
}
