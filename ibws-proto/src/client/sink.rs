//! Sinks: receivers of events that the client calls, beside queues and streams.

use core::future::Future;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use super::reader::Reader;
use crate::Item;
use crate::transport::Runtime;

/// The maximum number of items delivered in one poll, so that other tasks of the runtime get their
/// turn.
const MAX_ITEMS_PER_POLL: usize = 64;

/// Receives all events. [`Client::attach`](super::Client::attach) or
/// [`Builder::sink`](super::Builder::sink) attaches it.
///
/// Each sink has a task and a bounded [`Queue`](crate::queue::Queue) of its own and is called
/// without any lock. It may use the client. A slow sink costs bounded memory, delays no other
/// consumer, and receives an [`Item::Lost`] for what it was too slow for.
///
/// A sink runs on the client's runtime. One that blocks its thread blocks whatever else the runtime
/// runs on that thread, which is everything on a runtime of a single thread. Waiting for a request
/// inside a sink blocks; making the request does not: `drop(client.hard_reset(true))`.
///
/// A sink that panics is dropped, and no other consumer is affected. A sink does not keep the
/// client alive, unless it holds a handle itself. When the client has ended, each sink still
/// receives what was queued for it.
///
/// Every `FnMut(Item)` is a sink. So is the sender of a channel of the standard library; that
/// channel is unbounded, so nothing bounds what its receiver does not take.
pub trait EventSink: Send + 'static {
    /// Returns ready if the sink can receive an item. Until then the items stay in its queue, and
    /// the sink wakes the task by `cx`. Default: always ready.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// Receives the next item, after [`poll_ready`](Self::poll_ready) returned ready. Returning
    /// `Break` detaches and drops the sink.
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
    reader: Reader<R>,
    /// `None` once the sink returned `Break` or panicked.
    sink: Option<Box<dyn EventSink>>,
}

impl<R: Runtime> SinkTask<R> {
    pub(super) fn new(reader: Reader<R>, sink: Box<dyn EventSink>) -> Self {
        Self { reader, sink: Some(sink) }
    }

    fn poll_deliver(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
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
        for _ in 0..MAX_ITEMS_PER_POLL {
            match catch_unwind(AssertUnwindSafe(|| this.poll_deliver(cx))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(ControlFlow::Continue(()))) => {}
                Ok(Poll::Ready(ControlFlow::Break(()))) | Err(_) => {
                    // Dropping a sink runs code of the application, which may panic as well.
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
