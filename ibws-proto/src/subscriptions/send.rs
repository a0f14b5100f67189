//! How a subscription is written: primed, sent, paced, renewed, unsubscribed.

use alloc::string::String;
use core::time::Duration;

use super::pace::Slot;
use super::state::State;
use super::subscription::{OnWire, Subscription};
use super::{Scope, WritePermission};
use crate::command::{CommandError, GapCause, Reply, UnsubscribeOutcome};
use crate::key::Key;
use crate::payload::Renewal;
use crate::rest::RestRequest;
use crate::state::{StateCause, SubscriptionState};
use crate::time::Instant;

/// How long a stream that nothing confirms must have been sent before a frame of its connection
/// ends its gap.
pub(super) const RESUME_AFTER: Duration = Duration::from_secs(5);
/// How long a summary may be silent while the session is not authenticated. It has no period, and
/// its snapshot is the evidence that it still flows.
pub(super) const SUMMARY_SILENCE: Duration = Duration::from_secs(60);

impl Subscription {
    /// Sends it in its slot: [`Config::resubscribe_burst`](crate::Config::resubscribe_burst) at
    /// once, then a pause.
    pub(super) fn send_paced(&mut self, cause: StateCause, scope: &mut Scope<'_, '_>) {
        // A slot that was given stays.
        if self.slot.is_some() {
            return;
        }
        let at = scope.pace.next_slot(scope.cx.now, scope.cx.config);
        if at > scope.cx.now {
            self.slot = Some(Slot { at, cause });
        } else {
            self.run_slot(cause, scope);
        }
    }

    /// Does what the slot was given for, if it may still be done.
    pub(super) fn run_slot(&mut self, cause: StateCause, scope: &mut Scope<'_, '_>) {
        let unsubscribes_first = match cause {
            StateCause::Renewed => return self.renew(scope),
            StateCause::Stale => return self.resend(cause, scope),
            // The gateway counts a history until it is unsubscribed by its id (docs/protocol.md
            // §3.2).
            StateCause::Requested => self.server_id().is_some(),
            StateCause::Ready => self.must_unsubscribe_first(scope),
            _ => false,
        };
        if unsubscribes_first {
            self.send_unsubscribe(scope);
            self.attempts.count = 0;
        }
        self.send(cause, scope);
    }

    /// Whether the gateway may still hold it from before the session lost its authentication. A
    /// plain repeated `smd` is not known to cause a first frame (docs/protocol.md §3.1), so it is
    /// unsubscribed first. A ladder is not, because that would end the other ladders of its account
    /// (docs/protocol.md §3.3).
    fn must_unsubscribe_first(&self, scope: &Scope<'_, '_>) -> bool {
        matches!(self.state, State::Degraded)
            && self.on_wire.is_some()
            && self.channel() != Key::PriceLadder
            && scope.may_send(self.channel())
    }

    /// Subscribes. Orders are primed over REST first (docs/protocol.md §1.3.3), where there is a
    /// REST handler.
    pub(super) fn send(&mut self, cause: StateCause, scope: &mut Scope<'_, '_>) {
        if !scope.may_send(self.channel()) {
            return;
        }
        if !self.must_be_primed(scope) {
            return self.transmit(cause, scope);
        }
        // The end of the first attempt sends it, whatever its outcome.
        self.priming = true;
        self.slot = None;
        self.require_priming(scope);
    }

    /// Whether it waits for priming before it is sent.
    pub(super) fn must_be_primed(&self, scope: &Scope<'_, '_>) -> bool {
        self.channel() == Key::Orders
            && scope.cx.config.rest_handler
            && !scope.cx.rest.is_priming_over(&self.key, scope.cx.now)
    }

    /// Requests over REST what the gateway requires before it accepts the channel.
    pub(super) fn require_priming(&mut self, scope: &mut Scope<'_, '_>) {
        scope.require(RestRequest::Prime(self.key.clone()), scope.cx.config.prime_timeout);
    }

    /// Writes the text that subscribes.
    pub(super) fn transmit(&mut self, cause: StateCause, scope: &mut Scope<'_, '_>) {
        self.priming = false;
        // Priming may end after the connection stopped taking anything.
        if !scope.may_send(self.channel()) {
            return;
        }
        let now = scope.cx.now;
        self.on_wire.get_or_insert_with(OnWire::default);
        self.sent_before = true;
        self.attempts.count = self.attempts.count.saturating_add(1);
        self.attempts.sent_at = Some(now);
        if self.attempts.count == 1 || self.flow.gap.is_some() {
            self.attempts.began_at = Some(now);
        }
        if let Some(gap) = &mut self.flow.gap {
            gap.stays_on_wire = false;
        }
        if !self.flow.flowing {
            self.flow.flowing_since = now;
        }
        scope.write(self.subscribe_text(scope.cx.config));
        let needs_snapshot = self.channel() == Key::Orders && self.unreconciled.is_none() && self.flow.gap.is_none();
        if self.needs_confirmation() {
            let deadline = now + self.confirmation_timeout(scope.cx.config);
            let next = match self.state {
                State::Expiring { .. } => State::Expiring { deadline: Some(deadline) },
                _ => State::Subscribing { deadline },
            };
            self.enter(next, cause, scope);
        } else {
            self.flow(SubscriptionState::Quiet, cause, scope);
            if self.flow.gap.is_some() && !self.channel().is_confirmed() {
                self.flow.resumes_at = Some(now + RESUME_AFTER);
            }
        }
        // The stream starts without a snapshot (docs/protocol.md §3.4). Without a REST handler that
        // is reported, after the state of the subscription that the report is about.
        if needs_snapshot {
            self.reconcile(now, scope);
        }
    }

    /// Enters `Active` or `Quiet`: data flows, or is expected without a confirmation.
    pub(super) fn flow(&mut self, state: SubscriptionState, cause: StateCause, scope: &mut Scope<'_, '_>) {
        if state == SubscriptionState::Active {
            self.note_message(scope);
        }
        if !self.flow.stale {
            self.flow.last_message_at = scope.cx.now;
        }
        let renew_at = self.renewal(scope);
        let next = match state {
            SubscriptionState::Active => State::Active { renew_at, assumed: cause == StateCause::Assumed },
            _ => State::Quiet { renew_at },
        };
        self.enter(next, cause, scope);
    }

    /// When it is sent again: market data up to 5 % before it reaches its age, so that renewals
    /// spread out, and what is silent and has no confirmation to wait for after the same silence
    /// once more.
    fn renewal(&self, scope: &mut Scope<'_, '_>) -> Option<Instant> {
        if self.channel() == Key::AccountSummary && scope.cx.authenticated == Some(false) {
            return Some(scope.cx.now + SUMMARY_SILENCE);
        }
        if self.flow.stale && matches!(self.channel(), Key::Pnl | Key::AccountLedger) {
            return self.staleness_limit().map(|limit| scope.cx.now + limit);
        }
        let age = self.settings.renew_after(scope.cx.config).filter(|_| self.channel() == Key::MarketData)?;
        Some(scope.cx.now + age.saturating_sub(scope.cx.random.up_to(age / 20)))
    }

    /// Changes the age at which market data is renewed. A renewal that is due keeps its time unless
    /// the new age ends earlier, because the gateway counts from the last subscribe.
    pub(super) fn set_renew_after(&mut self, age: Option<Duration>, scope: &mut Scope<'_, '_>) {
        self.settings.set_renew_after(age);
        if self.channel() != Key::MarketData {
            return;
        }
        let next = self.renewal(scope);
        if let State::Active { renew_at, .. } | State::Quiet { renew_at } = &mut self.state {
            *renew_at = next.map(|next| renew_at.map_or(next, |due| due.min(next)));
        }
    }

    /// Subscribes again before the gateway ends the stream, by default after unsubscribing
    /// (docs/protocol.md §3.1). The stream goes on, so there is no gap.
    fn renew(&mut self, scope: &mut Scope<'_, '_>) {
        if self.channel() == Key::MarketData
            && scope.may_send(Key::MarketData)
            && self.settings.renewal(scope.cx.config) == Renewal::UnsubscribeFirst
        {
            self.send_unsubscribe(scope);
        }
        self.resend(StateCause::Renewed, scope);
    }

    /// Sends again a stream that flows, or should: it has no gap unless the attempts go
    /// unconfirmed.
    fn resend(&mut self, cause: StateCause, scope: &mut Scope<'_, '_>) {
        if !scope.may_send(self.channel()) || !self.state.is_flowing() {
            return;
        }
        self.attempts.count = 0;
        if self.needs_confirmation() {
            self.enter(State::Expiring { deadline: None }, cause, scope);
        }
        self.transmit(cause, scope);
    }

    /// All attempts went unconfirmed: replies that, and tries again at the longest delay until it
    /// is unsubscribed.
    pub(super) fn fail(&mut self, scope: &mut Scope<'_, '_>) {
        let (key, attempts) = (self.key.clone(), self.attempts.count);
        let (error, gap, cause) = match self.attempts.reason.clone() {
            Some(reason) => {
                (CommandError::Refused { key, reason: reason.clone() }, GapCause::Refused(reason), StateCause::Refused)
            }
            None => (CommandError::Unconfirmed { key, attempts }, GapCause::Unconfirmed, StateCause::Unconfirmed),
        };
        for request in self.holders.take_waiting() {
            scope.reply(request, Err(error.clone()));
        }
        self.open_gap(gap, scope);
        self.enter(State::Failed { retry_at: scope.cx.now + scope.cx.config.refusal_max }, cause, scope);
    }

    /// Writes the text that unsubscribes, if that can be written now.
    pub(super) fn send_unsubscribe(&mut self, scope: &mut Scope<'_, '_>) {
        let Some(text) = self.unsubscribe_text(scope.cx.config) else { return };
        if scope.cx.permission == WritePermission::None {
            return;
        }
        self.attempts.count = self.attempts.count.saturating_add(1);
        if let State::Unsubscribing(under_way) = &mut self.state {
            under_way.deadline = scope.cx.now + scope.cx.config.subscription_timeout;
        }
        self.write_unsubscribe(text, scope);
    }

    /// Writes `text`, which ends the subscription at the gateway, and records what follows from it.
    pub(super) fn write_unsubscribe(&mut self, text: String, scope: &mut Scope<'_, '_>) {
        scope.write(text);
        if let Some(wire) = self.on_wire.as_mut().filter(|_| !self.state.is_unsubscribing()) {
            wire.server_id = None;
        }
        match self.channel() {
            Key::AccountSummary | Key::AccountLedger => scope.unsubscribes.push(&self.key),
            Key::PriceLadder if scope.may_send(Key::PriceLadder) => scope.effects.restore_ladders = true,
            _ => {}
        }
    }

    /// Ends an unsubscribe: replies `result` to the requests that wait for it, and has the
    /// subscription removed.
    pub(super) fn finish_unsubscribe(
        &mut self,
        result: Result<UnsubscribeOutcome, CommandError>,
        cause: StateCause,
        scope: &mut Scope<'_, '_>,
    ) {
        let State::Unsubscribing(under_way) = &mut self.state else { return };
        for request in under_way.waiters.drain(..) {
            scope.reply(request, result.clone().map(Reply::Unsubscribed));
        }
        scope.effects.remove = Some(cause);
    }

    /// Emits that it is removed; the table forgets it.
    pub(super) fn emit_removed(&mut self, cause: StateCause, scope: &mut Scope<'_, '_>) {
        let from = self.state.kind();
        if !super::transitions::allows(from, cause, SubscriptionState::Removed) {
            *scope.cx.illegal_transitions += 1;
            debug_assert!(false, "no transition from {from:?} to Removed for {cause:?}");
        }
        self.emit_state(SubscriptionState::Removed, cause, scope);
    }
}
