//! The keeper itself: takes inputs, emits calls within pacing, and hands their results to the
//! rules.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::call::{Call, CallError, CallResult};
use super::config::KeeperConfig;
use super::event::{CallId, KeeperEvent, KeeperInput, KeeperOutput, KeeperState, Ticket};
use super::pacer::Pace;
use super::reply::{self, CallFailure, CallFailureKind};
use super::serve::{MAX_REQUESTS, Need, Next, Progress, Purpose, Request, Requests};
use super::upkeep::{Step, StepResult, Upkeep};
use crate::rest::{RestError, RestReply, RestRequest};
use crate::time::Instant;

/// Keeps a session of the gateway alive, and serves the REST requests of the machine.
///
/// It has no socket and no clock: the driver gives it the time with each input, makes the calls
/// that it emits, and reports their results. The same inputs give the same outputs. A keeper is in
/// use for as long as it exists: it makes a tickle at least every
/// [`tickle_interval`](KeeperConfig::tickle_interval).
#[derive(Debug)]
pub struct Keeper {
    config: KeeperConfig,
    now: Instant,
    upkeep: Upkeep,
    /// The step of the upkeep that is pending.
    step: Option<CallId>,
    /// The path of the step that pacing refused, and the moment that it promised.
    step_promised: Option<(&'static str, Instant)>,
    requests: Requests,
    calls: BTreeMap<CallId, PendingCall>,
    last_call: u64,
    /// What the pacer is given with the next poll, whose time is the present even if an input came
    /// with an earlier one.
    notes: Vec<PaceNote>,
    boxed_until: Option<Instant>,
    outputs: VecDeque<KeeperOutput>,
}

#[derive(Debug)]
struct PendingCall {
    call: Call,
    user: CallUser,
    started: Instant,
    deadline: Instant,
}

/// What a call is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CallUser {
    Upkeep(Step),
    /// The request with this number. It may have been cancelled meanwhile.
    Request(u64),
}

#[derive(Clone, Copy, Debug)]
enum PaceNote {
    Ended(&'static str),
    Penalised(Option<Duration>),
}

impl Keeper {
    /// Makes a keeper, which makes its first tickle at `now`.
    #[must_use]
    pub fn new(config: KeeperConfig, now: Instant) -> Self {
        let config = config.within_limits();
        Self {
            upkeep: Upkeep::new(config.clone(), now),
            config,
            now,
            step: None,
            step_promised: None,
            requests: Requests::default(),
            calls: BTreeMap::new(),
            last_call: 0,
            notes: Vec::new(),
            boxed_until: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes an input. The driver then calls [`poll`](Self::poll) until it returns `None`. A time
    /// before the previous one counts as the previous one.
    pub fn handle(&mut self, now: Instant, input: KeeperInput) {
        self.advance(now);
        match input {
            KeeperInput::Tick => {}
            KeeperInput::Serve { ticket, request } => self.serve(ticket, request),
            KeeperInput::SessionNeeded(ticket) => self.session_needed(ticket),
            KeeperInput::Cancel(ticket) => self.requests.remove_ticket(ticket),
            KeeperInput::Done(id, result) => self.on_done(id, &result),
            KeeperInput::Stream { authenticated } => {
                let known = self.upkeep.state();
                if known != KeeperState::Starting && authenticated != (known == KeeperState::Authenticated) {
                    self.upkeep.tickle_early(self.now);
                }
            }
        }
    }

    /// Returns the next output. Calls are emitted only when `pace` grants them.
    pub fn poll(&mut self, now: Instant, pace: &mut impl Pace) -> Option<KeeperOutput> {
        self.advance(now);
        for note in core::mem::take(&mut self.notes) {
            match note {
                PaceNote::Ended(path) => pace.ended(self.now, path),
                PaceNote::Penalised(retry_after) => pace.penalise(self.now, retry_after),
            }
        }
        self.boxed_until = pace.boxed_until(self.now);
        if self.upkeep.on_box(self.now, self.boxed_until) {
            self.emit_state();
        }
        if self.boxed_until.is_some() {
            self.refuse_all();
        } else if self.outputs.is_empty() {
            self.start_step(pace);
            self.start_requests(pace);
        }
        self.outputs.pop_front()
    }

    /// Returns when the driver gives [`KeeperInput::Tick`] at the latest; `None` if nothing is due
    /// until another input.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() || !self.notes.is_empty() {
            return Some(self.now);
        }
        let deadlines = self.calls.values().map(|call| call.deadline);
        let starts = self.boxed_until.map_or_else(|| self.next_start(), Some);
        deadlines.chain(starts).min()
    }

    /// Returns the present state, and what belongs to it.
    #[must_use]
    pub fn state(&self) -> &KeeperEvent {
        self.upkeep.view()
    }

    /// Returns when the next call starts, if pacing grants it.
    fn next_start(&self) -> Option<Instant> {
        let due = |(_, request): (u64, &Request)| match request.progress {
            Progress::Due(at) => Some(at),
            _ => None,
        };
        let step = self.step.is_none().then(|| self.step_due().1);
        self.requests.iter().filter_map(due).chain(step).min()
    }

    /// Returns the next step of the upkeep, and when it can start.
    fn step_due(&self) -> (Step, Instant) {
        let (step, at) = self.upkeep.next_step();
        (step, self.promised_step(step).map_or(at, |promised| at.max(promised)))
    }

    /// Returns the moment that pacing promised for this step.
    fn promised_step(&self, step: Step) -> Option<Instant> {
        let path = self.upkeep.call(step).path();
        self.step_promised.filter(|(of, _)| *of == path).map(|(_, promised)| promised)
    }

    /// Sets the time, and ends the calls that have taken too long.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let is_overdue = |call: &PendingCall| call.deadline <= self.now;
        let overdue: Vec<_> = self.calls.iter().filter(|(_, call)| is_overdue(call)).map(|(id, _)| *id).collect();
        for id in overdue {
            self.outputs.push_back(KeeperOutput::Abandon(id));
            self.on_done(id, &Err(CallError::TimedOut(self.config.call_timeout)));
        }
    }

    fn emit_state(&mut self) {
        self.outputs.push_back(KeeperOutput::Event(self.upkeep.view().clone()));
    }
}

/// Requests a call from the pacer, in the place of an earlier request that it refused.
///
/// # Errors
/// When to request it again: a moment after now, so that a pacer that refuses for now cannot make
/// the driver spin.
fn granted(pace: &mut impl Pace, now: Instant, path: &'static str, promised: Option<Instant>) -> Result<(), Instant> {
    let granted = match promised {
        Some(promised) => pace.request_again(now, path, promised),
        None => pace.request(now, path),
    };
    granted.map_err(|at| if at > now { at } else { now + Duration::from_millis(1) })
}

/// Calls: how they start and end.
impl Keeper {
    /// Starts the next step of the upkeep if it is due. There is one at a time.
    fn start_step(&mut self, pace: &mut impl Pace) {
        let (step, at) = self.step_due();
        if self.step.is_some() || at > self.now {
            return;
        }
        let call = self.upkeep.call(step);
        match granted(pace, self.now, call.path(), self.promised_step(step)) {
            Ok(()) => {
                self.step = Some(self.start(call, CallUser::Upkeep(step)));
                self.step_promised = None;
            }
            Err(promised) => self.step_promised = Some((call.path(), promised)),
        }
    }

    /// Starts the calls of requests that are due, in the order of the requests.
    fn start_requests(&mut self, pace: &mut impl Pace) {
        let is_due = |request: &Request| matches!(request.progress, Progress::Due(at) if at <= self.now);
        let due: Vec<_> = self.requests.iter().filter(|(_, request)| is_due(request)).map(|(of, _)| of).collect();
        for number in due {
            let Some(Request { purpose: Purpose::Calls(stage), promised, .. }) = self.requests.get_mut(number) else {
                continue;
            };
            let (call, promised) = (stage.call(self.now), promised.take());
            let refused = granted(pace, self.now, call.path(), promised).err();
            if refused.is_none() {
                self.start(call, CallUser::Request(number));
            }
            if let Some(request) = self.requests.get_mut(number) {
                request.progress = refused.map_or(Progress::Pending, Progress::Due);
                request.promised = refused;
            }
        }
    }

    fn start(&mut self, call: Call, user: CallUser) -> CallId {
        self.last_call += 1;
        let id = CallId(self.last_call);
        let deadline = self.now + self.config.call_timeout;
        self.calls.insert(id, PendingCall { call: call.clone(), user, started: self.now, deadline });
        self.outputs.push_back(KeeperOutput::Call { id, call });
        id
    }

    fn on_done(&mut self, id: CallId, result: &CallResult) {
        let Some(PendingCall { call, user, started, .. }) = self.calls.remove(&id) else { return };
        self.notes.push(PaceNote::Ended(call.path()));
        let body = reply::body(&call, result, self.upkeep.session()).cloned();
        if let Err(CallFailure { kind: CallFailureKind::PenaltyBox(retry_after), .. }) = body {
            self.notes.push(PaceNote::Penalised(retry_after));
        }
        match user {
            CallUser::Upkeep(step) => {
                self.step = None;
                self.on_step(&call, step, started, body);
            }
            CallUser::Request(number) => self.on_request_call(&call, number, body),
        }
    }

    fn on_step(&mut self, call: &Call, step: Step, started: Instant, body: Result<Bytes, CallFailure>) {
        let read = body.and_then(|body| match step {
            Step::Tickle => reply::tickle(call, &body).map(StepResult::Tickle),
            Step::Check | Step::Init => reply::session_flags(call, &body).map(StepResult::Flags),
        });
        let result = read.unwrap_or_else(StepResult::Failed);
        let is_done = !matches!(result, StepResult::Failed(_));
        let is_penalty = matches!(&result, StepResult::Failed(failure) if failure.is_penalty());
        let before = self.upkeep.session().cloned();
        let is_news = self.upkeep.on_result(self.now, step, started, result);
        if let Some(session) = self.upkeep.session().filter(|session| before.as_ref() != Some(*session)) {
            self.outputs.push_back(KeeperOutput::Session(session.clone()));
        }
        if is_news {
            self.emit_state();
        }
        // In the penalty box the pacer decides about all requests.
        if !is_penalty {
            self.settle(step, started, is_done);
        }
    }

    fn on_request_call(&mut self, call: &Call, number: u64, body: Result<Bytes, CallFailure>) {
        let Some(Request { purpose: Purpose::Calls(stage), .. }) = self.requests.get_mut(number) else { return };
        match body.and_then(|body| stage.next(call, &body)) {
            Ok(Next::Stage(next)) => {
                *stage = next;
                if let Some(request) = self.requests.get_mut(number) {
                    request.progress = Progress::Due(self.now);
                }
            }
            Ok(Next::Reply(reply)) => self.finish(number, Ok(reply)),
            Err(CallFailure { kind, why }) => {
                let is_of_session = matches!(
                    kind,
                    CallFailureKind::NoBridge | CallFailureKind::LoggedOut | CallFailureKind::AccessDenied
                );
                if is_of_session {
                    self.upkeep.tickle_early(self.now);
                }
                self.finish(number, Err(RestError::new(why)));
            }
        }
    }
}

/// Requests: how they begin, wait for the session, and end.
impl Keeper {
    fn serve(&mut self, ticket: Ticket, request: RestRequest) {
        match Purpose::of(request, &self.config) {
            Ok((purpose, need, is_fresh)) => self.add(ticket, purpose, need, is_fresh),
            Err(error) => {
                self.requests.remove_ticket(ticket);
                self.outputs.push_back(KeeperOutput::Served { ticket, result: Err(error) });
            }
        }
    }

    fn session_needed(&mut self, ticket: Ticket) {
        // In the penalty box no tickle can show the session, so a dial gets the one that is known.
        // Whether the gateway's box refuses the dial as well is unknown (docs/protocol.md §8.3).
        let is_boxed = self.boxed_until.is_some_and(|until| until > self.now);
        let known = if is_boxed { self.upkeep.session() } else { self.upkeep.fresh_session(self.now) };
        if let Some(session) = known.cloned() {
            self.requests.remove_ticket(ticket);
            self.outputs.push_back(KeeperOutput::SessionReady { ticket, result: Ok(session) });
        } else {
            self.add(ticket, Purpose::Dial, Need::SessionId, false);
        }
    }

    fn add(&mut self, ticket: Ticket, purpose: Purpose, need: Need, is_fresh: bool) {
        self.requests.remove_ticket(ticket);
        let is_ready = matches!(purpose, Purpose::Calls(_)) && self.upkeep.state() == KeeperState::Authenticated;
        let progress = if is_ready { Progress::Due(self.now) } else { Progress::Waiting { need, is_tickled: false } };
        let fresh_from = if is_fresh { self.now } else { Instant::ORIGIN };
        let refusal = if self.requests.len() >= MAX_REQUESTS {
            Some(RestError::new(format!("{MAX_REQUESTS} requests are pending already: retry later")))
        } else if !is_ready && self.upkeep.has_just_failed(self.now) {
            Some(self.reason())
        } else {
            None
        };
        let request = Request { ticket, fresh_from, purpose, progress, promised: None };
        if let Some(error) = refusal {
            return self.reply(&request, Err(error));
        }
        self.requests.add(request);
        if !is_ready && !self.is_tickle_pending() {
            self.upkeep.tickle_now(self.now);
        }
    }

    fn is_tickle_pending(&self) -> bool {
        let call = self.step.and_then(|id| self.calls.get(&id));
        call.is_some_and(|call| call.user == CallUser::Upkeep(Step::Tickle))
    }

    /// Returns why the session is not there, and what to do.
    fn reason(&self) -> RestError {
        let KeeperEvent { state, why, advice, .. } = self.upkeep.view();
        // Some reasons hold the advice already.
        let advice = advice.as_ref().filter(|advice| !why.contains(&***advice));
        let advice = advice.map(|advice| format!(": {advice}")).unwrap_or_default();
        RestError::new(if why.is_empty() { format!("{state}{advice}") } else { format!("{why}{advice}") })
    }

    /// Ends or continues the requests that wait for what a step has shown.
    fn settle(&mut self, step: Step, started: Instant, is_done: bool) {
        let state = self.upkeep.state();
        let is_opening = self.upkeep.is_opening(self.now);
        let waiting: Vec<_> =
            self.requests.iter().filter(|(_, of)| of.fresh_from <= started).map(|(of, _)| of).collect();
        for number in waiting {
            let Some(request) = self.requests.get_mut(number) else { continue };
            let Progress::Waiting { need, is_tickled } = &mut request.progress else { continue };
            *is_tickled |= step == Step::Tickle;
            let is_met = match need {
                Need::SessionId if step != Step::Tickle => continue,
                Need::SessionId => is_done,
                Need::Authenticated => state == KeeperState::Authenticated,
            };
            if is_met && matches!(request.purpose, Purpose::Calls(_)) {
                request.progress = Progress::Due(self.now);
            } else if is_met {
                self.finish(number, Ok(RestReply::Complete));
            } else if !(is_done && is_opening) {
                let error = self.reason();
                self.finish(number, Err(error));
            }
        }
        let is_untickled =
            |(_, request): (u64, &Request)| matches!(request.progress, Progress::Waiting { is_tickled: false, .. });
        if self.requests.iter().any(is_untickled) {
            self.upkeep.tickle_now(self.now);
        }
    }

    /// Ends all requests that have no call pending, because no call is made in the penalty box. A
    /// dial gets the session that is known, if there is one.
    fn refuse_all(&mut self) {
        let is_idle = |request: &Request| request.progress != Progress::Pending;
        let idle: Vec<_> = self.requests.iter().filter(|(_, request)| is_idle(request)).map(|(of, _)| of).collect();
        for number in idle {
            let is_dial = self.requests.get_mut(number).is_some_and(|request| request.purpose == Purpose::Dial);
            let has_session = self.upkeep.session().is_some();
            let result = if is_dial && has_session { Ok(RestReply::Complete) } else { Err(self.reason()) };
            self.finish(number, result);
        }
    }

    fn finish(&mut self, number: u64, result: Result<RestReply, RestError>) {
        if let Some(request) = self.requests.remove(number) {
            self.reply(&request, result);
        }
    }

    fn reply(&mut self, request: &Request, result: Result<RestReply, RestError>) {
        let ticket = request.ticket;
        self.outputs.push_back(match request.purpose {
            Purpose::Dial => {
                let session = || self.upkeep.session().cloned().ok_or_else(|| self.reason());
                KeeperOutput::SessionReady { ticket, result: result.and_then(|_| session()) }
            }
            Purpose::Session | Purpose::Calls(_) => KeeperOutput::Served { ticket, result },
        });
    }
}
