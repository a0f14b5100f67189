//! Dials through an HTTP proxy.
//!
//! The stories that need TLS return an empty trace without it.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use ibws_proto::ConnectErrorKind;
use ibws_proto::transport::{CookieForm, Credentials, DialRequest, Limits, Proxy, Runtime, Secret, Trust};

use super::stage::{Stage, Trace};
use crate::{ClientInfo, Script};

/// Connects to the target of `head` and passes bytes both ways.
fn relay(client: &mut ClientInfo, head: &str) -> io::Result<()> {
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let server = TcpStream::connect(target)?;
    client.put(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (client, back) = (client.tcp().try_clone()?, server.try_clone()?);
    let pass = |mut from: TcpStream, mut to: TcpStream| {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    };
    let (from, to) = (back, client.try_clone()?);
    let backward = thread::spawn(move || pass(from, to));
    pass(client, server);
    let _ = backward.join();
    Ok(())
}

fn proxy_at(script: &Script) -> Proxy {
    Proxy::parse(&format!("http://{}", script.address())).expect("an address")
}

/// The proxy receives the address of the gateway and its own password, and nothing of the gateway's
/// session; the gateway receives the session and not the password.
pub async fn tls_runs_through_the_tunnel_of_a_proxy<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let (heads, head) = mpsc::channel();
    let upgrades = heads.clone();
    let gateway = stage.script(move |_, mut client| {
        let head = client.head()?;
        client.put(&ClientInfo::accept_response(&head))?;
        let _ = upgrades.send(head);
        client.wait()
    });
    let proxy = stage.plain_script(move |_, mut client| {
        let head = client.head()?;
        let _ = heads.send(head.clone());
        relay(&mut client, &head)
    });
    let session = Secret::new("5e55109f5e55").expect("a session");
    let request = DialRequest {
        proxy: Some(proxy_at(&proxy).with_basic_auth("user", "hunter2").expect("a password")),
        credentials: Credentials::default().with_session(session, CookieForm::Gateway),
        ..stage.request(&gateway)
    };
    drop(stage.runtime.dial(request).await.expect("an open WebSocket"));
    let (connect, upgrade) = (head.recv().expect("a CONNECT"), head.recv().expect("an upgrade"));
    let target = gateway.address();
    assert_eq!(
        connect,
        format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: ibws/0.1\r\n\
             Proxy-Authorization: Basic dXNlcjpodW50ZXIy\r\n\r\n"
        )
    );
    assert!(upgrade.contains("5e55109f5e55") && !upgrade.contains("Proxy-"), "{upgrade}");
    vec!["open".into()]
}

/// A gateway behind a proxy is not on this machine, even if the proxy is.
pub async fn the_stock_certificate_is_refused_through_a_proxy_on_this_machine<R: Runtime + Clone>(
    stage: Stage<R>,
) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    let gateway = stage.script(|conn, mut client| {
        if conn == 1 {
            assert!(client.is_closed_unread(), "the gateway received a byte of HTTP");
            return Ok(());
        }
        client.greet()?.until_end()
    });
    let proxy = stage.plain_script(|_, mut client| {
        let head = client.head()?;
        relay(&mut client, &head)
    });
    let through = |trust| DialRequest { trust, proxy: Some(proxy_at(&proxy)), ..stage.request(&gateway) };
    let trust = gateway.trust().treat_as_stock(gateway.pem());
    let error = stage.runtime.dial(through(trust.clone())).await.err().expect("a refusal");
    assert_eq!(error.kind, ConnectErrorKind::Trust);
    assert!(error.detail.contains("accepted from loopback peers only"), "{error}");
    let outcomes = [through(trust.clone().on_my_own_network()), DialRequest { trust, ..stage.request(&gateway) }];
    let mut trace = vec![format!("{:?}", error.kind)];
    for request in outcomes {
        trace.push(stage.runtime.dial(request).await.map_or_else(|error| panic!("{error}"), |_| "open".into()));
    }
    trace
}

/// A proxy that refuses, fails or hangs is named in the error, with what to do, and nothing reaches
/// the gateway.
pub async fn a_proxy_that_refuses_is_named_with_what_to_do<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    if !stage.tls {
        return Trace::new();
    }
    const RESPONSES: [&[u8]; 6] = [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nRetry-After: 17\r\n\r\n",
        b"SSH-2.0-other\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
    ];
    let gateway = stage.script(|_, _| panic!("a byte reached the gateway"));
    let responses = Arc::new(Mutex::new(RESPONSES.iter()));
    let proxy = stage.plain_script(move |conn, mut client| {
        client.head()?;
        let response = responses.lock().ok().and_then(|mut responses| responses.next().copied());
        client.put(response.unwrap_or_default())?;
        // The last one hangs.
        if conn == RESPONSES.len() { client.wait() } else { client.tcp().shutdown(Shutdown::Both) }
    });
    let mut trace = Trace::new();
    for text in [
        "HTTP 407 Proxy Authentication Required: it requires a user and password, set them with `Proxy::with_basic_auth`",
        "HTTP 403 Forbidden: allow CONNECT to",
        "HTTP 503 Busy: it cannot reach",
        "does not speak HTTP (SSH-2.0-other",
        "closed the connection instead of responding to CONNECT",
        "took longer than 60ms (`Limits::proxy`)",
    ] {
        let limits = match text.contains("Limits") {
            true => Limits { proxy: Duration::from_millis(60), ..Limits::default() },
            false => Limits::default(),
        };
        let request = DialRequest { proxy: Some(proxy_at(&proxy)), limits, ..stage.request(&gateway) };
        let error = stage.runtime.dial(request).await.err().expect("a refusal");
        assert!(error.detail.contains(text), "{error}, not {text}");
        assert!(error.detail.contains(&format!("the proxy {}", proxy.address())), "{error}");
        trace.push(format!("{:?}, pause {:?}", error.kind, error.retry_after));
    }
    trace
}

/// Plaintext is for loopback peers only, and a peer behind a proxy is none.
pub async fn a_plaintext_endpoint_is_never_dialled_through_a_proxy<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let proxy = stage.plain_script(|_, _| panic!("the client connected"));
    if stage.tls {
        return Trace::new();
    }
    let gateway = stage.script(|_, _| panic!("the client connected"));
    let request = DialRequest { proxy: Some(proxy_at(&proxy)), trust: Trust::WebPki, ..stage.request(&gateway) };
    let error = stage.runtime.dial(request).await.err().expect("a refusal");
    assert_eq!(error.kind, ConnectErrorKind::Proxy);
    let builder = stage.builder(&gateway).proxy(proxy_at(&proxy));
    let refused = builder.build().expect_err("no client");
    assert_eq!(refused.to_string(), error.detail.to_string());
    vec![error.to_string()]
}
