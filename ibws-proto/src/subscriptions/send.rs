//! How a subscription is put on the wire and taken off it: primed, sent, paced, renewed, left.

use alloc::string::String;

use super::{Context, Table, Wire};
use crate::command::{CommandError, GapCause, Reply, UnsubscribeOutcome};
use crate::config::Renewal;
use crate::event::{Action, Event, Resumed};
use crate::key::{Key, SubscriptionKey};
use crate::rest::RestRequest;
use crate::status::{StateCause, SubscriptionState};
use crate::time::Instant;

/// Unsubscriptions of one kind whose topic-less confirmations are kept apart.
const LEAVING_LIMIT: usize = 256;

impl Table {
    /// Subscribes when its turn comes: [`Config::resubscribe_burst`](crate::Config::resubscribe_burst) at once, then a pause.
    pub(super) fn send_paced(&mut self, key: &SubscriptionKey, cause: StateCause, cx: &mut Context<'_>) {
        // Whose turn is coming keeps it.
        if self.rows.get(key.as_str()).is_none_or(|row| row.paced.is_some()) {
            return;
        }
        let at = self.pace.turn(cx.now, cx.config);
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        if at > cx.now {
            row.paced = Some(cause);
            self.index.arm(row, Some(at));
        } else {
            self.act_in_turn(key, cause, cx);
        }
    }

    /// Its turn has come.
    pub(super) fn act_in_turn(&mut self, key: &SubscriptionKey, cause: StateCause, cx: &mut Context<'_>) {
        match cause {
            StateCause::Renewed => self.renew(key, cx),
            StateCause::Requested if self.rows.get(key.as_str()).is_some_and(|row| row.server_id.is_some()) => {
                // The gateway counts histories until they are left by their id (docs/protocol.md §3.2).
                self.send_leave(key, cx);
                if let Some(row) = self.rows.get_mut(key.as_str()) {
                    row.attempt = 0;
                }
                self.send(key, cause, cx);
            }
            _ => self.send(key, cause, cx),
        }
    }

    /// Subscribes: rest the host first where the gateway wants that (docs/protocol.md §1.3.3).
    pub(super) fn send(&mut self, key: &SubscriptionKey, cause: StateCause, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        if cx.wire != Wire::Ready {
            return;
        }
        if key.key() != Key::Orders {
            return self.transmit(key, cause, cx);
        }
        // The answer, or the end of the wait for it, sends.
        row.priming = true;
        row.paced = None;
        self.index.arm(row, None);
        cx.rest(RestRequest::Prime(key.clone()), cx.config.prime_timeout);
    }

    pub(super) fn transmit(&mut self, key: &SubscriptionKey, cause: StateCause, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        row.priming = false;
        // The wait for the host may end after the connection stopped taking anything.
        if cx.wire != Wire::Ready {
            return;
        }
        (row.held, row.ever_sent) = (true, true);
        row.attempt = row.attempt.saturating_add(1);
        if row.attempt == 1 || row.gap.is_some() {
            row.round = Some(cx.now);
        }
        if !row.streaming {
            row.begun = cx.now;
        }
        let text = row.subscribe_text(cx.config);
        cx.action(|conn| Action::SendText { conn, text });
        if let Some(since) = row.gap.take() {
            row.streaming = true;
            cx.event(Event::Resumed(Resumed { key: key.clone(), since, at: cx.now, attempts: cx.attempts }));
            if key.key() == Key::Orders {
                self.reconcile(key, since, cx);
            }
        }
        let Some(row) = self.rows.get(key.as_str()) else { return };
        if row.confirms() {
            let status = if row.status == SubscriptionState::Expiring {
                SubscriptionState::Expiring
            } else {
                SubscriptionState::Subscribing
            };
            self.enter(key, status, Some(cx.now + cx.config.subscription_timeout), cause, cx);
        } else {
            self.flow(key, SubscriptionState::Quiet, cause, cx);
        }
    }

    /// It flows from now on, or is taken to.
    pub(super) fn flow(
        &mut self,
        key: &SubscriptionKey,
        status: SubscriptionState,
        cause: StateCause,
        cx: &mut Context<'_>,
    ) {
        let renew_at = self.renewal(key, cx);
        if status == SubscriptionState::Active {
            self.end_silence(key, cx);
        }
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        row.renew_at = renew_at;
        if !row.stale {
            row.heard = cx.now;
        }
        let upkeep = row.upkeep();
        self.enter(key, status, upkeep, cause, cx);
    }

    /// Changes of orders may be missing, and the stream does not repeat them (docs/protocol.md §3.4): the host is asked for the
    /// orders as they are now. What it could not make up for is asked for again after the next gap.
    pub(super) fn reconcile(&mut self, key: &SubscriptionKey, since: Instant, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        let since = row.unreconciled.map_or(since, |before| before.min(since));
        row.unreconciled = Some(since);
        if cx.wire == Wire::Shut {
            // The connection is being closed: the next one rest.
            return;
        }
        cx.rest(RestRequest::Reconcile { key: key.clone(), since }, cx.config.rest_timeout);
    }

    /// All tries went unanswered: told, and tried again at the longest delay until it is withdrawn.
    pub(super) fn fail(&mut self, key: &SubscriptionKey, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        let attempts = row.attempt;
        let (failure, cause) = match row.reason.clone() {
            Some(reason) => {
                (CommandError::Refused { key: key.clone(), reason: reason.clone() }, GapCause::Refused(reason))
            }
            None => (CommandError::Unconfirmed { key: key.clone(), attempts }, GapCause::Unconfirmed),
        };
        for request in core::mem::take(&mut row.waiting) {
            cx.requests.answer(request, Err(failure.clone()), cx.out);
        }
        self.open_gap(key, cause, cx);
        let why =
            if matches!(failure, CommandError::Refused { .. }) { StateCause::Refused } else { StateCause::Unconfirmed };
        self.enter(key, SubscriptionState::Failed, Some(cx.now + cx.config.refusal_max), why, cx);
    }

    /// When market data must be renewed: a little before its age is reached, each at its own moment.
    pub(super) fn renewal(&self, key: &SubscriptionKey, cx: &mut Context<'_>) -> Option<Instant> {
        let age = cx.config.renew_market_data.filter(|_| key.key() == Key::MarketData)?;
        Some(cx.now + age.saturating_sub(cx.random.up_to(age / 20)))
    }

    /// Subscribes again, by default after unsubscribing, as is known to work (docs/protocol.md §3.1); the stream goes on, so no
    /// gap is told.
    pub(super) fn renew(&mut self, key: &SubscriptionKey, cx: &mut Context<'_>) {
        if cx.wire != Wire::Ready || key.key() != Key::MarketData {
            return;
        }
        if cx.config.renewal == Renewal::UnsubscribeFirst {
            self.send_leave(key, cx);
        }
        if let Some(row) = self.rows.get_mut(key.as_str()) {
            row.attempt = 0;
            if row.confirms() {
                self.enter(key, SubscriptionState::Expiring, None, StateCause::Renewed, cx);
            }
        }
        self.transmit(key, StateCause::Renewed, cx);
    }

    /// Writes the text that unsubscribes.
    pub(super) fn send_leave(&mut self, key: &SubscriptionKey, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        let Some(text) = row.unsubscribe_text(cx.config) else { return };
        if cx.wire == Wire::Shut {
            return;
        }
        row.attempt = row.attempt.saturating_add(1);
        if row.status == SubscriptionState::Unsubscribing {
            self.index.arm(row, Some(cx.now + cx.config.subscription_timeout));
        }
        self.write_leave(key, text, cx);
    }

    /// Writes `text`, which ends the subscription on the wire, and keeps the books that this calls for.
    pub(super) fn write_leave(&mut self, key: &SubscriptionKey, text: String, cx: &mut Context<'_>) {
        cx.action(|conn| Action::SendText { conn, text });
        if let Some(row) = self.rows.get_mut(key.as_str()).filter(|row| row.status != SubscriptionState::Unsubscribing)
        {
            row.server_id = None;
        }
        if matches!(key.key(), Key::AccountSummary | Key::AccountLedger) {
            let queue = self.leaving.entry(key.key()).or_default();
            if queue.len() < LEAVING_LIMIT && !queue.contains(key) {
                queue.push_back(key.clone());
            }
        }
        if key.key() == Key::PriceLadder && cx.wire == Wire::Ready {
            self.restore_ladders(key, cx);
        }
    }

    /// `ubd` ends all ladders of the account: those that are still wanted are sent again at once.
    fn restore_ladders(&mut self, left: &SubscriptionKey, cx: &mut Context<'_>) {
        let prefix = alloc::format!("bd+{}+", left.account().unwrap_or_default());
        let others: alloc::vec::Vec<_> = self.below(&prefix).filter(|key| *key != left).cloned().collect();
        for key in others {
            if self.rows.get(key.as_str()).is_some_and(|row| row.held && row.status != SubscriptionState::Unsubscribing)
            {
                self.transmit(&key, StateCause::Requested, cx);
            }
        }
    }

    /// A withdrawal is over, one way or the other: answered, and forgotten.
    pub(super) fn settle_leaving(
        &mut self,
        key: &SubscriptionKey,
        answer: Result<UnsubscribeOutcome, CommandError>,
        cause: StateCause,
        cx: &mut Context<'_>,
    ) {
        let Some(row) = self.rows.get_mut(key.as_str()).filter(|row| row.status == SubscriptionState::Unsubscribing)
        else {
            return;
        };
        for request in core::mem::take(&mut row.leaving) {
            cx.requests.answer(request, answer.clone().map(Reply::Unsubscribed), cx.out);
        }
        self.remove(key, cause, cx);
    }
}
