//! What a stream loses: when its gap begins, when it ends, and the REST snapshot that makes up for
//! lost orders.

use super::state::State;
use super::subscription::{OpenGap, Subscription};
use super::{Scope, WritePermission};
use crate::command::GapCause;
use crate::event::{Event, Gap, Resumed};
use crate::key::Key;
use crate::rest::RestRequest;
use crate::time::Instant;

impl Subscription {
    /// Opens the gap of a stream that flowed until now. One outage is one gap.
    pub(super) fn open_gap(&mut self, cause: GapCause, scope: &mut Scope<'_, '_>) {
        if !core::mem::take(&mut self.flow.flowing) || self.flow.gap.is_some() {
            return;
        }
        // What was sent and not confirmed is not known to have flowed since it was sent.
        let unconfirmed = matches!(cause, GapCause::Refused(_) | GapCause::Unconfirmed)
            || matches!(self.state, State::Subscribing { .. } | State::Expiring { .. } | State::Refused { .. });
        let last_received = scope.cx.last_received;
        let since = self.attempts.began_at.filter(|_| unconfirmed).map_or(last_received, |at| at.min(last_received));
        let since = if self.flow.stale { since.min(self.flow.last_message_at) } else { since };
        let since = since.max(self.flow.flowing_since);
        self.flow.gap = Some(OpenGap { since, dials: scope.cx.dials });
        // The gap covers the silence.
        self.flow.stale = false;
        scope.event(Event::Gap(Gap { key: self.subscribe.key.clone(), since, cause }));
    }

    /// Ends the gap of a stream, if it has one.
    pub(super) fn resume(&mut self, scope: &mut Scope<'_, '_>) {
        let Some(OpenGap { since, dials }) = self.flow.gap.take() else { return };
        let at = scope.cx.now;
        let attempts = u32::try_from(scope.cx.dials.saturating_sub(dials)).unwrap_or(u32::MAX);
        self.flow.flowing = true;
        self.flow.flowing_since = at;
        scope.event(Event::Resumed(Resumed { key: self.subscribe.key.clone(), since, at, attempts }));
        if self.channel() == Key::Orders {
            self.reconcile(since, scope);
        }
    }

    /// Requests the orders over REST: changes since then may be missing, and the stream does not
    /// repeat them (docs/protocol.md §3.4). What fails is requested again after the next gap.
    pub(super) fn reconcile(&mut self, since: Instant, scope: &mut Scope<'_, '_>) {
        let since = self.unreconciled.map_or(since, |before| before.min(since));
        self.unreconciled = Some(since);
        // A connection that is being closed requests nothing; the next one does.
        if scope.cx.permission != WritePermission::None {
            let key = self.subscribe.key.clone();
            scope.rest(RestRequest::Reconcile { key, since }, scope.cx.config.rest_timeout);
        }
    }
}
