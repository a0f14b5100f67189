//! Unusual and invalid WebSocket frames.

use ibws_proto::transport::{Limits, Runtime};

use super::stage::{Stage, Trace};
use crate::net::put_frame;
use crate::{ClientInfo, ScriptedPeer};

/// A frame as a server writes it: header and payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_frame(&mut bytes, first, payload);
    bytes
}

/// Subscribes, lets the gateway send something, and checks that the next message still arrives.
async fn through<R: Runtime + Clone>(stage: Stage<R>, send: fn(&mut ScriptedPeer) -> std::io::Result<()>) -> Trace {
    let script = stage.script(move |_, client| {
        let mut peer = client.greet()?;
        peer.expect("smd")?;
        peer.quote(1)?;
        send(&mut peer)?;
        peer.quote(2)?;
        peer.until_end()
    });
    let mut player = stage.ready(&script).await;
    let _share = player.share().await;
    player.until(r#""31":"2""#).await;
    player.finish().await
}

/// Fault 15: one-byte fragments, with pings and pongs between them.
pub async fn a_message_in_one_byte_fragments_is_one_message<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    through(stage, |peer| {
        let text = ScriptedPeer::quote_text(15);
        let last = text.len() - 1;
        for (at, byte) in text.bytes().enumerate() {
            let first = if at == 0 { 0x01 } else { 0x00 };
            peer.raw(&frame(if at == last { 0x80 } else { first }, &[byte]))?;
            if at % 16 == 3 {
                peer.raw(b"\x89\x01p\x8a\x01p")?;
            }
        }
        Ok(())
    })
    .await
}

/// Fault 20: bad bytes in a text frame, whole and split inside a character.
pub async fn a_bad_byte_loses_neither_its_message_nor_the_next<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let trace = through(stage, |peer| {
        peer.raw(&frame(0x81, b"{\"topic\":\"ntf\",\"args\":[{\"text\":\"a\x99b\"}]}"))?;
        // The boundary of two fragments lies inside a character of three bytes; the next character
        // is incomplete.
        peer.raw(&frame(0x01, b"{\"topic\":\"ntf\",\"args\":[{\"text\":\"\xe2\x84"))?;
        peer.raw(&frame(0x80, b"\xa2\"}]}"))?;
        peer.raw(&frame(0x81, b"{\"topic\":\"ntf\",\"args\":[{\"text\":\"\xe2\x84\"}]}"))
    })
    .await;
    let lossy = trace.iter().filter(|line| line.contains("(lossy)")).count();
    assert_eq!(lossy, 2, "{trace:#?}");
    trace
}

/// Fault 20: bad UTF-8 in the reason of a Close.
pub async fn a_bad_byte_in_a_close_reason_ends_the_connection_like_any_close<R: Runtime + Clone>(
    stage: Stage<R>,
) -> Trace {
    let close = frame(0x88, b"\x03\xe8bye \xff\xfe");
    losses(stage, vec![(close, "the gateway closed the connection (code 1000)".into())], Limits::default()).await
}

/// Fault 21: binary frames, text frames, and both with an empty last fragment.
pub async fn text_and_binary_frames_are_equivalent<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    through(stage, |peer| {
        for first in [0x81, 0x82] {
            peer.raw(&frame(first, ScriptedPeer::quote_text(21).as_bytes()))?;
            peer.raw(&frame(first & 0x0f, ScriptedPeer::quote_text(21).as_bytes()))?;
            peer.raw(&frame(0x80, b""))?;
        }
        Ok(())
    })
    .await
}

/// Sends the bytes of each case right after a subscribe. The connection is lost for the reason of
/// the case, one gap reports it, and the client connects again.
async fn losses<R: Runtime + Clone>(stage: Stage<R>, cases: Vec<(Vec<u8>, String)>, limits: Limits) -> Trace {
    let reasons: Vec<_> = cases.iter().map(|(_, reason)| reason.clone()).collect();
    let script = stage.script(move |conn, client: ClientInfo| {
        let mut peer = client.greet()?;
        peer.expect("smd")?;
        peer.quote(conn as u64)?;
        match cases.get(conn - 1) {
            Some((bytes, _)) => {
                peer.raw(bytes)?;
                peer.discard()
            }
            None => peer.until_end(),
        }
    });
    let mut player = stage.player(stage.builder(&script).limits(limits));
    player.start().await;
    let _share = player.share().await;
    for reason in &reasons {
        player.all(&["gap", &format!("backoff: {reason}"), "resumed", " active"]).await;
    }
    let trace = player.finish().await;
    let gap = |line: &&String| line.starts_with("gap") && !line.ends_with("closed here");
    assert_eq!(trace.iter().filter(gap).count(), reasons.len(), "{trace:#?}");
    trace
}

/// Faults 16 and 17: length claims and messages above the limits.
pub async fn an_oversized_frame_ends_the_connection_with_a_gap<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let limits = Limits { max_frame_size: 1_000, max_message_size: 2_000, ..Limits::default() };
    let parts = [frame(0x01, &[b'x'; 900]), frame(0x00, &[b'x'; 900]), frame(0x00, &[b'x'; 900])].concat();
    let above = |size, limit| format!("a message of at least {size} bytes is above the limit of {limit} bytes");
    let cases = vec![
        (b"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00".to_vec(), above("9223372036854775808", 1_000)),
        (b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(), above("9223372036854775807", 1_000)),
        (b"\x81\x7f\x00\x00\x00\x00\x40\x00\x00\x00".to_vec(), above("1073741824", 1_000)),
        (frame(0x81, &[b'x'; 1_001]), above("1001", 1_000)),
        (parts, above("2700", 2_000)),
    ];
    losses(stage, cases, limits).await
}

/// Faults 18 and 19: fragmented or too long control frames, a mask, reserved bits and opcodes,
/// fragments out of order.
pub async fn a_broken_frame_ends_the_connection_with_a_gap<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let cases = [
        (b"\x09\x00".to_vec(), "Fragmented control frame"),
        (frame(0x89, &[b'p'; 126]), "Control frame too big (payload must be 125 bytes or less)"),
        (frame(0x88, b"\x03"), "Invalid close sequence"),
        (b"\x81\x82\x00\x00\x00\x00hi".to_vec(), "Received a masked frame from server"),
        (frame(0xc1, b"hi"), "Reserved bits are non-zero"),
        (frame(0x83, b"hi"), "Encountered invalid opcode: 3"),
        (frame(0x8f, b""), "Encountered invalid opcode: 15"),
        (frame(0x80, b"nothing goes before"), "Continue frame but nothing to continue"),
        ([frame(0x01, b"one"), frame(0x81, b"two")].concat(), "While waiting for more fragments received: BINARY"),
    ];
    let violated = |text| format!("the WebSocket protocol was violated ({text}); check any proxy in between");
    let cases = cases.map(|(bytes, violation)| (bytes, violated(violation)));
    losses(stage, cases.into(), Limits::default()).await
}
