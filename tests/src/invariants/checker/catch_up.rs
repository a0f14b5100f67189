//! The rules about what makes up for a gap of the orders: it comes after the end of the gap, from a
//! snapshot that was requested after that, in time, and it lists nothing twice.

use core::time::Duration;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};

use ibws_proto::{
    Body, CaughtUp, Config, Event, Instant, Key, SubscriptionKey, SubscriptionState,
    rest::{RestOutcome, RestReport, RestRequest, RestRequestId},
};

use super::{ORDERS_SPACING, Verdict};

/// The most that one step of the clock counts: a machine that is not run cannot act.
const STEP: Duration = Duration::from_secs(10);
/// Executions that are remembered; a run with more is not checked for repeated ones.
const EXECUTIONS: usize = 20_000;

/// What is known of the gaps of orders.
#[derive(Clone, Debug, Default)]
pub(super) struct CatchUp {
    awake: Duration,
    last: Instant,
    /// The subscriptions to orders, and whether each has a gap.
    orders: BTreeMap<SubscriptionKey, bool>,
    /// The subscriptions whose gap has ended and about whose snapshot nothing was reported, with
    /// the counted time.
    owed: BTreeMap<SubscriptionKey, Duration>,
    /// The attempts that began after the last gap of their subscription.
    valid: BTreeSet<RestRequestId>,
    /// The subscription whose attempt has succeeded in this step.
    done: Option<SubscriptionKey>,
    /// Executions that were delivered since orders were subscribed to, as hashes of their ids.
    executions: BTreeSet<u64>,
}

impl CatchUp {
    pub(super) fn pass(&mut self, now: Instant) {
        self.awake += now.since(self.last).min(STEP);
        self.last = now;
        self.done = None;
    }

    pub(super) fn requested(&mut self, id: RestRequestId, request: &RestRequest) {
        if matches!(request, RestRequest::Reconcile { .. }) {
            self.valid.insert(id);
        }
    }

    pub(super) fn reported(&mut self, report: &RestReport) {
        let RestRequest::Reconcile { key, .. } = &report.request else { return };
        let is_valid = report.id.is_some_and(|id| self.valid.remove(&id));
        if report.outcome == RestOutcome::Done {
            // The handler may have compared the orders itself.
            self.owed.remove(key);
            self.done = is_valid.then(|| key.clone());
        }
    }

    pub(super) fn event(&mut self, event: &Event, config: &Config) -> Verdict {
        match event {
            Event::Subscription(change) if change.key.key() == Key::Orders => {
                if change.state == SubscriptionState::Removed {
                    self.orders.remove(&change.key);
                    self.owed.remove(&change.key);
                } else {
                    self.orders.entry(change.key.clone()).or_default();
                }
                if self.orders.is_empty() {
                    self.executions.clear();
                }
            }
            Event::Gap(gap) if gap.key.key() == Key::Orders => {
                self.orders.insert(gap.key.clone(), true);
                self.owed.remove(&gap.key);
                self.valid.clear();
            }
            Event::Resumed(resumed) if resumed.key.key() == Key::Orders => {
                self.orders.insert(resumed.key.clone(), false);
                if config.rest_handler {
                    self.owed.insert(resumed.key.clone(), self.awake);
                }
            }
            Event::Message(message) if !self.orders.is_empty() => {
                if let Body::Trades(trades) = message.frame.body() {
                    for row in trades.rows().flatten() {
                        self.note(row.execution_id().ok().flatten().as_deref());
                    }
                }
            }
            Event::CatchUpPending(pending) => {
                self.owed.remove(&pending.key);
                if self.orders.get(&pending.key) != Some(&false) {
                    return Err(format!("{pending:?} without a subscription, or within a gap"));
                }
            }
            Event::CaughtUp(caught_up) => return self.caught_up(caught_up),
            _ => {}
        }
        Ok(())
    }

    fn caught_up(&mut self, caught_up: &CaughtUp) -> Verdict {
        self.owed.remove(&caught_up.key);
        if self.orders.get(&caught_up.key) != Some(&false) {
            return Err(format!("{caught_up:?} without a subscription, or within a gap"));
        }
        if self.done.take().as_ref() != Some(&caught_up.key) {
            return Err(format!("{caught_up:?} without a snapshot that was requested after the last gap"));
        }
        let orders: Vec<_> = caught_up.orders().map(|row| row.order_id().ok().flatten()).collect();
        if orders.iter().collect::<BTreeSet<_>>().len() != orders.len() || orders.contains(&None) {
            return Err(format!("{caught_up:?} lists an order twice, or one without a number: {orders:?}"));
        }
        let is_complete = self.executions.len() < EXECUTIONS && caught_up.forgotten == 0;
        for row in caught_up.executions() {
            let id = row.execution_id().ok().flatten();
            if !self.note(id.as_deref()) && is_complete {
                return Err(format!("{caught_up:?} lists the execution {id:?}, which was delivered before"));
            }
        }
        Ok(())
    }

    /// Notes an execution. Returns whether it is a new one.
    fn note(&mut self, id: Option<&str>) -> bool {
        let Some(id) = id.filter(|id| !id.is_empty()) else { return true };
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        self.executions.len() >= EXECUTIONS || self.executions.insert(hasher.finish())
    }

    /// After the end of a gap something is reported within the time limit of an attempt, which
    /// waits for the calls before it.
    pub(super) fn is_in_time(&self, config: &Config) -> Verdict {
        let limit = config.rest_timeout + 3 * ORDERS_SPACING + STEP;
        match self.owed.iter().find(|(_, since)| self.awake - **since > limit) {
            Some((key, _)) => {
                Err(format!("the gap of {key} ended {limit:?} ago, and nothing was reported of what it lost"))
            }
            None => Ok(()),
        }
    }
}
