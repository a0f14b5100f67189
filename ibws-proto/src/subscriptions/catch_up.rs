//! The REST snapshot that makes up for what the stream of orders lost, or for what existed before
//! it: when it is requested, and what it brings.

use super::subscription::Subscription;
use super::{Context, Scope, Table, WritePermission};
use crate::catch_up::{CatchUpPending, CatchUpReason, CaughtUp};
use crate::event::Event;
use crate::frame::Frame;
use crate::key::Key;
use crate::pending::EndedAttempt;
use crate::rest::{RestOutcome, RestRequest, SnapshotReplies};
use crate::time::Instant;

impl Table {
    /// Notes what a frame of orders or executions delivers, as long as orders are subscribed to.
    pub(crate) fn on_delivered(&mut self, frame: &Frame) {
        if self.index.count(Key::Orders) > 0 {
            self.delivered.note(frame);
        }
    }

    /// Takes the end of an attempt to fetch a snapshot of orders.
    pub(crate) fn on_reconciled(
        &mut self,
        ended: EndedAttempt,
        replies: Option<SnapshotReplies>,
        cx: &mut Context<'_>,
    ) {
        let RestRequest::Reconcile { key, since } = ended.request.clone() else { return };
        self.update(&key, cx, |subscription, scope| subscription.on_reconciled(since, ended, replies, scope));
    }
}

impl Subscription {
    /// Requests the orders over REST: changes since then may be missing, and the stream does not
    /// repeat them (docs/protocol.md §3.4). What fails is requested again for as long as it is
    /// needed.
    pub(super) fn reconcile(&mut self, since: Instant, scope: &mut Scope<'_, '_>) {
        let since = self.unreconciled.map_or(since, |before| before.min(since));
        self.unreconciled = Some(since);
        // A connection that is being closed requests nothing; the next one does.
        if matches!(scope.cx.permission, WritePermission::All | WritePermission::Ungated) {
            let key = self.key.clone();
            if scope.require(RestRequest::Reconcile { key, since }, scope.cx.config.rest_timeout) {
                self.emit_pending(since, CatchUpReason::NoHandler, None, scope);
            }
        }
    }

    /// Ends the request for a snapshot when a gap begins. Its reply may lack what happens in the
    /// gap, so that it must not count for that; the end of the gap requests another one, which
    /// reaches back as far.
    pub(super) fn stop_reconciling(&self, scope: &mut Scope<'_, '_>) {
        if self.channel() == Key::Orders {
            scope.cx.rest.stop_reconciling(&self.key, scope.cx.out);
        }
    }

    fn on_reconciled(
        &mut self,
        since: Instant,
        ended: EndedAttempt,
        replies: Option<SnapshotReplies>,
        scope: &mut Scope<'_, '_>,
    ) {
        let why = match ended.outcome {
            RestOutcome::Done => {
                self.unreconciled = self.unreconciled.filter(|unreconciled| *unreconciled != since);
                if let Some(replies) = replies {
                    self.emit_caught_up(since, replies, scope);
                }
                return;
            }
            RestOutcome::Incomplete => CatchUpReason::Incomplete,
            RestOutcome::TimedOut => CatchUpReason::TimedOut,
            RestOutcome::Failed => CatchUpReason::Failed(ended.reason.unwrap_or_default()),
            RestOutcome::Superseded | RestOutcome::TooMany | RestOutcome::NoHandler => return,
        };
        self.emit_pending(since, why, ended.next_try, scope);
    }

    fn emit_caught_up(&self, since: Instant, replies: SnapshotReplies, scope: &mut Scope<'_, '_>) {
        let news = scope.delivered.take_in(&replies);
        let (key, span) = (self.key.clone(), (since, scope.cx.now));
        let caught_up = CaughtUp::new(key, span, scope.delivered.forgotten(), replies, news);
        scope.event(Event::CaughtUp(caught_up));
    }

    fn emit_pending(&self, since: Instant, why: CatchUpReason, next_try: Option<Instant>, scope: &mut Scope<'_, '_>) {
        let (key, at) = (self.key.clone(), scope.cx.now);
        scope.event(Event::CatchUpPending(CatchUpPending { key, since, at, why, next_try }));
    }
}
