//! REST requests: what is needed, what is pending, and when what failed is tried again.
//!
//! A need lasts until it is met or cancelled. While it lasts, its request is pending or scheduled,
//! and each attempt is reported once. Calls to the orders endpoint keep the distance that the
//! gateway asks for (docs/protocol.md §8.3).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::time::Duration;

use crate::event::{Action, Event, Output};
use crate::key::{Key, SubscriptionKey};
use crate::mask::{Discreet, excerpt_within};
use crate::random::{Random, doubled};
use crate::rest::{
    MAX_REASON, RestOutcome, RestReply, RestReport, RestRequest, RestRequestId, RestResult, SessionNeed,
};
use crate::time::Instant;

/// Prompts that may wait for their reply at once; what a gateway sends beyond that is not asked.
const PROMPTS: usize = 32;
/// The distance of two calls to the orders endpoint (docs/protocol.md §8.3).
const ORDERS_SPACING: Duration = Duration::from_secs(5);
/// The first pause after a failure; it doubles.
const RETRY_MIN: Duration = Duration::from_secs(5);
/// The longest pause after a failure.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// What a need is about; there is one need for each.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Subject {
    Session,
    Prime(SubscriptionKey),
    Reconcile(SubscriptionKey),
    Prompt(Discreet<Box<str>>),
}

#[derive(Debug)]
struct Need {
    request: RestRequest,
    /// How long an attempt may take.
    timeout: Duration,
    failures: u32,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    /// The next attempt starts then.
    Scheduled(Instant),
    /// An attempt is pending until then.
    Pending(RestRequestId, Instant),
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct EndedAttempt {
    pub(crate) request: RestRequest,
    pub(crate) outcome: RestOutcome,
    /// Why it failed, as the REST handler said it.
    pub(crate) reason: Option<Box<str>>,
    pub(crate) next_try: Option<Instant>,
}

impl Progress {
    fn timer(self) -> Instant {
        match self {
            Self::Scheduled(at) | Self::Pending(_, at) => at,
        }
    }
}

/// The needs, their attempts, and when each acts next.
#[derive(Debug, Default)]
pub(crate) struct RestRequests {
    last: u64,
    needs: BTreeMap<Subject, Need>,
    /// What is needed while there is no REST handler: nothing is requested, the needs are listed.
    unserved: BTreeMap<Subject, RestRequest>,
    pending: BTreeMap<RestRequestId, Subject>,
    timers: BTreeSet<(Instant, Subject)>,
    /// The last call to the orders endpoint.
    orders_called_at: Option<Instant>,
    /// The last attempt to prime orders.
    prime_called_at: Option<Instant>,
    /// When the attempt began that primed orders in the present session.
    primed_at: Option<Instant>,
}

impl Subject {
    fn of(request: &RestRequest) -> Self {
        match request {
            RestRequest::Session(_) => Self::Session,
            RestRequest::Prime(key) => Self::Prime(key.clone()),
            RestRequest::Reconcile { key, .. } => Self::Reconcile(key.clone()),
            RestRequest::Prompt(prompt) => Self::Prompt(Discreet(prompt.req_id.clone())),
        }
    }

    /// Whether its attempts call the orders endpoint.
    fn calls_orders(&self) -> bool {
        matches!(self, Self::Prime(key) | Self::Reconcile(key) if key.key() == Key::Orders)
    }

    fn primes_orders(&self) -> bool {
        matches!(self, Self::Prime(key) if key.key() == Key::Orders)
    }

    /// Whether a failed attempt is repeated. A prompt may have been answered; and a refused channel
    /// is primed anew with its next refusal.
    fn is_retried(&self) -> bool {
        match self {
            Self::Session | Self::Reconcile(_) => true,
            Self::Prime(key) => key.key() == Key::Orders,
            Self::Prompt(_) => false,
        }
    }
}

impl RestRequests {
    /// Registers a need, and starts its first attempt as soon as pacing allows it. A need that
    /// exists stays as it is, but for a later reconciling, which reaches further back. Returns
    /// `true` if it reports that there is no REST handler for it.
    pub(crate) fn require(
        &mut self,
        request: RestRequest,
        timeout: Duration,
        has_handler: bool,
        now: Instant,
        out: &mut VecDeque<Output>,
    ) -> bool {
        let subject = Subject::of(&request);
        if let Some(need) = self.needs.get_mut(&subject) {
            if need.request == request {
                return false;
            }
            if let Progress::Pending(id, _) = need.progress {
                let _ = self.end_attempt(id, RestOutcome::Superseded, None, now, out);
            }
            self.forget(&subject);
        }
        let prompts = self
            .needs
            .keys()
            .chain(self.unserved.keys())
            .filter(|subject| matches!(subject, Subject::Prompt(_)))
            .count();
        if matches!(subject, Subject::Prompt(_)) && prompts >= PROMPTS {
            report(None, request, RestOutcome::TooMany, None, None, out);
            return false;
        }
        if !has_handler {
            let is_new = self.unserved.insert(subject, request.clone()).as_ref() != Some(&request);
            if is_new {
                report(None, request, RestOutcome::NoHandler, None, None, out);
            }
            return is_new;
        }
        let progress = Progress::Scheduled(now);
        self.needs.insert(subject.clone(), Need { request, timeout, failures: 0, progress });
        self.timers.insert((now, subject));
        self.run_due(now, out);
        false
    }

    /// Ends a need that is no longer there.
    pub(crate) fn cancel(&mut self, request: &RestRequest, out: &mut VecDeque<Output>) {
        let subject = Subject::of(request);
        let needed = self.needs.get(&subject).map(|need| &need.request).or(self.unserved.get(&subject));
        if needed == Some(request) {
            self.end_need(&subject, out);
        }
    }

    /// Ends the needs of a subscription that is no longer requested.
    pub(crate) fn end_needs_of(&mut self, key: &SubscriptionKey, out: &mut VecDeque<Output>) {
        self.end_need(&Subject::Prime(key.clone()), out);
        self.end_need(&Subject::Reconcile(key.clone()), out);
    }

    /// Ends the attempts at a snapshot of orders. Without a REST handler there are none, and the
    /// need stays listed.
    pub(crate) fn stop_reconciling(&mut self, key: &SubscriptionKey, out: &mut VecDeque<Output>) {
        let subject = Subject::Reconcile(key.clone());
        if self.needs.contains_key(&subject) {
            self.end_need(&subject, out);
        }
    }

    fn end_need(&mut self, subject: &Subject, out: &mut VecDeque<Output>) {
        self.unserved.remove(subject);
        let Some(need) = self.needs.get(subject) else { return };
        if let Progress::Pending(id, _) = need.progress {
            report(Some(id), need.request.clone(), RestOutcome::Superseded, None, None, out);
        }
        self.forget(subject);
    }

    /// Whether orders need not wait for priming: it was done in the present session less than 5 s
    /// ago, so that it cannot be repeated yet, or it has failed, so that orders are sent without
    /// it.
    pub(crate) fn is_priming_over(&self, key: &SubscriptionKey, now: Instant) -> bool {
        let failed = |need: &Need| need.failures > 0 && matches!(need.progress, Progress::Scheduled(_));
        self.primed_at.is_some_and(|at| at + ORDERS_SPACING > now)
            || self.needs.get(&Subject::Prime(key.clone())).is_some_and(failed)
    }

    /// The session is another one, which must be primed anew.
    pub(crate) fn end_session(&mut self) {
        (self.prime_called_at, self.primed_at) = (None, None);
    }

    /// Ends all needs, because the connection that had them is gone.
    pub(crate) fn supersede_all(&mut self, out: &mut VecDeque<Output>) {
        for (id, subject) in core::mem::take(&mut self.pending) {
            if let Some(need) = self.needs.get(&subject) {
                report(Some(id), need.request.clone(), RestOutcome::Superseded, None, None, out);
            }
        }
        self.needs.clear();
        self.unserved.clear();
        self.timers.clear();
        self.end_session();
    }

    /// Whether this attempt is pending, and requests a snapshot of orders.
    pub(crate) fn is_reconciling(&self, id: RestRequestId) -> bool {
        matches!(self.pending.get(&id), Some(Subject::Reconcile(_)))
    }

    /// Takes the result of an attempt. Returns how it ended, if it was pending.
    pub(crate) fn done(
        &mut self,
        id: RestRequestId,
        result: RestResult,
        now: Instant,
        random: &mut Random,
        out: &mut VecDeque<Output>,
    ) -> Option<EndedAttempt> {
        match result {
            Ok(RestReply::Complete | RestReply::Snapshot(_)) => {
                let request = self.end_attempt(id, RestOutcome::Done, None, now, out)?;
                let subject = Subject::of(&request);
                if subject.primes_orders() {
                    self.primed_at = self.prime_called_at;
                }
                match self.needs.get_mut(&subject) {
                    // The gateway must show it; until it does, the handler may be wrong.
                    Some(need) if need.request == RestRequest::Session(SessionNeed::Unauthenticated) => {
                        need.failures = 0;
                        need.progress = Progress::Scheduled(now + RETRY_MAX);
                        self.timers.insert((now + RETRY_MAX, subject));
                    }
                    _ => self.forget(&subject),
                }
                Some(EndedAttempt { request, outcome: RestOutcome::Done, reason: None, next_try: None })
            }
            Ok(RestReply::Incomplete) => self.fail(id, RestOutcome::Incomplete, None, |_| ORDERS_SPACING, now, out),
            Err(error) => {
                let pause = |failures| random.around(doubled(RETRY_MIN, failures, RETRY_MAX), 10);
                self.fail(id, RestOutcome::Failed, Some(excerpt_within(&error.reason, MAX_REASON)), pause, now, out)
            }
        }
    }

    /// Ends an attempt that has taken too long. Returns how it ended.
    pub(crate) fn take_overdue(
        &mut self,
        now: Instant,
        random: &mut Random,
        out: &mut VecDeque<Output>,
    ) -> Option<EndedAttempt> {
        self.run_due(now, out);
        let (at, subject) = self.timers.first()?;
        let Some(Progress::Pending(id, _)) = self.needs.get(subject).map(|need| need.progress).filter(|_| *at <= now)
        else {
            return None;
        };
        let pause = |failures| random.around(doubled(RETRY_MIN, failures, RETRY_MAX), 10);
        self.fail(id, RestOutcome::TimedOut, None, pause, now, out)
    }

    /// Starts the attempts whose time has come.
    fn run_due(&mut self, now: Instant, out: &mut VecDeque<Output>) {
        let due: alloc::vec::Vec<_> =
            self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, subject)| subject.clone()).collect();
        for subject in due {
            let Some(need) = self.needs.get_mut(&subject) else { continue };
            let Progress::Scheduled(at) = need.progress else { continue };
            let earliest = self.orders_called_at.filter(|_| subject.calls_orders()).map(|at| at + ORDERS_SPACING);
            self.timers.remove(&(at, subject.clone()));
            if let Some(earliest) = earliest.filter(|earliest| *earliest > now) {
                need.progress = Progress::Scheduled(earliest);
            } else {
                if subject.calls_orders() {
                    self.orders_called_at = Some(now);
                }
                if subject.primes_orders() {
                    self.prime_called_at = Some(now);
                }
                self.last += 1;
                let id = RestRequestId(self.last);
                need.progress = Progress::Pending(id, now + need.timeout);
                self.pending.insert(id, subject.clone());
                out.push_back(Output::Action(Action::Rest { id, request: need.request.clone() }));
            }
            self.timers.insert((need.progress.timer(), subject));
        }
    }

    /// Ends an attempt, reports it, and takes its timer; the need stays.
    fn end_attempt(
        &mut self,
        id: RestRequestId,
        outcome: RestOutcome,
        reason: Option<Box<str>>,
        now: Instant,
        out: &mut VecDeque<Output>,
    ) -> Option<RestRequest> {
        let subject = self.pending.remove(&id)?;
        let need = self.needs.get_mut(&subject)?;
        self.timers.remove(&(need.progress.timer(), subject));
        // Nothing starts from here: the caller schedules the need anew, or forgets it.
        need.progress = Progress::Scheduled(now);
        report(Some(id), need.request.clone(), outcome, reason, None, out);
        Some(need.request.clone())
    }

    /// Ends an attempt that did not meet its need, and schedules the next one after `pause`.
    fn fail(
        &mut self,
        id: RestRequestId,
        outcome: RestOutcome,
        reason: Option<Box<str>>,
        mut pause: impl FnMut(u32) -> Duration,
        now: Instant,
        out: &mut VecDeque<Output>,
    ) -> Option<EndedAttempt> {
        let subject = self.pending.remove(&id)?;
        let need = self.needs.get_mut(&subject)?;
        self.timers.remove(&(need.progress.timer(), subject.clone()));
        let request = need.request.clone();
        if !subject.is_retried() {
            self.needs.remove(&subject);
            report(Some(id), request.clone(), outcome, reason.clone(), None, out);
            return Some(EndedAttempt { request, outcome, reason, next_try: None });
        }
        let turn = self.orders_called_at.filter(|_| subject.calls_orders()).map(|at| at + ORDERS_SPACING);
        let next = (now + pause(need.failures)).max(turn.unwrap_or(now));
        need.failures = if outcome == RestOutcome::Incomplete { 0 } else { need.failures.saturating_add(1) };
        need.progress = Progress::Scheduled(next);
        self.timers.insert((next, subject));
        report(Some(id), request.clone(), outcome, reason.clone(), Some(next), out);
        Some(EndedAttempt { request, outcome, reason, next_try: Some(next) })
    }

    fn forget(&mut self, subject: &Subject) {
        if let Some(need) = self.needs.remove(subject) {
            self.timers.remove(&(need.progress.timer(), subject.clone()));
            if let Progress::Pending(id, _) = need.progress {
                self.pending.remove(&id);
            }
        }
    }

    pub(crate) fn is_pending(&self, id: RestRequestId) -> bool {
        self.pending.contains_key(&id)
    }

    /// The requests that are needed now.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &RestRequest> {
        self.needs.values().map(|need| &need.request).chain(self.unserved.values())
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Entries in all its tables.
    pub(crate) fn entries(&self) -> usize {
        self.needs.len() + self.unserved.len() + self.pending.len() + self.timers.len()
    }

    /// Attempts that are pending.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}

/// Reports that an attempt has ended, or was not made.
pub(crate) fn report(
    id: Option<RestRequestId>,
    request: RestRequest,
    outcome: RestOutcome,
    reason: Option<Box<str>>,
    next_try: Option<Instant>,
    out: &mut VecDeque<Output>,
) {
    out.push_back(Output::Event(Event::Rest(RestReport { id, request, outcome, reason, next_try })));
}
