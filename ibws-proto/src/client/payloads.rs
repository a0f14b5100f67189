//! Builds payloads with the processors of the application, on the client's task and without the
//! lock.
//!
//! The machine calls a processor under the lock. It is given a stand-in, which calls nothing: it
//! notes what is to be built and returns a ticket in place of the text. The task trades the ticket
//! for the text before it writes, and calls the processor of the application then. So the order of
//! the texts stays that of the machine, a processor may use the client, and a panic in it
//! interrupts neither the machine nor the task.

use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::sync::{Arc, PoisonError};
use std::vec::Vec;

use super::contain::contain;
use super::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use super::sync::{Mutex, MutexGuard};
use crate::SubscriptionKey;
use crate::subscribe::{Args, Processor, SubscriptionProcessor};

/// The first character of a ticket. No text of the machine begins with it: payloads begin with a
/// letter, and texts of the application hold no control characters.
const TICKET: char = '\0';

/// The payloads that are to be built.
#[derive(Default)]
pub(super) struct Payloads {
    state: Mutex<State>,
    /// The number of the last ticket.
    last: AtomicU64,
    /// The number of payloads that are to be built, so that looking for them needs no lock.
    open: AtomicUsize,
    /// Set if processors wait to be dropped, so that looking for them needs no lock.
    has_dropped: AtomicBool,
}

#[derive(Default)]
struct State {
    orders: BTreeMap<u64, PayloadOrder>,
    /// Processors that the machine no longer holds. Dropping one runs code of the application.
    dropped: Vec<Processor>,
}

/// A payload that is to be built.
struct PayloadOrder {
    processor: Processor,
    kind: PayloadKind,
    channel: String,
    args: Option<Args>,
}

#[derive(Clone, Copy)]
enum PayloadKind {
    Subscribe,
    Unsubscribe,
}

/// The text of a ticket.
pub(super) enum Payload {
    /// The text to write.
    Text(String),
    /// The processor panicked; with the channel that it was called with, if that is one.
    Panicked(Option<SubscriptionKey>),
}

impl Payloads {
    /// Returns the stand-in of a processor. The default processor, which is no code of the
    /// application, needs none.
    pub(super) fn stand_in(self: &Arc<Self>, processor: Processor) -> Processor {
        if processor.is_default() {
            return processor;
        }
        Processor::new(StandIn { processor: Some(processor), payloads: Arc::clone(self) })
    }

    /// Returns the text to write for a text of the machine, which may be a ticket. Calls the
    /// processor of the application.
    pub(super) fn redeem(&self, text: String) -> Payload {
        let Some(number) = text.strip_prefix(TICKET) else { return Payload::Text(text) };
        let order = number.parse().ok().and_then(|number| self.take(number));
        let Some(PayloadOrder { processor, kind, channel, args }) = order else { return Payload::Panicked(None) };
        let built = contain(|| match kind {
            PayloadKind::Subscribe => processor.subscribe_payload(&channel, args.as_ref()),
            PayloadKind::Unsubscribe => processor.unsubscribe_payload(&channel, args.as_ref()),
        });
        contain(|| drop(processor));
        match built {
            Some(text) => Payload::Text(text),
            None => Payload::Panicked(SubscriptionKey::parse(&channel).ok()),
        }
    }

    /// Returns the number of the last ticket that the machine was given.
    pub(super) fn last_ticket(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Discards the tickets up to `last`, once the task has taken all texts with them: the machine
    /// requests some payloads and does not write them. Calls code of the application.
    #[inline]
    pub(super) fn discard_until(&self, last: u64) {
        if self.open.load(Ordering::Relaxed) > 0 {
            self.discard_all_until(last);
        }
    }

    #[cold]
    fn discard_all_until(&self, last: u64) {
        let discarded = {
            let mut state = self.lock();
            let kept = state.orders.split_off(&last.saturating_add(1));
            self.open.store(kept.len(), Ordering::Relaxed);
            core::mem::replace(&mut state.orders, kept)
        };
        for order in discarded.into_values() {
            contain(|| drop(order));
        }
    }

    fn take(&self, number: u64) -> Option<PayloadOrder> {
        let mut state = self.lock();
        let order = state.orders.remove(&number);
        self.open.store(state.orders.len(), Ordering::Relaxed);
        order
    }

    /// Drops the processors that the machine no longer holds. Calls code of the application.
    #[inline]
    pub(super) fn drop_processors(&self) {
        if self.has_dropped.load(Ordering::Acquire) {
            self.drop_all();
        }
    }

    #[cold]
    fn drop_all(&self) {
        self.has_dropped.store(false, Ordering::Release);
        let dropped = core::mem::take(&mut self.lock().dropped);
        for processor in dropped {
            contain(|| drop(processor));
        }
    }

    fn order(&self, order: PayloadOrder) -> String {
        let mut state = self.lock();
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        state.orders.insert(number, order);
        self.open.store(state.orders.len(), Ordering::Relaxed);
        format!("{TICKET}{number}")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the machine calls and drops in place of a processor of the application.
struct StandIn {
    /// `None` once it is dropped.
    processor: Option<Processor>,
    payloads: Arc<Payloads>,
}

impl StandIn {
    fn order(&self, kind: PayloadKind, channel: &str, data: Option<&Args>) -> String {
        let Some(processor) = self.processor.clone() else { return String::new() };
        self.payloads.order(PayloadOrder { processor, kind, channel: channel.into(), args: data.cloned() })
    }
}

impl SubscriptionProcessor for StandIn {
    fn subscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        self.order(PayloadKind::Subscribe, channel, data)
    }

    fn unsubscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        self.order(PayloadKind::Unsubscribe, channel, data)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.payloads.lock().dropped.extend(self.processor.take());
        self.payloads.has_dropped.store(true, Ordering::Release);
    }
}
