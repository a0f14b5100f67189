//! What a stream loses: when its gap begins and when it ends.

use alloc::boxed::Box;

use super::Scope;
use super::send::RESUME_AFTER;
use super::state::State;
use super::subscription::{OpenGap, Subscription};
use crate::command::GapCause;
use crate::event::{Event, Gap, GapRecovery, Resumed};
use crate::key::Key;
use crate::time::{Instant, SpanStats};

/// Counts of the gaps of all streams, since the machine was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct GapStats {
    /// Gaps that began. One outage is one gap for each stream.
    pub opened: u64,
    /// The lengths of the gaps that have ended, from [`Gap::since`] to [`Resumed::at`]. A gap whose
    /// subscription was removed meanwhile is not among them.
    pub ended: SpanStats,
    /// Gaps that are open now.
    pub open: usize,
    /// When the earliest of the open gaps began; `None` without one.
    pub open_since: Option<Instant>,
}

impl Subscription {
    /// Opens the gap of a stream that flowed until now. One outage is one gap.
    pub(super) fn open_gap(&mut self, cause: GapCause, scope: &mut Scope<'_, '_>) {
        if !core::mem::take(&mut self.flow.flowing) || self.flow.gap.is_some() {
            return;
        }
        self.flow.resumes_at = None;
        // What was sent and not confirmed is not known to have flowed since it was sent.
        let unconfirmed = matches!(cause, GapCause::Refused(_) | GapCause::Unconfirmed)
            || matches!(self.state, State::Subscribing { .. } | State::Expiring { .. } | State::Refused { .. });
        let last_received = scope.cx.last_received;
        let since = self.attempts.began_at.filter(|_| unconfirmed).map_or(last_received, |at| at.min(last_received));
        // The stream's own last message, where it is noted, is the better evidence.
        let noted = self.flow.stale || self.staleness_limit().is_some();
        let since = if noted { since.min(self.flow.last_message_at) } else { since };
        let since = since.max(self.flow.flowing_since);
        let stays_on_wire = cause == GapCause::Malformed;
        scope.cx.gaps.opened += 1;
        self.flow.gap = Some(Box::new(OpenGap { since, dials: scope.cx.dials, stays_on_wire }));
        // The gap covers the silence.
        self.flow.stale = false;
        scope.event(Event::Gap(Gap { key: self.key.clone(), since, cause }));
        self.stop_reconciling(scope);
    }

    /// Opens the gap of a stream that may have lost a message, and holds its subscription.
    pub(super) fn on_message_lost(&mut self, scope: &mut Scope<'_, '_>) {
        self.open_gap(GapCause::Malformed, scope);
        // Nothing need be sent. What no frame confirms goes on with any frame of the connection,
        // once it has been sent for long enough.
        if self.flow.gap.as_ref().is_some_and(|gap| gap.stays_on_wire)
            && !self.channel().is_confirmed()
            && self.flow.resumes_at.is_none()
        {
            let earliest = self.attempts.sent_at.map_or(scope.cx.now, |at| at + RESUME_AFTER);
            self.flow.resumes_at = Some(earliest.max(scope.cx.now));
        }
    }

    /// Ends the gap of a stream on evidence, if it has one.
    pub(super) fn resume(&mut self, scope: &mut Scope<'_, '_>) {
        let Some(gap) = self.flow.gap.take() else { return };
        let OpenGap { since, dials, stays_on_wire } = *gap;
        self.flow.resumes_at = None;
        let at = scope.cx.now;
        scope.cx.gaps.ended.add(at.since(since));
        let attempts = u32::try_from(scope.cx.dials.saturating_sub(dials)).unwrap_or(u32::MAX);
        self.flow.flowing = true;
        self.flow.flowing_since = at;
        // Silence counts from here on.
        self.flow.last_message_at = at;
        let key = self.key.clone();
        let recovery = match GapRecovery::of(self.channel()) {
            GapRecovery::Snapshot | GapRecovery::Replay if stays_on_wire => GapRecovery::Nothing,
            recovery => recovery,
        };
        scope.event(Event::Resumed(Resumed { key, since, at, attempts, recovery }));
        if self.channel() == Key::Orders {
            scope.delivered.mark();
            self.reconcile(since, scope);
        }
    }
}
