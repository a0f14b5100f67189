//! Ends of a connection, with and without a Close.

use core::time::Duration;
use std::io::Write as _;
use std::net::Shutdown;

use ibws_proto::transport::Runtime;

use super::stage::{Stage, Trace};

/// 23: the codes of RFC 6455 that go over the wire, some that must not, and a Close without one.
/// Each is reported as it was received.
pub async fn the_client_reconnects_after_every_close_code<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    const CODES: [Option<u16>; 16] = [
        Some(1000),
        Some(1001),
        Some(1002),
        Some(1003),
        Some(1007),
        Some(1008),
        Some(1009),
        Some(1010),
        Some(1011),
        Some(1012),
        Some(1013),
        Some(3000),
        Some(4999),
        None,
        Some(999),
        Some(1005),
    ];
    let script = stage.script(|conn, client| {
        let mut peer = client.greet()?;
        match CODES.get(conn - 1) {
            Some(code) => {
                peer.expect("smd")?;
                let payload = code.map(u16::to_be_bytes);
                let payload = payload.as_ref().map_or(&[][..], |code| &code[..]);
                peer.raw(&[&[0x88, payload.len() as u8], payload].concat())?;
                peer.discard()
            }
            None => {
                peer.expect("smd")?;
                peer.quote(23)?;
                peer.until_end()
            }
        }
    });
    let mut player = stage.ready(&script).await;
    let mut share = player
        .client
        .subscribe_nowait(ibws_proto::Subscribe::parse(super::stage::SHARE).expect("a channel"))
        .expect("a valid request");
    for code in CODES {
        let code = code.map_or("no code".into(), |code| format!("code {code}"));
        player.until(&format!("backoff: the gateway closed the connection ({code})")).await;
    }
    player.until(" active").await;
    let outcome = share.outcome().await;
    player.note(format!("subscribed: {outcome:?}"));
    player.finish().await
}

/// Faults 24 and 29: data follows the Close, and the socket stays open. Data after the Close is not
/// reported.
pub async fn a_close_ends_the_connection_even_if_the_socket_stays_open<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, client| {
        let mut peer = client.greet()?;
        peer.expect("smd")?;
        peer.quote(conn as u64)?;
        if conn == 1 {
            peer.raw(b"\x88\x02\x03\xe9\x81\x02no\x82\x02no")?;
            return peer.discard();
        }
        peer.until_end()
    });
    let mut player = stage.ready(&script).await;
    let _share = player.share().await;
    player.all(&["gap", "backoff: the gateway closed the connection (code 1001)", "resumed", " active"]).await;
    let trace = player.finish().await;
    assert!(!trace.iter().any(|line| line.starts_with("malformed")), "{trace:#?}");
    trace
}

/// Faults 25, 26 and 27: a FIN without a Close, in TLS with and without `close_notify`; a reset in
/// the middle of a frame.
pub async fn an_end_without_a_close_is_a_gap<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, client| {
        let mut peer = client.greet()?;
        peer.expect("smd")?;
        peer.quote(conn as u64)?;
        match conn {
            1 => peer.finish(),
            2 => peer.tcp().shutdown(Shutdown::Write),
            3 => {
                peer.raw(b"\x81\x7e\x01\x00{\"topic\":\"smd+26")?;
                // In TLS the frame above is complete; half a record has the same effect on the
                // client.
                peer.tcp().write_all(b"\x17\x03\x03")?;
                peer.reset()
            }
            4 => {
                peer.raw(b"\x81\x05cut")?;
                peer.finish()
            }
            _ => peer.until_end(),
        }
    });
    let mut player = stage.ready(&script).await;
    let _share = player.share().await;
    for end in ["ended without a close", "ended without a close", "was reset", "ended without a close"] {
        let end = format!("backoff: the connection {end}");
        player.all(&["gap", &end, "resumed", " active"]).await;
    }
    player.finish().await
}

/// Fault 28: the gateway reads and never replies to the client's Close, at a hard reset, a
/// disconnect and a shutdown.
pub async fn a_close_without_a_reply_times_out<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|_, client| client.greet()?.discard());
    let builder = stage.builder(&script).configure(|config| config.close_timeout = Duration::from_millis(30));
    let mut player = stage.player(builder);
    player.start().await;
    let reply = player.client.hard_reset(true).await;
    player.note(format!("hard reset: {reply:?}"));
    player.all(&["closing", " ready ("]).await;
    let reply = player.client.disconnect().await;
    player.note(format!("disconnected: {reply:?}"));
    player.all(&["closing", "stopped"]).await;
    player.start().await;
    player.finish().await
}
