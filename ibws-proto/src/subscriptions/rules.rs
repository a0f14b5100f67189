//! What is asked of a subscription, and what a change of the connection does to it.

use super::{Context, Entry, Table, Wire};
use crate::command::{
    CommandError, ConnectionLoss, GapCause, Modify, Reply, RequestId, SubscribeOutcome, UnsubscribeOutcome,
};
use crate::event::{Event, Resumed};
use crate::key::{Key, SubscriptionKey};
use crate::payload::Subscribe;
use crate::pending::Wait;
use crate::status::{StateCause, SubscriptionState};

// Requests.
impl Table {
    pub(crate) fn subscribe(
        &mut self,
        id: RequestId,
        subscribe: Subscribe,
        cx: &mut Context<'_>,
    ) -> Result<Option<Reply>, CommandError> {
        let key = subscribe.key.clone();
        if self.status(&key) == Some(SubscriptionState::Unsubscribing) {
            // Requested again before the withdrawal was confirmed: what is on the wire comes first, then this. One that was
            // never written, for want of a server id, never will be.
            let written = self.rows.get(key.as_str()).is_some_and(|row| row.attempt > 0);
            let answer = if written { Ok(UnsubscribeOutcome::Sent) } else { Err(CommandError::Superseded) };
            self.settle_leaving(&key, answer, StateCause::Requested, cx);
        }
        let deadline = cx.now + cx.config.subscription_timeout.saturating_mul(cx.config.subscription_retries);
        if let Some(row) = self.rows.get_mut(key.as_str()) {
            if row.subscribe.args != subscribe.args {
                return Err(CommandError::Conflict(key));
            }
            row.holders.push(id);
            self.holders.insert(id, key.clone());
            let standing = match row.status {
                SubscriptionState::Active | SubscriptionState::Expiring => SubscribeOutcome::Active,
                SubscriptionState::Quiet => SubscribeOutcome::Quiet,
                status => {
                    row.waiting.push(id);
                    cx.requests.wait(id, Wait::Subscribe(key.clone()), Some(deadline));
                    // Left alone since the last connection because nobody recreated it: asking for it is enough.
                    if status == SubscriptionState::Pending && !row.priming {
                        self.send(&key, StateCause::Requested, cx);
                    }
                    return Ok(None);
                }
            };
            return Ok(Some(Reply::Subscribed(standing)));
        }
        let limit = match key.key() {
            Key::MarketHistory => cx.config.max_histories,
            Key::MarketData => cx.config.max_lines,
            _ => usize::MAX,
        };
        if self.index.count.get(&key.key()).is_some_and(|count| *count >= limit) || limit == 0 {
            return Err(CommandError::Budget { key, limit });
        }
        let mut row = Entry::new(subscribe, id);
        row.waiting.push(id);
        self.holders.insert(id, key.clone());
        self.insert(row);
        cx.requests.wait(id, Wait::Subscribe(key.clone()), Some(deadline));
        if cx.wire != Wire::Ready || key.key() == Key::Orders {
            // Gated, or waiting for the host to prime it.
            if let Some(row) = self.rows.get(key.as_str()) {
                super::tell(row, SubscriptionState::Pending, StateCause::Requested, cx);
            }
        }
        self.send(&key, StateCause::Requested, cx);
        Ok(None)
    }

    pub(crate) fn unsubscribe(
        &mut self,
        id: Option<RequestId>,
        key: &SubscriptionKey,
        confirm: bool,
        cx: &mut Context<'_>,
    ) -> Result<Option<Reply>, CommandError> {
        let Some(row) = self.rows.get_mut(key.as_str()) else {
            return Err(CommandError::UnknownSubscription(key.clone()));
        };
        if row.status == SubscriptionState::Unsubscribing && cx.wire != Wire::Shut {
            // Already under way: this request shares its end.
            if !confirm && row.attempt > 0 {
                return Ok(Some(Reply::Unsubscribed(UnsubscribeOutcome::Sent)));
            }
            row.confirm_leave |= confirm;
            row.leaving.extend(id);
            if let Some(id) = id {
                cx.requests.wait(id, Wait::Unsubscribe(key.clone()), None);
            }
            return Ok(None);
        }
        for request in core::mem::take(&mut row.waiting) {
            cx.requests.answer(request, Err(CommandError::Superseded), cx.out);
        }
        for request in core::mem::take(&mut row.leaving) {
            cx.requests.answer(request, Err(CommandError::Superseded), cx.out);
        }
        if !row.held || cx.wire == Wire::Shut {
            self.remove(key, StateCause::Requested, cx);
            return Ok(Some(Reply::Unsubscribed(UnsubscribeOutcome::NotHeld)));
        }
        // A history cannot be named before its id is known: it waits for it (docs/protocol.md §3.2).
        let text = row.unsubscribe_text(cx.config);
        let waits_for_id = text.is_none();
        if waits_for_id || confirm {
            row.leaving.extend(id);
            row.confirm_leave = confirm;
            // What the host was asked for is no longer wanted: its answer must not subscribe again.
            row.priming = false;
            row.attempt = 0;
            if let Some(id) = id {
                cx.requests.wait(id, Wait::Unsubscribe(key.clone()), None);
            }
            let patience = if waits_for_id { cx.config.subscription_retries } else { 1 };
            self.enter(
                key,
                SubscriptionState::Unsubscribing,
                Some(cx.now + cx.config.subscription_timeout.saturating_mul(patience)),
                StateCause::Requested,
                cx,
            );
            if !waits_for_id {
                self.send_leave(key, cx);
            }
            return Ok(None);
        }
        self.send_leave(key, cx);
        self.remove(key, StateCause::Requested, cx);
        Ok(Some(Reply::Unsubscribed(UnsubscribeOutcome::Sent)))
    }

    /// One holder less; the last one unsubscribes.
    pub(crate) fn release(&mut self, holder: RequestId, cx: &mut Context<'_>) {
        let Some(key) = self.holders.remove(&holder) else { return };
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        row.holders.retain(|id| *id != holder);
        if let Some(at) = row.waiting.iter().position(|id| *id == holder) {
            row.waiting.remove(at);
            cx.requests.answer(holder, Err(CommandError::Cancelled), cx.out);
        }
        if row.holders.is_empty() && row.status != SubscriptionState::Unsubscribing {
            // Nobody waits for the answer.
            let _ = self.unsubscribe(None, &key, false, cx);
        }
    }

    pub(crate) fn modify(&mut self, modify: Modify, cx: &mut Context<'_>) -> Result<Reply, CommandError> {
        let Some(row) = self.rows.get_mut(modify.key.as_str()) else {
            return Err(CommandError::UnknownSubscription(modify.key));
        };
        if modify.active == Some(true) && (cx.wire != Wire::Ready || row.status == SubscriptionState::Unsubscribing) {
            return Err(CommandError::NotReady);
        }
        let leave =
            (modify.apply_now && row.held && cx.wire == Wire::Ready).then(|| row.unsubscribe_text(cx.config)).flatten();
        let Subscribe { args, needs_confirmation, processor, .. } = &mut row.subscribe;
        *args = modify.args.unwrap_or_else(|| args.take());
        *needs_confirmation = modify.needs_confirmation.unwrap_or(*needs_confirmation);
        *processor = modify.processor.unwrap_or_else(|| processor.take());
        if let Some(staleness) = modify.staleness {
            self.limit_silence(&modify.key, staleness, cx);
        }
        match modify.active {
            Some(true) => self.assume(&modify.key, cx),
            Some(false) => drop(self.invalidate(Some(&modify.key), cx)),
            None => {}
        }
        let Some(row) = self.rows.get_mut(modify.key.as_str()) else { return Ok(Reply::Modified) };
        if modify.apply_now && cx.wire == Wire::Ready && row.status != SubscriptionState::Unsubscribing {
            row.attempt = 0;
            if let Some(text) = leave {
                self.write_leave(&modify.key, text, cx);
            }
            self.send(&modify.key, StateCause::Requested, cx);
        }
        Ok(Reply::Modified)
    }

    /// The caller knows that it flows.
    fn assume(&mut self, key: &SubscriptionKey, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        if row.status == SubscriptionState::Active {
            return;
        }
        (row.held, row.ever_sent, row.assumed) = (true, true, true);
        (row.refusals, row.attempt, row.reason, row.priming) = (0, 0, None, false);
        if let Some(since) = row.gap.take() {
            row.begun = cx.now;
            cx.event(Event::Resumed(Resumed { key: key.clone(), since, at: cx.now, attempts: cx.attempts }));
        }
        self.flow(key, SubscriptionState::Active, StateCause::Assumed, cx);
    }

    /// Believes no longer that the wire holds this one, or any.
    pub(crate) fn invalidate(
        &mut self,
        which: Option<&SubscriptionKey>,
        cx: &mut Context<'_>,
    ) -> Result<usize, CommandError> {
        let keys = match which {
            Some(key) if self.rows.contains(key.as_str()) => [key.clone()].into(),
            Some(key) => return Err(CommandError::UnknownSubscription(key.clone())),
            None => self.keys(),
        };
        let mut count = 0;
        for key in keys {
            let Some(row) = self.rows.get_mut(key.as_str()) else { continue };
            if matches!(
                row.status,
                SubscriptionState::Unsubscribing | SubscriptionState::Degraded | SubscriptionState::Pending
            ) {
                continue;
            }
            count += 1;
            (row.attempt, row.refusals, row.priming, row.assumed) = (0, 0, false, false);
            self.open_gap(&key, GapCause::Invalidated, cx);
            self.enter(&key, SubscriptionState::Pending, None, StateCause::Assumed, cx);
        }
        Ok(count)
    }

    /// Sends everything that is wanted anew.
    pub(crate) fn recreate(&mut self, cx: &mut Context<'_>) -> usize {
        let mut sent = 0;
        for key in self.keys() {
            let Some(row) = self.rows.get_mut(key.as_str()) else { continue };
            if row.status != SubscriptionState::Unsubscribing {
                row.attempt = 0;
                self.send_paced(&key, StateCause::Requested, cx);
                sent += 1;
            }
        }
        sent
    }

    /// A request to subscribe has waited as long as its tries would take.
    pub(crate) fn overdue(&mut self, id: RequestId, key: &SubscriptionKey, cx: &mut Context<'_>) {
        let answer = match self.rows.get(key.as_str()) {
            Some(row) if row.status == SubscriptionState::Refused => {
                Err(CommandError::Refused { key: key.clone(), reason: row.reason.clone().unwrap_or_default() })
            }
            Some(row) if matches!(row.status, SubscriptionState::Pending | SubscriptionState::Degraded) => {
                Ok(Reply::Subscribed(SubscribeOutcome::Pending))
            }
            // Under way: its own tries, or the loss of the connection, end it.
            Some(_) => return cx.requests.extend(id, cx.now + cx.config.subscription_timeout),
            None => Err(CommandError::Superseded),
        };
        if let Some(row) = self.rows.get_mut(key.as_str()) {
            row.waiting.retain(|waiting| *waiting != id);
        }
        cx.requests.answer(id, answer, cx.out);
    }
}

// The connection.
impl Table {
    /// The connection takes subscriptions: those it does not hold go out.
    pub(crate) fn ready(&mut self, cx: &mut Context<'_>) {
        for key in self.keys() {
            let Some(row) = self.rows.get(key.as_str()) else { continue };
            let wanted = !matches!(row.status, SubscriptionState::Unsubscribing | SubscriptionState::Removed);
            if wanted && (cx.config.recreate_on_reconnect || !row.ever_sent) {
                self.send_paced(&key, StateCause::Ready, cx);
            }
        }
    }

    /// The greeting came after the wait for it had ended: the gateway dropped what was written until now
    /// (docs/protocol.md §1.3.4), so all that no data has confirmed goes out again.
    pub(crate) fn greeted_late(&mut self, cx: &mut Context<'_>) {
        for key in self.keys() {
            let Some(row) = self.rows.get_mut(key.as_str()) else { continue };
            if row.held && !matches!(row.status, SubscriptionState::Active | SubscriptionState::Unsubscribing) {
                row.attempt = 0;
                self.send_paced(&key, StateCause::Ready, cx);
            }
        }
    }

    /// The session lost its authentication: nothing flows, and nothing is sent until it is back.
    pub(crate) fn degraded(&mut self, cx: &mut Context<'_>) {
        self.pace.reset();
        for key in self.keys() {
            let Some(row) = self.rows.get_mut(key.as_str()) else { continue };
            if row.status == SubscriptionState::Unsubscribing {
                continue;
            }
            (row.attempt, row.refusals, row.priming) = (0, 0, false);
            row.assumed = false;
            self.open_gap(&key, GapCause::Unauthenticated, cx);
            self.enter(&key, SubscriptionState::Degraded, None, StateCause::Unauthenticated, cx);
        }
    }

    /// The connection is gone, and with it everything it held.
    pub(crate) fn lost(&mut self, cause: &ConnectionLoss, cx: &mut Context<'_>) {
        self.leaving.clear();
        self.pace.reset();
        let lost = CommandError::ConnectionLost(cause.clone());
        for key in self.keys() {
            let Some(row) = self.rows.get_mut(key.as_str()) else { continue };
            if row.status == SubscriptionState::Unsubscribing {
                for request in core::mem::take(&mut row.leaving) {
                    cx.requests.answer(request, Err(lost.clone()), cx.out);
                }
                self.remove(&key, StateCause::Lost, cx);
                continue;
            }
            if row.held {
                for request in core::mem::take(&mut row.waiting) {
                    cx.requests.answer(request, Err(lost.clone()), cx.out);
                }
            }
            row.unheld();
            self.open_gap(&key, cause.clone().into(), cx);
            self.enter(&key, SubscriptionState::Pending, None, StateCause::Lost, cx);
        }
    }

    /// Withdraws everything at once; says whether a confirmation is worth waiting for.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>) -> bool {
        for key in self.keys() {
            let Some(row) = self.rows.get(key.as_str()) else { continue };
            if row.status == SubscriptionState::Unsubscribing {
                continue;
            }
            let confirmed = matches!(key.key(), Key::AccountSummary | Key::AccountLedger | Key::MarketHistory);
            let _ = self.unsubscribe(None, &key, confirmed, cx);
        }
        self.is_draining()
    }

    pub(crate) fn is_draining(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, cx: &mut Context<'_>) {
        for key in self.keys() {
            self.settle_leaving(&key, Ok(UnsubscribeOutcome::Sent), StateCause::Requested, cx);
            if let Some(row) = self.rows.get_mut(key.as_str()) {
                for request in core::mem::take(&mut row.waiting) {
                    cx.requests.answer(request, Err(CommandError::ShutDown), cx.out);
                }
            }
            self.remove(&key, StateCause::Requested, cx);
        }
        self.leaving.clear();
    }
}
