//! Streams that say nothing on a connection that is fine: told once, with the moment since when, and again when they speak.
//! A frame only notes its time; the timer looks at that when it fires, so that no frame moves a timer.

use super::{Context, Table, Wire};
use crate::event::{Event, Fresh, Stale};
use crate::key::{Key, SubscriptionKey};
use crate::payload::Staleness;
use crate::status::SubscriptionState;

impl Table {
    /// The limit may have been reached since the timer was set; if not, it is set anew.
    pub(super) fn judge_silence(&mut self, key: &SubscriptionKey, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        let since = row.heard;
        // On a connection that is being left, silence is no news.
        let flows =
            matches!(row.status, SubscriptionState::Active | SubscriptionState::Quiet) && cx.wire == Wire::Ready;
        if flows && !row.stale && row.silence_limit().is_some_and(|limit| since + limit <= cx.now) {
            row.stale = true;
            cx.event(Event::Stale(Stale { key: key.clone(), since }));
            if key.key() == Key::Orders {
                // A filtered REST call silences the stream, a forced one lets it speak again (docs/protocol.md §3.4).
                self.reconcile(key, since, cx);
            }
        }
        if cx.wire == Wire::Ready {
            self.keep_up(key);
        }
    }

    /// Sets the timer of a stream that flows.
    pub(super) fn keep_up(&mut self, key: &SubscriptionKey) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        if row.paced.is_none() && matches!(row.status, SubscriptionState::Active | SubscriptionState::Quiet) {
            let upkeep = row.upkeep();
            self.index.arm(row, upkeep);
        }
    }

    /// It spoke.
    pub(super) fn end_silence(&mut self, key: &SubscriptionKey, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        let (since, at) = (core::mem::replace(&mut row.heard, cx.now), cx.now);
        if core::mem::take(&mut row.stale) {
            cx.event(Event::Fresh(Fresh { key: key.clone(), since, at }));
        }
    }

    /// Its limit is another one from now on.
    pub(super) fn limit_silence(&mut self, key: &SubscriptionKey, staleness: Staleness, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        if row.silence_limit().is_none() && !row.stale {
            // Its last message was not noted as long as nobody asked.
            row.heard = cx.now;
        }
        row.subscribe.staleness = staleness;
        // It may have been silent for longer than that already.
        self.judge_silence(key, cx);
    }
}
