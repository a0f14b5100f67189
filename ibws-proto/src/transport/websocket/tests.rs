//! The streams and the WebSocket over a network without sockets.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::vec::Vec;

use bytes::Bytes;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Error, Message};

use super::link::Driven;
use super::read_ahead::ReadAhead;
use super::socket::Library;
use super::stream::{ReadBudget, YieldingStream};
use super::{ByteStream, TextFilterStream};
use crate::CloseCause;
use crate::transport::{IncomingMessage, Limits, Link, OutgoingMessage, WriteError};

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `poll` with a context; returns its result and the number of wakes.
fn polled<T>(poll: impl FnOnce(&mut Context<'_>) -> T) -> (T, usize) {
    let wakes = Arc::new(Wakes::default());
    let result = poll(&mut Context::from_waker(&Waker::from(wakes.clone())));
    (result, wakes.0.load(Ordering::Relaxed))
}

/// A peer whose bytes are scripted; reads are pending once they have been read.
#[derive(Default)]
struct ScriptedStream {
    incoming: VecDeque<u8>,
    probe: Arc<Probe>,
}

impl ByteStream for ScriptedStream {
    fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let count = self.incoming.len().min(buf.len());
        for (place, byte) in buf.iter_mut().zip(self.incoming.drain(..count)) {
            *place = byte;
        }
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
    }

    fn poll_write(&mut self, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.probe.closes.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

/// A WebSocket library that returns what the script holds: reads pending, writes successful after
/// its end.
struct ScriptedSocket {
    stream: TextFilterStream,
    reads: VecDeque<Poll<Option<Result<Message, Error>>>>,
    flushes: VecDeque<Poll<Result<(), Error>>>,
    sends: VecDeque<Result<(), Error>>,
    probe: Arc<Probe>,
}

/// Records the messages and the closes that reached the peer.
#[derive(Default)]
struct Probe {
    sent: Mutex<Vec<Message>>,
    closes: AtomicUsize,
}

impl Probe {
    fn sent(&self) -> Vec<Message> {
        self.sent.lock().unwrap().clone()
    }

    fn closes(&self) -> usize {
        self.closes.load(Ordering::Relaxed)
    }
}

impl Library for ScriptedSocket {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        self.reads.pop_front().unwrap_or(Poll::Pending)
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(&mut self, message: Message) -> Result<(), Error> {
        self.sends.pop_front().unwrap_or(Ok(()))?;
        self.probe.sent.lock().unwrap().push(message);
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.flushes.pop_front().unwrap_or(Poll::Ready(Ok(())))
    }

    fn stream(&mut self) -> &mut TextFilterStream {
        &mut self.stream
    }
}

std::thread_local! {
    static HAS_BUDGET: Cell<bool> = const { Cell::new(true) };
}

/// Returns a WebSocket after `script` has filled its socket, and the probe of its peer.
fn websocket(script: impl FnOnce(&mut ScriptedSocket)) -> (Driven<ScriptedSocket>, Arc<Probe>) {
    let stream = ScriptedStream::default();
    let probe = stream.probe.clone();
    let stream = TextFilterStream::new(Box::new(stream), ReadBudget::new(), Vec::new(), &Limits::default());
    let (reads, flushes, sends) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
    let mut socket = ScriptedSocket { stream, reads, flushes, sends, probe: probe.clone() };
    script(&mut socket);
    (Driven::new(socket, 20, || HAS_BUDGET.get()), probe)
}

fn binary(bytes: &'static [u8]) -> Poll<Option<Result<Message, Error>>> {
    Poll::Ready(Some(Ok(Message::binary(bytes))))
}

fn text(text: &str) -> Option<OutgoingMessage> {
    Some(OutgoingMessage::Text(text.into()))
}

fn buffer_full(text: &'static str) -> Result<(), Error> {
    let frame = Frame::message(text, OpCode::Data(Data::Text), true);
    Err(Error::WriteBufferFull(Box::new(Message::Frame(frame))))
}

const FAILED: Poll<Result<(), WriteError>> = Poll::Ready(Err(WriteError));
const DONE: Poll<Result<(), WriteError>> = Poll::Ready(Ok(()));
const END: Poll<IncomingMessage> = Poll::Ready(IncomingMessage::Closed(CloseCause::Eof));

#[test]
fn each_message_of_the_peer_is_converted_and_the_end_is_reported_once() {
    let close = CloseFrame { code: 1001.into(), reason: "".into() };
    let reads = [
        Message::binary(&b"a"[..]),
        Message::text("b"),
        Message::Ping(Bytes::new()),
        Message::Pong(Bytes::new()),
        Message::Close(Some(close)),
        Message::binary(&b"after the end"[..]),
    ];
    let (mut websocket, peer) = websocket(|socket| {
        socket.reads.extend(reads.map(|message| Poll::Ready(Some(Ok(message)))));
    });
    let (received, _) = polled(|cx| {
        core::iter::from_fn(|| match websocket.poll_recv(cx) {
            Poll::Ready(message) => Some(message),
            Poll::Pending => None,
        })
        .collect::<Vec<_>>()
    });
    let expected = [
        IncomingMessage::Frame(Bytes::from_static(b"a")),
        IncomingMessage::Frame(Bytes::from_static(b"b")),
        IncomingMessage::Ping,
        IncomingMessage::Pong,
        IncomingMessage::Closed(CloseCause::Close(Some(1001))),
    ];
    assert_eq!(received, expected);
    assert_eq!(peer.closes(), 1);
    assert_eq!(polled(|cx| websocket.poll_send(cx, &mut text("late"))).0, FAILED);
    assert_eq!(polled(|cx| websocket.poll_flush(cx)).0, FAILED);
}

#[test]
fn an_error_of_the_library_and_the_end_of_its_stream_end_the_link_with_their_cause() {
    let violation = Error::Protocol(ProtocolError::NonZeroReservedBits);
    for (read, cause) in [
        (Poll::Ready(Some(Err(violation))), CloseCause::Protocol("Reserved bits are non-zero".into())),
        (Poll::Ready(Some(Err(Error::Io(io::ErrorKind::ConnectionReset.into())))), CloseCause::Reset),
        (Poll::Ready(Some(Ok(Message::Close(None)))), CloseCause::Close(None)),
        (Poll::Ready(None), CloseCause::Eof),
    ] {
        let (mut websocket, peer) = websocket(|socket| socket.reads.push_back(read));
        assert_eq!(polled(|cx| websocket.poll_recv(cx)).0, Poll::Ready(IncomingMessage::Closed(cause)));
        assert_eq!(peer.closes(), 1);
    }
}

#[test]
fn a_reset_that_a_write_met_is_the_cause_although_the_read_finds_an_end_only() {
    let reset = || Error::Io(io::ErrorKind::BrokenPipe.into());
    for (read, cause) in [
        (Poll::Pending, CloseCause::Reset),
        (Poll::Ready(None), CloseCause::Reset),
        (Poll::Ready(Some(Ok(Message::Close(None)))), CloseCause::Close(None)),
    ] {
        let (mut websocket, _) = websocket(|socket| {
            socket.flushes.push_back(Poll::Ready(Err(reset())));
            socket.reads.push_back(read);
        });
        assert_eq!(polled(|cx| websocket.poll_flush(cx)).0, FAILED);
        let end = (0..3).find_map(|_| match polled(|cx| websocket.poll_recv(cx)).0 {
            Poll::Ready(message) => Some(message),
            Poll::Pending => None,
        });
        assert_eq!(end, Some(IncomingMessage::Closed(cause)));
    }
}

#[test]
fn a_close_has_the_code_that_was_received_although_the_library_replaces_it() {
    let replaced = CloseFrame { code: 1002.into(), reason: "Protocol violation".into() };
    let stream = ScriptedStream { incoming: b"\x88\x02\x03\xed".to_vec().into(), ..ScriptedStream::default() };
    let (mut websocket, _) = websocket(|socket| {
        socket.reads.push_back(Poll::Ready(Some(Ok(Message::Close(Some(replaced))))));
        socket.stream = TextFilterStream::new(Box::new(stream), ReadBudget::new(), Vec::new(), &Limits::default());
        assert!(polled(|cx| socket.stream.poll_read(cx, &mut [0; 8])).0.is_ready());
    });
    let end = IncomingMessage::Closed(CloseCause::Close(Some(1005)));
    assert_eq!(polled(|cx| websocket.poll_recv(cx)).0, Poll::Ready(end));
}

#[test]
fn after_a_failed_write_the_frames_that_arrived_come_before_the_end() {
    let (mut websocket, peer) = websocket(|socket| {
        socket.flushes.push_back(Poll::Ready(Err(Error::ConnectionClosed)));
        socket.reads.extend([binary(b"1"), Poll::Pending, binary(b"2")]);
    });
    assert_eq!(polled(|cx| websocket.poll_flush(cx)), (FAILED, 1), "the read half must be polled again");
    assert_eq!(polled(|cx| websocket.poll_send(cx, &mut text("late"))).0, FAILED);
    let frame = |bytes: &'static [u8]| Poll::Ready(IncomingMessage::Frame(Bytes::from_static(bytes)));
    assert_eq!(polled(|cx| websocket.poll_recv(cx)), (frame(b"1"), 0));
    assert_eq!(polled(|cx| websocket.poll_recv(cx)), (Poll::Pending, 1), "one pending read may be the read budget");
    assert_eq!(polled(|cx| websocket.poll_recv(cx)), (frame(b"2"), 0));
    assert_eq!(polled(|cx| websocket.poll_recv(cx)), (Poll::Pending, 1));
    assert_eq!(polled(|cx| websocket.poll_recv(cx)).0, END);
    assert_eq!(peer.closes(), 1);
}

#[test]
fn a_pending_read_without_task_budget_does_not_count_as_an_empty_socket() {
    let (mut websocket, _) = websocket(|socket| socket.flushes.push_back(Poll::Ready(Err(Error::ConnectionClosed))));
    assert_eq!(polled(|cx| websocket.poll_flush(cx)).0, FAILED);
    for has_budget in [true, false, false, true] {
        HAS_BUDGET.set(has_budget);
        assert_eq!(polled(|cx| websocket.poll_recv(cx)), (Poll::Pending, 1), "budget: {has_budget}");
    }
    assert_eq!(polled(|cx| websocket.poll_recv(cx)).0, END);
}

#[test]
fn a_close_waits_for_an_empty_buffer_and_nothing_follows_it() {
    let (mut websocket, peer) = websocket(|socket| {
        socket.flushes.push_back(Poll::Pending);
        socket.reads.push_back(binary(b"1"));
    });
    let mut close = Some(OutgoingMessage::Close(1000));
    assert_eq!(polled(|cx| websocket.poll_send(cx, &mut close)).0, Poll::Pending);
    assert!(close == Some(OutgoingMessage::Close(1000)), "a pending message stays with its owner");
    assert_eq!(polled(|cx| websocket.poll_send(cx, &mut close)), (DONE, 0));
    assert!(close.is_none());
    assert_eq!(polled(|cx| websocket.poll_send(cx, &mut text("late"))).0, FAILED);
    assert_eq!(polled(|cx| websocket.poll_flush(cx)).0, DONE, "the Close itself may still be flushed");
    assert!(polled(|cx| websocket.poll_recv(cx)).0.is_ready(), "the peer may still send");
    assert_eq!(peer.sent(), [Message::Close(Some(CloseFrame { code: 1000.into(), reason: "".into() }))]);
}

#[test]
fn a_message_refused_by_a_buffer_full_of_pongs_is_sent_after_a_flush() {
    let (mut websocket, peer) = websocket(|socket| {
        socket.sends.extend([Ok(()), buffer_full("smd+1"), Ok(())]);
        socket.flushes.push_back(Poll::Pending);
    });
    let mut first = text("sor+{}");
    assert_eq!(polled(|cx| websocket.poll_send(cx, &mut first)).0, DONE);
    let mut message = text("smd+1");
    assert_eq!(polled(|cx| websocket.poll_send(cx, &mut message)).0, Poll::Pending);
    assert!(message == text("smd+1"), "the refused message is restored");
    assert_eq!(polled(|cx| websocket.poll_send(cx, &mut message)).0, DONE);
    assert!(message.is_none());
    assert_eq!(peer.sent(), [Message::text("sor+{}"), Message::text("smd+1")]);
}

#[test]
fn a_message_that_does_not_fit_into_an_empty_buffer_breaks_the_socket() {
    let (mut websocket, peer) = websocket(|socket| socket.sends.extend([buffer_full("smd+1"), buffer_full("smd+1")]));
    assert_eq!(polled(|cx| websocket.poll_send(cx, &mut text("smd+1"))), (FAILED, 1));
    assert_eq!(polled(|cx| websocket.poll_flush(cx)).0, FAILED);
    assert!(peer.sent().is_empty());
    assert_eq!(polled(|cx| websocket.poll_recv(cx)).0, Poll::Pending);
    let cause = CloseCause::WriteTooLarge { limit: 20, size: 5 };
    assert_eq!(polled(|cx| websocket.poll_recv(cx)).0, Poll::Ready(IncomingMessage::Closed(cause)));
}

#[test]
fn a_stream_yields_once_after_32_reads_and_does_not_count_pending_ones() {
    let mut stream = YieldingStream::new(ScriptedStream::default());
    for _ in 0..100 {
        assert!(matches!(polled(|cx| stream.poll_read(cx, &mut [0])), (Poll::Pending, 0)));
    }
    stream = YieldingStream::new(ScriptedStream { incoming: [7; 64].into(), ..ScriptedStream::default() });
    for round in 0..2 {
        for read in 0..32 {
            let (result, _) = polled(|cx| stream.poll_read(cx, &mut [0]));
            assert!(matches!(result, Poll::Ready(Ok(1))), "round {round}, read {read}");
        }
        assert!(matches!(polled(|cx| stream.poll_read(cx, &mut [0])), (Poll::Pending, 1)), "round {round}");
    }
}

#[test]
fn each_message_makes_up_for_a_read_but_no_stream_saves_more_than_32() {
    let mut stream = YieldingStream::new(ScriptedStream { incoming: [7; 200].into(), ..ScriptedStream::default() });
    let above =
        TextFilterStream::new(Box::new(ScriptedStream::default()), stream.budget(), Vec::new(), &Limits::default());
    let mut is_read = || matches!(polled(|cx| stream.poll_read(cx, &mut [0])), (Poll::Ready(Ok(1)), 0));
    for read in 0..100 {
        assert!(is_read(), "read {read} of those that make a message each");
        above.on_message();
    }
    assert_eq!((0..40).position(|_| !is_read()), Some(32), "the messages before give no more");
}

#[test]
fn frames_behind_the_upgrade_response_are_read_first_and_share_the_filter() {
    let whole = *b"\x81\x02hi\x81\x03you\x89\x00\x81\x01!";
    for cut in 0..whole.len() {
        for room in [1, 3, 64] {
            let (first_frames, incoming) = whole.split_at(cut);
            let stream = ScriptedStream { incoming: incoming.to_vec().into(), ..ScriptedStream::default() };
            let mut stream =
                TextFilterStream::new(Box::new(stream), ReadBudget::new(), first_frames.to_vec(), &Limits::default());
            let (mut read, mut buf) = (Vec::new(), [0; 64]);
            while let (Poll::Ready(Ok(count)), _) = polled(|cx| stream.poll_read(cx, &mut buf[..room])) {
                read.extend_from_slice(&buf[..count]);
            }
            assert_eq!(read, b"\x82\x02hi\x82\x03you\x89\x00\x82\x01!", "cut at {cut}, buffer of {room} bytes");
        }
    }
}

#[test]
fn the_layers_of_a_stream_hand_on_its_end_and_its_pieces() {
    let stream = ScriptedStream { incoming: b"abc".to_vec().into(), ..ScriptedStream::default() };
    let probe = stream.probe.clone();
    let mut stream = YieldingStream::new(ReadAhead::new(stream));
    let mut buf = [0; 2];
    let (read, _) = polled(|cx| stream.poll_read(cx, &mut buf));
    assert!(matches!(read, Poll::Ready(Ok(2))) && buf == *b"ab");
    let (closed, _) = polled(|cx| stream.poll_close(cx));
    assert!(matches!(closed, Poll::Ready(Ok(()))) && probe.closes() == 1);
}

#[test]
fn streams_and_sockets_are_named_by_debug_without_their_bytes() {
    let (socket, _) = websocket(|_| {});
    let shown = std::format!("{socket:?}");
    assert!(shown.starts_with("WebSocket { broken: false, closing: false, ended: false"), "{shown}");
    let stream = TextFilterStream::new(
        Box::new(ScriptedStream::default()),
        ReadBudget::new(),
        b"secret".to_vec(),
        &Limits::default(),
    );
    let shown = std::format!("{stream:?}");
    assert!(shown.starts_with("TextFilterStream { filter: ") && !shown.contains("secret"), "{shown}");
}
