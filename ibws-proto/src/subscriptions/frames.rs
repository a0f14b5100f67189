//! What the gateway sends: data that confirms a subscription, refusals, confirmations of
//! unsubscribes.

use alloc::vec::Vec;

use super::state::State;
use super::store::Found;
use super::subscription::{OnWire, Subscription};
use super::{Context, Scope, Table, WritePermission};
use crate::command::{GapCause, UnsubscribeOutcome};
use crate::frame::{Frame, Json, TopicPart};
use crate::key::{Key, SubscriptionKey};
use crate::mask::{Discreet, excerpt};
use crate::random::doubled;
use crate::state::{StateCause, SubscriptionState};
use crate::time::Instant;

impl Table {
    /// Routes a frame with a topic of a channel. Returns its subscription, and whether the frame
    /// may change it.
    pub(crate) fn on_frame(
        &mut self,
        key: Key,
        topic: &[u8],
        frame: &Frame,
        now: Instant,
    ) -> Option<(SubscriptionKey, bool)> {
        let Found { key, place, is_passed_by } = self.route(key, topic, frame)?;
        let key = key.clone();
        if is_passed_by {
            return Some((key, false));
        }
        let subscription = self.store.at_mut(place)?;
        let is_settled = subscription.is_settled();
        if is_settled && subscription.notes_messages() {
            // The timer stays where it is; it reads this when it fires.
            subscription.flow.last_message_at = now;
        }
        Some((key, !is_settled))
    }

    /// Applies a frame to its subscription.
    pub(crate) fn on_data(&mut self, key: &SubscriptionKey, frame: &Frame, cx: &mut Context<'_>) {
        self.update(key, cx, |subscription, scope| subscription.on_data(frame, scope));
    }

    /// Applies an `error` frame with a data topic: it refuses what is unconfirmed on that channel,
    /// because it names no target (docs/protocol.md §4.6).
    pub(crate) fn on_refused(&mut self, topic: &str, reason: &str, cx: &mut Context<'_>) {
        let Some(channel) = Key::from_topic(topic).filter(|key| !key.is_unsolicited()) else { return };
        let exact = topic.strip_prefix('s').filter(|name| self.store.contains(name));
        let mut prime = true;
        for key in self.index.unconfirmed(channel) {
            if exact.is_none_or(|name| name == key.as_str()) {
                let primed = self.update(&key, cx, |subscription, scope| subscription.on_refused(reason, prime, scope));
                prime &= primed != Some(true);
            }
        }
    }

    /// A message arrived in part, and the rest of it did not: the streams that it may belong to
    /// have a gap. Its topic names a subscription, or with another form of the target a channel;
    /// without a readable topic it may be of any stream.
    pub(crate) fn on_message_lost(&mut self, topic: Option<&TopicPart<'_>>, cx: &mut Context<'_>) {
        let (topic, whole) = match topic {
            Some(TopicPart::Whole(topic)) => (&**topic, true),
            Some(TopicPart::Beginning(topic)) => (*topic, false),
            None => ("", false),
        };
        let channel = match Key::from_topic(topic) {
            Some(key) => match key.channel() {
                Some(channel) => channel,
                None => return,
            },
            None if whole => return,
            None => "",
        };
        let exact = topic.strip_prefix('s').filter(|name| whole && self.store.contains(name));
        let lost = |key: &&SubscriptionKey| {
            let stream = self.store.get(key.as_str());
            stream.is_some_and(|stream| stream.flow.flowing && !stream.state.is_unsubscribing())
        };
        let keys: Vec<_> = self.with_prefix(exact.unwrap_or(channel)).filter(lost).cloned().collect();
        for key in keys {
            if exact.is_none_or(|name| name == key.as_str()) {
                self.update(&key, cx, Subscription::on_message_lost);
            }
        }
    }

    /// Whether a frame at `now` ends the gap of a stream that nothing confirms.
    pub(crate) fn resumes_by(&self, now: Instant) -> bool {
        self.index.resuming(now).next().is_some()
    }

    /// Ends the gaps of streams that nothing confirms: they were sent long enough ago without a
    /// refusal, and the connection still delivers.
    pub(crate) fn on_later_frame(&mut self, cx: &mut Context<'_>) {
        let keys: Vec<_> = self.index.resuming(cx.now).cloned().collect();
        for key in keys {
            self.update(&key, cx, Subscription::resume);
        }
    }

    /// Applies `unsubscribed from summary` or `… ledger`: it confirms the unsubscribe that was
    /// written first (docs/protocol.md §3.7).
    pub(crate) fn on_unsubscribed(&mut self, channel: Key, cx: &mut Context<'_>) {
        if let Some(key) = self.unsubscribes.pop(channel) {
            self.confirm_unsubscribe(&key, cx);
        }
    }

    /// Applies `Unsubscribed ID`: it confirms the unsubscribe of the history with that server id.
    pub(crate) fn on_history_unsubscribed(&mut self, server_id: &str, cx: &mut Context<'_>) {
        let found = self.with_prefix("mh").find(|key| {
            self.store
                .get(key.as_str())
                .is_some_and(|history| history.state.is_unsubscribing() && history.server_id() == Some(server_id))
        });
        if let Some(key) = found.cloned() {
            self.confirm_unsubscribe(&key, cx);
        }
    }

    /// Applies a frame with the topic of an unsubscribe, such as `umd+265598` or `umh+SERVERID`: it
    /// confirms that one (docs/protocol.md §2).
    ///
    /// The place of a summary or ledger in `unsubscribes` stays, so that a result that still
    /// follows confirms no other account.
    pub(crate) fn on_unsubscribe_topic(&mut self, topic: &str, cx: &mut Context<'_>) {
        let Some(name) = topic.strip_prefix('u') else { return };
        if let Some(server_id) = name.strip_prefix("mh+") {
            return self.on_history_unsubscribed(server_id, cx);
        }
        if let Some(key) = self.store.get(name).map(|subscription| subscription.key.clone()) {
            self.confirm_unsubscribe(&key, cx);
        }
    }

    fn confirm_unsubscribe(&mut self, key: &SubscriptionKey, cx: &mut Context<'_>) {
        self.update(key, cx, |subscription, scope| {
            let confirmed = Ok(UnsubscribeOutcome::Confirmed);
            subscription.finish_unsubscribe(confirmed, StateCause::UnsubscribeConfirmed, scope);
        });
    }
}

impl Subscription {
    fn on_data(&mut self, frame: &Frame, scope: &mut Scope<'_, '_>) {
        let Some(OnWire { server_id }) = &mut self.on_wire else { return };
        if self.key.key() == Key::MarketHistory && server_id.is_none() {
            *server_id = frame.get("serverId").and_then(Json::scalar).map(|id| Discreet(id.into_owned().into()));
        }
        let has_server_id = server_id.is_some();
        match &mut self.state {
            State::Active { assumed, .. } => {
                *assumed = false;
                self.note_message(scope);
                self.resume(scope);
            }
            // Data is evidence for its own stream, but the subscription is still sent again once
            // authenticated.
            State::Degraded => {
                self.note_message(scope);
                self.resume(scope);
            }
            State::Pending
            | State::Subscribing { .. }
            | State::Quiet { .. }
            | State::Expiring { .. }
            | State::Refused { .. }
            | State::Failed { .. } => {
                self.attempts.reset();
                self.attempts.reason = None;
                self.priming = false;
                // It may flow without having been sent again: late, or refused in place of another
                // one.
                self.resume(scope);
                self.flow(SubscriptionState::Active, StateCause::Confirmed, scope);
            }
            // The id that unsubscribing waited for.
            State::Unsubscribing(under_way) if has_server_id && self.attempts.count == 0 => {
                let needs_confirmation = under_way.needs_confirmation;
                self.send_unsubscribe(scope);
                if !needs_confirmation && scope.cx.permission != WritePermission::None {
                    self.finish_unsubscribe(Ok(UnsubscribeOutcome::Sent), StateCause::Requested, scope);
                }
            }
            State::Unsubscribing(_) => {}
        }
    }

    /// Backs off after a refusal. With `prime`, requests priming over REST; returns whether it did.
    fn on_refused(&mut self, reason: &str, prime: bool, scope: &mut Scope<'_, '_>) -> bool {
        let config = scope.cx.config;
        self.attempts.reason = Some(excerpt(reason));
        self.attempts.refusals = self.attempts.refusals.saturating_add(1);
        // Another one of the channel may have been refused: if data comes after all, it counts.
        self.priming = false;
        if self.attempts.count >= config.subscription_retries {
            self.fail(scope);
            return false;
        }
        let delay = doubled(config.refusal_min, self.attempts.refusals - 1, config.refusal_max);
        let delay = scope.cx.random.around(delay, 20).min(config.refusal_max);
        self.open_gap(GapCause::Refused(excerpt(reason)), scope);
        self.enter(State::Refused { retry_at: scope.cx.now + delay }, StateCause::Refused, scope);
        // Orders are primed before each sending anyway.
        let prime = prime && self.channel() != Key::Orders && scope.may_send(self.channel());
        if prime {
            self.require_priming(scope);
        }
        prime
    }
}
