//! What the application requests of a subscription.

use alloc::boxed::Box;

use super::state::{State, Unsubscribing};
use super::subscription::{OnWire, Subscription};
use super::{Context, Scope, Table, WritePermission};
use crate::command::{CommandError, GapCause, Modify, Reply, RequestId, SubscribeOutcome, UnsubscribeOutcome};
use crate::key::{Key, SubscriptionKey};
use crate::liveness::HealthReason;
use crate::payload::{Subscribe, Unsubscribe};
use crate::pending::Wait;
use crate::state::{StateCause, SubscriptionState};

/// The reply to a request; `Ok(None)` if it comes later.
type Response = Result<Option<Reply>, CommandError>;

impl Table {
    pub(crate) fn subscribe(&mut self, id: RequestId, subscribe: Subscribe, cx: &mut Context<'_>) -> Response {
        let key = subscribe.key.clone();
        self.update(&key, cx, Subscription::abort_unsubscribe);
        let found = self.update(&key, cx, |subscription, scope| subscription.add_holder(id, &subscribe, scope));
        if let Some(response) = found {
            if !matches!(response, Err(CommandError::Conflict(_))) {
                self.holders.extend(self.store.find(key.as_str().as_bytes()).map(|found| (id, found.place)));
            }
            return response;
        }
        let limit = match key.key() {
            Key::MarketHistory => cx.config.max_histories,
            Key::MarketData => cx.config.max_lines,
            _ => usize::MAX,
        };
        if self.index.count(key.key()) >= limit {
            return Err(CommandError::Budget { key, limit });
        }
        let place = self.insert(Subscription::new(subscribe, id));
        self.holders.insert(id, place);
        self.update(&key, cx, |subscription, scope| {
            subscription.wait_for_outcome(id, scope);
            if !scope.may_send(subscription.channel()) || subscription.must_be_primed(scope) {
                // Gated, or primed over REST first.
                subscription.emit_state(SubscriptionState::Pending, StateCause::Requested, scope);
            }
            subscription.send(StateCause::Requested, scope);
        });
        Ok(None)
    }

    pub(crate) fn unsubscribe(
        &mut self,
        id: Option<RequestId>,
        unsubscribe: Unsubscribe,
        cx: &mut Context<'_>,
    ) -> Response {
        let key = unsubscribe.key.clone();
        self.update(&key, cx, |subscription, scope| subscription.unsubscribe(id, unsubscribe, scope))
            .unwrap_or(Err(CommandError::UnknownSubscription(key)))
    }

    /// Removes a holder; removing the last one unsubscribes.
    pub(crate) fn release(&mut self, holder: RequestId, cx: &mut Context<'_>) {
        let place = self.holders.remove(&holder);
        let Some(key) = place.and_then(|place| self.store.at(place)).map(|subscription| subscription.key.clone())
        else {
            return;
        };
        let unheld = self.update(&key, cx, |subscription, scope| {
            if subscription.holders.remove(holder) {
                scope.reply(holder, Err(CommandError::Cancelled));
            }
            subscription.holders.is_empty() && !subscription.state.is_unsubscribing()
        });
        if unheld == Some(true) {
            // No request waits for it.
            let _ = self.unsubscribe(None, Unsubscribe::new(key), cx);
        }
    }

    pub(crate) fn modify(&mut self, modify: Modify, cx: &mut Context<'_>) -> Result<Reply, CommandError> {
        let key = modify.key.clone();
        self.update(&key, cx, |subscription, scope| subscription.modify(modify, scope))
            .unwrap_or(Err(CommandError::UnknownSubscription(key)))
    }

    /// Marks one subscription, or all, as lost at the gateway. Returns how many it marked.
    pub(crate) fn invalidate(
        &mut self,
        key: Option<&SubscriptionKey>,
        cx: &mut Context<'_>,
    ) -> Result<usize, CommandError> {
        let keys = match key {
            Some(key) if self.store.contains(key.as_str()) => [key.clone()].into(),
            Some(key) => return Err(CommandError::UnknownSubscription(key.clone())),
            None => self.keys(),
        };
        let marked = |key: &SubscriptionKey| self.update(key, cx, Subscription::invalidate) == Some(true);
        Ok(keys.iter().map(marked).filter(|marked| *marked).count())
    }

    /// Sends every requested subscription again. Returns how many.
    pub(crate) fn recreate(&mut self, cx: &mut Context<'_>) -> usize {
        let mut sent = 0;
        for key in self.keys() {
            self.update(&key, cx, |subscription, scope| {
                if !subscription.state.is_unsubscribing() {
                    subscription.attempts.count = 0;
                    subscription.send_paced(StateCause::Requested, scope);
                    sent += 1;
                }
            });
        }
        sent
    }

    /// Replies to a `Subscribe` request that has waited as long as all attempts would take.
    pub(crate) fn on_subscribe_timeout(&mut self, id: RequestId, key: &SubscriptionKey, cx: &mut Context<'_>) {
        let result = self.update(key, cx, |subscription, scope| {
            let result = match subscription.state.kind() {
                SubscriptionState::Refused => {
                    let reason = subscription.attempts.reason.clone().unwrap_or_default();
                    Err(CommandError::Refused { key: key.clone(), reason })
                }
                SubscriptionState::Pending | SubscriptionState::Degraded => {
                    Ok(Reply::Subscribed(SubscribeOutcome::Pending))
                }
                // Its own attempts, or the loss of the connection, end it.
                _ => {
                    scope.cx.requests.extend(id, scope.cx.now + scope.cx.config.subscription_timeout);
                    return None;
                }
            };
            subscription.holders.stop_waiting(id);
            Some(result)
        });
        match result {
            Some(Some(result)) => cx.reply(id, result),
            Some(None) => {}
            None => cx.reply(id, Err(CommandError::Superseded)),
        }
    }
}

impl Subscription {
    /// Registers that the reply to a `Subscribe` request waits for its outcome, as long as all
    /// attempts take.
    fn wait_for_outcome(&mut self, id: RequestId, scope: &mut Scope<'_, '_>) {
        let config = scope.cx.config;
        let timeout = self.confirmation_timeout(config);
        let deadline = scope.cx.now + timeout.saturating_mul(config.subscription_retries);
        scope.cx.requests.wait(id, Wait::Subscribe(self.key.clone()), Some(deadline));
    }

    /// Ends an unsubscribe that waits for its confirmation, because the subscription is requested
    /// again. What is on the wire comes first. An unsubscribe that was never written, for want of a
    /// server id, never will be.
    fn abort_unsubscribe(&mut self, scope: &mut Scope<'_, '_>) {
        let written = self.attempts.count > 0;
        let result = if written { Ok(UnsubscribeOutcome::Sent) } else { Err(CommandError::Superseded) };
        self.finish_unsubscribe(result, StateCause::Requested, scope);
    }

    /// Adds a holder to a subscription that exists.
    fn add_holder(&mut self, id: RequestId, subscribe: &Subscribe, scope: &mut Scope<'_, '_>) -> Response {
        if self.args != subscribe.args {
            return Err(CommandError::Conflict(self.key.clone()));
        }
        self.holders.add(id);
        let outcome = match self.state {
            State::Active { .. } | State::Expiring { .. } => SubscribeOutcome::Active,
            State::Quiet { .. } => SubscribeOutcome::Quiet,
            _ => {
                self.holders.wait();
                self.wait_for_outcome(id, scope);
                // With `recreate_on_reconnect` off it stays pending on a new connection until it is
                // requested.
                if matches!(self.state, State::Pending) && !self.priming {
                    self.send(StateCause::Requested, scope);
                }
                return Ok(None);
            }
        };
        Ok(Some(Reply::Subscribed(outcome)))
    }

    fn unsubscribe(&mut self, id: Option<RequestId>, unsubscribe: Unsubscribe, scope: &mut Scope<'_, '_>) -> Response {
        let unwritable = scope.cx.permission == WritePermission::None;
        let key = self.key.clone();
        // A confirmation that never comes is not waited for (docs/protocol.md §3).
        let is_confirmed = self.key.key().is_unsubscribe_confirmed();
        let needs_confirmation = unsubscribe.needs_confirmation && is_confirmed;
        let wait = |scope: &mut Scope<'_, '_>| {
            if let Some(id) = id {
                scope.cx.requests.wait(id, Wait::Unsubscribe(key.clone()), None);
            }
        };
        if let State::Unsubscribing(under_way) = &mut self.state
            && !unwritable
        {
            // It is under way: this request shares its end.
            if !needs_confirmation && self.attempts.count > 0 {
                return Ok(Some(Reply::Unsubscribed(UnsubscribeOutcome::Sent)));
            }
            under_way.needs_confirmation |= needs_confirmation;
            under_way.waiters.extend(id);
            wait(scope);
            return Ok(None);
        }
        for request in self.holders.take_waiting() {
            scope.reply(request, Err(CommandError::Superseded));
        }
        if let State::Unsubscribing(under_way) = &mut self.state {
            for request in under_way.waiters.drain(..) {
                scope.reply(request, Err(CommandError::Superseded));
            }
        }
        self.unsubscribe = Some(Box::new(unsubscribe));
        if self.on_wire.is_none() || unwritable {
            scope.effects.remove = Some(StateCause::Requested);
            return Ok(Some(Reply::Unsubscribed(UnsubscribeOutcome::NotHeld)));
        }
        // A history cannot be named before its id is known: it waits for it (docs/protocol.md
        // §3.2).
        let waits_for_id = self.unsubscribe_text(scope.cx.config).is_none();
        if !waits_for_id && !needs_confirmation {
            self.send_unsubscribe(scope);
            scope.effects.remove = Some(StateCause::Requested);
            let was_required = self.unsubscribe.as_ref().is_some_and(|unsubscribe| unsubscribe.needs_confirmation);
            let outcome = if was_required { UnsubscribeOutcome::NeverConfirmed } else { UnsubscribeOutcome::Sent };
            return Ok(Some(Reply::Unsubscribed(outcome)));
        }
        // The end of a REST request must not subscribe again.
        self.priming = false;
        scope.cx.rest.end_needs_of(&self.key, scope.cx.out);
        self.attempts.count = 0;
        wait(scope);
        let config = scope.cx.config;
        let attempts = if waits_for_id { config.subscription_retries } else { 1 };
        let deadline = scope.cx.now + config.subscription_timeout.saturating_mul(attempts);
        let under_way = Unsubscribing { waiters: id.into_iter().collect(), needs_confirmation, deadline };
        self.enter(State::Unsubscribing(Box::new(under_way)), StateCause::Requested, scope);
        if !waits_for_id {
            self.send_unsubscribe(scope);
        }
        Ok(None)
    }

    fn modify(&mut self, mut modify: Modify, scope: &mut Scope<'_, '_>) -> Result<Reply, CommandError> {
        if modify.active == Some(true) && (!scope.may_send(self.channel()) || self.state.is_unsubscribing()) {
            return Err(CommandError::NotReady(HealthReason::NotReady));
        }
        // With the arguments that it was subscribed with.
        let unsubscribe = (modify.apply_now && self.on_wire.is_some() && scope.may_send(self.channel()))
            .then(|| self.unsubscribe_text(scope.cx.config))
            .flatten();
        self.settings.modify(&mut modify);
        if let Some(args) = modify.args {
            self.args = args;
        }
        if let Some(age) = modify.renew_after {
            self.set_renew_after(age, scope);
        }
        if let Some(staleness) = modify.staleness {
            self.set_staleness(staleness, scope);
        }
        match modify.active {
            Some(true) => self.assume(scope),
            Some(false) => drop(self.invalidate(scope)),
            None => {}
        }
        if modify.apply_now && scope.may_send(self.channel()) && !self.state.is_unsubscribing() {
            self.attempts.count = 0;
            if let Some(text) = unsubscribe {
                self.write_unsubscribe(text, scope);
            }
            self.send(StateCause::Requested, scope);
        }
        Ok(Reply::Modified)
    }

    /// Takes the application's word that it flows.
    fn assume(&mut self, scope: &mut Scope<'_, '_>) {
        if matches!(self.state, State::Active { .. }) {
            return;
        }
        self.on_wire.get_or_insert_with(OnWire::default);
        self.sent_before = true;
        self.attempts.reset();
        self.attempts.reason = None;
        self.priming = false;
        // An open gap stays open until a frame ends it.
        self.flow(SubscriptionState::Active, StateCause::Assumed, scope);
    }

    /// Takes the application's word that it does not flow. Returns whether that changed anything.
    fn invalidate(&mut self, scope: &mut Scope<'_, '_>) -> bool {
        if matches!(self.state, State::Unsubscribing(_) | State::Degraded | State::Pending) {
            return false;
        }
        self.attempts.reset();
        self.priming = false;
        self.open_gap(GapCause::Invalidated, scope);
        self.enter(State::Pending, StateCause::Assumed, scope);
        true
    }
}
