//! What time and REST replies bring: a subscription's next attempt, renewal, staleness check, or
//! the end of a wait.

use super::send::SUMMARY_SILENCE;
use super::state::State;
use super::subscription::Subscription;
use super::{Context, Scope, Table};
use crate::command::CommandError;
use crate::key::{Key, SubscriptionKey};
use crate::state::StateCause;

impl Table {
    /// Runs one timer that is due. Returns whether there was one.
    pub(crate) fn run_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((at, key)) = self.index.first_timer().cloned() else { return false };
        if at > cx.now {
            return false;
        }
        let Some(subscription) = self.store.get_mut(key.as_str()) else { return false };
        self.index.clear_timer(subscription);
        self.update(&key, cx, Subscription::on_timer).is_some()
    }

    /// Sends a subscription after the first attempt to prime it, whatever the outcome, and again
    /// when an attempt succeeds after it was sent unprimed.
    pub(crate) fn on_primed(&mut self, key: &SubscriptionKey, done: bool, cx: &mut Context<'_>) {
        self.update(key, cx, |subscription, scope| {
            let late = core::mem::replace(&mut subscription.unprimed, !done) && done;
            if subscription.priming || (late && subscription.state.is_flowing()) {
                subscription.transmit(StateCause::Primed, scope);
            }
        });
    }
}

impl Subscription {
    fn on_timer(&mut self, scope: &mut Scope<'_, '_>) {
        let now = scope.cx.now;
        if let Some(slot) = self.slot {
            if slot.at <= now {
                self.slot = None;
                self.run_slot(slot.cause, scope);
            }
            return;
        }
        // A frame may have moved the deadline since the timer was set.
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        let exhausted = self.attempts.count >= scope.cx.config.subscription_retries;
        match &mut self.state {
            State::Subscribing { .. } | State::Expiring { .. } if exhausted => self.fail(scope),
            State::Subscribing { .. } | State::Expiring { .. } => self.send(StateCause::Unconfirmed, scope),
            State::Refused { .. } | State::Failed { .. } => self.send(StateCause::Retried, scope),
            State::Active { renew_at, .. } | State::Quiet { renew_at } if renew_at.is_some_and(|at| at <= now) => {
                *renew_at = None;
                self.renew_if_due(scope);
            }
            State::Active { .. } | State::Quiet { .. } => self.check_staleness(scope),
            State::Unsubscribing(_) => self.on_unsubscribe_timeout(exhausted, scope),
            State::Pending | State::Degraded => {}
        }
    }

    /// Renews the stream in its slot; a summary only while the session is not authenticated, and
    /// only after silence, since its frames are evidence too.
    fn renew_if_due(&mut self, scope: &mut Scope<'_, '_>) {
        if self.channel() != Key::AccountSummary {
            return self.send_paced(StateCause::Renewed, scope);
        }
        let silent_until = self.flow.last_message_at + SUMMARY_SILENCE;
        match &mut self.state {
            _ if scope.cx.authenticated != Some(false) => {}
            State::Active { renew_at, .. } | State::Quiet { renew_at } if silent_until > scope.cx.now => {
                *renew_at = Some(silent_until);
            }
            _ => self.send_paced(StateCause::Renewed, scope),
        }
    }

    fn on_unsubscribe_timeout(&mut self, exhausted: bool, scope: &mut Scope<'_, '_>) {
        let key = self.key.clone();
        let error = if self.unsubscribe_text(scope.cx.config).is_none() {
            CommandError::ServerIdUnknown(key)
        } else if exhausted {
            scope.unsubscribes.remove(&key);
            CommandError::Unconfirmed { key, attempts: self.attempts.count }
        } else {
            return self.send_unsubscribe(scope);
        };
        self.finish_unsubscribe(Err(error), StateCause::UnsubscribeTimedOut, scope);
    }
}
