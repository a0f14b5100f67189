//! Faults of the line between the client and the gateway.

use core::time::Duration;

use ibws_proto::transport::{Limits, Runtime};
use ibws_proto::{ConnectionLoss, ConnectionState, Event, Item};
use socket2::SockRef;

use super::signal::Signal;
use super::stage::{Stage, Trace};
use crate::{LinkFaults, Prng, Relay, ScriptedPeer};

/// The seed of every line, so that a run can be repeated.
const SEED: u64 = 31;

/// Fault 30: a half-open line. Nothing passes, and neither side is notified. The client detects the
/// silence, closes the connection and opens a new one.
pub async fn a_dead_line_is_detected_and_replaced<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, client| {
        let mut peer = client.greet()?;
        peer.expect("smd")?;
        peer.quote(conn as u64)?;
        if conn == 1 {
            peer.text(r#"{"topic":"system","hb":1}"#)?;
        }
        peer.until_end()
    });
    let relay = Relay::start(script.address(), SEED, LinkFaults::default(), LinkFaults::default());
    let builder = stage.builder_through(&relay, &script);
    let mut player = stage.player(builder.configure(|config| config.silence_limit = Duration::from_millis(200)));
    player.start().await;
    let share = player.share().await;
    player.until(r#""hb":1"#).await;
    relay.freeze(1);
    player.all(&["gap", "backoff: nothing was received", "resumed", " active"]).await;
    drop(share);
    player.finish().await
}

/// Faults 25 and 26, caused by the line: it resets both ends, and it ends the direction to the
/// client while the gateway still sends.
pub async fn a_line_that_breaks_is_a_gap<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, client| {
        let mut peer = client.greet()?;
        peer.stop_recording();
        peer.expect("smd")?;
        peer.quote(conn as u64)?;
        peer.until_end()
    });
    let relay = Relay::start(script.address(), SEED, LinkFaults::default(), LinkFaults::default());
    let mut player = stage.player(stage.builder_through(&relay, &script));
    player.start().await;
    let _share = player.share().await;
    player.until(" active").await;
    relay.reset();
    player.all(&["gap", "backoff: the connection was reset", "resumed", " active"]).await;
    relay.half_close();
    player.all(&["gap", "backoff: the connection ended", "resumed", " active"]).await;
    player.finish().await
}

/// Fault 31: a freeze shorter than the limit. What was held back comes in one burst and in order,
/// without a gap.
pub async fn a_freeze_within_the_limit_is_no_gap<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    const BURST: u64 = 500;
    let sent = Signal::default();
    let sends = sent.clone();
    let script = stage.script(move |_, client| {
        let mut peer = client.greet()?;
        peer.expect("smd")?;
        peer.quote(0)?;
        peer.expect("tic")?;
        for number in 1..=BURST {
            peer.quote(number)?;
        }
        sends.reach(1);
        peer.until_end()
    });
    let relay = Relay::start(script.address(), SEED, LinkFaults::default(), LinkFaults::default());
    let mut player = stage.player(stage.builder_through(&relay, &script));
    player.start().await;
    let _share = player.share().await;
    relay.freeze_down();
    player.client.send_text("tic").await.expect("a connection that takes messages");
    sent.reached(1).await;
    relay.thaw_down();
    player.until(&format!(r#""31":"{BURST}""#)).await;
    let trace = player.finish().await;
    let gap = |line: &String| line.starts_with("lost") || line.starts_with("gap") && !line.ends_with("closed here");
    assert!(!trace.iter().any(gap), "a gap, or a loss");
    trace
}

/// Faults 32, 33 and 34: one byte at a time, low bandwidth, delayed pieces. The traces equal that
/// of a good line.
pub async fn a_bad_line_changes_times_and_not_contents<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let lines = [
        LinkFaults::default(),
        LinkFaults { slice: 1, ..LinkFaults::default() },
        LinkFaults { slice: 100, bandwidth: 20_000, ..LinkFaults::default() },
        LinkFaults { slice: 64, jitter: Duration::from_millis(20), ..LinkFaults::default() },
    ];
    let mut traces = Vec::new();
    for line in lines {
        let script = stage.script(|_, client| {
            let mut peer = client.greet()?;
            peer.expect("smd")?;
            for number in 1..=5 {
                peer.quote(number)?;
            }
            peer.until_end()
        });
        let relay = Relay::start(script.address(), SEED, line, line);
        let mut player = stage.player(stage.builder_through(&relay, &script));
        player.start().await;
        let _share = player.share().await;
        player.until(r#""31":"5""#).await;
        traces.push(player.finish().await);
    }
    assert!(traces.windows(2).all(|pair| pair[0] == pair[1]), "{traces:#?}");
    traces.swap_remove(0)
}

/// Fault 35: several connections are clogged and released in random order. Each continues as soon
/// as it is released.
pub async fn clogged_connections_do_not_block_each_other<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    const CLIENTS: usize = 5;
    let script = stage.script(|_, client| {
        let mut peer = client.greet()?;
        peer.stop_recording();
        peer.expect("smd")?;
        peer.quote(1)?;
        peer.expect("tic")?;
        peer.quote(2)?;
        peer.until_end()
    });
    let relay = Relay::start(script.address(), SEED, LinkFaults::default(), LinkFaults::default());
    let (mut players, mut shares) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        // The clients start one after the other, so their numbers are those of the connections.
        let mut player = stage.player(stage.builder_through(&relay, &script));
        player.start().await;
        shares.push(player.share().await);
        players.push(player);
    }
    (1..=CLIENTS).for_each(|conn| relay.freeze(conn));
    for player in &players {
        player.client.send_text("tic").await.expect("a connection that takes messages");
    }
    let mut order: Vec<usize> = (0..CLIENTS).collect();
    Prng::new(SEED).shuffle(&mut order);
    for client in order {
        relay.thaw(client + 1);
        if let Some(player) = players.get_mut(client) {
            player.until(r#""31":"2""#).await;
        }
    }
    let mut trace = Trace::new();
    for player in players {
        trace.extend(player.finish().await);
    }
    trace
}

/// Fault 36: the gateway does not read. The client's texts pile up to their limit while its
/// messages still arrive; then the client disconnects.
pub async fn a_peer_that_does_not_read_is_disconnected_in_the_end<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, client| {
        SockRef::from(client.tcp()).set_recv_buffer_size(8 * 1024)?;
        let mut peer = client.greet()?;
        peer.stop_recording();
        peer.expect("smd")?;
        peer.quote(conn as u64)?;
        if conn == 1 {
            // The peer reads nothing more, and sends until the client disconnects.
            for number in 100.. {
                ScriptedPeer::quote(&mut peer, number)?;
            }
        }
        peer.until_end()
    });
    let limits = Limits { write_buffer: 4 * 1024, max_write_buffer: 64 * 1024, ..Limits::default() };
    let mut player = stage.player(stage.builder(&script).limits(limits));
    player.start().await;
    let share = player.share().await;
    // The flood is not part of the trace, because the part that arrives differs between runs.
    let client = player.client.clone();
    let trace = player.abridged();
    let mut events = client.events();
    let text = "x".repeat(60_000);
    let (mut sent, mut refused) = (0_u64, false);
    while !refused && sent < 10_000 {
        refused = client.send_text(&text).await.is_err();
        sent += u64::from(!refused);
    }
    assert!(refused, "{sent} texts of 60,000 bytes are held");
    let mut cause = None;
    loop {
        if let Item::Event(Event::State(change)) = events.next().await.expect("the client has not ended") {
            cause = cause.or(change.cause);
            if cause.is_some() && change.state == ConnectionState::Ready {
                break;
            }
        }
    }
    assert_eq!(cause, Some(ConnectionLoss::WriteStalled { limit: 64 * 1024 }.into()));
    drop(share);
    client.shutdown().await.expect("a stop");
    trace
}
