//! The WebSocket of blocking calls, for what no other runtime has: its waits, its unsent messages
//! and its end on one thread. The conformance suite plays its stories on it as well.
#![cfg(feature = "net")]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant as Clock};

use ibws_proto::transport::websocket::blocking::{self, WebSocket};
use ibws_proto::transport::{DialRequest, Endpoint, IncomingMessage, Limits, OutgoingMessage, Plaintext, WriteError};
use ibws_proto::{CloseCause, ConnectErrorKind};
use ibws_testkit::{ClientInfo, GatewayConfig, PeerInput, Script, Server, ServerConfig};
use socket2::SockRef;
use tungstenite::Message;

/// More time than anything takes here, on a busy machine too.
const LONG: Duration = Duration::from_secs(30);
/// The time of a wait in which nothing arrives.
const SHORT: Duration = Duration::from_millis(50);

fn request(script: &Script) -> DialRequest {
    let endpoint = Endpoint::parse(&script.url(), Plaintext::OnLoopback).unwrap();
    DialRequest { trust: script.trust(), ..DialRequest::new(endpoint) }
}

/// Starts a gateway, with or without TLS, and dials it.
fn dialled(
    tls: bool,
    serve: impl Fn(ClientInfo) -> std::io::Result<()> + Send + Sync + 'static,
) -> (Script, WebSocket) {
    let script = Script::start(tls, move |_, client| serve(client));
    let socket = blocking::dial(&request(&script)).unwrap();
    (script, socket)
}

fn text(text: &str) -> OutgoingMessage {
    OutgoingMessage::Text(text.into())
}

fn frame(text: &'static str) -> Option<IncomingMessage> {
    Some(IncomingMessage::Frame(text.into()))
}

/// The end that the next message reports.
fn end(socket: &mut WebSocket) -> CloseCause {
    loop {
        match socket.receive(LONG) {
            Some(IncomingMessage::Closed(cause)) => return cause,
            Some(_) => {}
            None => panic!("the connection does not end"),
        }
    }
}

#[test]
fn a_quote_arrives_from_the_simulated_gateway_by_name_and_by_address() {
    for tls in [false, true] {
        let gateway = GatewayConfig::seeded(1);
        let server =
            Server::start(if tls { ServerConfig::tls(gateway) } else { ServerConfig::plain(gateway) }).unwrap();
        let by_address = server.ws_url();
        for url in [by_address.replace("127.0.0.1", "localhost"), by_address] {
            let endpoint = Endpoint::parse(&url, Plaintext::OnLoopback).unwrap();
            let mut socket =
                blocking::dial(&DialRequest { trust: server.trust(), ..DialRequest::new(endpoint) }).unwrap();
            let began = Clock::now();
            for (topic, then) in [("sts", Some(r#"smd+265598+{"fields":["31"]}"#)), ("smd+265598", None)] {
                let topic = format!(r#""topic":"{topic}""#);
                let has_topic = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(&topic);
                while !matches!(socket.receive(LONG), Some(IncomingMessage::Frame(bytes)) if has_topic(&bytes)) {
                    assert!(began.elapsed() < LONG, "{url}: no {topic}");
                }
                then.into_iter().for_each(|then| socket.send(text(then)).unwrap());
            }
        }
    }
}

#[test]
fn receive_returns_none_once_its_wait_has_passed_and_a_message_as_soon_as_it_arrives() {
    for tls in [false, true] {
        let (_script, mut socket) = dialled(tls, |client| {
            let mut peer = client.open(b"")?;
            while let PeerInput::Text(text) = peer.receive()? {
                peer.text(&text)?;
            }
            Ok(())
        });
        let began = Clock::now();
        assert_eq!(socket.receive(Duration::ZERO), None);
        assert!(began.elapsed() < SHORT, "{:?}", began.elapsed());
        for _ in 0..3 {
            let began = Clock::now();
            assert_eq!(socket.receive(SHORT), None);
            assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
            let began = Clock::now();
            socket.send(text("tic")).unwrap();
            assert_eq!(socket.receive(LONG), frame("tic"));
            assert!(began.elapsed() < LONG / 3, "{:?}", began.elapsed());
        }
    }
}

#[test]
fn pings_get_their_reply_while_receive_waits() {
    for tls in [false, true] {
        let (_script, mut socket) = dialled(tls, |client| {
            let mut peer = client.open(b"")?;
            peer.send(Message::Ping("1".into()))?;
            assert_eq!(peer.receive()?, PeerInput::Pong);
            peer.text("replied")?;
            peer.until_end()
        });
        assert_eq!(socket.receive(LONG), Some(IncomingMessage::Ping));
        assert_eq!(socket.receive(LONG), frame("replied"));
    }
}

/// A wait finds the end in the system before a read does. The system reports a reset once.
#[test]
fn an_end_that_comes_during_a_wait_has_its_cause() {
    for tls in [false, true] {
        for (go, cause) in [
            ("reset", CloseCause::Reset),
            ("finish", CloseCause::Eof),
            ("close", CloseCause::Close(Some(4001))),
            ("close empty", CloseCause::Close(None)),
            ("large", CloseCause::TooLarge { limit: 1 << 20, size: 1 << 32 }),
        ] {
            let (_script, mut socket) = dialled(tls, |client| {
                let mut peer = client.open(b"")?;
                let go = peer.expect("")?;
                // The client is waiting in the system by now, or nearly so.
                std::thread::sleep(SHORT);
                match go.as_str() {
                    "reset" => return peer.reset(),
                    "finish" => return peer.finish(),
                    "close" => peer.raw(b"\x88\x02\x0f\xa1")?,
                    "close empty" => peer.raw(b"\x88\x00")?,
                    _ => peer.raw(b"\x82\x7f\0\0\0\x01\0\0\0\0")?,
                }
                peer.discard()
            });
            socket.send(text(go)).unwrap();
            assert_eq!(socket.receive(LONG), Some(IncomingMessage::Closed(cause)), "{go}, TLS: {tls}");
            assert_eq!(socket.receive(SHORT), None, "{go}: the end is reported once");
            assert_eq!(socket.send(text("late")), Err(WriteError), "{go}");
        }
    }
}

/// A wait does not keep the socket: dropping the WebSocket ends the connection, for the peer too.
#[test]
fn dropping_the_socket_after_a_wait_ends_the_connection_without_a_close() {
    for tls in [false, true] {
        let (ended, end) = mpsc::channel();
        let (_script, mut socket) = dialled(tls, move |client| {
            let mut peer = client.open(b"")?;
            ended.send(peer.receive()).unwrap();
            Ok(())
        });
        assert_eq!(socket.receive(SHORT), None);
        drop(socket);
        assert_eq!(end.recv_timeout(LONG).unwrap().unwrap(), PeerInput::End);
    }
}

/// Serves a connection and reads only once it is allowed to. Returns the number of texts.
fn reads_when_allowed(client: ClientInfo, allowed: &mpsc::Receiver<()>) -> std::io::Result<u64> {
    let mut peer = client.open(b"")?;
    peer.stop_recording();
    peer.text("still here")?;
    let _ = allowed.recv();
    let mut received = 0;
    while let PeerInput::Text(text) = peer.receive()? {
        assert_eq!(text.trim_start_matches('x').parse(), Ok(received), "in order");
        received += 1;
    }
    Ok(received)
}

#[test]
fn messages_to_a_peer_that_does_not_read_wait_and_arrive_once_it_reads() {
    const SIZE: usize = 50_000;
    for tls in [false, true] {
        let (count, counted) = mpsc::channel();
        let (allow, allowed) = mpsc::channel();
        let allowed = std::sync::Mutex::new(allowed);
        let (_script, mut socket) = dialled(tls, move |client| {
            let received = reads_when_allowed(client, &allowed.lock().unwrap());
            count.send(received).unwrap();
            Ok(())
        });
        // A test that fails drops it before the gateway, which waits for it.
        let allow = allow;
        // The buffers of the system are full once not everything can be flushed.
        let (began, mut sent) = (Clock::now(), 0_u64);
        while socket.flush(SHORT) == Ok(true) {
            socket.send(text(&format!("{sent:x>SIZE$}"))).unwrap();
            sent += 1;
        }
        assert_eq!(socket.receive(LONG), frame("still here"));
        assert_eq!(socket.receive(SHORT), None);
        assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
        let began = Clock::now();
        allow.send(()).unwrap();
        if tls {
            // Otherwise the wait for the end writes what remains.
            assert_eq!(socket.flush(LONG), Ok(true));
        }
        socket.send(OutgoingMessage::Close(1000)).unwrap();
        assert_eq!(end(&mut socket), CloseCause::Close(Some(1000)));
        assert!(began.elapsed() < LONG / 2, "{:?}", began.elapsed());
        assert_eq!(counted.recv_timeout(LONG).unwrap().unwrap(), sent, "TLS: {tls}");
    }
}

#[test]
fn the_connection_of_a_peer_that_never_reads_is_closed_at_the_limit_without_waiting() {
    for tls in [false, true] {
        for message in [text(&"x".repeat(10_000)), OutgoingMessage::Ping] {
            let script = Script::start(tls, |_, client| {
                SockRef::from(client.tcp()).set_recv_buffer_size(8 * 1024)?;
                client.open(b"")?.hold()
            });
            let limits = Limits { write_buffer: 4 * 1024, max_write_buffer: 64 * 1024, ..Limits::default() };
            let mut socket = blocking::dial(&DialRequest { limits, ..request(&script) }).unwrap();
            let began = Clock::now();
            // Far more than the buffers of the system hold.
            let refused = (0..20_000_000).find(|_| socket.send(message.clone()).is_err());
            assert!(refused.is_some(), "{message:?}");
            assert_eq!(socket.flush(LONG), Err(WriteError));
            assert_eq!(end(&mut socket), CloseCause::WriteStalled { limit: 64 * 1024 });
            assert!(began.elapsed() < LONG, "{:?} for {message:?}, TLS: {tls}", began.elapsed());
        }
    }
}

/// A reader that goes on until it has a message never returns.
#[test]
fn a_message_that_never_ends_does_not_prolong_a_wait() {
    for tls in [false, true] {
        let (_script, mut socket) = dialled(tls, |client| {
            let mut peer = client.open(b"\x01\x00")?;
            loop {
                peer.raw(&[0; 64 * 1024])?;
            }
        });
        for wait in [Duration::ZERO, SHORT, SHORT] {
            let began = Clock::now();
            assert_eq!(socket.receive(wait), None);
            assert!(began.elapsed() < LONG / 3, "{:?}", began.elapsed());
        }
        socket.send(text("tic")).unwrap();
    }
}

#[test]
fn a_socket_without_a_connection_waits_and_takes_nothing() {
    let mut socket = WebSocket::closed();
    let began = Clock::now();
    assert_eq!(socket.receive(SHORT), None);
    assert!(began.elapsed() >= SHORT);
    assert_eq!(socket.send(OutgoingMessage::Ping), Err(WriteError));
    assert_eq!(socket.flush(LONG), Err(WriteError));
    assert!(began.elapsed() < LONG / 3, "{:?}", began.elapsed());
}

/// A listener whose queue is full gets no further SYN, and its clients no reply.
#[cfg(target_os = "linux")]
#[test]
fn a_connection_without_a_reply_ends_at_the_limit_of_tcp() {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let connects = std::iter::from_fn(|| TcpStream::connect_timeout(&address, SHORT).ok());
    let queued: Vec<_> = connects.take(50).collect();
    assert!(queued.len() < 50, "the queue takes any number");
    let endpoint = Endpoint::parse(&format!("ws://{address}/v1/api/ws"), Plaintext::OnLoopback).unwrap();
    let limits = Limits { tcp: SHORT, ..Limits::default() };
    let began = Clock::now();
    let error = blocking::dial(&DialRequest { limits, ..DialRequest::new(endpoint) }).unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::TimedOut, "{error}");
    assert!(error.detail.contains("the TCP connection to") && error.detail.contains("`Limits::tcp`"), "{error}");
    assert!(began.elapsed() >= SHORT && began.elapsed() < LONG / 3, "{:?}", began.elapsed());
}

/// The response of a peer that sends a byte now and then is limited as a whole.
#[test]
fn a_dial_ends_at_the_limit_of_its_stage_whatever_trickles_in() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint =
        Endpoint::parse(&format!("ws://{}/v1/api/ws", listener.local_addr().unwrap()), Plaintext::OnLoopback).unwrap();
    let peer = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX-Slow: ").unwrap();
        while socket.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let limits = Limits { upgrade: 4 * SHORT, ..Limits::default() };
    let began = Clock::now();
    let error = blocking::dial(&DialRequest { limits, ..DialRequest::new(endpoint) }).unwrap_err();
    assert!(began.elapsed() >= 4 * SHORT && began.elapsed() < LONG / 3, "{:?}", began.elapsed());
    assert_eq!(error.kind, ConnectErrorKind::TimedOut, "{error}");
    assert!(error.detail.contains("`Limits::upgrade`"), "{error}");
    peer.join().unwrap();
}

#[test]
fn a_socket_moves_between_threads() {
    let (_script, mut socket) = dialled(false, |client| {
        let mut peer = client.open(b"")?;
        peer.expect("tic")?;
        peer.text("one")?;
        peer.expect("tic")?;
        peer.text("two")?;
        peer.until_end()
    });
    socket.send(text("tic")).unwrap();
    assert_eq!(socket.receive(LONG), frame("one"));
    let elsewhere = std::thread::spawn(move || {
        socket.send(text("tic")).unwrap();
        socket.receive(LONG)
    });
    assert_eq!(elsewhere.join().unwrap(), frame("two"));
}
