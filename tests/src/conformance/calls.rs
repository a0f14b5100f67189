//! Calls of the REST interface: what their connection must do in the same way on every runtime that
//! has a [`Net`]. The list of stories is in `tests/conformance/calls.rs`.

use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use ibws_proto::client::RestConnection;
use ibws_proto::keeper::{Call, CallError, CallResult};
use ibws_proto::transport::websocket::Net;
use ibws_proto::transport::{CookieForm, Credentials, DialRequest, Limits, Runtime, Secret};

use super::stage::{Stage, Trace};
use crate::{ClientInfo, Script};

/// The time of a call that is meant to succeed; much more than it needs on a busy machine.
const LONG: Duration = Duration::from_secs(40);
/// The time of a call that hangs.
const SHORT: Duration = Duration::from_millis(150);
/// A text that no error may repeat.
const SESSION: &str = "5e55109f5e55109f";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// The connection to a script, and its runtime.
struct Calls<R> {
    runtime: R,
    connection: RestConnection,
    credentials: Credentials,
    /// Address and limits differ between runs, so they are replaced in texts.
    peer: String,
}

impl<R: Runtime + Net + Clone> Calls<R> {
    fn new(stage: &Stage<R>, script: &Script, time: Duration, max_reply_size: usize) -> Self {
        let limits = Limits { max_reply_size, ..Limits::default() };
        let request = DialRequest { limits, ..stage.request(script) };
        let peer = request.endpoint.host_and_port();
        let connection = RestConnection::new(request, time);
        Self { runtime: stage.runtime.clone(), connection, credentials: Credentials::default(), peer }
    }

    /// Makes a call, and returns how it ended as a line.
    async fn line(&mut self, call: &Call) -> String {
        self.ended(call).await.0
    }

    async fn ended(&mut self, call: &Call) -> (String, CallResult) {
        let result = self.connection.call(&self.runtime, call, &self.credentials).await;
        let line = match &result {
            Ok(reply) => {
                let body = String::from_utf8_lossy(&reply.body);
                let body = if body.len() > 60 { format!("{} bytes", body.len()) } else { body.into_owned() };
                format!("{}, pause {:?}: {body}", reply.status, reply.retry_after)
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!text.contains(SESSION) && !format!("{error:?}").contains(SESSION), "{text}");
                kind(error)
            }
        };
        (format!("{call}: {}", line.replace(&self.peer, "PEER")), result)
    }
}

/// The kind of an error, without what differs between runtimes and runs.
fn kind(error: &CallError) -> String {
    match error {
        CallError::Connect(error) => format!("no connection: {:?}", error.kind),
        CallError::TimedOut(limit) => format!("timed out after {limit:?}"),
        CallError::TooLarge { limit } => format!("more than {limit} bytes"),
        CallError::Broken(_) => "broken".into(),
        other => format!("{other:?}"),
    }
}

/// Serves each request of a connection with `serve`, until the client leaves.
fn each(
    mut client: ClientInfo,
    mut serve: impl FnMut(usize, &str, &mut ClientInfo) -> io::Result<()>,
) -> io::Result<()> {
    for number in 1.. {
        let head = client.head()?;
        serve(number, &head, &mut client)?;
    }
    Ok(())
}

/// A reply is read however it is cut and framed, on one connection that is kept between the calls.
pub async fn a_reply_is_read_however_it_is_cut<R: Runtime + Net + Clone>(stage: Stage<R>) -> Trace {
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6;x=y\r\n{\"a\":1\r\n1\r\n}\r\n0\r\nTrailer: t\r\n\r\n";
    const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let script = stage.script(|conn, client| {
        assert_eq!(conn, 1, "a second connection");
        each(client, |number, _, client| match number {
            1 => client.put(OK),
            2 => OK.iter().try_for_each(|byte| client.put(&[*byte])),
            3 => client.put(CHUNKED),
            4 => CHUNKED.iter().try_for_each(|byte| client.put(&[*byte])),
            5 => client.put(&[INTERIM, OK].concat()),
            6 => [INTERIM, OK].concat().iter().try_for_each(|byte| client.put(&[*byte])),
            7 => client.put(b"HTTP/1.1 204 No Content\r\n\r\n"),
            8 => client.put(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            // Without a length the body ends with the connection.
            _ => {
                client.put(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")?;
                client.finish()
            }
        })
    });
    let mut calls = Calls::new(&stage, &script, LONG, 1000);
    let mut trace = Trace::new();
    for _ in 0..9 {
        trace.push(calls.line(&Call::Tickle).await);
    }
    assert!(trace.iter().all(|line| line.contains(": 20")), "{trace:#?}");
    trace
}

/// A body of exactly the limit is read; a larger one ends the call, whether its length is announced
/// or not.
pub async fn a_reply_above_the_limit_ends_the_call<R: Runtime + Net + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, client| {
        each(client, |number, _, client| {
            let body = [b'x'; 100];
            // The first connection is kept for a second call; the others end with their first.
            match conn + number - 1 {
                1 => client.put(&[b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", &body[..]].concat()),
                2 if conn == 1 => client.put(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"),
                2 => client.put(b"HTTP/1.1 200 OK\r\nContent-Length: 1152921504606846976\r\n\r\n"),
                3 => {
                    client.put(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                    // The client must close the connection long before the end.
                    (0..1_000_000).try_for_each(|_| client.put(b"1\r\nx\r\n"))
                }
                _ => {
                    client.put(b"HTTP/1.1 200 OK\r\n\r\n")?;
                    (0..1_000_000).try_for_each(|_| client.put(&body))
                }
            }
        })
    });
    let mut calls = Calls::new(&stage, &script, LONG, 100);
    let mut trace = Trace::new();
    for _ in 0..5 {
        trace.push(calls.line(&Call::Tickle).await);
    }
    assert_eq!(trace.iter().filter(|line| line.ends_with("more than 100 bytes")).count(), 4, "{trace:#?}");
    trace
}

/// A peer that stops at any point, or sends without making progress, costs a call its time and no
/// more. The next call takes a new connection.
pub async fn a_call_that_hangs_ends_at_its_limit<R: Runtime + Net + Clone>(stage: Stage<R>) -> Trace {
    const STOPS: [&[u8]; 5] = [
        b"",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"session\":\"5e55109f5e55109f",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ];
    let script = stage.script(|conn, mut client| {
        // The handshake of the first connection never ends.
        if conn == 1 && client.is_tls() {
            return client.hold();
        }
        client.head()?;
        match conn - 1 {
            7 => return client.put(OK),
            // Interim replies without end.
            5 => loop {
                client.put(b"HTTP/1.1 102 Processing\r\n\r\n")?;
            },
            // A header that grows slowly; the delay is the gateway's.
            6 => {
                client.put(b"HTTP/1.1 200 OK\r\nX-Slow: ")?;
                loop {
                    client.put(b"x")?;
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            stop => client.put(STOPS[stop])?,
        }
        client.hold()
    });
    let mut calls = Calls::new(&stage, &script, SHORT, 1000);
    let mut trace = Trace::new();
    for _ in 0..7 {
        let began = stage.runtime.now();
        let line = calls.line(&Call::Tickle).await;
        // A busy machine may be late, though never by this much.
        assert!(stage.runtime.now().since(began) < SHORT + LONG, "{line}");
        trace.push(line);
    }
    assert!(trace.iter().all(|line| line.ends_with("timed out after 150ms")), "{trace:#?}");
    let mut calls = Calls::new(&stage, &script, LONG, 1000);
    trace.push(calls.line(&Call::Tickle).await);
    trace
}

/// A connection that ends before the reply is complete is an error, whatever arrived.
pub async fn a_cut_reply_is_an_error_and_not_a_shorter_body<R: Runtime + Net + Clone>(stage: Stage<R>) -> Trace {
    const CUTS: [&str; 5] = [
        "",
        "HTTP/1.1 200 OK\r\nContent-Len",
        "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"session\":\"5e55109f5e55109f",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1d\r\n{\"session\":\"5e55109f5e55109f",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ];
    let script = stage.script(|conn, mut client| {
        client.head()?;
        client.put(CUTS[(conn - 1) / 2].as_bytes())?;
        if conn % 2 == 0 { client.reset() } else { client.finish() }
    });
    let mut calls = Calls::new(&stage, &script, LONG, 1000);
    let mut trace = Trace::new();
    for _ in 0..2 * CUTS.len() {
        trace.push(calls.line(&Call::Tickle).await);
    }
    assert!(trace.iter().all(|line| line.ends_with(": broken")), "{trace:#?}");
    trace
}

/// What is not HTTP/1.1, or exceeds the limits of a head, is an error, and the connection is not
/// used again.
pub async fn garbage_is_an_error_and_the_next_call_works<R: Runtime + Net + Clone>(stage: Stage<R>) -> Trace {
    fn garbage(number: usize) -> Vec<u8> {
        let text = match number {
            0 => "\x15\x03\x03\x00\x02\x02\x28 this is not HTTP\r\n\r\n".into(),
            1 => "HTTP/2 200\r\n\r\n".into(),
            2 => "HTTP/1.1 2x0 OK\r\n\r\n".into(),
            3 => "SSH-2.0-OpenSSH_9.6\r\n".into(),
            4 => format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(20_000)),
            5 => format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(200)),
            6 => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".into(),
            7 => "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}".into(),
            8 => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n".into(),
            9 => "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".into(),
            _ => "HTTP/1.1 200 OK\r\nX: a\x01b\r\n\r\n".into(),
        };
        text.into_bytes()
    }
    // Each connection but the first has a good reply before its garbage.
    let script = stage.script(|conn, client| {
        each(client, |number, _, client| match number {
            1 if conn > 1 => client.put(OK),
            _ => client.put(&garbage(conn - 1)).and(client.wait()),
        })
    });
    let mut calls = Calls::new(&stage, &script, LONG, 1000);
    let mut trace = Trace::new();
    for number in 0..=10 {
        let (line, result) = calls.ended(&Call::Tickle).await;
        assert!(line.ends_with(": broken"), "garbage {number}: {line}");
        if let (4 | 5, Err(error)) = (number, result) {
            assert!(error.to_string().contains("16384 bytes and 100 headers"), "{error}");
        }
        trace.push(line);
        let good = calls.line(&Call::Tickle).await;
        assert!(good.ends_with(": {}"), "after garbage {number}: {good}");
    }
    trace
}

/// A kept connection that the peer closed between two calls is noticed. If it closes while the
/// second request is on its way, that call is repeated only if it is harmless.
pub async fn a_closed_connection_is_replaced_and_only_harmless_calls_are_repeated<R: Runtime + Net + Clone>(
    stage: Stage<R>,
) -> Trace {
    let is_closed = Arc::<AtomicBool>::default();
    let closed = Arc::clone(&is_closed);
    let (heads, head) = mpsc::channel();
    let script = stage.script(move |conn, client| {
        each(client, |number, received, client| {
            let _ = heads.send((conn, received.lines().next().unwrap_or_default().to_owned()));
            if number == 2 {
                // The request arrived, and nothing is sent.
                return client.finish().and(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            client.put(OK)?;
            if conn == 1 {
                client.finish()?;
                closed.store(true, Ordering::Relaxed);
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Ok(())
        })
    });
    let mut calls = Calls::new(&stage, &script, LONG, 1000);
    let mut trace = vec![calls.line(&Call::Tickle).await];
    stage.until(|| is_closed.load(Ordering::Relaxed)).await;
    // Connection 1 is closed. Each call from here on is the second one of its connection.
    for call in [Call::AuthStatus, Call::Accounts, Call::Tickle, Call::AuthStatus, Call::Init { compete: false }] {
        trace.push(calls.line(&call).await);
    }
    trace.extend(head.try_iter().map(|(conn, line)| format!("gateway #{conn} received {line}")));
    // Connection 2 gets the status and drops the accounts, 3 gets the accounts and drops the
    // tickle, which is not repeated; 4 gets the status and drops the init, which is not repeated
    // either.
    let broken: Vec<_> = trace.iter().filter(|line| line.ends_with(": broken")).collect();
    assert_eq!(broken.len(), 2, "{trace:#?}");
    assert_eq!(trace.iter().filter(|line| line.contains("ssodh/init HTTP")).count(), 1, "{trace:#?}");
    assert_eq!(trace.iter().filter(|line| line.contains("/iserver/accounts HTTP")).count(), 2, "{trace:#?}");
    trace
}

/// Every code is a reply, a redirect is not followed, and `Retry-After` is read in both forms.
pub async fn every_code_is_a_reply_and_no_redirect_is_followed<R: Runtime + Net + Clone>(stage: Stage<R>) -> Trace {
    const CODES: [&str; 8] = [
        "301 Moved Permanently\r\nLocation: /elsewhere",
        "302 Found\r\nLocation: https://localhost/sso/Login",
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "429 Too Many Requests\r\nRetry-After: 900",
        "503 Service Unavailable\r\nDate: Wed, 21 Oct 2026 07:26:30 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT",
        "503 Service Unavailable\r\nRetry-After: soon",
    ];
    let script = stage.script(|conn, client| {
        assert_eq!(conn, 1, "a second connection");
        each(client, |number, _, client| {
            let head = CODES[number - 1];
            client.put(format!("HTTP/1.1 {head}\r\nContent-Length: 3\r\n\r\nwhy").as_bytes())
        })
    });
    let mut calls = Calls::new(&stage, &script, LONG, 1000);
    let mut trace = Trace::new();
    for _ in CODES {
        trace.push(calls.line(&Call::Tickle).await);
    }
    let pauses = trace.iter().filter(|line| line.contains("pause Some(")).count();
    assert_eq!(pauses, 2, "{trace:#?}");
    trace
}

/// What each call writes, with and without a session.
pub async fn a_call_writes_its_request_and_nothing_else<R: Runtime + Net + Clone>(stage: Stage<R>) -> Trace {
    let (requests, request) = mpsc::channel();
    let script = stage.script(move |_, client| {
        each(client, |_, head, client| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let body = client.body(length.and_then(|length| length.parse().ok()).unwrap_or(0))?;
            let _ = requests.send(format!("{head}{}", String::from_utf8_lossy(&body)));
            client.put(OK)
        })
    });
    let mut calls = Calls::new(&stage, &script, LONG, 1000);
    let prompt = Call::Notification { order_id: Some(7), req_id: "r1".into(), text: "Yes".into() };
    for call in [
        Call::Tickle,
        Call::AuthStatus,
        Call::Init { compete: false },
        Call::Accounts,
        Call::Orders { force: true },
        Call::Orders { force: false },
        Call::Trades { days: 3 },
        prompt,
    ] {
        calls.line(&call).await;
    }
    calls.credentials =
        Credentials::default().with_session(Secret::new(SESSION).expect("a session"), CookieForm::Direct);
    calls.line(&Call::Tickle).await;
    let requests: Vec<String> = request.try_iter().map(|text| text.replace(&calls.peer, "PEER")).collect();
    assert_eq!(requests.len(), 9);
    assert_eq!(
        requests[2],
        "POST /v1/api/iserver/auth/ssodh/init HTTP/1.1\r\nhost: PEER\r\nuser-agent: ibws/0.1\r\naccept: \
         application/json\r\ncontent-length: 32\r\ncontent-type: application/json\r\n\r\n{\"publish\":true,\"compete\":false}"
    );
    assert_eq!(requests.iter().filter(|text| text.contains("cookie: api=5e55109f5e55109f\r\n")).count(), 1);
    assert!(requests[0].contains("\r\ncontent-length: 0\r\n"), "{}", requests[0]);
    requests.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
}

/// A certificate that is not trusted ends the call before anything is sent.
pub async fn an_untrusted_certificate_ends_the_call_before_the_request<R: Runtime + Net + Clone>(
    stage: Stage<R>,
) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let script: Arc<Script> = stage.script(|_, client| {
        let received = client.impostor()?.head();
        assert!(received.is_err(), "the impostor received {received:?}");
        Ok(())
    });
    let mut calls = Calls::new(&stage, &script, LONG, 1000);
    let line = calls.line(&Call::Tickle).await;
    assert!(line.ends_with("no connection: Trust"), "{line}");
    vec![line]
}
