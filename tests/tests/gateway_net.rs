//! Tests of the simulated gateway behind a real socket: TLS, upgrade, REST, and a shutdown that
//! leaks nothing.
#![cfg(feature = "net")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ibws_testkit::{Flood, GatewayConfig, GatewayOutput, Scenario, Server, ServerConfig, StartError};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, Message, WebSocket};

/// The longest wait of these tests.
const LIMIT: Duration = Duration::from_secs(10);

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

type Socket = WebSocket<Box<dyn Stream>>;

fn tcp(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Connects over TCP or, if the server has a certificate, over TLS that trusts only this
/// certificate.
fn connect(server: &Server) -> Box<dyn Stream> {
    let Some(der) = server.certificate_der() else { return Box::new(tcp(server)) };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der.to_vec())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    Box::new(StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp(server)))
}

fn upgrade(server: &Server, cookie: Option<&str>) -> Socket {
    let mut request = server.ws_url().into_client_request().unwrap();
    if let Some(cookie) = cookie {
        request.headers_mut().insert("Cookie", cookie.parse().unwrap());
    }
    tungstenite::client(request, connect(server)).unwrap().0
}

/// Returns the next JSON frame that `matches` accepts.
fn until(socket: &mut Socket, matches: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        let message = socket.read().unwrap();
        if let Ok(frame) = serde_json::from_slice(&message.into_data())
            && matches(&frame)
        {
            return frame;
        }
    }
    panic!("the expected frame did not arrive within {LIMIT:?}");
}

fn http(server: &Server, request: &str) -> String {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

fn get(server: &Server, path: &str) -> (u16, Value) {
    let reply = http(server, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let status = reply.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(reply.split("\r\n\r\n").nth(1).unwrap()).unwrap())
}

fn both() -> [Server; 2] {
    [ServerConfig::plain, ServerConfig::tls].map(|config| Server::start(config(GatewayConfig::seeded(3))).unwrap())
}

#[test]
fn a_stream_runs_over_plain_and_tls_sockets() {
    for server in both() {
        let mut socket = upgrade(&server, None);
        until(&mut socket, |frame| frame.get("success").is_some());
        socket.send(Message::text("smd+265598+{\"fields\":[\"31\"]}")).unwrap();
        let frame = until(&mut socket, |frame| frame["topic"] == "smd+265598");
        let age = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let age = age.as_millis().abs_diff(u128::from(frame["_updated"].as_u64().unwrap()));
        assert!(age < 20_000, "frames contain the present time");
        socket.send(Message::Ping("x".into())).unwrap();
        while !socket.read().unwrap().is_pong() {}
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    }
}

#[test]
fn rest_is_served_on_the_same_port() {
    for server in both() {
        let (status, tickle) = get(&server, "/v1/api/tickle");
        assert_eq!((status, tickle["session"].as_str()), (200, Some(server.control().session())));
        assert_eq!(get(&server, "/v1/api/iserver/auth/status?x=y").1["authenticated"], true);
        assert_eq!(get(&server, "/v1/api/nothing").0, 404);
        let post = |body: &str| {
            let start = "POST /v1/api/iserver/auth/ssodh/init HTTP/1.1\r\nConnection: close\r\nContent-Length:";
            http(&server, &format!("{start} {}\r\n\r\n{body}", body.len()))
        };
        assert!(post("{\"publish\":true}").starts_with("HTTP/1.1 200"));
        assert!(post("{}").starts_with("HTTP/1.1 500"), "the body is read");
    }
}

#[test]
fn an_http_connection_serves_a_second_request() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(3))).unwrap();
    let request = "GET /v1/api/tickle HTTP/1.1\r\n\r\n";
    let last = "GET /v1/api/iserver/accounts HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert_eq!(http(&server, &format!("{request}{last}")).matches("200 OK").count(), 2);
}

#[test]
fn invalid_requests_are_refused() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(3))).unwrap();
    assert!(http(&server, "GET /v1/api/ws HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 426"));
    let huge = format!("GET / HTTP/1.1\r\nX: {}\r\n", "x".repeat(16 * 1024));
    assert!(http(&server, &huge).starts_with("HTTP/1.1 431"));
    assert_eq!(get(&server, "/v1/api/tickle").0, 200, "other requests are still served");
}

#[test]
fn a_cookie_authorises_the_upgrade() {
    let config = GatewayConfig::seeded(3).with_scenario(Scenario::WaitingForSession);
    let server = Server::start(ServerConfig::tls(config)).unwrap();
    let mut unauthorised = upgrade(&server, None);
    assert_eq!(until(&mut unauthorised, |_| true)["message"], "waiting for session");
    let session = server.control().session().to_owned();
    let mut authorised = upgrade(&server, Some(&format!("api={{\"session\":\"{session}\"}}")));
    assert!(until(&mut authorised, |_| true).get("success").is_some());
    unauthorised.send(Message::text(format!("{{\"session\":\"{session}\"}}"))).unwrap();
    assert!(until(&mut unauthorised, |_| true).get("success").is_some());
}

#[test]
fn a_test_can_inject_frames_and_close_connections_of_a_running_gateway() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(3))).unwrap();
    let mut socket = upgrade(&server, None);
    until(&mut socket, |frame| frame["topic"] == "sts");
    let conn = server.control().connections().next().unwrap();
    server.control().inject(conn, GatewayOutput::Binary(b"{\"topic\":\"new\"}".to_vec()));
    until(&mut socket, |frame| frame["topic"] == "new");
    server.control().inject(conn, GatewayOutput::Text(b"\x99".to_vec()));
    assert!(matches!(socket.read(), Err(Error::Utf8(_))), "invalid bytes are sent unchanged");

    let mut socket = upgrade(&server, None);
    until(&mut socket, |frame| frame["topic"] == "sts");
    let conn = server.control().connections().last().unwrap();
    server.control().close(conn, 1_000);
    while !socket.read().unwrap().is_close() {}
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn the_response_to_the_upgrade_has_three_headers_in_lower_case() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(3))).unwrap();
    let mut stream = tcp(&server);
    let headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    stream.write_all(format!("GET /v1/api/ws HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n").as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let names: Vec<&str> = head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
    assert_eq!(names, ["upgrade", "connection", "sec-websocket-accept"]);
}

#[test]
fn a_gateway_with_nothing_behind_replies_to_pings_and_sends_nothing_else() {
    let config = GatewayConfig::seeded(3).with_scenario(Scenario::NothingBehind);
    let server = Server::start(ServerConfig::plain(config)).unwrap();
    let mut socket = upgrade(&server, None);
    socket.send(Message::text("tic")).unwrap();
    for _ in 0..3 {
        socket.send(Message::Ping("x".into())).unwrap();
        assert!(socket.read().unwrap().is_pong());
    }
}

#[test]
fn a_close_of_the_client_gets_no_reply_from_the_gateway_as_measured() {
    for measured in [false, true] {
        let config = GatewayConfig::seeded(3);
        let config = if measured { config.as_measured() } else { config };
        for server in [ServerConfig::plain(config.clone()), ServerConfig::tls(config)] {
            let server = Server::start(server).unwrap();
            let mut socket = upgrade(&server, None);
            until(&mut socket, |frame| frame["topic"] == "sts");
            socket.close(None).unwrap();
            let end = core::iter::from_fn(|| Some(socket.read())).find_map(Result::err).unwrap();
            assert_eq!(matches!(end, Error::ConnectionClosed), !measured, "{end:?}");
        }
    }
}

#[test]
fn a_dropped_connection_ends_without_a_close_frame() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(3))).unwrap();
    let mut socket = upgrade(&server, None);
    until(&mut socket, |frame| frame["topic"] == "sts");
    let conn = server.control().connections().next().unwrap();
    server.control().drop_connection(conn);
    let end = core::iter::from_fn(|| Some(socket.read())).find_map(Result::err);
    assert!(!matches!(end, Some(Error::ConnectionClosed)), "{end:?}");
}

#[test]
fn a_muted_connection_sends_no_pong() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(3))).unwrap();
    let stream = tcp(&server);
    let twin = stream.try_clone().unwrap();
    let mut socket = tungstenite::client(server.ws_url(), stream).unwrap().0;
    while !socket.read().unwrap().into_data().windows(5).any(|window| window == b"\"sts\"") {}
    let conn = server.control().connections().next().unwrap();
    server.control().mute(conn);
    // The mute has taken effect once another connection has been served.
    assert_eq!(get(&server, "/v1/api/tickle").0, 200);
    twin.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut pongs = 0;
    for _ in 0..3 {
        let _ = socket.send(Message::Ping("x".into()));
        pongs += u32::from(socket.read().is_ok_and(|message| message.is_pong()));
    }
    assert!(pongs <= 1, "only a read in progress may still send a pong");
    assert_eq!(server.control().connections().count(), 1);
}

#[test]
fn a_flood_sends_exactly_its_frames() {
    let flood = Flood::market_data(5_000, 1);
    for tls in [false, true] {
        let gateway = GatewayConfig::seeded(3);
        let config = ServerConfig { tls, gateway, flood: Some(flood.clone()), ..ServerConfig::default() };
        let server = Server::start(config).unwrap();
        let mut socket = upgrade(&server, None);
        until(&mut socket, |frame| frame["topic"] == "sts");
        // Orders have no immediate frames of their own, so only the frames of the flood are
        // counted.
        socket.send(Message::text("sor")).unwrap();
        let mut count = 0;
        while count < 5_000 {
            let bytes = socket.read().unwrap().into_data();
            assert_eq!(bytes, flood.frames[count % flood.frames.len()]);
            count += 1;
        }
    }
}

#[test]
fn shutdown_ends_every_thread_and_frees_the_port() {
    for server in both() {
        let address = server.addr();
        let mut socket = upgrade(&server, None);
        until(&mut socket, |frame| frame["topic"] == "sts");
        let _half = tcp(&server);
        let start = Instant::now();
        server.shutdown();
        assert!(start.elapsed() < Duration::from_secs(3));
        while socket.read().is_ok() {}
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn the_server_listens_on_loopback_only_and_reports_a_taken_port() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(3))).unwrap();
    let start = |listen: SocketAddr| {
        let config = ServerConfig { listen, ..ServerConfig::plain(GatewayConfig::seeded(3)) };
        Server::start(config).unwrap_err()
    };
    let taken = start(server.addr());
    assert!(matches!(taken, StartError::Listen { .. }) && taken.to_string().contains("take another port"), "{taken}");
    assert!(matches!(start(SocketAddr::from(([0, 0, 0, 0], 0))), StartError::NotLoopback(_)));
}
