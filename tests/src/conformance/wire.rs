//! An open WebSocket without a client: its messages and its end.

use core::future::poll_fn;
use core::task::Poll;
use std::io::Write as _;
use std::sync::mpsc;

use ibws_proto::CloseCause;
use ibws_proto::transport::{DialRequest, IncomingMessage, Limits, Link, OutgoingMessage, Runtime};
use tungstenite::Message;

use super::stage::{Stage, Trace};
use crate::PeerInput;

pub(super) async fn recv(link: &mut impl Link) -> IncomingMessage {
    poll_fn(|cx| link.poll_recv(cx)).await
}

async fn send(link: &mut impl Link, message: OutgoingMessage) {
    let mut message = Some(message);
    poll_fn(|cx| link.poll_send(cx, &mut message)).await.expect("room");
    poll_fn(|cx| link.poll_flush(cx)).await.expect("an open socket");
}

fn text(text: &str) -> OutgoingMessage {
    OutgoingMessage::Text(text.to_owned())
}

/// Messages pass in both directions, a ping and a Close get their replies, and nothing is sent
/// after the Close.
pub async fn messages_pass_both_ways_and_a_close_gets_its_reply<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|_, client| {
        let mut peer = client.open(b"")?;
        while let PeerInput::Text(text) = peer.receive()? {
            peer.text(&text)?;
        }
        // A ping ended the echo; the Close follows.
        peer.until_end()
    });
    let mut link = stage.runtime.dial(stage.request(&script)).await.expect("an open socket");
    send(&mut link, text("smd+1+{}")).await;
    let mut trace = vec![format!("{:?}", recv(&mut link).await)];
    send(&mut link, OutgoingMessage::Ping).await;
    trace.push(format!("{:?}", recv(&mut link).await));
    send(&mut link, OutgoingMessage::Close(1000)).await;
    let mut late = Some(text("after the Close"));
    assert!(poll_fn(|cx| link.poll_send(cx, &mut late)).await.is_err());
    trace.push(format!("{:?}", recv(&mut link).await));
    trace
}

/// What a peer does after the bytes of its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Waits,
    Finishes,
    Resets,
    /// Waits for a text, so that the upgrade is over. Then it writes a record of no known type
    /// below TLS; without TLS, the same bytes are a frame.
    BreaksTls,
}

/// Each end of a connection is reported once, with what caused it.
pub async fn every_end_is_reported_once<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    const BAD_RECORD: &[u8] = b"\x63\x03\x03\x00\x05hello";
    let far_too_long = [&b"\x82\x7f\x80"[..], &[0; 7]].concat();
    let too_many_fragments = [&b"\x02\x7e\x00\xc8"[..], &[0; 200], b"\x80\x7e\x00\xc8", &[0; 200]].concat();
    let protocol = |text: &str| CloseCause::Protocol(text.into());
    let broken = if stage.tls {
        CloseCause::Tls("received corrupt message of type InvalidContentType".into())
    } else {
        protocol("Encountered invalid opcode: 3")
    };
    let cases = [
        (too_many_fragments, Then::Waits, CloseCause::TooLarge { limit: 256, size: 400 }),
        (far_too_long, Then::Waits, CloseCause::TooLarge { limit: 256, size: 1 << 63 }),
        (b"\x82\x7e\x01\x01".to_vec(), Then::Waits, CloseCause::TooLarge { limit: 256, size: 257 }),
        (b"\x88\x02\x03\xe9".to_vec(), Then::Waits, CloseCause::Close(Some(1001))),
        (b"\x88\x00".to_vec(), Then::Waits, CloseCause::Close(None)),
        // Codes that may not go over the wire (RFC 6455 §7.4.1), and a reason that is not UTF-8.
        (b"\x88\x02\x03\xe7".to_vec(), Then::Waits, CloseCause::Close(Some(999))),
        (b"\x88\x02\x03\xed".to_vec(), Then::Waits, CloseCause::Close(Some(1005))),
        (b"\x88\x03\x03\xe8\xff".to_vec(), Then::Waits, CloseCause::Close(Some(1000))),
        (b"\x88\x01\x03".to_vec(), Then::Waits, protocol("Invalid close sequence")),
        (b"\xc1\x00".to_vec(), Then::Waits, protocol("Reserved bits are non-zero")),
        (b"\x81\x82\x00\x00\x00\x00hi".to_vec(), Then::Waits, protocol("Received a masked frame from server")),
        (b"\x80\x00".to_vec(), Then::Waits, protocol("Continue frame but nothing to continue")),
        (Vec::new(), Then::Finishes, CloseCause::Eof),
        (b"\x82\x05cut".to_vec(), Then::Finishes, CloseCause::Eof),
        (Vec::new(), Then::Resets, CloseCause::Reset),
        (b"\x82\x05cut".to_vec(), Then::Resets, CloseCause::Reset),
        (Vec::new(), Then::BreaksTls, broken),
    ];
    let played = cases.clone();
    let script = stage.script(move |conn, client| {
        let Some((bytes, then, _)) = played.get(conn - 1) else { return Ok(()) };
        let mut peer = client.open(bytes)?;
        match then {
            Then::Waits => peer.discard(),
            Then::Finishes => Ok(()),
            Then::Resets => peer.reset(),
            Then::BreaksTls => {
                peer.expect("go")?;
                peer.tcp().write_all(BAD_RECORD)?;
                peer.discard()
            }
        }
    });
    let limits = Limits { max_frame_size: 256, max_message_size: 256, ..Limits::default() };
    let mut trace = Trace::new();
    for (bytes, then, expected) in cases {
        let request = DialRequest { limits: limits.clone(), ..stage.request(&script) };
        let mut link = stage.runtime.dial(request).await.expect("an open socket");
        if then == Then::BreaksTls {
            send(&mut link, text("go")).await;
        }
        let end = recv(&mut link).await;
        assert_eq!(end, IncomingMessage::Closed(expected), "{bytes:x?}");
        let again = poll_fn(|cx| Poll::Ready(link.poll_recv(cx))).await;
        assert!(again.is_pending(), "{bytes:x?}");
        trace.push(format!("{end:?}"));
    }
    trace
}

/// Fault 36 without a client: the peer does not read. Its messages still arrive, and no message to
/// it is lost.
pub async fn blocked_writes_neither_stop_reads_nor_lose_messages<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    const SIZE: usize = 10_000;
    const PINGS: usize = 100;
    let (go, wait) = mpsc::channel();
    let wait = std::sync::Mutex::new(wait);
    let script = stage.script(move |_, client| {
        let mut peer = client.open(b"")?;
        // The peer reads nothing until it is allowed to, but pings: the pongs pile up beside the
        // messages.
        for _ in 0..PINGS {
            peer.send(Message::Ping(vec![0; 100].into()))?;
        }
        peer.text("still here")?;
        let total = wait.lock().ok().and_then(|wait| wait.recv().ok()).expect("the story continues");
        peer.stop_recording();
        let mut received = 0;
        while received < total {
            if let PeerInput::Text(text) = peer.receive()? {
                assert_eq!((text.len(), text.parse()), (SIZE, Ok(received)));
                received += 1;
            }
        }
        peer.until_end()
    });
    let mut link = stage.runtime.dial(stage.request(&script)).await.expect("an open socket");
    let numbered = |number: u64| text(&format!("{number:0SIZE$}"));
    let (mut sent, mut message) = (0, None);
    let blocked = poll_fn(|cx| {
        loop {
            let outgoing = message.get_or_insert_with(|| numbered(sent)).clone();
            match link.poll_send(cx, &mut message) {
                Poll::Ready(Ok(())) => sent += 1,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Ready(Ok(message.as_ref() == Some(&outgoing))),
            }
        }
    });
    assert_eq!(blocked.await, Ok(true), "the message that did not fit is not taken");
    let mut pings = 0;
    let after = loop {
        match recv(&mut link).await {
            IncomingMessage::Ping => pings += 1,
            other => break other,
        }
    };
    assert_eq!((&after, pings), (&IncomingMessage::Frame("still here".into()), PINGS));
    go.send(sent + u64::from(message.is_some())).expect("the peer waits");
    // After the sent messages come the one that had to wait, and the Close.
    poll_fn(|cx| if message.is_some() { link.poll_send(cx, &mut message) } else { Poll::Ready(Ok(())) })
        .await
        .expect("room in the end");
    send(&mut link, OutgoingMessage::Close(1000)).await;
    vec![format!("{after:?} after {pings} pings"), format!("{:?}", recv(&mut link).await)]
}

/// A message that can never fit ends the connection instead of waiting.
pub async fn a_message_that_can_never_fit_ends_the_connection<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let script = stage.script(|_, client| client.open(b"")?.discard());
    let limits = Limits { write_buffer: 10, max_write_buffer: 20, ..Limits::default() };
    let request = DialRequest { limits, ..stage.request(&script) };
    let mut link = stage.runtime.dial(request).await.expect("an open socket");
    let mut message = Some(text("longer than twenty bytes"));
    assert!(poll_fn(|cx| link.poll_send(cx, &mut message)).await.is_err());
    assert!(message == Some(text("longer than twenty bytes")));
    let end = recv(&mut link).await;
    assert_eq!(end, IncomingMessage::Closed(CloseCause::WriteTooLarge { limit: 20, size: 24 }));
    vec![format!("{end:?}")]
}
