//! Floods of cheap frames, as fast as the socket takes them.

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use ibws_proto::transport::{Limits, Runtime};
use ibws_proto::{Event, Item};

use super::stage::{SHARE, Stage, Trace};
use crate::ScriptedPeer;

/// Frames of a flood.
const FRAMES: usize = 200_000;
/// Bytes of one write.
const CHUNK: usize = 64 * 1024;

/// Writes the same bytes `count` times.
fn pour(peer: &mut ScriptedPeer, bytes: &[u8], count: usize) -> std::io::Result<()> {
    let at_once = CHUNK / bytes.len();
    let chunk = bytes.repeat(at_once);
    for _ in 0..count / at_once {
        peer.raw(&chunk)?;
    }
    peer.raw(&bytes.repeat(count % at_once))
}

/// A flood of frames that are no messages: the connection survives, and the message after it
/// arrives.
async fn harmless<R: Runtime + Clone>(stage: Stage<R>, frame: &'static [u8]) -> Trace {
    let script = stage.script(move |_, client| {
        let mut peer = client.greet()?;
        peer.expect("smd")?;
        peer.quote(1)?;
        // The peer reads nothing meanwhile.
        pour(&mut peer, frame, FRAMES)?;
        peer.quote(2)?;
        peer.stop_recording();
        peer.until_end()
    });
    let mut player = stage.ready(&script).await;
    let _share = player.share().await;
    player.until(r#""31":"2""#).await;
    player.finish().await
}

/// Fault 13: pings of a peer that does not read the pongs.
pub async fn pings_without_reading<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    harmless(stage, b"\x89\x40pingpingpingpingpingpingpingpingpingpingpingpingpingpingpingping").await
}

/// Fault 14: pongs without pings.
pub async fn pongs<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    harmless(stage, b"\x8a\x00").await
}

/// Fault 22: empty messages. Each is reported as malformed or counted as lost, and the sum is
/// exact.
pub async fn empty_frames<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|_, client| {
        let mut peer = client.greet()?;
        peer.expect("tic")?;
        pour(&mut peer, b"\x81\x00", FRAMES)?;
        peer.quote(22)?;
        peer.until_end()
    });
    let player = stage.ready(&script).await;
    let (client, mut trace) = (player.client.clone(), player.abridged());
    let mut events = client.events();
    client.send_text("tic").await.expect("a connection that takes messages");
    let (mut malformed, mut lost) = (0, 0);
    loop {
        match events.next().await.expect("the client has not ended") {
            Item::Event(Event::Malformed(_)) => malformed += 1,
            Item::Lost(count) => lost += count.messages,
            Item::Event(Event::Message(message)) => break trace.push(message.frame.text().to_owned()),
            Item::Event(other) => panic!("{other:?}"),
        }
    }
    trace.push(format!("{} malformed or lost", malformed + lost));
    assert_eq!(malformed + lost, FRAMES as u64);
    client.shutdown().await.expect("a stop");
    trace
}

/// 17: a message that never ends. The client refuses it at the limit, and reports the limit.
pub async fn endless_message<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|conn, client| {
        let mut peer = client.greet()?;
        peer.expect("smd")?;
        peer.quote(conn as u64)?;
        if conn > 1 {
            return peer.until_end();
        }
        let fragment = [&b"\x00\x7e\xff\xff"[..], &[b'x'; 0xffff]].concat();
        peer.raw(b"\x01\x00")?;
        for _ in 0..10_000 {
            peer.raw(&fragment)?;
        }
        panic!("the client accepts 650 MB");
    });
    let limits = Limits { max_message_size: 1 << 20, ..Limits::default() };
    let mut player = stage.player(stage.builder(&script).limits(limits));
    player.start().await;
    let _share = player.share().await;
    let refused = "backoff: a message of at least 1064944 bytes is above the limit of 1048576 bytes";
    player.all(&["gap", refused, "resumed", " active"]).await;
    player.finish().await
}

/// Fault 22: a message of empty fragments without end. A reader that continues until it has a
/// message never returns, but the client must still write; its text ends the flood. With TLS the
/// peer cannot read and write on two threads, so the flood ends by itself.
pub async fn empty_fragments<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|_, client| {
        let is_tls = client.is_tls();
        let mut peer = client.greet()?;
        peer.expect("smd")?;
        peer.quote(1)?;
        peer.raw(b"\x01\x00")?;
        if is_tls {
            pour(&mut peer, b"\x00\x00", 20 * FRAMES)?;
        } else {
            let received = AtomicBool::new(false);
            let (mut reads, mut writes) = (peer.tcp().try_clone()?, peer.tcp().try_clone()?);
            std::thread::scope(|scope| {
                let flood = scope.spawn(|| {
                    let chunk = [0; CHUNK];
                    while !received.load(Ordering::SeqCst) {
                        writes.write_all(&chunk)?;
                    }
                    Ok::<_, std::io::Error>(())
                });
                let text = reads.read(&mut [0; 64]);
                received.store(true, Ordering::SeqCst);
                assert!(text.is_ok_and(|count| count > 0), "the client sends nothing during the flood");
                flood.join().expect("no panic")
            })?;
        }
        // The end of the message is empty as well, so there is nothing to decode.
        peer.raw(b"\x80\x00")?;
        peer.quote(2)?;
        // What the client sent during the flood was read below the WebSocket.
        peer.stop_recording();
        peer.until_end()
    });
    let mut player = stage.ready(&script).await;
    let _share = player.share().await;
    stage.within(Duration::from_secs(30), player.client.send_text("ech+hb")).await.expect("in time").expect("sent");
    player.until(r#""31":"2""#).await;
    assert_eq!(player.client.subscriptions().len(), 1, "{SHARE}");
    player.finish().await
}
