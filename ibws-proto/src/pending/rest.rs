//! The pending REST requests. The outcome of each is reported exactly once, within a deadline.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::event::{Action, Event, Output};
use crate::rest::{RestOutcome, RestReport, RestRequest, RestRequestId};
use crate::time::Instant;

/// Greatest number of pending prompts. A gateway that sends more is taken for faulty, and the limit
/// bounds the memory.
const PROMPTS: usize = 32;

/// The REST requests that wait for their outcome.
#[derive(Debug, Default)]
pub(crate) struct RestRequests {
    last: u64,
    pending: BTreeMap<RestRequestId, (Instant, RestRequest)>,
    deadlines: BTreeSet<(Instant, RestRequestId)>,
}

impl RestRequests {
    /// Emits a REST request that is pending until `deadline`. It supersedes a pending one of the
    /// same kind and target.
    pub(crate) fn send(&mut self, request: RestRequest, deadline: Instant, out: &mut VecDeque<Output>) {
        let same = |other: &RestRequest| match (&request, other) {
            (RestRequest::Prime(key), RestRequest::Prime(other)) => key == other,
            (RestRequest::Reconcile { key, .. }, RestRequest::Reconcile { key: other, .. }) => key == other,
            (RestRequest::Session(_), RestRequest::Session(_)) => true,
            (RestRequest::Prompt(prompt), RestRequest::Prompt(other)) => prompt.req_id == other.req_id,
            _ => false,
        };
        if let Some(id) = self.pending.iter().find(|(_, (_, other))| same(other)).map(|(id, _)| *id) {
            let _ = self.finish(id, RestOutcome::Superseded, out);
        }
        let prompts = || self.pending.values().filter(|(_, request)| matches!(request, RestRequest::Prompt(_))).count();
        if matches!(request, RestRequest::Prompt(_)) && prompts() >= PROMPTS {
            let report = RestReport { id: None, request, outcome: RestOutcome::TooMany };
            return out.push_back(Output::Event(Event::Rest(report)));
        }
        self.last += 1;
        let id = RestRequestId(self.last);
        self.pending.insert(id, (deadline, request.clone()));
        self.deadlines.insert((deadline, id));
        out.push_back(Output::Action(Action::Rest { id, request }));
    }

    /// Ends a pending request and reports its outcome. Returns the request, or `None` if it is not
    /// pending.
    pub(crate) fn finish(
        &mut self,
        id: RestRequestId,
        outcome: RestOutcome,
        out: &mut VecDeque<Output>,
    ) -> Option<RestRequest> {
        let (deadline, request) = self.pending.remove(&id)?;
        self.deadlines.remove(&(deadline, id));
        let report = RestReport { id: Some(id), request: request.clone(), outcome };
        out.push_back(Output::Event(Event::Rest(report)));
        Some(request)
    }

    /// Ends all requests as superseded, because the connection that they were made for has ended.
    pub(crate) fn supersede_all(&mut self, out: &mut VecDeque<Output>) {
        while let Some((id, _)) = self.pending.first_key_value() {
            let id = *id;
            let _ = self.finish(id, RestOutcome::Superseded, out);
        }
    }

    pub(crate) fn is_pending(&self, id: RestRequestId) -> bool {
        self.pending.contains_key(&id)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Returns one request whose deadline has passed.
    pub(crate) fn overdue(&self, now: Instant) -> Option<RestRequestId> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// Returns the number of entries in all tables.
    pub(crate) fn entries(&self) -> usize {
        self.pending.len() + self.deadlines.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}
