//! Streams that are silent on a healthy connection: reported once, with the time since when, and
//! again when they resume. A frame only notes its time; the timer compares it when it fires, so
//! that no frame moves a timer.

use super::Scope;
use super::subscription::Subscription;
use crate::event::{Event, Fresh, Stale};
use crate::key::Key;
use crate::payload::Staleness;
use crate::state::StateCause;

impl Subscription {
    /// Reports a stream as stale if it has been silent for its limit.
    pub(super) fn check_staleness(&mut self, scope: &mut Scope<'_, '_>) {
        let since = self.flow.last_message_at;
        // Silence means nothing on a connection that is being closed.
        if !self.state.is_flowing() || !scope.may_send(self.channel()) || self.flow.stale {
            return;
        }
        if self.staleness_limit().is_some_and(|limit| since + limit <= scope.cx.now) {
            // A gap that is open covers the silence.
            if self.flow.gap.is_none() {
                self.flow.stale = true;
                scope.event(Event::Stale(Stale { key: self.key.clone(), since }));
            }
            match self.channel() {
                // A filtered REST call silences the stream, a forced one ends that
                // (docs/protocol.md §3.4).
                Key::Orders => {
                    self.unprimed = true;
                    self.require_priming(scope);
                    // The end of a gap requests a snapshot itself.
                    if self.flow.gap.is_none() {
                        self.reconcile(since, scope);
                    }
                }
                // They have a period, so silence means that the gateway does not hold them.
                Key::Pnl | Key::AccountLedger => self.send_paced(StateCause::Stale, scope),
                _ => {}
            }
        }
    }

    /// Notes a message, and reports a stale stream as fresh.
    pub(super) fn note_message(&mut self, scope: &mut Scope<'_, '_>) {
        let at = scope.cx.now;
        let since = core::mem::replace(&mut self.flow.last_message_at, at);
        if core::mem::take(&mut self.flow.stale) {
            scope.event(Event::Fresh(Fresh { key: self.key.clone(), since, at }));
        }
    }

    /// Changes the limit.
    pub(super) fn set_staleness(&mut self, staleness: Staleness, scope: &mut Scope<'_, '_>) {
        if self.staleness_limit().is_none() && !self.flow.stale {
            // Without a limit, its last message was not noted.
            self.flow.last_message_at = scope.cx.now;
        }
        self.settings.set_staleness(staleness);
        // It may have been silent for longer than that already.
        self.check_staleness(scope);
    }
}
