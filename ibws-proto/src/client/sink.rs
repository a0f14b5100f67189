//! Where items go of themselves, beside queues and streams: a callback, a channel of the user's.

use core::future::Future;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use super::stream::Reader;
use crate::Item;
use crate::transport::Runtime;

/// Items taken in one poll before other tasks get their turn.
const TURN: usize = 64;

/// Takes everything that happens: attach one with [`Client::attach`](super::Client::attach) or
/// [`Builder::sink`](super::Builder::sink).
///
/// Each sink has a task and a bounded [`Queue`](crate::Queue) of its own, and is called without any lock: it may use the
/// client as it likes, and a slow one costs bounded memory, delays no other and finds an [`Item::Lost`] for what it was
/// too slow for. It runs on the client's runtime, though: one that blocks its thread for long blocks whatever else the
/// runtime has for that thread, and on a runtime of a single thread that is everything. To wait for a request inside a
/// sink is to block; to make it is enough: `drop(client.hard_reset(true))`.
///
/// One that panics is dropped, and nobody else notices. None keeps the client alive, unless it holds a handle itself; when
/// the client has ended, each still gets what was queued for it.
///
/// Every `FnMut(Item)` is a sink, and so is the sender of a channel of the standard library (an unbounded one: what its
/// receiver leaves there is no longer bounded by anything).
pub trait EventSink: Send + 'static {
    /// Is there room for an item? Until there is, they stay in the sink's queue. Default: always.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// Takes the next item, after [`poll_ready`](Self::poll_ready) was ready. `Break`: there shall be no more.
    fn receive(&mut self, item: Item) -> ControlFlow<()>;
}

impl<F: FnMut(Item) + Send + 'static> EventSink for F {
    fn receive(&mut self, item: Item) -> ControlFlow<()> {
        self(item);
        ControlFlow::Continue(())
    }
}

impl EventSink for mpsc::Sender<Item> {
    fn receive(&mut self, item: Item) -> ControlFlow<()> {
        match self.send(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// The task of one sink.
pub(super) struct SinkTask<R: Runtime> {
    pub(super) reader: Reader<R>,
    /// Gone once it has said `Break` or panicked.
    pub(super) sink: Option<Box<dyn EventSink>>,
}

impl<R: Runtime> SinkTask<R> {
    fn poll_feed(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        let Some(sink) = &mut self.sink else { return Poll::Ready(ControlFlow::Break(())) };
        ready!(sink.poll_ready(cx));
        let Some(item) = ready!(self.reader.poll_item(cx)) else { return Poll::Ready(ControlFlow::Break(())) };
        Poll::Ready(sink.receive(item))
    }
}

impl<R: Runtime> Future for SinkTask<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..TURN {
            match catch_unwind(AssertUnwindSafe(|| this.poll_feed(cx))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(ControlFlow::Continue(()))) => {}
                Ok(Poll::Ready(ControlFlow::Break(()))) | Err(_) => {
                    // Dropping what a user made may run anything, too.
                    let sink = this.sink.take();
                    let _ = catch_unwind(AssertUnwindSafe(|| drop(sink)));
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
