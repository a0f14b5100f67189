//! What the gateway says, and what time brings: a subscription confirmed, refused, left, or due for its next step.

use alloc::boxed::Box;
use alloc::string::String;

use super::{Context, Table, Wire};
use crate::command::{Failure, Loss, Unsubscribed};
use crate::event::{Action, Event, Resumed, SubStatus};
use crate::frame::{Frame, Json};
use crate::key::{Key, SubKey};
use crate::random::doubled;

impl Table {
    /// A frame with a topic of a channel arrived: which subscription it belongs to, and whether it changes that one.
    pub(crate) fn frame(&self, key: Key, topic: &str, frame: &Frame) -> Option<(SubKey, bool)> {
        let (found, row) = self.route(key, topic, frame)?;
        let settled = row.status == SubStatus::Active && (key != Key::MarketHistory || row.server_id.is_some());
        Some((found.clone(), !settled))
    }

    /// What a frame of a subscription changes, if it is not simply active.
    pub(crate) fn evidence(&mut self, key: &SubKey, frame: &Frame, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key) else { return };
        if !row.held {
            return;
        }
        if key.key() == Key::MarketHistory && row.server_id.is_none() {
            row.server_id = frame.get("serverId").and_then(Json::scalar).map(|id| id.into_owned().into());
        }
        match row.status {
            SubStatus::Subscribing
            | SubStatus::Quiet
            | SubStatus::Expiring
            | SubStatus::Refused
            | SubStatus::Failed => {
                (row.refusals, row.attempt, row.reason, row.priming) = (0, 0, None, false);
                // It flows without having been sent again: late, or refused and failed for the sake of another.
                if let Some(since) = row.gap.take() {
                    row.begun = cx.now;
                    cx.event(Event::Resumed(Resumed { key: key.clone(), since, at: cx.now, attempts: cx.attempts }));
                }
                let timer = self.renewal(key, cx);
                self.enter(key, SubStatus::Active, timer, cx);
            }
            SubStatus::Unsubscribing if row.server_id.is_some() && row.attempt == 0 => {
                let confirm = row.confirm_leave;
                self.send_leave(key, cx);
                if !confirm && cx.wire != Wire::Shut {
                    self.settle_leaving(key, Ok(Unsubscribed::Sent), cx);
                }
            }
            _ => {}
        }
    }

    /// An `error` frame with a data topic: a refusal of what is unconfirmed on that channel (protocol §4.6: it names no
    /// target).
    pub(crate) fn refused(&mut self, topic: &str, reason: &str, cx: &mut Context<'_>) {
        let Some(key) = Key::of_topic(topic).filter(|key| !key.is_unsolicited()) else { return };
        let exact = topic.strip_prefix('s').and_then(|name| self.rows.get_key_value(name)).map(|(key, _)| key.clone());
        let marks = self.index.unconfirmed.range((key, SubKey::floor(key))..).take_while(|(k, _)| *k == key);
        let meant: alloc::vec::Vec<_> = match exact {
            Some(exact) if topic.contains('+') => {
                marks.filter(|(_, sub)| *sub == exact).map(|(_, sub)| sub.clone()).collect()
            }
            _ => marks.map(|(_, sub)| sub.clone()).collect(),
        };
        let mut primed = false;
        for sub in meant {
            let Some(row) = self.rows.get_mut(&sub) else { continue };
            row.reason = Some(short(reason));
            row.refusals = row.refusals.saturating_add(1);
            // It may be another one of the channel that was meant: should data come after all, it counts.
            row.priming = false;
            if row.attempt >= cx.config.subscription_retries {
                self.fail(&sub, cx);
                continue;
            }
            let delay = doubled(cx.config.refusal_first, row.refusals - 1, cx.config.refusal_cap);
            let delay = cx.random.around(delay, 20).min(cx.config.refusal_cap);
            self.open_gap(&sub, Loss::Refused(short(reason)), cx);
            self.enter(&sub, SubStatus::Refused, Some(cx.now + delay), cx);
            // Orders are primed before each sending anyway.
            if sub.key() != Key::Orders && cx.wire == Wire::Ready && !core::mem::replace(&mut primed, true) {
                cx.action(|conn| Action::Prime { conn, key: sub });
            }
        }
    }

    /// `unsubscribed from summary` or `… ledger`: the first one written is meant (protocol §3.7).
    pub(crate) fn left(&mut self, key: Key, cx: &mut Context<'_>) {
        if let Some(sub) = self.leaving.get_mut(&key).and_then(alloc::collections::VecDeque::pop_front) {
            self.settle_leaving(&sub, Ok(Unsubscribed::Confirmed), cx);
        }
    }

    /// `Unsubscribed ID`: the history with that server id.
    pub(crate) fn left_history(&mut self, server_id: &str, cx: &mut Context<'_>) {
        let found = self.below("mh").find(|key| {
            self.rows.get(*key).is_some_and(|row| {
                row.status == SubStatus::Unsubscribing && row.server_id.as_deref() == Some(server_id)
            })
        });
        if let Some(key) = found.cloned() {
            self.settle_leaving(&key, Ok(Unsubscribed::Confirmed), cx);
        }
    }

    /// The host has made its calls, or could not: sending goes on either way.
    pub(crate) fn primed(&mut self, key: &SubKey, cx: &mut Context<'_>) {
        if self.rows.get(key).is_some_and(|row| row.priming) && cx.wire == Wire::Ready {
            self.transmit(key, cx);
        }
    }

    /// Lets one due timer act; says whether there was one.
    pub(crate) fn due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((at, key)) = self.index.timers.first().cloned() else { return false };
        if at > cx.now {
            return false;
        }
        let Some(row) = self.rows.get_mut(&key) else { return false };
        self.index.arm(row, None);
        let spent = row.attempt >= cx.config.subscription_retries;
        match row.status {
            _ if row.priming => self.transmit(&key, cx),
            SubStatus::Subscribing | SubStatus::Expiring if spent => self.fail(&key, cx),
            SubStatus::Subscribing | SubStatus::Expiring | SubStatus::Refused | SubStatus::Failed => {
                self.send(&key, cx)
            }
            SubStatus::Active | SubStatus::Quiet => self.renew(&key, cx),
            SubStatus::Unsubscribing if row.unsubscribe_text(cx.config).is_none() => {
                self.settle_leaving(&key, Err(Failure::ServerIdUnknown(key.clone())), cx);
            }
            SubStatus::Unsubscribing if spent => {
                let attempts = row.attempt;
                if let Some(queue) = self.leaving.get_mut(&key.key()) {
                    queue.retain(|waiting| *waiting != key);
                }
                self.settle_leaving(&key, Err(Failure::Unconfirmed { key: key.clone(), attempts }), cx);
            }
            SubStatus::Unsubscribing => self.send_leave(&key, cx),
            SubStatus::Pending | SubStatus::Degraded | SubStatus::Gone => {}
        }
        true
    }
}

/// The gateway's words, at most 200 characters of them.
fn short(reason: &str) -> Box<str> {
    reason.chars().take(200).collect::<String>().into()
}
