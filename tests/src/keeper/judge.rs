//! The judge of one keeper: it sees what the keeper gets and emits, and knows from the replies
//! which calls are needed. It is written from the rules and shares no code with the keeper.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use ibws_proto::keeper::{Call, CallId, CallResult, KeeperConfig, KeeperInput, KeeperOutput, KeeperState, Ticket};
use ibws_proto::rest::{RestReply, RestRequest, SessionNeed};
use ibws_proto::{Instant, Key};
use serde_json::Value;

/// The penalty box of IBKR.
const PENALTY: Duration = Duration::from_secs(15 * 60);
const SECOND: Duration = Duration::from_secs(1);

/// Checks the outputs of one keeper.
#[derive(Debug)]
pub struct Judge {
    config: KeeperConfig,
    /// The number of keepers that share the pacer.
    keepers: u32,
    pending: BTreeMap<CallId, (Call, Instant)>,
    requests: BTreeMap<Ticket, Pending>,
    /// How many calls of each kind all requests so far may cause, and have not caused. Which of two
    /// equal calls is for which request cannot be seen.
    budget: BTreeMap<&'static str, u32>,
    /// How many calls of each path were made.
    made: BTreeMap<&'static str, u32>,
    /// Whether the brokerage session lives, by the last reply that showed it.
    authenticated: Option<bool>,
    /// When the last tickle started, and how it ended.
    tickle: Option<(Instant, Option<Ended>)>,
    init: Option<Instant>,
    /// When `ssodh/init` last succeeded without opening the session at once.
    opening_since: Option<Instant>,
    /// Something since the last tickle is a reason for one.
    needs_tickle: bool,
    was_boxed: bool,
    state: KeeperState,
}

/// How a tickle ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    Whole,
    /// It succeeded without showing the session's state.
    WithoutFlags,
    Failed,
}

/// A request without a result.
#[derive(Debug, Default)]
struct Pending {
    /// The calls that it needs; none for a request for a session.
    needs: Vec<Need>,
    /// How many calls of each path that it needs had been made when it came.
    made: BTreeMap<&'static str, u32>,
}

#[derive(Debug)]
enum Need {
    Accounts,
    ForcedOrders,
    Orders,
    Executions(Instant),
    Notification(Box<str>),
}

impl Judge {
    pub(super) fn new(config: KeeperConfig, keepers: usize) -> Self {
        Self {
            config,
            keepers: keepers as u32,
            pending: BTreeMap::new(),
            requests: BTreeMap::new(),
            budget: BTreeMap::new(),
            made: BTreeMap::new(),
            authenticated: None,
            tickle: None,
            init: None,
            opening_since: None,
            needs_tickle: true,
            was_boxed: false,
            state: KeeperState::Starting,
        }
    }

    pub(super) fn is_call_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn on_input(&mut self, now: Instant, input: &KeeperInput) {
        match input {
            KeeperInput::Serve { ticket, request } => self.on_request(*ticket, request),
            KeeperInput::SessionNeeded(ticket) => {
                self.requests.insert(*ticket, Pending::default());
                self.needs_tickle = true;
            }
            KeeperInput::Cancel(ticket) => drop(self.requests.remove(ticket)),
            KeeperInput::Done(id, result) => self.on_done(now, *id, result),
            KeeperInput::Stream { .. } => self.needs_tickle = true,
            _ => {}
        }
    }

    fn on_request(&mut self, ticket: Ticket, request: &RestRequest) {
        self.needs_tickle = true;
        let needs = match request {
            RestRequest::Session(SessionNeed::Missing | SessionNeed::Unauthenticated) => vec![],
            RestRequest::Prime(key) if key.key() == Key::Orders => vec![Need::Accounts, Need::ForcedOrders],
            RestRequest::Prime(_) => vec![Need::Accounts],
            RestRequest::Reconcile { since, .. } => vec![Need::Orders, Need::Executions(*since)],
            RestRequest::Prompt(prompt) => vec![Need::Notification(prompt.req_id.clone())],
            _ => vec![],
        };
        let made = needs.iter().map(|need| (need.path(), self.made.get(need.path()).copied().unwrap_or(0)));
        let made = made.collect();
        needs.iter().for_each(|need| *self.budget.entry(need.kind()).or_default() += 1);
        self.requests.insert(ticket, Pending { made, needs });
    }

    fn on_done(&mut self, now: Instant, id: CallId, result: &CallResult) {
        let Some((call, _)) = self.pending.remove(&id) else { return };
        let body = result.as_ref().ok().filter(|reply| reply.status == 200);
        let json: Option<Value> = body.and_then(|reply| serde_json::from_slice(&reply.body).ok());
        let flag = |value: &Value| value.get("authenticated").and_then(Value::as_bool);
        match call {
            Call::Tickle => {
                let has_session = json.as_ref().is_some_and(|json| json["session"].is_string());
                let shown = json.as_ref().and_then(|json| flag(&json["iserver"]["authStatus"]));
                let ended = match (has_session, shown) {
                    (true, Some(_)) => Ended::Whole,
                    (true, None) => Ended::WithoutFlags,
                    _ => Ended::Failed,
                };
                if let (true, Some(shown)) = (has_session, shown) {
                    self.on_flags(shown);
                }
                self.tickle = self.tickle.map(|(at, _)| (at, Some(ended)));
            }
            Call::AuthStatus | Call::Init { .. } => {
                if let Some(shown) = json.as_ref().and_then(flag) {
                    if matches!(call, Call::Init { .. }) {
                        self.opening_since = Some(now);
                    }
                    self.on_flags(shown);
                }
            }
            _ => {
                let denies = result.as_ref().is_ok_and(|reply| matches!(reply.status, 400 | 401 | 403 | 404));
                self.needs_tickle |= denies;
            }
        }
    }

    fn on_flags(&mut self, authenticated: bool) {
        self.authenticated = Some(authenticated);
        if authenticated {
            self.opening_since = None;
        }
    }

    /// Checks one output. `penalised_at` is when a reply 429 last arrived at any keeper.
    pub(super) fn on_output(
        &mut self,
        now: Instant,
        output: &KeeperOutput,
        penalised_at: Option<Instant>,
        session: &str,
    ) -> Result<(), String> {
        if format!("{output:?}").contains(session) {
            return Err(format!("the session is shown: {output:?}").replace(session, "SESSION"));
        }
        match output {
            KeeperOutput::Call { id, call } => {
                if penalised_at.is_some_and(|at| now.since(at) < PENALTY) {
                    return Err(format!("{call} in the penalty box"));
                }
                *self.made.entry(call.path()).or_default() += 1;
                self.was_boxed |= penalised_at.is_some_and(|at| self.tickle.is_some_and(|(last, _)| at >= last));
                self.check_call(now, call)?;
                self.pending.insert(*id, (call.clone(), now));
            }
            KeeperOutput::Abandon(id) => {
                let Some((call, at)) = self.pending.remove(id) else { return Err(format!("{id} is not pending")) };
                if now.since(at) < self.config.call_timeout {
                    return Err(format!("{call} of {at} is abandoned early"));
                }
                if call == Call::Tickle {
                    self.tickle = self.tickle.map(|(at, _)| (at, Some(Ended::Failed)));
                }
            }
            KeeperOutput::Served { ticket, result } => {
                let ended =
                    self.requests.remove(ticket).ok_or(format!("{ticket} has two results, or was cancelled"))?;
                match result {
                    Err(error) if error.reason.is_empty() => return Err(format!("{ticket} has no reason")),
                    Err(_) | Ok(RestReply::Incomplete) => {}
                    Ok(_) => {
                        let is_made =
                            |(path, before): (&&str, &u32)| self.made.get(path).is_some_and(|now| now > before);
                        if !ended.made.iter().all(is_made) {
                            return Err(format!("{ticket} is done without its calls: {ended:?}"));
                        }
                    }
                }
            }
            KeeperOutput::SessionReady { ticket, result } => {
                self.requests.remove(ticket).ok_or(format!("{ticket} has two results, or was cancelled"))?;
                if result.as_ref().is_err_and(|error| error.reason.is_empty()) {
                    return Err(format!("{ticket} has no reason"));
                }
            }
            KeeperOutput::Session(_) => {}
            KeeperOutput::Event(event) => {
                if (event.state == KeeperState::Authenticated) != event.outage_since.is_none() || event.since > now {
                    return Err(format!("{event:?}"));
                }
                if event.why.is_empty() != (event.state == KeeperState::Authenticated) {
                    return Err(format!("a reason is missing: {event:?}"));
                }
                let url = &*self.config.base_url;
                let has_advice = |part: &str| event.advice.as_ref().is_some_and(|advice| advice.contains(part));
                let is_advised = match event.state {
                    KeeperState::LoggedOut => has_advice(&format!("log in at {url}")),
                    KeeperState::AccessDenied => has_advice("conf.yaml"),
                    KeeperState::Competing => has_advice("other login"),
                    KeeperState::Unavailable | KeeperState::NotReady => has_advice(url),
                    _ => true,
                };
                if !is_advised {
                    return Err(format!("the advice is missing: {event:?}"));
                }
                self.state = event.state;
            }
        }
        Ok(())
    }

    fn check_call(&mut self, now: Instant, call: &Call) -> Result<(), String> {
        match call {
            Call::Tickle => {
                let is_needed = match self.tickle {
                    None => true,
                    Some((_, None)) => return Err("two tickles at once".into()),
                    Some((at, Some(ended))) => {
                        let pause = if ended == Ended::Failed {
                            self.config.retry_min * 4 / 5
                        } else {
                            self.config.tickle_interval * 4 / 5
                        };
                        now.since(at) >= pause || self.needs_tickle || self.was_boxed
                    }
                };
                // The longest time between two tickles: a pause, and hanging tickles of all
                // keepers.
                let KeeperConfig { tickle_interval, retry_max, call_timeout, .. } = self.config;
                let longest = tickle_interval.max(retry_max) + (call_timeout + SECOND * 2) * self.keepers;
                if let Some((at, _)) = self.tickle.filter(|(at, _)| !self.was_boxed && now.since(*at) > longest) {
                    return Err(format!("no tickle since {at}"));
                }
                (self.tickle, self.needs_tickle, self.was_boxed) = (Some((now, None)), false, false);
                is_needed.then_some(()).ok_or_else(|| "a tickle without a reason".into())
            }
            Call::AuthStatus => {
                let is_unknown = self.tickle.is_some_and(|(_, ended)| ended == Some(Ended::WithoutFlags));
                let limit = self.config.open_timeout + self.config.retry_max + SECOND;
                let opens = self.opening_since.is_some_and(|at| now.since(at) <= limit);
                (is_unknown || opens).then_some(()).ok_or_else(|| "a status without a reason".into())
            }
            Call::Init { compete } => {
                if *compete && !self.config.compete {
                    return Err("it competes".into());
                }
                if self.authenticated != Some(false) {
                    return Err(format!("init, but authenticated is {:?}", self.authenticated));
                }
                // Jitter may shorten the first pause after a failure by a fifth.
                let least = self.config.retry_min * 4 / 5;
                if let Some(at) = self.init.filter(|at| now.since(*at) < least) {
                    return Err(format!("init again after {:?}", now.since(at)));
                }
                self.init = Some(now);
                Ok(())
            }
            call => {
                let mut needs = self.requests.values().flat_map(|request| &request.needs);
                let need = needs.find(|need| need.is_met_by(now, call));
                let need = need.ok_or_else(|| format!("{call} without a request: {:?}", self.requests))?;
                let budget = self.budget.get_mut(need.kind()).filter(|budget| **budget > 0);
                *budget.ok_or_else(|| format!("{call} more often than requested"))? -= 1;
                Ok(())
            }
        }
    }

    /// The requests without a result.
    pub(super) fn open(&self) -> BTreeSet<Ticket> {
        self.requests.keys().copied().collect()
    }
}

impl Need {
    fn path(&self) -> &'static str {
        match self {
            Self::Accounts => "/iserver/accounts",
            Self::ForcedOrders | Self::Orders => "/iserver/account/orders",
            Self::Executions(_) => "/iserver/account/trades",
            Self::Notification(_) => "/iserver/notification",
        }
    }

    fn kind(&self) -> &'static str {
        if let Self::ForcedOrders = self { "/iserver/account/orders?force=true" } else { self.path() }
    }

    fn is_met_by(&self, now: Instant, call: &Call) -> bool {
        match (self, call) {
            (Self::Accounts, Call::Accounts)
            | (Self::ForcedOrders, Call::Orders { force: true })
            | (Self::Orders, Call::Orders { force: false }) => true,
            (Self::Executions(since), Call::Trades { days }) => {
                (1..=7).contains(days) && (*days == 7 || now.since(*since) <= SECOND * 86_400 * u32::from(*days))
            }
            (Self::Notification(id), Call::Notification { req_id, .. }) => id == req_id,
            _ => false,
        }
    }
}
