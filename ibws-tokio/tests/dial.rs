//! The dial and the link against a small server of std threads.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use ibws_proto::driver::{
    CookieForm, Credentials, DialRequest, Endpoint, Limits, Link, Outgoing, Plaintext, Received, Runtime, Secret, Trust,
};
use ibws_proto::{ConnectError, ConnectErrorKind};
use ibws_tokio::TokioRuntime;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tungstenite::handshake::derive_accept_key;
use tungstenite::{Message, WebSocket};

/// Listens on a free port and lets `serve` have the first connection. The peer of a stuck test is dropped in the end.
fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    port
}

fn plain(port: u16) -> DialRequest {
    let url = format!("ws://127.0.0.1:{port}/v1/api/ws");
    DialRequest::new(Endpoint::parse(&url, Plaintext::OnLoopback).unwrap())
}

fn tls(port: u16, trust: Trust) -> DialRequest {
    DialRequest { trust, ..DialRequest::new(Endpoint::gateway("localhost", port).unwrap()) }
}

async fn dial(request: DialRequest) -> Result<ibws_tokio::WebSocket, ConnectError> {
    TokioRuntime::new().dial(request).await
}

async fn refused(request: DialRequest, kind: ConnectErrorKind, told: &str) -> ConnectError {
    let error = dial(request).await.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.detail.contains(told), "{error}");
    error
}

async fn recv(link: &mut ibws_tokio::WebSocket) -> Received {
    poll_fn(|cx| link.poll_recv(cx)).await
}

async fn send(link: &mut ibws_tokio::WebSocket, message: Outgoing) {
    let mut message = Some(message);
    poll_fn(|cx| link.poll_send(cx, &mut message)).await.unwrap();
    poll_fn(|cx| link.poll_flush(cx)).await.unwrap();
}

fn text(text: &str) -> Outgoing {
    Outgoing::Text(text.to_owned())
}

fn frame(bytes: &'static [u8]) -> Received {
    Received::Frame(bytes.into())
}

/// Reads the request and returns its head.
fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// The answer that opens the WebSocket.
fn accepting(head: &str) -> Vec<u8> {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let start = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket";
    format!("{start}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes()
}

/// A server that opens the WebSocket, sends `bytes` behind the answer in the same write, and gives the stream to `then`.
fn raw(bytes: impl Into<Vec<u8>>, then: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let bytes = bytes.into();
    server(move |mut stream| {
        let mut out = accepting(&read_head(&mut stream));
        out.extend(bytes);
        stream.write_all(&out).unwrap();
        then(stream);
    })
}

/// Keeps the connection open until the client closes it.
fn until_closed(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Answers every text with itself until the client closes, and says what code it closed with.
fn echo(mut socket: WebSocket<impl Read + Write>) -> Option<u16> {
    loop {
        match socket.read() {
            Ok(text @ Message::Text(_)) => socket.send(text).unwrap(),
            Ok(Message::Close(frame)) => {
                let _ = socket.flush();
                return frame.map(|frame| frame.code.into());
            }
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

struct Certificate {
    pem: Vec<u8>,
    server: Arc<ServerConfig>,
}

/// Expired, and without a name, like the gateway's stock certificate.
fn stock_certificate() -> Certificate {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.not_after = rcgen::date_time_ymd(2019, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    Certificate { pem: certificate.pem().into_bytes(), server: Arc::new(server) }
}

fn tls_stream(config: Arc<ServerConfig>, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config).unwrap(), stream)
}

#[tokio::test]
async fn messages_go_to_and_fro_and_a_close_is_answered() {
    let (codes, code) = mpsc::channel();
    let port = server(move |stream| codes.send(echo(tungstenite::accept(stream).unwrap())).unwrap());
    let mut link = dial(plain(port)).await.unwrap();
    send(&mut link, text("smd+1+{}")).await;
    assert_eq!(recv(&mut link).await, frame(b"smd+1+{}"));
    send(&mut link, Outgoing::Ping).await;
    assert_eq!(recv(&mut link).await, Received::Pong);
    send(&mut link, Outgoing::Close(1000)).await;
    let mut late = Some(text("after our Close"));
    assert!(poll_fn(|cx| link.poll_send(cx, &mut late)).await.is_err());
    assert_eq!(recv(&mut link).await, Received::Closed(Some(1000)));
    assert_eq!(code.recv().unwrap(), Some(1000));
}

#[tokio::test]
async fn the_cookie_and_the_user_agent_reach_the_server() {
    let (heads, head) = mpsc::channel();
    let port = server(move |mut stream| heads.send(read_head(&mut stream)).unwrap());
    let session = Secret::new("5e55").unwrap();
    let request = plain(port);
    let credentials = Credentials::default().with_session(session, CookieForm::Gateway);
    refused(DialRequest { credentials, ..request }, ConnectErrorKind::Protocol, "instead of answering").await;
    let head = head.recv().unwrap();
    assert!(head.contains("\r\nCookie: api={\"session\":\"5e55\"}\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nHost: 127.0.0.1:{port}\r\n")) && head.contains("\r\nUser-Agent: ibws/0.1\r\n"));
}

#[tokio::test]
async fn an_expired_certificate_without_a_name_is_accepted_when_it_is_the_pinned_one() {
    let certificate = stock_certificate();
    let config = certificate.server.clone();
    let port = server(move |stream| {
        echo(tungstenite::accept(tls_stream(config, stream)).unwrap());
    });
    let mut link = dial(tls(port, Trust::ExactCert(certificate.pem))).await.unwrap();
    send(&mut link, text("tic")).await;
    assert_eq!(recv(&mut link).await, frame(b"tic"));
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_a_matter_of_trust() {
    for trust in [Trust::ExactCert(stock_certificate().pem), Trust::CaPem(stock_certificate().pem), Trust::WebPki] {
        let config = stock_certificate().server;
        let port = server(move |stream| {
            let _ = tls_stream(config, stream).read(&mut [0]);
        });
        let error = refused(tls(port, trust), ConnectErrorKind::Trust, "--trust pin:FILE").await;
        assert!(error.detail.contains(&format!("localhost:{port}")), "{error}");
    }
}

#[tokio::test]
async fn a_pin_for_another_machine_is_refused_before_anything_is_sent_there() {
    // Nothing listens there: a dial would end as unreachable, or time out.
    let endpoint = Endpoint::gateway("192.0.2.1", 1).unwrap();
    let request = DialRequest { trust: Trust::ExactCert(stock_certificate().pem), ..DialRequest::new(endpoint) };
    refused(request, ConnectErrorKind::Trust, "this machine only").await;
}

#[tokio::test]
async fn an_http_refusal_says_what_to_do_and_how_long_to_wait() {
    use ConnectErrorKind::{AuthenticationRequired, Status};
    for (status, kind, pause) in [
        ("401 Unauthorized", AuthenticationRequired, None),
        ("429 Too Many Requests\r\nRetry-After: 17", Status(429), Some(Duration::from_secs(17))),
    ] {
        let port = server(move |mut stream| {
            read_head(&mut stream);
            stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
        });
        let error = refused(plain(port), kind, "refused the WebSocket").await;
        assert_eq!(error.retry_after, pause);
    }
}

#[tokio::test]
async fn frames_glued_to_the_answer_are_the_first_to_arrive() {
    // A text with a bad byte, cut in the middle of its header from the next one.
    let port = raw(*b"\x81\x01\x99\x82\x02ok\x81", |mut stream| {
        stream.write_all(b"\x03two").unwrap();
        until_closed(stream);
    });
    let mut link = dial(plain(port)).await.unwrap();
    for expected in [&b"\x99"[..], b"ok", b"two"] {
        assert_eq!(recv(&mut link).await, frame(expected));
    }
}

#[tokio::test]
async fn a_bad_byte_in_a_text_costs_neither_the_message_nor_the_next_one() {
    // Whole, fragmented inside a character, and a good one.
    let port = raw(Vec::new(), |mut stream| {
        stream.write_all(b"\x81\x03a\x99b\x01\x01\xe2\x80\x02\x84\xff\x81\x04good").unwrap();
        until_closed(stream);
    });
    let mut link = dial(plain(port)).await.unwrap();
    for expected in [&b"a\x99b"[..], b"\xe2\x84\xff", b"good"] {
        assert_eq!(recv(&mut link).await, frame(expected));
    }
}

#[tokio::test]
async fn a_wrong_accept_key_is_not_taken_for_the_gateway() {
    let port = server(|mut stream| {
        let head = read_head(&mut stream).replace("Sec-WebSocket-Key: ", "Sec-WebSocket-Key: x");
        stream.write_all(&accepting(&head)).unwrap();
    });
    refused(plain(port), ConnectErrorKind::Protocol, "Sec-WebSocket-Accept").await;
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_named_as_such() {
    let port = server(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        until_closed(stream);
    });
    refused(tls(port, Trust::WebPki), ConnectErrorKind::Protocol, "does not speak TLS here").await;
}

#[tokio::test]
async fn tls_on_the_plain_port_is_named_as_such() {
    let config = stock_certificate().server;
    let port = server(move |stream| {
        let _ = tls_stream(config, stream).read(&mut [0]);
    });
    refused(plain(port), ConnectErrorKind::Protocol, "use wss://").await;
}

#[tokio::test]
async fn a_dead_port_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    refused(plain(port), ConnectErrorKind::Unreachable, &format!("127.0.0.1:{port}")).await;
    refused(tls(port, Trust::WebPki), ConnectErrorKind::Unreachable, &format!("localhost:{port}")).await;
}

#[tokio::test]
async fn a_server_that_says_nothing_runs_into_the_limit_of_its_stage() {
    let soon = Duration::from_millis(30);
    let upgrade = Limits { upgrade: soon, ..Limits::default() };
    let request = DialRequest { limits: upgrade, ..plain(server(until_closed)) };
    refused(request, ConnectErrorKind::TimedOut, "upgrade").await;
    let handshake = Limits { tls: soon, ..Limits::default() };
    let request = DialRequest { limits: handshake, ..tls(server(until_closed), Trust::WebPki) };
    refused(request, ConnectErrorKind::TimedOut, "TLS").await;
}

#[tokio::test]
async fn every_end_is_told_once_and_never_hangs() {
    let far_too_long = [&b"\x82\x7f\x80"[..], &[0; 7]].concat();
    let too_many_fragments = [&b"\x02\x7e\x00\xc8"[..], &[0; 200], b"\x80\x7e\x00\xc8", &[0; 200]].concat();
    for (bytes, ends_tcp, expected) in [
        (too_many_fragments, false, Received::Closed(None)),
        (b"\x88\x02\x03\xe9".to_vec(), false, Received::Closed(Some(1001))),
        (b"\x88\x00".to_vec(), false, Received::Closed(None)),
        (Vec::new(), true, Received::Closed(None)),
        (b"\x82\x05cut".to_vec(), true, Received::Closed(None)),
        (far_too_long, false, Received::Closed(None)),
        (b"\x82\x7e\x01\x01".to_vec(), false, Received::Closed(None)),
        (b"\xc1\x00".to_vec(), false, Received::Closed(None)),
    ] {
        let port = raw(bytes.clone(), move |stream| {
            if !ends_tcp {
                until_closed(stream)
            }
        });
        let limits = Limits { max_frame_size: 256, max_message_size: 256, ..Limits::default() };
        let mut link = dial(DialRequest { limits, ..plain(port) }).await.unwrap();
        assert_eq!(recv(&mut link).await, expected, "{bytes:x?}");
        let again = poll_fn(|cx| Poll::Ready(link.poll_recv(cx))).await;
        assert!(again.is_pending(), "{bytes:x?}");
    }
}

#[tokio::test]
async fn while_our_writes_block_the_reading_goes_on_and_no_message_is_lost() {
    const SIZE: usize = 10_000;
    let (go, wait) = mpsc::channel::<()>();
    let port = server(move |stream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        // Reads nothing until told to, but pings: the answers pile up beside the messages.
        for _ in 0..100 {
            socket.send(Message::Ping(vec![0; 100].into())).unwrap();
        }
        socket.send(Message::text("still here")).unwrap();
        wait.recv().unwrap();
        echo(socket);
    });
    let limits = Limits { write_buffer: SIZE, max_write_buffer: 2 * SIZE, ..Limits::default() };
    let mut link = dial(DialRequest { limits, ..plain(port) }).await.unwrap();
    let (mut sent, mut message) = (0_usize, None);
    // Until the socket is full.
    let blocked = poll_fn(|cx| {
        loop {
            let outgoing = message.get_or_insert_with(|| text(&format!("{sent:0SIZE$}"))).clone();
            match link.poll_send(cx, &mut message) {
                Poll::Ready(Ok(())) => sent += 1,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Ready(Ok(message.as_ref() == Some(&outgoing))),
            }
        }
    });
    assert_eq!(blocked.await, Ok(true), "the message that did not fit is still ours");
    let mut pings = 0;
    loop {
        match recv(&mut link).await {
            Received::Ping => pings += 1,
            other => break assert_eq!((other, pings), (frame(b"still here"), 100)),
        }
    }
    go.send(()).unwrap();
    // All of them come back, in order: those sent, and the one that had to wait.
    let mut next = 0;
    while next <= sent {
        let received = poll_fn(|cx| {
            if message.is_some() {
                assert!(!matches!(link.poll_send(cx, &mut message), Poll::Ready(Err(_))));
            } else {
                assert!(!matches!(link.poll_flush(cx), Poll::Ready(Err(_))));
            }
            link.poll_recv(cx)
        });
        assert_eq!(received.await, Received::Frame(format!("{next:0SIZE$}").into()));
        next += 1;
    }
}

#[tokio::test]
async fn a_message_that_can_never_fit_ends_the_connection_instead_of_waiting_for_ever() {
    let port = raw(Vec::new(), until_closed);
    let limits = Limits { write_buffer: 10, max_write_buffer: 20, ..Limits::default() };
    let mut link = dial(DialRequest { limits, ..plain(port) }).await.unwrap();
    let mut message = Some(text("longer than twenty bytes"));
    assert!(poll_fn(|cx| link.poll_send(cx, &mut message)).await.is_err());
    assert!(message == Some(text("longer than twenty bytes")));
    assert_eq!(recv(&mut link).await, Received::Closed(None));
}

#[tokio::test(start_paused = true)]
async fn the_clock_and_the_sleep_are_those_of_tokio() {
    let runtime = TokioRuntime::new();
    let start = runtime.now();
    let wake = start + Duration::from_secs(3600);
    runtime.sleep_until(wake).await;
    assert!(runtime.now() >= wake);
    let never = runtime.sleep_until(ibws_proto::Instant::from_nanos(u64::MAX));
    assert!(tokio::time::timeout(Duration::from_secs(1), never).await.is_err());
}
