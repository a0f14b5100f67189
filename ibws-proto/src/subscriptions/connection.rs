//! What a change of the connection does to the subscriptions.

use core::time::Duration;

use super::send::SUMMARY_SILENCE;
use super::state::State;
use super::subscription::Subscription;
use super::{Context, Scope, Table};
use crate::command::{CommandError, ConnectionLoss, GapCause, UnsubscribeOutcome};
use crate::key::Key;
use crate::payload::Unsubscribe;
use crate::state::StateCause;

impl Table {
    /// Lets every subscription act.
    fn update_all(&mut self, cx: &mut Context<'_>, mut act: impl FnMut(&mut Subscription, &mut Scope<'_, '_>)) {
        for key in self.keys() {
            self.update(&key, cx, &mut act);
        }
    }

    /// More may be written now: sends what may be sent and is not held, and what the session lost
    /// with its authentication.
    pub(crate) fn on_permission(&mut self, cx: &mut Context<'_>) {
        self.update_all(cx, |subscription, scope| {
            let recreate = scope.cx.config.recreate_on_reconnect || !subscription.sent_before;
            let lost = matches!(subscription.state, State::Degraded) && subscription.on_wire.is_some();
            let missing = subscription.on_wire.is_none() && recreate;
            let may_send = scope.may_send(subscription.channel());
            if may_send && (lost || missing) && !subscription.state.is_unsubscribing() && !subscription.priming {
                subscription.send_paced(StateCause::Ready, scope);
            }
        });
    }

    /// The greeting came after the wait for it had ended. The gateway discarded what was written
    /// until now (docs/protocol.md §1.3.4), so everything that no data has confirmed is sent again.
    pub(crate) fn on_late_greeting(&mut self, cx: &mut Context<'_>) {
        self.update_all(cx, |subscription, scope| {
            let confirmed = matches!(subscription.state, State::Active { .. } | State::Unsubscribing(_));
            if subscription.on_wire.is_some() && !confirmed {
                subscription.attempts.count = 0;
                subscription.send_paced(StateCause::Ready, scope);
            }
        });
    }

    /// The session is not authenticated: what needs a brokerage session does not flow, and is not
    /// sent until it is. The other channels go on (docs/protocol.md §8.1).
    pub(crate) fn on_unauthenticated(&mut self, cx: &mut Context<'_>) {
        self.update_all(cx, |subscription, scope| {
            if subscription.state.is_unsubscribing() {
                return;
            }
            if !subscription.channel().needs_brokerage_session() {
                return;
            }
            subscription.attempts.reset();
            subscription.priming = false;
            subscription.open_gap(GapCause::Unauthenticated, scope);
            // A slot that was given stays, so that flapping sends nothing faster than the pace.
            let slot = subscription.slot;
            subscription.enter(State::Degraded, StateCause::Unauthenticated, scope);
            subscription.slot = slot;
        });
    }

    /// The session is not authenticated: a summary that stays silent is sent again.
    pub(crate) fn watch_summaries(&mut self, cx: &mut Context<'_>) {
        self.update_all(cx, Subscription::watch_summary);
    }

    /// The connection is gone, and with it everything that it held.
    pub(crate) fn on_lost(&mut self, cause: &ConnectionLoss, cx: &mut Context<'_>) {
        self.unsubscribes.clear();
        self.pace.reset();
        self.update_all(cx, |subscription, scope| subscription.on_lost(cause, scope));
    }

    /// Unsubscribes everything. Returns whether a confirmation is worth waiting for.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>) -> bool {
        for key in self.keys() {
            if self.store.get(key.as_str()).is_some_and(|subscription| !subscription.state.is_unsubscribing()) {
                // No request waits for it.
                let _ = self.unsubscribe(None, Unsubscribe::new(key).needs_confirmation(true), cx);
            }
        }
        self.is_draining()
    }

    pub(crate) fn is_draining(&self) -> bool {
        !self.store.is_empty()
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self, cx: &mut Context<'_>) {
        self.update_all(cx, |subscription, scope| {
            subscription.finish_unsubscribe(Ok(UnsubscribeOutcome::Sent), StateCause::Requested, scope);
            for request in subscription.holders.take_waiting() {
                scope.reply(request, Err(CommandError::ShutDown));
            }
            scope.effects.remove = Some(StateCause::Requested);
        });
        self.unsubscribes.clear();
    }
}

impl Subscription {
    /// Has a summary that flows sent again if it stays silent.
    fn watch_summary(&mut self, scope: &mut Scope<'_, '_>) {
        let silent_until = self.flow.last_message_at + SUMMARY_SILENCE;
        match &mut self.state {
            State::Active { renew_at, .. } | State::Quiet { renew_at } if self.key.key() == Key::AccountSummary => {
                *renew_at = Some(silent_until.max(scope.cx.now + Duration::from_millis(1)));
            }
            _ => {}
        }
    }

    fn on_lost(&mut self, cause: &ConnectionLoss, scope: &mut Scope<'_, '_>) {
        let lost = CommandError::ConnectionLost(cause.clone());
        if self.state.is_unsubscribing() {
            return self.finish_unsubscribe(Err(lost), StateCause::Lost, scope);
        }
        if self.on_wire.take().is_some() {
            for request in self.holders.take_waiting() {
                scope.reply(request, Err(lost.clone()));
            }
        }
        (self.priming, self.unprimed) = (false, false);
        self.attempts.reset();
        self.open_gap(cause.clone().into(), scope);
        self.enter(State::Pending, StateCause::Lost, scope);
    }
}
