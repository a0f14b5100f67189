//! A reference model of the subscriptions: who requested them, and what was emitted about them.
//!
//! The model knows commands, replies, texts and events, and nothing of the machine's inside. After
//! each step the machine's own list must equal it ([`Subscriptions::check_list`]), and states that
//! follow from a frame or from time must have followed ([`deadlines`]).

mod deadlines;

use std::collections::{BTreeMap, BTreeSet};

use ibws_proto::{
    Command, CommandError, Config, ConnectionState, Event, GapCause, Instant, Reply, RequestId, SubscriptionEvent,
    SubscriptionKey, SubscriptionState, Unsubscribe, status::SubscriptionInfo,
};

use crate::tally::Transition;

/// What was emitted about one subscription.
#[derive(Clone, Debug)]
struct Row {
    state: SubscriptionState,
    /// When that state was emitted.
    since: Instant,
    /// When a text about it was last written on this connection.
    sent: Option<Instant>,
    gap: Option<Instant>,
    /// A message in part opened its gap, and its state has not changed since.
    holds_in_gap: bool,
    stale: Option<Instant>,
    /// It was active or quiet, or resumed, since its last gap.
    flowed: bool,
}

/// The subscriptions as they must be.
#[derive(Clone, Debug)]
pub(crate) struct Subscriptions {
    config: Config,
    /// The requests that hold each subscription.
    requested: BTreeMap<SubscriptionKey, BTreeSet<RequestId>>,
    rows: BTreeMap<SubscriptionKey, Row>,
    /// The command of this step. Its effect is applied at the end of the step, because what was due
    /// before it comes first.
    pending: Option<(RequestId, Command)>,
    /// The command of this step got `UnknownSubscription`.
    unknown: bool,
    shutdowns: BTreeSet<RequestId>,
    /// A shutdown goes on whose request was cancelled.
    cancelled_shutdown: bool,
    /// The transitions that were emitted.
    transitions: BTreeSet<Transition>,
    /// A message of this step confirms this subscription.
    confirmed: Option<SubscriptionKey>,
    /// An error of this step refuses these subscriptions.
    refused: Vec<SubscriptionKey>,
    ready_since: Instant,
    /// The time of the last step, and when the machine last ran again after it was suspended.
    last_step: Instant,
    awake_since: Instant,
    connection_state: ConnectionState,
}

impl Subscriptions {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            requested: BTreeMap::new(),
            rows: BTreeMap::new(),
            pending: None,
            unknown: false,
            shutdowns: BTreeSet::new(),
            cancelled_shutdown: false,
            transitions: BTreeSet::new(),
            confirmed: None,
            refused: Vec::new(),
            ready_since: Instant::ORIGIN,
            last_step: Instant::ORIGIN,
            awake_since: Instant::ORIGIN,
            connection_state: ConnectionState::Stopped,
        }
    }

    pub(crate) fn command(&mut self, id: RequestId, command: &Command) {
        match command {
            Command::Subscribe(subscribe) => {
                self.requested.entry(subscribe.key.clone()).or_default().insert(id);
            }
            Command::Shutdown { .. } => {
                self.shutdowns.insert(id);
            }
            _ => {}
        }
        self.unknown = false;
        self.pending = Some((id, command.clone()));
    }

    pub(crate) fn is_requested(&self, key: &SubscriptionKey) -> bool {
        self.requested.contains_key(key)
    }

    /// The subscriptions that exist for the application: a state was emitted, and not `Removed`.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &SubscriptionKey> {
        self.rows.keys()
    }

    pub(crate) fn transitions(&self) -> &BTreeSet<Transition> {
        &self.transitions
    }

    /// Requested subscriptions plus emitted ones; it bounds the outputs of a step.
    pub(crate) fn len(&self) -> usize {
        self.requested.len() + self.rows.len()
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        !self.shutdowns.is_empty() || self.cancelled_shutdown
    }

    pub(crate) fn done(&mut self, id: RequestId, reply: &Result<Reply, CommandError>) {
        if matches!(reply, Err(CommandError::Conflict(_) | CommandError::Budget { .. })) {
            self.release(id);
        }
        if self.pending.as_ref().is_some_and(|(pending, _)| *pending == id) {
            self.unknown = matches!(reply, Err(CommandError::UnknownSubscription(_)));
        }
        if self.shutdowns.remove(&id) && matches!(reply, Err(CommandError::Cancelled)) {
            // The caller no longer waits for the shutdown, which goes on.
            self.cancelled_shutdown = true;
        }
        if matches!(reply, Ok(Reply::Stopped)) {
            self.clear();
        }
    }

    fn release(&mut self, holder: RequestId) {
        for holders in self.requested.values_mut() {
            holders.remove(&holder);
        }
        self.requested.retain(|_, holders| !holders.is_empty());
    }

    fn clear(&mut self) {
        self.requested.clear();
        // The subscribe of this step comes after the shutdown that was due before it.
        if let Some((id, Command::Subscribe(subscribe))) = &self.pending {
            self.requested.entry(subscribe.key.clone()).or_default().insert(*id);
        }
    }

    pub(crate) fn stopped(&mut self) {
        if core::mem::take(&mut self.cancelled_shutdown) {
            self.clear();
        }
    }

    pub(crate) fn event(&mut self, event: &Event, now: Instant) -> Result<(), String> {
        match event {
            Event::Subscription(event) => return self.transition(event, now),
            Event::Gap(gap) => {
                let Some(row) = self.rows.get_mut(&gap.key) else {
                    return Err(format!("a gap of {}, of which no state was emitted", gap.key));
                };
                if !core::mem::take(&mut row.flowed) {
                    return Err(format!("a gap of {}, which did not flow", gap.key));
                }
                row.holds_in_gap = gap.cause == GapCause::Malformed;
                // A gap ends the silence before it.
                row.stale = None;
                if row.gap.replace(gap.since).is_some() {
                    return Err(format!("a second gap of {} before the first one ended", gap.key));
                }
            }
            Event::Stale(stale) => {
                let row = self.rows.get_mut(&stale.key).filter(|row| row.gap.is_none());
                if row.is_none_or(|row| row.stale.replace(stale.since).is_some()) {
                    return Err(format!("{} is stale since {:?} twice, or within a gap", stale.key, stale.since));
                }
            }
            Event::Fresh(fresh) => {
                let open = self.rows.get_mut(&fresh.key).and_then(|row| row.stale.take());
                if open != Some(fresh.since) {
                    return Err(format!("{} is fresh, stale since {:?}, not {open:?}", fresh.key, fresh.since));
                }
            }
            Event::Resumed(resumed) => {
                let row = self.rows.get_mut(&resumed.key);
                let open = row.and_then(|row| {
                    row.flowed = true;
                    row.gap.take()
                });
                if open != Some(resumed.since) {
                    return Err(format!("{} resumed since {:?}; its gap: {open:?}", resumed.key, resumed.since));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks a transition against the table of the library, and records it.
    fn transition(&mut self, event: &SubscriptionEvent, now: Instant) -> Result<(), String> {
        let SubscriptionEvent { key, state, cause, .. } = event;
        let from = self.rows.get(key).map_or(SubscriptionState::Removed, |row| row.state);
        let mut table = ibws_proto::transitions::subscription_transitions().iter();
        if !table.any(|row| (row.cause, row.to) == (*cause, *state) && row.from.contains(&from)) {
            return Err(format!("{key} went from {from:?} to {state:?}: {cause:?}"));
        }
        self.transitions.insert((from, *state, *cause));
        if *state == SubscriptionState::Removed {
            return self.rows.remove(key).map(drop).ok_or_else(|| format!("{key} is removed, but never was there"));
        }
        let row = self.rows.entry(key.clone()).or_insert(Row {
            state: *state,
            since: now,
            sent: None,
            gap: None,
            holds_in_gap: false,
            stale: None,
            flowed: false,
        });
        (row.state, row.since, row.holds_in_gap) = (*state, now, false);
        // A channel that the gateway confirms flows only once a frame shows it.
        row.flowed |=
            *state == SubscriptionState::Active || (*state == SubscriptionState::Quiet && !key.key().is_confirmed());
        // A text is written before the state that it leads to is emitted: the first one, at this
        // moment.
        if matches!(state, SubscriptionState::Subscribing | SubscriptionState::Quiet) {
            row.sent = row.sent.or(Some(now));
        }
        Ok(())
    }

    /// Ends the step: applies its command, and compares the machine's list with the model.
    pub(crate) fn check_list(&mut self, infos: &[SubscriptionInfo]) -> Result<(), String> {
        match self.pending.take() {
            Some((_, Command::Unsubscribe(Unsubscribe { key, .. }))) if !self.unknown => {
                drop(self.requested.remove(&key))
            }
            Some((_, Command::Release(holder))) => self.release(holder),
            _ => {}
        }
        for info in infos {
            let Some(row) = self.rows.get(&info.key) else {
                return Err(format!("{} is {:?}, and no state of it was emitted", info.key, info.state));
            };
            if row.state != info.state {
                return Err(format!("{} is {:?}, but {:?} was emitted", info.key, info.state, row.state));
            }
            let may_have_gap = info.assumed || row.holds_in_gap;
            if info.gap_since.is_some() && info.state == SubscriptionState::Active && !may_have_gap {
                return Err(format!("{} is {:?}, and its gap has not ended", info.key, info.state));
            }
            if row.stale != info.stale_since {
                return Err(format!("{}: stale since {:?}, emitted {:?}", info.key, info.stale_since, row.stale));
            }
            if row.gap != info.gap_since {
                return Err(format!("{}: gap since {:?}, emitted {:?}", info.key, info.gap_since, row.gap));
            }
        }
        if infos.len() != self.rows.len() {
            return Err(format!("{} subscriptions, {} emitted", infos.len(), self.rows.len()));
        }
        if self.is_shutting_down() {
            return Ok(());
        }
        let is_held = |info: &&SubscriptionInfo| info.state != SubscriptionState::Unsubscribing;
        let held = || infos.iter().filter(is_held).map(|info| (&info.key, info.holders));
        // Both are in the order of the keys.
        if held().eq(self.requested.iter().map(|(key, holders)| (key, holders.len()))) {
            return Ok(());
        }
        Err(format!("requested: {:?}; the machine holds: {:?}", self.requested, held().collect::<Vec<_>>()))
    }
}
