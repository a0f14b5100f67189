//! What the keeper's task shares with the client, behind one lock: requests and their outcomes, the
//! present state, and the events for the application.
//!
//! Wakers are woken and dropped once the lock is released, as in the client.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::vec::Vec;

use crate::ConnectError;
use crate::keeper::{KeeperEvent, KeeperInput, Ticket};
use crate::rest::RestResult;
use crate::transport::Secret;

/// The maximum number of events that wait for one consumer.
const MAX_EVENTS: usize = 64;

/// How a request to the keeper ended.
pub(super) enum RequestResult {
    Served(RestResult),
    Session(Result<Secret, ConnectError>),
    /// The keeper has ended.
    Ended,
}

/// The shared state.
#[derive(Default)]
pub(in crate::client) struct Mailbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inputs: Vec<KeeperInput>,
    task: Option<Waker>,
    last_ticket: u64,
    /// The requests whose outcome is awaited.
    awaited: BTreeMap<Ticket, Slot>,
    present: Option<KeeperEvent>,
    last_consumer: u64,
    consumers: BTreeMap<u64, Events>,
    has_ended: bool,
}

#[derive(Default)]
struct Slot {
    outcome: Option<RequestResult>,
    waker: Option<Waker>,
}

/// The events that wait for one consumer.
#[derive(Default)]
struct Events {
    queue: VecDeque<KeeperEvent>,
    lost: u64,
    waker: Option<Waker>,
}

impl Mailbox {
    /// Calls `act` under the lock, then wakes what it returns.
    fn with<T>(&self, act: impl FnOnce(&mut State, &mut Vec<Waker>) -> T) -> T {
        let mut wakers = Vec::new();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut state, &mut wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Submits a request to the keeper, and returns the future of its outcome. Dropping that future
    /// cancels the request.
    pub(super) fn submit(self: &Arc<Self>, input: impl FnOnce(Ticket) -> KeeperInput) -> Awaited {
        let ticket = self.with(|state, wakers| {
            state.last_ticket += 1;
            let ticket = Ticket(state.last_ticket);
            let outcome = state.has_ended.then_some(RequestResult::Ended);
            if outcome.is_none() {
                state.inputs.push(input(ticket));
                wakers.extend(state.task.take());
            }
            state.awaited.insert(ticket, Slot { outcome, waker: None });
            ticket
        });
        Awaited { mailbox: Arc::clone(self), ticket }
    }

    /// Moves the inputs that have come to `into`, and remembers the task's waker.
    pub(super) fn take_inputs(&self, into: &mut Vec<KeeperInput>, waker: &Waker) {
        let waker = waker.clone();
        let before = self.with(|state, _| {
            into.append(&mut state.inputs);
            state.task.replace(waker)
        });
        drop(before);
    }

    /// Completes a request. One that was dropped is ignored.
    pub(super) fn resolve(&self, ticket: Ticket, outcome: RequestResult) {
        self.with(|state, wakers| {
            if let Some(slot) = state.awaited.get_mut(&ticket) {
                slot.outcome = Some(outcome);
                wakers.extend(slot.waker.take());
            }
        });
    }

    /// Makes `event` the present state, and delivers it to each consumer. `None` means that the
    /// keeper does not run.
    pub(super) fn publish(&self, event: Option<KeeperEvent>) {
        self.with(|state, wakers| {
            state.present.clone_from(&event);
            let Some(event) = event else { return };
            for events in state.consumers.values_mut() {
                if events.queue.len() >= MAX_EVENTS {
                    events.queue.pop_front();
                    events.lost += 1;
                }
                events.queue.push_back(event.clone());
                wakers.extend(events.waker.take());
            }
        });
    }

    /// Completes every request and ends every stream.
    pub(super) fn end(&self) {
        let task = self.with(|state, wakers| {
            state.has_ended = true;
            state.present = None;
            state.inputs.clear();
            for slot in state.awaited.values_mut() {
                slot.outcome.get_or_insert(RequestResult::Ended);
                wakers.extend(slot.waker.take());
            }
            wakers.extend(state.consumers.values_mut().filter_map(|events| events.waker.take()));
            state.task.take()
        });
        drop(task);
    }

    /// Completes the requests that are pending, because the keeper pauses.
    pub(super) fn fail_pending(&self) {
        self.with(|state, wakers| {
            for slot in state.awaited.values_mut() {
                slot.outcome.get_or_insert(RequestResult::Ended);
                wakers.extend(slot.waker.take());
            }
        });
    }

    pub(in crate::client) fn present(&self) -> Option<KeeperEvent> {
        self.with(|state, _| state.present.clone())
    }

    /// Attaches a consumer, whose first event is the present state.
    pub(super) fn attach(&self) -> u64 {
        self.with(|state, _| {
            state.last_consumer += 1;
            let queue = state.present.clone().into_iter().collect();
            state.consumers.insert(state.last_consumer, Events { queue, ..Events::default() });
            state.last_consumer
        })
    }

    pub(super) fn detach(&self, consumer: u64) {
        drop(self.with(|state, _| state.consumers.remove(&consumer)));
    }

    /// Takes the next event of a consumer, or remembers the waker, if any.
    pub(super) fn poll_event(&self, consumer: u64, waker: Option<&Waker>) -> Poll<Option<KeeperEvent>> {
        let waker = waker.cloned();
        let mut before = None;
        let event = self.with(|state, _| {
            let has_ended = state.has_ended;
            let Some(events) = state.consumers.get_mut(&consumer) else { return Poll::Ready(None) };
            match events.queue.pop_front() {
                None if !has_ended => {
                    before = core::mem::replace(&mut events.waker, waker);
                    Poll::Pending
                }
                event => Poll::Ready(event),
            }
        });
        drop(before);
        event
    }

    pub(super) fn lost(&self, consumer: u64) -> u64 {
        self.with(|state, _| state.consumers.get(&consumer).map_or(0, |events| events.lost))
    }
}

/// The outcome of a request to the keeper, as a future.
pub(super) struct Awaited {
    mailbox: Arc<Mailbox>,
    ticket: Ticket,
}

impl Future for Awaited {
    type Output = RequestResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RequestResult> {
        let waker = cx.waker().clone();
        let mut before = None;
        let outcome = self.mailbox.with(|state, _| {
            let slot = state.awaited.entry(self.ticket).or_default();
            match slot.outcome.take() {
                Some(outcome) => Poll::Ready(outcome),
                None => {
                    before = slot.waker.replace(waker);
                    Poll::Pending
                }
            }
        });
        drop(before);
        outcome
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let slot = self.mailbox.with(|state, wakers| {
            // The keeper ignores the ticket of a request that it has completed.
            if !state.has_ended {
                state.inputs.push(KeeperInput::Cancel(self.ticket));
                wakers.extend(state.task.take());
            }
            state.awaited.remove(&self.ticket)
        });
        drop(slot);
    }
}

#[cfg(test)]
mod tests {
    use core::pin::pin;

    use super::*;
    use crate::Instant;
    use crate::client::KeeperEvents;
    use crate::keeper::{Keeper, KeeperConfig};
    use crate::rest::RestReply;

    fn polled<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    fn inputs(mailbox: &Mailbox) -> Vec<KeeperInput> {
        let mut inputs = Vec::new();
        mailbox.take_inputs(&mut inputs, Waker::noop());
        inputs
    }

    #[test]
    fn a_request_gets_its_outcome_and_a_dropped_one_is_cancelled() {
        let mailbox = Arc::<Mailbox>::default();
        let mut first = pin!(mailbox.submit(KeeperInput::SessionNeeded));
        let second = mailbox.submit(KeeperInput::SessionNeeded);
        let (one, two) = (Ticket(1), Ticket(2));
        assert_eq!(inputs(&mailbox), [KeeperInput::SessionNeeded(one), KeeperInput::SessionNeeded(two)]);
        assert!(polled(first.as_mut()).is_none());
        drop(second);
        assert_eq!(inputs(&mailbox), [KeeperInput::Cancel(two)]);
        mailbox.resolve(one, RequestResult::Served(Ok(RestReply::Complete)));
        // The dropped request is ignored.
        mailbox.resolve(two, RequestResult::Ended);
        assert!(matches!(polled(first), Some(RequestResult::Served(Ok(RestReply::Complete)))));
    }

    #[test]
    fn the_end_completes_what_is_pending_and_what_comes_later() {
        let mailbox = Arc::<Mailbox>::default();
        let pending = pin!(mailbox.submit(KeeperInput::SessionNeeded));
        mailbox.end();
        assert!(matches!(polled(pending), Some(RequestResult::Ended)));
        assert!(matches!(polled(pin!(mailbox.submit(KeeperInput::SessionNeeded))), Some(RequestResult::Ended)));
        assert!(inputs(&mailbox).is_empty());
    }

    #[test]
    fn a_slow_consumer_loses_the_oldest_states_and_their_number_is_known() {
        let mailbox = Arc::<Mailbox>::default();
        let mut event = Keeper::new(KeeperConfig::default(), Instant::ORIGIN).state().clone();
        mailbox.publish(Some(event.clone()));
        let mut events = KeeperEvents::new(&mailbox);
        for second in 1..=69 {
            event.since = Instant::from_millis(second * 1_000);
            mailbox.publish(Some(event.clone()));
        }
        assert_eq!(events.lost(), 6);
        let seen: Vec<_> = core::iter::from_fn(|| events.try_next()).collect();
        assert_eq!(seen.len(), MAX_EVENTS);
        assert_eq!(seen.last(), Some(&event));
        assert_eq!(mailbox.present(), Some(event));
        mailbox.end();
        assert!(polled(pin!(events.next())).is_some_and(|event| event.is_none()));
    }
}
