//! REST requests that wait for their outcome: each is reported once, within a deadline.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::event::{Action, Event, Output};
use crate::rest::{RestOutcome, RestReport, RestRequest, RestRequestId};
use crate::time::Instant;

/// Prompts that may wait for their answer at once; a gateway that asks more is not believed.
const PROMPTS: usize = 32;

/// The questions that wait for their answer.
#[derive(Debug, Default)]
pub(crate) struct RestRequests {
    last: u64,
    pending: BTreeMap<RestRequestId, (Instant, RestRequest)>,
    deadlines: BTreeSet<(Instant, RestRequestId)>,
}

impl RestRequests {
    /// RestRequests, and waits for the answer until `deadline`. The same question asked before is overtaken.
    pub(crate) fn send(&mut self, request: RestRequest, deadline: Instant, out: &mut VecDeque<Output>) {
        let same = |other: &RestRequest| match (&request, other) {
            (RestRequest::Prime(key), RestRequest::Prime(other)) => key == other,
            (RestRequest::Reconcile { key, .. }, RestRequest::Reconcile { key: other, .. }) => key == other,
            (RestRequest::Session(_), RestRequest::Session(_)) => true,
            (RestRequest::Prompt(prompt), RestRequest::Prompt(other)) => prompt.req_id == other.req_id,
            _ => false,
        };
        if let Some(id) = self.pending.iter().find(|(_, (_, other))| same(other)).map(|(id, _)| *id) {
            let _ = self.settle(id, RestOutcome::Superseded, out);
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

    /// Ends a question and tells so; gives it back if it was pending.
    pub(crate) fn settle(
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

    /// The connection is gone: what was asked for it no longer matters.
    pub(crate) fn supersede_all(&mut self, out: &mut VecDeque<Output>) {
        while let Some((id, _)) = self.pending.first_key_value() {
            let id = *id;
            let _ = self.settle(id, RestOutcome::Superseded, out);
        }
    }

    pub(crate) fn is_pending(&self, id: RestRequestId) -> bool {
        self.pending.contains_key(&id)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// One question whose time is over.
    pub(crate) fn overdue(&self, now: Instant) -> Option<RestRequestId> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// Entries in all its tables.
    pub(crate) fn entries(&self) -> usize {
        self.pending.len() + self.deadlines.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}
