//! The machine, driven by hand over blocking sockets, until the first quote: no client, no runtime.
//! The numbers are those of the checklist in `docs/guides/your-own-runtime.md`. With a real gateway
//! log in at `https://localhost:5000` and run `cargo run -p ibws-proto --features websocket --example
//! machine_by_hand`. With the simulated one, run `cargo run -p ibws-testkit --features gateway --
//! --certificate gateway.pem` in another terminal, and put `IBIND_CACERT=gateway.pem` before it.
#![expect(clippy::print_stdout, reason = "the example prints a quote")]

use std::{env, time::Duration};

use ibws_proto::transport::websocket::blocking::{self, now};
use ibws_proto::transport::{DialRequest, Endpoint, IncomingMessage, OutgoingMessage, Plaintext, Trust};
use ibws_proto::{Action, Command, Config, ConnId, Event, Field, Input, Machine, Output, SessionUpdate, Subscribe};
use ibws_proto::{rest::RestError, subscribe::MarketData};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = env::var("IBIND_WS_URL").unwrap_or_else(|_| "wss://localhost:5000/v1/api/ws".into());
    let trust = env::var("IBIND_CACERT").map_or(Ok(Trust::StockCertificate), Trust::from_ca_file)?;
    let request = DialRequest { trust, ..DialRequest::new(Endpoint::parse(&url, Plaintext::Refused)?) };
    let mut machine = Machine::new(Config { rest_handler: false, ..Config::default() }, now());
    machine.submit(now(), Command::Start);
    machine.submit(now(), Command::Subscribe(Subscribe::try_from(MarketData::new(265598).fields([Field::LAST]))?));
    let (mut current, mut socket) = (ConnId(0), blocking::WebSocket::closed());
    loop {
        // 6: all outputs after each input, in their order.
        while let Some(output) = machine.poll() {
            let action = match output {
                Output::Event(Event::Message(message)) if message.subscription.is_some() => {
                    println!("{:?}", message.frame);
                    return Ok(());
                }
                Output::Event(_) | Output::Done(..) => continue,
                Output::Action(action) => action,
            };
            match action {
                Action::Connect { conn } => match blocking::dial(&request) {
                    Ok(opened) => {
                        (current, socket) = (conn, opened);
                        machine.handle(now(), Input::Opened(conn));
                    }
                    Err(error) => machine.handle(now(), Input::ConnectFailed(conn, error)),
                },
                Action::SendText { text, .. } => drop(socket.send(OutgoingMessage::Text(text))),
                Action::Ping { .. } => drop(socket.send(OutgoingMessage::Ping)),
                Action::Close { code, .. } => drop(socket.send(OutgoingMessage::Close(code))),
                Action::Abandon { .. } => socket = blocking::WebSocket::closed(), // 5: no Close, no result
                Action::SendSession { conn } => machine.handle(now(), Input::Session(conn, SessionUpdate::Unavailable)),
                Action::Rest { id, .. } => machine.handle(now(), Input::RestDone(id, Err(RestError::new("no calls")))),
            }
        }
        let input = match socket.receive(machine.poll_timeout().map_or(Duration::MAX, |at| at.since(now()))) {
            Some(IncomingMessage::Frame(bytes)) => Input::Frame(current, bytes), // 1, 2, 3: text or binary
            Some(IncomingMessage::Pong) => Input::Pong(current), // 4: pongs, and pings, which have their reply
            Some(IncomingMessage::Ping) => Input::Pinged(current),
            Some(IncomingMessage::Closed(cause)) => Input::Closed(current, cause),
            None => Input::Tick,
        };
        machine.handle(now(), input);
    }
}
