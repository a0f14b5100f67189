//! Dials, and the faults of connecting.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use ibws_proto::client::Builder;
use ibws_proto::transport::{
    BearerForm, CookieForm, Credentials, DialRequest, Endpoint, IncomingMessage, Limits, Plaintext, Runtime, Secret,
    Trust,
};
use ibws_proto::{CommandError, ConnectError, ConnectErrorKind, ConnectionState, ReadyGate};

use super::stage::{Stage, Trace};
use super::wire::recv;
use crate::ClientInfo;

/// The outcome of a dial as a line. The detail of an error must contain `names` and the address.
async fn dialled<R: Runtime>(stage: &Stage<R>, request: DialRequest, names: &str) -> String {
    let peer = request.endpoint.host_and_port();
    match stage.runtime.dial(request).await {
        Ok(_) => "open".into(),
        Err(ConnectError { kind, retry_after, detail, .. }) => {
            assert!(detail.contains(names) && detail.contains(&peer), "{detail}");
            format!("{kind:?}, pause {retry_after:?}")
        }
    }
}

/// Fault 1: nobody listens at the address.
pub async fn a_dead_port_is_named_and_start_gives_up<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port").local_addr().expect("an address");
    let (scheme, plaintext) = if stage.tls { ("wss", Plaintext::Refused) } else { ("ws", Plaintext::OnLoopback) };
    let url = format!("{scheme}://{free}/v1/api/ws");
    let request = DialRequest::new(Endpoint::parse(&url, plaintext).expect("an address"));
    let line = dialled(&stage, request, "cannot connect").await;
    let builder = Builder::new(stage.runtime.clone()).url(url).plaintext_on_loopback();
    let short = Duration::from_millis(1);
    let builder = builder.configure(|config| {
        (config.backoff_min, config.backoff_max) = (short, short);
        config.max_connection_attempts = Some(3);
    });
    let mut player = stage.player(builder);
    player.note(line);
    match player.client.start().await {
        Err(CommandError::GaveUp { attempts, last }) => player.note(format!("gave up: {attempts}, {:?}", last.kind)),
        other => panic!("{other:?}"),
    }
    player.until("stopped").await;
    player.finish().await
}

/// Faults 2 and 4: the peer accepts and sends nothing, or half a TLS record.
pub async fn each_stage_of_a_dial_has_its_own_limit<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let soon = Duration::from_millis(40);
    let silent = stage.script(|conn, client| {
        if conn == 2 {
            // The bytes begin a handshake record or a status line.
            client.tcp().write_all(if client.is_tls() { b"\x16\x03\x03\x00\x7a\x02" } else { b"HTTP/1.1 1" })?;
        }
        client.wait()
    });
    let limits = match stage.tls {
        true => Limits { tls: soon, ..Limits::default() },
        false => Limits { upgrade: soon, ..Limits::default() },
    };
    let mut trace = Trace::new();
    for _ in 0..2 {
        let request = DialRequest { limits: limits.clone(), ..stage.request(&silent) };
        trace.push(dialled(&stage, request, if stage.tls { "TLS" } else { "upgrade" }).await);
    }
    // The handshake succeeds, and nothing follows.
    let half = stage.script(|_, mut client| client.head().and(client.wait()));
    let request = DialRequest { limits: Limits { upgrade: soon, ..Limits::default() }, ..stage.request(&half) };
    trace.push(dialled(&stage, request, "upgrade").await);
    trace
}

/// Fault 3: a reset after the accept: at once, after the first byte, and in the middle of the
/// response.
pub async fn a_reset_during_the_dial_is_retried<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, mut client| match conn {
        1 => client.reset(),
        2 => {
            client.tcp().peek(&mut [0])?;
            client.reset()
        }
        3 => {
            client.head()?;
            client.put(b"HTTP/1.1 101 Switching")?;
            client.reset()
        }
        _ => client.greet()?.until_end(),
    });
    // Timing decides whether the reset meets the connect or the first write.
    let at_once = stage.runtime.dial(stage.request(&script)).await.err().map(|error| error.kind);
    assert!(matches!(at_once, Some(ConnectErrorKind::Unreachable | ConnectErrorKind::Protocol)), "{at_once:?}");
    let mut player = stage.ready(&script).await;
    let dials = player.client.stats().machine.dials;
    player.note(format!("ready after {dials} dials"));
    player.finish().await
}

/// Fault 5: the peer speaks the other protocol.
pub async fn the_wrong_protocol_on_the_port_is_named<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, client| {
        let _ = client.tcp().read(&mut [0; 1024])?;
        // A TLS alert (handshake failure), or plain HTTP.
        let response: [&[u8]; 2] =
            [b"\x15\x03\x03\x00\x02\x02\x28", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"];
        client.tcp().write_all(response[conn % 2])?;
        client.wait()
    });
    let mut trace = Trace::new();
    let names = if stage.tls { ["does not speak TLS here", ""] } else { ["400", "use wss://"] };
    // Connection 1 gets HTTP, connection 2 the alert.
    for names in names {
        trace.push(dialled(&stage, stage.request(&script), names).await);
    }
    trace
}

/// Fault 6: the gateway is pinned, and another one takes its place, first at the start and then
/// after an outage.
pub async fn a_swapped_certificate_ends_the_dial_before_the_request<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let script = stage.script(|conn, client| {
        if conn == 2 || conn == 3 {
            let mut impostor = client.impostor()?;
            let received = impostor.head();
            assert!(received.is_err(), "the impostor received {received:?}");
            return Ok(());
        }
        let mut peer = client.greet()?;
        if conn == 1 { peer.finish() } else { peer.until_end() }
    });
    let mut player = stage.ready(&script).await;
    player.all(&["backoff: the connection ended", "backoff: Trust", "backoff: Trust", " ready ("]).await;
    let wrong = stage.script(|_, mut client| client.head().map(drop));
    for trust in [script.trust(), Trust::CaPem(script.pem().into()), Trust::WebPki] {
        let request = DialRequest { trust, ..stage.request(&wrong) };
        player.note(dialled(&stage, request, "`Trust::ExactCert` (`Builder::trust`)").await);
    }
    player.finish().await
}

/// Fault 7: the response arrives byte by byte, in time and too late.
pub async fn a_slow_upgrade_succeeds_only_within_its_limit<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, mut client| {
        let response = ClientInfo::accept_response(&client.head()?);
        for byte in response {
            client.put(&[byte])?;
            if conn == 1 {
                // The delay is the gateway's; the test does not wait here.
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        client.wait()
    });
    let limits = Limits { upgrade: Duration::from_millis(100), ..Limits::default() };
    let request = DialRequest { limits, ..stage.request(&script) };
    let late = dialled(&stage, request, "upgrade").await;
    let in_time = dialled(&stage, stage.request(&script), "").await;
    vec![late, in_time]
}

/// Fault 8: a response head without end.
pub async fn a_response_head_above_the_limit_ends_the_dial<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, mut client| {
        client.head()?;
        client.put(b"HTTP/1.1 101 Switching Protocols\r\n")?;
        let header = match conn {
            1 => format!("X-Filler: {}\r\n", "x".repeat(1_000)),
            _ => "X-Many: 1\r\n".into(),
        };
        // The client must close the connection long before the end.
        for _ in 0..100_000 {
            client.put(header.as_bytes())?;
        }
        panic!("the client reads a head of any length");
    });
    let mut trace = Trace::new();
    for _ in 0..2 {
        trace.push(dialled(&stage, stage.request(&script), "").await);
    }
    trace
}

/// 9: what HTTP can say instead of 101.
pub async fn each_http_code_has_its_error_kind<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    const RESPONSES: [&str; 12] = [
        "200 OK",
        "301 Moved Permanently\r\nLocation: /elsewhere",
        "302 Found\r\nLocation: https://localhost/sso/Login",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "429 Too Many Requests\r\nRetry-After: 17",
        "500 Internal Server Error",
        "503 Service Unavailable\r\nRetry-After: 2",
        "503 Service Unavailable\r\nDate: Wed, 21 Oct 2026 07:26:30 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT",
        "503 Service Unavailable\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT",
        "101 Switching Protocols",
    ];
    let script = stage.script(|conn, mut client| {
        client.head()?;
        let response = RESPONSES.get(conn - 1).copied().unwrap_or("401 Unauthorized");
        client.put(format!("HTTP/1.1 {response}\r\nContent-Length: 0\r\n\r\n").as_bytes())?;
        client.wait()
    });
    let mut trace = Trace::new();
    for response in RESPONSES {
        trace.push(format!("{response:?}: {}", dialled(&stage, stage.request(&script), "").await));
    }
    let mut player = stage.player(stage.builder(&script));
    player.note(format!(
        "{:?}",
        player.client.start().await.map_err(|failure| match failure {
            CommandError::AuthenticationRequired(error) => error.kind,
            other => panic!("{other:?}"),
        })
    ));
    trace.extend(player.finish().await);
    trace
}

/// Interim responses before the 101 are skipped, in one piece with it or byte by byte, up to their
/// limits in number and in bytes.
pub async fn interim_responses_are_skipped_within_their_limits<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    const INTERIM: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let script = stage.script(|conn, mut client| {
        let head = client.head()?;
        let response = ClientInfo::accept_response(&head);
        match conn {
            1 => client.put(&[INTERIM.as_bytes(), &response].concat())?,
            2 => {
                for byte in [INTERIM.as_bytes(), &response].concat() {
                    client.put(&[byte])?;
                }
            }
            3 => client.put(format!("{INTERIM}HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").as_bytes())?,
            // Far more than any client needs to read; it leaves before.
            4 => (0..100_000).try_for_each(|_| client.put(INTERIM.as_bytes()))?,
            _ => {
                let long = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(4_000));
                client.put(long.repeat(8).as_bytes())?;
            }
        }
        client.wait()
    });
    let mut trace = Trace::new();
    for text in ["", "", "HTTP 404", "more than 8 interim responses", "more than 16384 bytes of headers"] {
        trace.push(dialled(&stage, stage.request(&script), text).await);
    }
    assert_eq!(trace.iter().filter(|line| *line == "open").count(), 2, "{trace:#?}");
    trace
}

/// A refusal shows the start of its body, whether that comes with the head, after it or never, and
/// the dial does not wait for more than one short read. No secret of the request is shown.
pub async fn a_refused_upgrade_shows_the_start_of_its_body<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\n";
    const DENIED: &str = "and the body \"Access Denied\": allow the address of this machine in the `ips` setting";
    let script = stage.script(|conn, mut client| {
        let head = client.head()?;
        let body = match conn {
            1 => "Content-Length: 13\r\n\r\nAccess Denied".into(),
            2 => "Transfer-Encoding: chunked\r\n\r\n6\r\nAccess\r\n7\r\n Denied\r\n0\r\n\r\n".into(),
            // In the next packet, unless both come at once, and then silence.
            3 => {
                client.put(format!("{NOT_FOUND}Content-Length: 99\r\n\r\n").as_bytes())?;
                client.put(b"Access Denied")?;
                return client.wait();
            }
            // Never.
            4 => "Content-Length: 99\r\n\r\n".into(),
            5 => "Content-Length: 16\r\n\r\n\x1b[2J\u{202e}DU1234567".into(),
            6 => {
                let secrets: Vec<_> =
                    head.lines().filter(|line| line.starts_with("GET") || line.starts_with("Cookie")).collect();
                format!("\r\n{}", secrets.join(" "))
            }
            // Without end; the client leaves.
            _ => {
                client.put(format!("{NOT_FOUND}\r\n").as_bytes())?;
                loop {
                    client.put(&[b'x'; 10_000])?;
                }
            }
        };
        client.put(format!("{NOT_FOUND}{body}").as_bytes())?;
        client.wait()
    });
    let secret = "5e55109f5e55109f5e55109f5e55109f";
    let session = Secret::new(secret).expect("a session");
    let credentials = Credentials::default().with_session(session, CookieForm::Direct);
    let credentials = credentials.with_query("oauth_token", Secret::new("a/b+c").expect("a token")).expect("a name");
    let mut trace = Trace::new();
    for text in [
        DENIED,
        DENIED,
        DENIED,
        "HTTP 404 Not Found: check the path",
        r#"and the body "\u{1b}[2J\u{202e}DU…567": check the path"#,
        "and the body \"GET /v1/api/ws?oauth_token=… HTTP/1.1 Cookie: api=…\"",
        "xxxxxxxx…\": check the path",
    ] {
        let request = DialRequest { credentials: credentials.clone(), ..stage.request(&script) };
        let error = stage.runtime.dial(request).await.err().expect("a refusal");
        assert!(error.detail.contains(text), "{error}, not {text}");
        assert!(!error.detail.contains("5e55") && error.detail.chars().count() < 400, "{error}");
        trace.push(format!("{:?}, {text}", error.kind));
    }
    trace
}

/// 10: an answer to another request.
pub async fn a_wrong_accept_key_ends_the_dial<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|_, mut client| {
        let head = client.head()?.replace("Sec-WebSocket-Key: ", "Sec-WebSocket-Key: x");
        client.put(&ClientInfo::accept_response(&head))?;
        client.wait()
    });
    vec![dialled(&stage, stage.request(&script), "Sec-WebSocket-Accept").await]
}

/// Fault 11: the first frames come in the same packet as the response, cut at any byte.
pub async fn frames_glued_to_the_upgrade_response_arrive_first<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    // The packet holds a text with a bad byte, a binary frame, and the first byte of a third
    // header.
    let script = stage.script(|_, client| {
        let mut peer = client.open(b"\x81\x01\x99\x82\x02ok\x81")?;
        peer.raw(b"\x03two")?;
        peer.until_end()
    });
    let mut link = stage.runtime.dial(stage.request(&script)).await.expect("an open socket");
    let mut trace = Trace::new();
    for expected in [&b"\x99"[..], b"ok", b"two"] {
        let received = recv(&mut link).await;
        assert_eq!(received, IncomingMessage::Frame(expected.into()));
        trace.push(format!("{received:?}"));
    }
    trace
}

/// Fault 12: the client replies to each `waiting for session` with the session, or has none.
pub async fn waiting_for_session_ends_with_the_session_or_not_at_all<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|_, client| {
        let mut peer = client.open(b"")?;
        for _ in 0..3 {
            peer.text(r#"{"message":"waiting for session"}"#)?;
            peer.expect(r#"{"session":"#)?;
        }
        peer.greet()?;
        peer.until_end()
    });
    let session = || Secret::new("5e55109f5e55109f5e55109f5e55109f").expect("a session");
    let credentials = Credentials::default().with_session(session(), CookieForm::Gateway);
    let mut player = stage.player(stage.builder(&script).credentials(credentials));
    player.start().await;
    let mut trace = player.finish().await;
    // For ever: nobody has a session. The gate stays shut after the wait for the greeting, so
    // `start` gets no reply and nothing is written, and the socket stays open.
    let for_ever = stage.script(|_, client| {
        let mut peer = client.open(b"")?;
        peer.text(r#"{"message":"waiting for session"}"#)?;
        peer.until_end()
    });
    // Short, but no machine is so busy that the gateway's frame comes after it.
    let short = Duration::from_millis(500);
    let builder = stage.builder(&for_ever).configure(|config| config.ready_gate = ReadyGate::Wait(short));
    let mut player = stage.player(builder);
    let client = player.client.clone();
    let mut start = Box::pin(client.start());
    assert!(stage.within(2 * short, start.as_mut()).await.is_none(), "`start` has a reply without a session");
    player.until("request: Session(").await;
    assert_eq!(player.client.status().state, ConnectionState::Open);
    trace.extend(player.finish().await);
    let reply = start.await;
    trace.push(format!("started: {reply:?}"));
    trace
}

/// The upgrade request carries the cookie and the user agent in the expected form.
pub async fn the_cookie_and_the_user_agent_reach_the_gateway<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let (heads, head) = mpsc::sync_channel(1);
    let script = stage.script(move |_, mut client| {
        let _ = heads.send(client.head()?);
        client.put(b"HTTP/1.1 403 Forbidden\r\n\r\n")?;
        client.wait()
    });
    let credentials = Credentials::default().with_session(Secret::new("5e55").expect("a session"), CookieForm::Gateway);
    let request = DialRequest { credentials, ..stage.request(&script) };
    let mut trace = vec![dialled(&stage, request, "403").await];
    let head = head.try_recv().expect("a request").replace(&script.address().to_string(), "PEER");
    assert!(head.contains("\r\nCookie: api={\"session\":\"5e55\"}\r\n"), "{head}");
    assert!(head.contains("\r\nHost: PEER\r\n") && head.contains("\r\nUser-Agent: ibws/0.1\r\n"), "{head}");
    trace.extend(head.lines().filter(|line| !line.starts_with("Sec-WebSocket-Key")).map(str::to_owned));
    trace
}

/// Tokens and added headers reach the gateway in their places, and credentials that belong to
/// another endpoint are not sent anywhere.
pub async fn tokens_and_headers_reach_their_own_gateway_only<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let (heads, head) = mpsc::channel();
    let script = stage.script(move |_, mut client| {
        let _ = heads.send(client.head()?);
        client.put(b"HTTP/1.1 403 Forbidden\r\n\r\n")?;
        client.wait()
    });
    let secret = |text| Secret::new(text).expect("a token");
    let mut trace = Trace::new();
    for form in [BearerForm::BearerToken, BearerForm::SessionToken, BearerForm::Header] {
        let request = stage.request(&script);
        let credentials = Credentials::default()
            .with_oauth1(secret("0a0th1"))
            .with_oauth2(secret("0a0th2"), form)
            .with_header("Origin", "interactivebrokers.github.io")
            .and_then(|credentials| credentials.with_secret_header("X-Api-Key", "k3y"))
            .expect("headers")
            .only_for(&request.endpoint);
        trace.push(dialled(&stage, DialRequest { credentials, ..request }, "403").await);
        let head = head.recv().expect("a request").replace(&script.address().to_string(), "PEER");
        assert!(head.contains("\r\nOrigin: interactivebrokers.github.io\r\nX-Api-Key: k3y\r\n"), "{head}");
        assert!(head.contains("oauth_token=0a0th1") && head.matches("0a0th2").count() == 1, "{head}");
        trace.extend(head.lines().filter(|line| !line.starts_with("Sec-WebSocket-Key")).map(str::to_owned));
    }
    let elsewhere = Endpoint::gateway("api.ibkr.com", 443).expect("an address");
    let credentials = Credentials::default().with_oauth1(secret("0a0th1")).only_for(&elsewhere);
    let request = DialRequest { credentials, ..stage.request(&script) };
    trace.push(dialled(&stage, request, "belong to api.ibkr.com:443 and are not sent to").await);
    assert!(head.try_recv().is_err(), "the gateway received credentials of another");
    trace
}
