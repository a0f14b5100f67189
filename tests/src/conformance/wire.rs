//! An open WebSocket without a client: its messages and its end.

use core::future::poll_fn;
use core::task::Poll;
use std::sync::mpsc;

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

/// Every kind of end is reported exactly once.
pub async fn every_end_is_reported_once<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let far_too_long = [&b"\x82\x7f\x80"[..], &[0; 7]].concat();
    let too_many_fragments = [&b"\x02\x7e\x00\xc8"[..], &[0; 200], b"\x80\x7e\x00\xc8", &[0; 200]].concat();
    let cases = [
        (too_many_fragments, false, IncomingMessage::Closed(None)),
        (b"\x88\x02\x03\xe9".to_vec(), false, IncomingMessage::Closed(Some(1001))),
        (b"\x88\x00".to_vec(), false, IncomingMessage::Closed(None)),
        (Vec::new(), true, IncomingMessage::Closed(None)),
        (b"\x82\x05cut".to_vec(), true, IncomingMessage::Closed(None)),
        (far_too_long, false, IncomingMessage::Closed(None)),
        (b"\x82\x7e\x01\x01".to_vec(), false, IncomingMessage::Closed(None)),
        (b"\xc1\x00".to_vec(), false, IncomingMessage::Closed(None)),
    ];
    let served = cases.clone();
    let script = stage.script(move |conn, client| {
        let Some((bytes, ends, _)) = served.get(conn - 1) else { return Ok(()) };
        let mut peer = client.open(bytes)?;
        if *ends { Ok(()) } else { peer.discard() }
    });
    let limits = Limits { max_frame_size: 256, max_message_size: 256, ..Limits::default() };
    let mut trace = Trace::new();
    for (bytes, _, expected) in cases {
        let request = DialRequest { limits: limits.clone(), ..stage.request(&script) };
        let mut link = stage.runtime.dial(request).await.expect("an open socket");
        let end = recv(&mut link).await;
        assert_eq!(end, expected, "{bytes:x?}");
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
    assert_eq!(end, IncomingMessage::Closed(None));
    vec![format!("{end:?}")]
}
