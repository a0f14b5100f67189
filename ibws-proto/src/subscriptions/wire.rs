//! What the gateway says, and what time brings: a subscription confirmed, refused, left, or due for its next step.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};

use super::{Context, Table, Wire};
use crate::command::{CommandError, GapCause, UnsubscribeOutcome};
use crate::event::{Event, Resumed};
use crate::frame::{Frame, Json};
use crate::key::{Key, SubscriptionKey};
use crate::mask::Masked;
use crate::random::doubled;
use crate::rest::{RestOutcome, RestRequest};
use crate::status::{StateCause, SubscriptionState};
use crate::time::Instant;

impl Table {
    /// A frame with a topic of a channel arrived: which subscription it belongs to, and whether it changes that one.
    pub(crate) fn frame(
        &mut self,
        key: Key,
        topic: &str,
        frame: &Frame,
        now: Instant,
    ) -> Option<(SubscriptionKey, bool)> {
        let row = self.route(key, topic, frame)?;
        let settled = row.status == SubscriptionState::Active
            && !row.stale
            && !row.assumed
            && (key != Key::MarketHistory || row.server_id.is_some());
        let (found, watched) = (row.subscribe.key.clone(), row.silence_limit().is_some());
        if watched && settled {
            // The timer stays where it is; it looks at this when it fires.
            if let Some(row) = self.rows.get_mut(found.as_str()) {
                row.heard = now;
            }
        }
        Some((found, !settled))
    }

    /// What a frame of a subscription changes, if it is not simply active.
    pub(crate) fn evidence(&mut self, key: &SubscriptionKey, frame: &Frame, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        if !row.held {
            return;
        }
        if key.key() == Key::MarketHistory && row.server_id.is_none() {
            row.server_id = frame.get("serverId").and_then(Json::scalar).map(|id| id.into_owned().into());
        }
        row.assumed = false;
        match row.status {
            SubscriptionState::Active => {
                self.end_silence(key, cx);
                self.keep_up(key);
            }
            SubscriptionState::Pending
            | SubscriptionState::Subscribing
            | SubscriptionState::Quiet
            | SubscriptionState::Expiring
            | SubscriptionState::Refused
            | SubscriptionState::Failed => {
                (row.refusals, row.attempt, row.reason, row.priming) = (0, 0, None, false);
                // It flows without having been sent again: late, or refused and failed for the sake of another.
                if let Some(since) = row.gap.take() {
                    row.begun = cx.now;
                    cx.event(Event::Resumed(Resumed { key: key.clone(), since, at: cx.now, attempts: cx.attempts }));
                    if key.key() == Key::Orders {
                        self.reconcile(key, since, cx);
                    }
                }
                self.flow(key, SubscriptionState::Active, StateCause::Confirmed, cx);
            }
            SubscriptionState::Unsubscribing if row.server_id.is_some() && row.attempt == 0 => {
                let confirm = row.confirm_leave;
                self.send_leave(key, cx);
                if !confirm && cx.wire != Wire::Shut {
                    self.settle_leaving(key, Ok(UnsubscribeOutcome::Sent), StateCause::Requested, cx);
                }
            }
            _ => {}
        }
    }

    /// An `error` frame with a data topic: a refusal of what is unconfirmed on that channel (docs/protocol.md §4.6: it names no
    /// target).
    pub(crate) fn refused(&mut self, topic: &str, reason: &str, cx: &mut Context<'_>) {
        let Some(key) = Key::from_topic(topic).filter(|key| !key.is_unsolicited()) else { return };
        let exact = topic.strip_prefix('s').and_then(|name| self.rows.get(name)).map(|row| row.subscribe.key.clone());
        let marks = self.index.unconfirmed.range((key, SubscriptionKey::floor(key))..).take_while(|(k, _)| *k == key);
        let meant: alloc::vec::Vec<_> = match exact {
            Some(exact) => marks.filter(|(_, sub)| *sub == exact).map(|(_, sub)| sub.clone()).collect(),
            None => marks.map(|(_, sub)| sub.clone()).collect(),
        };
        let mut primed = false;
        for sub in meant {
            let Some(row) = self.rows.get_mut(sub.as_str()) else { continue };
            row.reason = Some(short(reason));
            row.refusals = row.refusals.saturating_add(1);
            // It may be another one of the channel that was meant: should data come after all, it counts.
            row.priming = false;
            if row.attempt >= cx.config.subscription_retries {
                self.fail(&sub, cx);
                continue;
            }
            let delay = doubled(cx.config.refusal_min, row.refusals - 1, cx.config.refusal_max);
            let delay = cx.random.around(delay, 20).min(cx.config.refusal_max);
            self.open_gap(&sub, GapCause::Refused(short(reason)), cx);
            self.enter(&sub, SubscriptionState::Refused, Some(cx.now + delay), StateCause::Refused, cx);
            // Orders are primed before each sending anyway.
            if sub.key() != Key::Orders && cx.wire == Wire::Ready && !core::mem::replace(&mut primed, true) {
                cx.rest(RestRequest::Prime(sub), cx.config.prime_timeout);
            }
        }
    }

    /// `unsubscribed from summary` or `… ledger`: the first one written is meant (docs/protocol.md §3.7).
    pub(crate) fn left(&mut self, key: Key, cx: &mut Context<'_>) {
        if let Some(sub) = self.leaving.get_mut(&key).and_then(alloc::collections::VecDeque::pop_front) {
            self.settle_leaving(&sub, Ok(UnsubscribeOutcome::Confirmed), StateCause::UnsubscribeConfirmed, cx);
        }
    }

    /// `Unsubscribed ID`: the history with that server id.
    pub(crate) fn left_history(&mut self, server_id: &str, cx: &mut Context<'_>) {
        let found = self.below("mh").find(|key| {
            self.rows.get(key.as_str()).is_some_and(|row| {
                row.status == SubscriptionState::Unsubscribing && row.server_id.as_deref() == Some(server_id)
            })
        });
        if let Some(key) = found.cloned() {
            self.settle_leaving(&key, Ok(UnsubscribeOutcome::Confirmed), StateCause::UnsubscribeConfirmed, cx);
        }
    }

    /// The host has made its calls, or could not: sending goes on either way.
    pub(crate) fn primed(&mut self, key: &SubscriptionKey, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()).filter(|row| row.priming) else { return };
        row.priming = false;
        self.transmit(key, StateCause::Primed, cx);
    }

    /// The host has fetched the orders, or could not.
    pub(crate) fn reconciled(&mut self, key: &SubscriptionKey, since: Instant, outcome: RestOutcome) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        if outcome == RestOutcome::Done && row.unreconciled == Some(since) {
            row.unreconciled = None;
        }
    }

    /// Lets one due timer act; says whether there was one.
    pub(crate) fn due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((at, key)) = self.index.timers.first().cloned() else { return false };
        if at > cx.now {
            return false;
        }
        let Some(row) = self.rows.get_mut(key.as_str()) else { return false };
        self.index.arm(row, None);
        let spent = row.attempt >= cx.config.subscription_retries;
        if let Some(cause) = row.paced.take() {
            self.act_in_turn(&key, cause, cx);
            return true;
        }
        match row.status {
            SubscriptionState::Subscribing | SubscriptionState::Expiring if spent => self.fail(&key, cx),
            SubscriptionState::Subscribing | SubscriptionState::Expiring => {
                self.send(&key, StateCause::Unconfirmed, cx)
            }
            SubscriptionState::Refused | SubscriptionState::Failed => self.send(&key, StateCause::Retried, cx),
            SubscriptionState::Active | SubscriptionState::Quiet if row.renew_at.is_some_and(|at| at <= cx.now) => {
                row.renew_at = None;
                self.send_paced(&key, StateCause::Renewed, cx);
            }
            SubscriptionState::Active | SubscriptionState::Quiet => self.judge_silence(&key, cx),
            SubscriptionState::Unsubscribing if row.unsubscribe_text(cx.config).is_none() => {
                self.settle_leaving(
                    &key,
                    Err(CommandError::ServerIdUnknown(key.clone())),
                    StateCause::UnsubscribeTimedOut,
                    cx,
                );
            }
            SubscriptionState::Unsubscribing if spent => {
                let attempts = row.attempt;
                if let Some(queue) = self.leaving.get_mut(&key.key()) {
                    queue.retain(|waiting| *waiting != key);
                }
                let answer = Err(CommandError::Unconfirmed { key: key.clone(), attempts });
                self.settle_leaving(&key, answer, StateCause::UnsubscribeTimedOut, cx);
            }
            SubscriptionState::Unsubscribing => self.send_leave(&key, cx),
            SubscriptionState::Pending | SubscriptionState::Degraded | SubscriptionState::Removed => {}
        }
        true
    }
}

/// The gateway's words, at most 200 characters of them, accounts masked: they end up in errors.
fn short(reason: &str) -> Box<str> {
    let most: String = reason.chars().take(200).collect();
    Masked(&most).to_string().into()
}
