//! Sinks: receivers of events that the client calls, beside queues and streams.

use core::future::Future;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use super::client::Client;
use super::reader::Reader;
use crate::frame::FrameError;
use crate::queue::{EventFilter, LossReport};
use crate::rest::RestReport;
use crate::transport::Runtime;
use crate::{
    CatchUpPending, CaughtUp, Event, Fresh, Gap, Item, Message, ProcessorPanic, Resumed, Stale, StateChange,
    SubscriptionEvent,
};

/// The maximum number of items delivered in one poll, so that other tasks of the runtime get their
/// turn.
const MAX_ITEMS_PER_POLL: usize = 64;

/// Receives events. [`Client::attach`] or [`Builder::sink`](super::Builder::sink) attaches it to
/// all events, [`Client::attach_filtered`] to those of a key or of subscriptions, and
/// [`Client::on`] a callback to one kind of event. A client can have any number of sinks.
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
///
/// # A queue of your own
/// A sink is also how a queue of the application takes the place of [`Client::queue`]: the client
/// hands it each item, and waits while it is not ready.
///
/// ```
/// use std::{collections::VecDeque, ops::ControlFlow, sync::{Arc, Mutex}};
/// use std::task::{Context, Poll, Waker};
/// use ibws_proto::client::{Client, EventSink};
/// use ibws_proto::{Item, Key, queue::EventFilter, transport::Runtime};
///
/// /// Holds three items at most. More wait in the bounded queue of the client.
/// #[derive(Clone, Default)]
/// struct OwnQueue(Arc<Mutex<(VecDeque<Item>, Option<Waker>)>>);
///
/// impl EventSink for OwnQueue {
///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
///         let (items, waker) = &mut *self.0.lock().unwrap();
///         if items.len() < 3 {
///             return Poll::Ready(());
///         }
///         *waker = Some(cx.waker().clone());
///         Poll::Pending
///     }
///
///     fn receive(&mut self, item: Item) -> ControlFlow<()> {
///         self.0.lock().unwrap().0.push_back(item);
///         ControlFlow::Continue(())
///     }
/// }
///
/// impl OwnQueue {
///     fn take(&self) -> Option<Item> {
///         let (item, waker) = {
///             let (items, waker) = &mut *self.0.lock().unwrap();
///             (items.pop_front(), waker.take())
///         };
///         waker.into_iter().for_each(Waker::wake); // there is room
///         item
///     }
/// }
///
/// fn queue_of_orders<R: Runtime>(client: &Client<R>) -> OwnQueue {
///     let queue = OwnQueue::default();
///     client.attach_filtered(EventFilter::Key(Key::Orders), queue.clone());
///     queue
/// }
/// ```
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

/// A part of an item that [`Client::on`] and [`callback`] receive by its type.
pub trait FromItem: Sized {
    /// Returns the part, if the item has it.
    fn from_item(item: Item) -> Option<Self>;
}

/// Implements [`FromItem`] for what a variant of an event holds.
macro_rules! from_event {
    ($($part:ty => $variant:ident),* $(,)?) => {
        $(
            impl FromItem for $part {
                fn from_item(item: Item) -> Option<Self> {
                    match item {
                        Item::Event(Event::$variant(part)) => Some(part),
                        _ => None,
                    }
                }
            }
        )*
    };
}

from_event! {
    StateChange => State,
    SubscriptionEvent => Subscription,
    Message => Message,
    FrameError => Malformed,
    Gap => Gap,
    Resumed => Resumed,
    CaughtUp => CaughtUp,
    CatchUpPending => CatchUpPending,
    Stale => Stale,
    Fresh => Fresh,
    RestReport => Rest,
    ProcessorPanic => ProcessorPanicked,
}

impl FromItem for Event {
    fn from_item(item: Item) -> Option<Self> {
        match item {
            Item::Event(event) => Some(event),
            Item::Lost(_) => None,
        }
    }
}

impl FromItem for LossReport {
    fn from_item(item: Item) -> Option<Self> {
        match item {
            Item::Event(_) => None,
            Item::Lost(report) => Some(report),
        }
    }
}

/// Returns a sink that calls `receive` with the events of one kind, which is the type of its
/// argument, and discards the others.
///
/// The sink has a queue of all events of its filter. For what it was too slow for, it receives a
/// [`LossReport`] only if that is the type of its argument.
pub fn callback<T: FromItem>(mut receive: impl FnMut(T) + Send + 'static) -> impl EventSink {
    move |item: Item| T::from_item(item).map_or((), &mut receive)
}

impl<R: Runtime> Client<R> {
    /// Delivers all events from now on to `sink` as well. A sink does not keep the client alive.
    pub fn attach(&self, sink: impl EventSink) {
        self.attach_filtered(EventFilter::All, sink);
    }

    /// Delivers the events of `filter` from now on to `sink` as well. A sink does not keep the
    /// client alive.
    ///
    /// The sink has a queue of its own, with the limits of
    /// [`Builder::queue_limits`](super::Builder::queue_limits); it shares no queue with the
    /// accessors of its key.
    pub fn attach_filtered(&self, filter: EventFilter, sink: impl EventSink) {
        self.attach_boxed(filter, Box::new(sink));
    }

    /// Calls `receive` with each event of one kind from now on. The kind is the type of its
    /// argument. The callback is a [sink](EventSink).
    ///
    /// ```
    /// # use ibws_proto::{Gap, StateChange, client::Client, queue::LossReport, transport::Runtime};
    /// # fn example<R: Runtime>(client: &Client<R>) {
    /// client.on(|change: StateChange| println!("{}", change.state.name()));
    /// client.on(|gap: Gap| println!("{:?}: {}", gap.key, gap.cause));
    /// client.on(|lost: LossReport| println!("too slow: {} messages lost", lost.messages));
    /// # }
    /// ```
    pub fn on<T: FromItem + 'static>(&self, receive: impl FnMut(T) + Send + 'static) {
        self.attach(callback(receive));
    }

    pub(super) fn attach_boxed(&self, filter: EventFilter, sink: Box<dyn EventSink>) {
        let shared = &self.handle.shared;
        let options = match &filter {
            EventFilter::Key(key) => self.queues.of_key(*key),
            EventFilter::Subscription(key) => self.queues.of_key(key.key()),
            _ => self.queues.options,
        };
        let reader = Reader::apart(shared, filter, options);
        shared.runtime.spawn(SinkTask::new(reader, sink));
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
