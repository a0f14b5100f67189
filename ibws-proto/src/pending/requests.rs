//! The pending requests of the application. Each has exactly one reply, within a bounded time.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use crate::command::{CommandError, Reply, RequestId};
use crate::event::Output;
use crate::key::SubscriptionKey;
use crate::time::Instant;

/// The occurrence that completes a pending request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    Start,
    Shutdown,
    Disconnect,
    Reset,
    Subscribe(SubscriptionKey),
    Unsubscribe(SubscriptionKey),
    Tic,
}

/// The requests that wait for their reply.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    last: u64,
    pending: BTreeMap<RequestId, (Wait, Option<Instant>)>,
    deadlines: BTreeSet<(Instant, RequestId)>,
}

impl Requests {
    /// Returns the number of a new request.
    pub(crate) fn issue(&mut self) -> RequestId {
        self.last += 1;
        RequestId(self.last)
    }

    /// Makes a request pending, until `deadline` if there is one.
    pub(crate) fn wait(&mut self, id: RequestId, wait: Wait, deadline: Option<Instant>) {
        self.pending.insert(id, (wait, deadline));
        self.deadlines.extend(deadline.map(|at| (at, id)));
    }

    /// Emits the reply to `id` if it is pending. Returns whether it was.
    pub(crate) fn reply(
        &mut self,
        id: RequestId,
        result: Result<Reply, CommandError>,
        out: &mut VecDeque<Output>,
    ) -> bool {
        let Some((_, deadline)) = self.pending.remove(&id) else { return false };
        if let Some(at) = deadline {
            self.deadlines.remove(&(at, id));
        }
        out.push_back(Output::Done(id, result));
        true
    }

    /// Emits the same reply to all requests that `which` selects, oldest first.
    pub(crate) fn reply_all(
        &mut self,
        which: impl Fn(&Wait) -> bool,
        result: &Result<Reply, CommandError>,
        out: &mut VecDeque<Output>,
    ) {
        let ids: Vec<_> = self.pending.iter().filter(|(_, (wait, _))| which(wait)).map(|(id, _)| *id).collect();
        for id in ids {
            self.reply(id, result.clone(), out);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Returns one request whose deadline has passed, and removes the deadline. The request stays
    /// pending.
    pub(crate) fn take_overdue(&mut self, now: Instant) -> Option<(RequestId, Wait)> {
        let (at, id) = *self.deadlines.first()?;
        if at > now {
            return None;
        }
        self.deadlines.remove(&(at, id));
        let (wait, deadline) = self.pending.get_mut(&id)?;
        *deadline = None;
        Some((id, wait.clone()))
    }

    /// Gives a pending request the deadline `at`.
    pub(crate) fn extend(&mut self, id: RequestId, at: Instant) {
        if let Some((_, deadline)) = self.pending.get_mut(&id) {
            *deadline = Some(at);
            self.deadlines.insert((at, id));
        }
    }

    /// Returns the number of entries in all tables.
    pub(crate) fn entries(&self) -> usize {
        self.pending.len() + self.deadlines.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}
