//! The rules about actions, events and replies.

mod catch_up;
mod frames;
mod settled;
mod state;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ibws_proto::{
    Action, Command, Config, ConnId, ConnectionState, Event, Frame, GapCause, Input, Instant, Key, Output, ReadyGate,
    Reply, RequestId, StateCause, SubscriptionKey, SubscriptionState,
    rest::{RestOutcome, RestReport, RestRequest, RestRequestId},
};

use self::catch_up::CatchUp;
use self::frames::Arrived;
use super::evidence::{Evidence, Signs, Stage, could_mean, names};
use super::grammar::{self, Text};
use super::patience::Patience;
use super::subscriptions::Subscriptions;
use crate::tally::Transition;

type Verdict = Result<(), String>;

/// The least distance of two calls for orders (docs/protocol.md §8.3).
const ORDERS_SPACING: Duration = Duration::from_secs(5);

/// The record of a machine's inputs and outputs, and the rules that it must keep.
#[derive(Clone, Debug)]
pub struct Checker {
    config: Config,
    now: Instant,
    connection_state: ConnectionState,
    /// The one live connection.
    live: Option<Evidence>,
    /// The same before this step; timers that were due before it act on that.
    before: Option<Signs>,
    /// The input of this step.
    step: Option<Input>,
    /// The step is a greeting or a command that restarts the attempts of all subscriptions.
    restarts: bool,
    /// The request of this step.
    current: Option<RequestId>,
    is_tic: bool,
    was_shutting_down: bool,
    last_conn: u64,
    /// Requests without a reply: when each was submitted, the subscription it requests, and whether
    /// it is bound to the present connection.
    pending: BTreeMap<RequestId, (Instant, Option<SubscriptionKey>, bool)>,
    subscriptions: Subscriptions,
    patience: Patience,
    /// The frames whose event has not come: that of this step, and before it the pieces of a
    /// message.
    frames: VecDeque<Arrived>,
    /// Frames whose event came in this step.
    emitted: usize,
    /// In this step the first piece of a message was reported as malformed.
    is_lost_in_part: bool,
    /// Texts that the application sends by itself; no rule applies to them.
    own_texts: BTreeSet<String>,
    /// Subscribes written in one round of attempts, by key.
    tries: BTreeMap<SubscriptionKey, u32>,
    /// Requests to the REST handler without a report.
    rest_requests: BTreeMap<RestRequestId, RestRequest>,
    last_rest_request: u64,
    /// Keys whose `needs_confirmation` was set, so that the checker cannot tell rounds of attempts
    /// apart.
    uncounted: BTreeSet<SubscriptionKey>,
    /// When the orders endpoint was last called.
    orders_called_at: Option<Instant>,
    catch_up: CatchUp,
    dials: u32,
    started: bool,
}

impl Checker {
    pub(super) fn new(config: Config) -> Self {
        Self {
            subscriptions: Subscriptions::new(config.clone()),
            patience: Patience::new(&config),
            config,
            now: Instant::ORIGIN,
            connection_state: ConnectionState::Stopped,
            live: None,
            before: None,
            step: None,
            restarts: false,
            current: None,
            is_tic: false,
            was_shutting_down: false,
            last_conn: 0,
            pending: BTreeMap::new(),
            frames: VecDeque::new(),
            emitted: 0,
            is_lost_in_part: false,
            own_texts: BTreeSet::new(),
            tries: BTreeMap::new(),
            rest_requests: BTreeMap::new(),
            last_rest_request: 0,
            uncounted: BTreeSet::new(),
            orders_called_at: None,
            catch_up: CatchUp::default(),
            dials: 0,
            started: false,
        }
    }

    /// Requests that wait for their reply, with the time at which they were submitted.
    pub fn pending(&self) -> impl Iterator<Item = (RequestId, Instant)> {
        self.pending.iter().map(|(id, (at, ..))| (*id, *at))
    }

    /// The transitions of subscriptions that were emitted.
    pub fn transitions(&self) -> &BTreeSet<Transition> {
        self.subscriptions.transitions()
    }

    fn begin(&mut self, now: Instant) {
        self.now = now;
        self.patience.pass(now);
        self.catch_up.pass(now);
        self.frames.iter_mut().for_each(|frame| frame.is_held = true);
        self.before = self.live.as_ref().map(Evidence::signs);
        let gate = self.config.ready_gate;
        let open = |live: &Evidence| live.stage != Stage::Dialling && live.gate_is_open(gate, now);
        self.started |= self.live.as_ref().is_some_and(open);
    }

    pub(super) fn input(&mut self, now: Instant, input: &Input) {
        self.begin(now);
        self.step = Some(input.clone());
        self.apply(input);
    }

    /// Records what an input shows of the live connection.
    fn apply(&mut self, input: &Input) {
        let now = self.now;
        let Some(live) = &mut self.live else { return };
        match input {
            Input::Opened(conn) if *conn == live.conn && live.stage == Stage::Dialling => live.open(now),
            Input::ConnectFailed(conn, _) if *conn == live.conn && live.stage == Stage::Dialling => {
                live.over = true;
            }
            Input::Closed(conn, _) if *conn == live.conn => live.over = true,
            Input::Frame(conn, raw) if *conn == live.conn && live.stage != Stage::Dialling => {
                self.frames.push_back(Arrived::new(*conn, raw, now));
                (live.received, live.has_frame) = (now, true);
                if let Ok(frame) = Frame::decode(raw.clone()) {
                    let greeted = live.greeted;
                    live.frame(now, &frame);
                    self.restarts = live.greeted && !greeted;
                }
            }
            Input::Pong(conn) if *conn == live.conn && live.stage != Stage::Dialling => live.pong = Some(now),
            _ => {}
        }
    }

    pub(super) fn command(&mut self, now: Instant, id: RequestId, command: &Command) -> Verdict {
        self.begin(now);
        let key = match command {
            Command::Subscribe(subscribe) => {
                if subscribe.needs_confirmation.is_some() {
                    self.uncounted.insert(subscribe.key.clone());
                }
                Some(subscribe.key.clone())
            }
            Command::Modify(modify) => {
                self.uncounted.insert(modify.key.clone());
                None
            }
            Command::SendText(text) => {
                self.own_texts.insert(text.clone());
                None
            }
            Command::Start | Command::HardReset { .. } | Command::CheckPing | Command::CheckHealth => {
                self.dials = 0;
                None
            }
            _ => None,
        };
        if matches!(command, Command::Recreate | Command::Modify(_) | Command::Subscribe(_) | Command::Invalidate(_)) {
            self.tries.clear();
            self.restarts = true;
        }
        self.subscriptions.command(id, command);
        self.current = Some(id);
        self.is_tic = matches!(command, Command::Tic);
        self.patience.submitted(id, command);
        match self.pending.insert(id, (now, key, false)) {
            Some(_) => Err(format!("the number {id} was given twice")),
            None => Ok(()),
        }
    }

    pub(super) fn output(&mut self, output: &Output) -> Verdict {
        match output {
            Output::Action(action) => self.action(action),
            Output::Event(event) => self.event(event),
            Output::Done(id, reply) => {
                self.patience.replied(*id);
                if self.pending.remove(id).is_none() {
                    return Err(format!("{id} got the reply {reply:?}, but is not pending"));
                }
                if matches!(reply, Ok(Reply::Started)) {
                    self.started = true;
                }
                self.subscriptions.done(*id, reply);
                Ok(())
            }
        }
    }

    fn action(&mut self, action: &Action) -> Verdict {
        if let Action::Connect { conn } = action {
            return self.connect(*conn);
        }
        let conn = match action {
            Action::Connect { conn }
            | Action::SendText { conn, .. }
            | Action::SendSession { conn }
            | Action::Ping { conn }
            | Action::Close { conn, .. }
            | Action::Abandon { conn } => *conn,
            Action::Rest { id, request } => return self.rest_request(*id, request),
        };
        let Some(live) = self.live.as_mut().filter(|live| live.conn == conn) else {
            return Err(format!("{action:?} is not about the live connection"));
        };
        if matches!(action, Action::Abandon { .. }) {
            self.live = None;
            return Ok(());
        }
        if live.stage != Stage::Open {
            return Err(format!("{action:?} in stage {:?}", live.stage));
        }
        match action {
            Action::Close { .. } => live.stage = Stage::CloseSent,
            Action::SendSession { .. } if !live.waits_for_session => {
                return Err("the session was sent, but the gateway does not wait for one".into());
            }
            Action::SendText { text, .. } => return self.text(text),
            _ => {}
        }
        Ok(())
    }

    /// A request to the REST handler has a number of its own, and is about a requested
    /// subscription.
    fn rest_request(&mut self, id: RestRequestId, request: &RestRequest) -> Verdict {
        if id.0 <= self.last_rest_request {
            return Err(format!("{id} is not a new number of a request"));
        }
        self.last_rest_request = id.0;
        self.catch_up.requested(id, request);
        if !self.live.as_ref().is_some_and(|live| live.stage == Stage::Open) {
            return Err(format!("{request:?} without an open connection"));
        }
        match request {
            RestRequest::Prime(key) | RestRequest::Reconcile { key, .. } if !self.subscriptions.is_requested(key) => {
                return Err(format!("{request:?}, but {key} is not requested"));
            }
            _ => {}
        }
        if let RestRequest::Prime(key) | RestRequest::Reconcile { key, .. } = request
            && key.key() == Key::Orders
        {
            let last = self.orders_called_at.replace(self.now);
            if last.is_some_and(|last| self.now.since(last) < ORDERS_SPACING) {
                return Err(format!("{request:?} {:?} after the last call for orders", self.now.since(last.unwrap())));
            }
        }
        if let RestRequest::Prime(key) = request {
            self.subscriptions.priming(key, self.now);
        }
        self.rest_requests.insert(id, request.clone());
        Ok(())
    }

    /// Each request to the REST handler is reported once; none outlives its connection.
    fn report(&mut self, report: &RestReport) -> Verdict {
        self.catch_up.reported(report);
        match report.id {
            None if matches!(report.outcome, RestOutcome::TooMany | RestOutcome::NoHandler) => Ok(()),
            None => Err(format!("{report:?} has no number")),
            Some(id) => match self.rest_requests.remove(&id) {
                Some(request) if request == report.request => Ok(()),
                other => Err(format!("{report:?}, but the request was {other:?}")),
            },
        }
    }

    fn connect(&mut self, conn: ConnId) -> Verdict {
        if let Some(live) = self.live.take().filter(|live| !live.over) {
            return Err(format!("{conn} is dialled while {} is open", live.conn));
        }
        if conn.0 <= self.last_conn {
            return Err(format!("{conn} is not a new number"));
        }
        self.last_conn = conn.0;
        self.live = Some(Evidence::new(conn, self.now));
        // Channels without a brokerage session begin their round before the connection is ready.
        self.tries.clear();
        self.dials += 1;
        if !self.started && self.config.max_connection_attempts.is_some_and(|most| self.dials > most) {
            return Err(format!("{} dials without a success", self.dials));
        }
        // A timer that was due before this input dialled; the input comes after that.
        if let Some(input) = self.step.take() {
            self.apply(&input);
        }
        match self.pending.iter().find(|(_, (.., bound))| *bound) {
            Some((id, _)) => Err(format!("{id} was bound to the lost connection and has no reply before the dial")),
            None => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Verdict {
        let Some(live) = &mut self.live else { return Err("a text without a connection".into()) };
        let unsubscribes = text.starts_with('u');
        let ungated = text == "tic" || ["spl", "ssd", "sld"].iter().any(|topic| text.starts_with(topic));
        let off = self.config.ready_gate == ReadyGate::Off;
        let may = match self.connection_state {
            ConnectionState::Ready => unsubscribes || !self.was_shutting_down,
            ConnectionState::Open | ConnectionState::Degraded => unsubscribes || ungated || off,
            _ => false,
        };
        if !may {
            return Err(format!("{text:?} is written in {:?}", self.connection_state));
        }
        if !live.gate_is_open(self.config.ready_gate, self.now) {
            return Err(format!("{text:?} is written before the greeting"));
        }
        let unauthenticated = |signs: Signs| signs.authenticated == Some(false);
        if unauthenticated(live.signs()) && self.before.is_some_and(unauthenticated) && !unsubscribes && !ungated {
            return Err(format!("{text:?} is written without authentication"));
        }
        if self.own_texts.contains(text) {
            return Ok(());
        }
        match grammar::parse(text)? {
            Text::Tic => Ok(()),
            Text::Subscribe(key) => {
                if !self.subscriptions.is_requested(&key) {
                    return Err(format!("{text:?}: {key} is not requested"));
                }
                live.sent.insert(key.clone(), false);
                live.sent_at.insert(key.clone(), self.now);
                self.subscriptions.sent(&key, self.now);
                // What was due before the command of this step comes first, so its request is not
                // bound yet.
                let current = self.current;
                let older = self.pending.iter_mut().filter(|(id, _)| Some(**id) != current);
                for (_, (_, requested, bound)) in older {
                    *bound |= requested.as_ref() == Some(&key);
                }
                if key.key() == Key::PriceLadder || self.uncounted.contains(&key) {
                    return Ok(());
                }
                let tries = self.tries.entry(key.clone()).or_default();
                *tries += 1;
                if !self.restarts && *tries > self.config.subscription_retries && key.key().is_confirmed() {
                    return Err(format!("{key} was sent {tries} times in one round"));
                }
                Ok(())
            }
            Text::Unsubscribe(key, target) => {
                self.subscriptions.unsubscribed(key, self.now);
                let held = live.sent.keys().any(|sent| {
                    sent.key() == key
                        && match key {
                            Key::MarketHistory => true,
                            Key::PriceLadder => sent.account() == Some(&target),
                            _ => sent.as_str().get(3..).unwrap_or_default() == target,
                        }
                });
                if held { Ok(()) } else { Err(format!("{text:?}: this connection never held it")) }
            }
        }
    }

    fn event(&mut self, event: &Event) -> Verdict {
        self.catch_up.event(event, &self.config)?;
        match event {
            Event::State(change) => {
                self.subscriptions.connection_state(change.state, self.now);
                return self.state(change);
            }
            Event::Message(message) => {
                self.accepted(message.frame.raw(), message.frame.is_joined())?;
                if message.frame.is_joined() {
                    self.joined(&message.frame);
                }
                self.subscriptions.message(message);
                if let (Some(live), Some(key)) = (&mut self.live, &message.subscription) {
                    if !could_mean(key, &message.frame) {
                        return Err(format!("{:?} was attributed to {key}", message.frame));
                    }
                    let rivals = self.subscriptions.keys().filter(|rival| could_mean(rival, &message.frame)).count();
                    if rivals > 1
                        && matches!(key.key(), Key::MarketData | Key::MarketHistory)
                        && !names(key, &message.frame)
                    {
                        return Err(format!(
                            "{:?} was attributed to {key}, but {rivals} subscriptions could be meant",
                            message.frame
                        ));
                    }
                    live.silent_since_gap.remove(key);
                    if let Some(confirmed) = live.sent.get_mut(key) {
                        *confirmed = true;
                    }
                }
            }
            Event::Malformed(malformed) => {
                self.is_lost_in_part |= frames::is_first_piece(&malformed.raw);
                return self.accepted(&malformed.raw, false);
            }
            Event::Rest(report) => return self.report(report),
            Event::Subscription(event) if event.cause == StateCause::Assumed => {
                self.tries.remove(&event.key);
                // The application set it active; from now on the connection counts as holding it.
                if let Some(live) = self.live.as_mut().filter(|_| event.state == SubscriptionState::Active) {
                    live.sent.insert(event.key.clone(), true);
                }
            }
            Event::Subscription(event) if event.state == SubscriptionState::Active => {
                self.tries.remove(&event.key);
                let sent = self.live.as_ref().and_then(|live| live.sent.get(&event.key));
                if sent != Some(&true) {
                    return Err(format!("{} is active without evidence", event.key));
                }
            }
            Event::Subscription(event) if event.state == SubscriptionState::Failed => {
                self.tries.remove(&event.key);
            }
            Event::Resumed(resumed) if !self.live.as_ref().is_some_and(|live| live.shows(&resumed.key, self.now)) => {
                return Err(format!("{} is resumed without evidence of this connection", resumed.key));
            }
            Event::Resumed(resumed) if self.live.as_ref().is_some_and(|live| live.owes(&resumed.key)) => {
                return Err(format!("{} is resumed without a frame since its gap", resumed.key));
            }
            Event::Gap(gap) if gap.cause == GapCause::Malformed && !self.is_lost_in_part => {
                return Err(format!("{} has a gap, but no message was lost in part", gap.key));
            }
            Event::Gap(gap) if gap.since > self.now => return Err(format!("{} has a gap from the future", gap.key)),
            Event::Gap(gap) if gap.cause == GapCause::Malformed => {
                if let Some(live) = &mut self.live {
                    live.silent_since_gap.insert(gap.key.clone());
                }
            }
            _ => {}
        }
        self.subscriptions.event(event, self.now)
    }

    /// Checks that no request waits.
    ///
    /// # Errors
    /// One of the requests that have no reply.
    pub fn check_all_replied(&self) -> Verdict {
        match self.pending.iter().next() {
            Some((id, pending)) => Err(format!("{id} has no reply: {pending:?}")),
            None => Ok(()),
        }
    }
}
