//! A small model of the subscription table: who wants what, and what was told of it. After each step the machine's own
//! table must be what this one says.

use std::collections::{BTreeMap, BTreeSet};

use ibws_proto::{
    Command, CommandError, Event, Instant, Machine, Reply, RequestId, SubscriptionKey, SubscriptionState,
};

use crate::tally::Transition;

/// What was told of one subscription.
#[derive(Clone, Debug)]
struct Told {
    status: SubscriptionState,
    gap: Option<Instant>,
    stale: Option<Instant>,
    /// It was active or quiet, or resumed, since its last gap.
    flowed: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    wanted: BTreeMap<SubscriptionKey, BTreeSet<RequestId>>,
    told: BTreeMap<SubscriptionKey, Told>,
    /// What the command of this step will have done when it is over.
    pending: Option<(RequestId, Command)>,
    refused: bool,
    shutting: BTreeSet<RequestId>,
    /// A shutdown is under way that nobody waits for any more.
    unheard: bool,
    /// The transitions that were emitted.
    transitions: BTreeSet<Transition>,
}

impl Table {
    pub(crate) fn command(&mut self, id: RequestId, command: &Command) {
        match command {
            Command::Subscribe(subscribe) => {
                self.wanted.entry(subscribe.key.clone()).or_default().insert(id);
            }
            Command::Shutdown { .. } => {
                self.shutting.insert(id);
            }
            _ => {}
        }
        self.refused = false;
        self.pending = Some((id, command.clone()));
    }

    pub(crate) fn wants(&self, key: &SubscriptionKey) -> bool {
        self.wanted.contains_key(key)
    }

    pub(crate) fn told(&self) -> impl Iterator<Item = &SubscriptionKey> {
        self.told.keys()
    }

    pub(crate) fn transitions(&self) -> &BTreeSet<Transition> {
        &self.transitions
    }

    pub(crate) fn len(&self) -> usize {
        self.wanted.len() + self.told.len()
    }

    pub(crate) fn is_shutting(&self) -> bool {
        !self.shutting.is_empty() || self.unheard
    }

    pub(crate) fn done(&mut self, id: RequestId, answer: &Result<Reply, CommandError>) {
        if matches!(answer, Err(CommandError::Conflict(_) | CommandError::Budget { .. })) {
            for holders in self.wanted.values_mut() {
                holders.remove(&id);
            }
            self.wanted.retain(|_, holders| !holders.is_empty());
        }
        if self.pending.as_ref().is_some_and(|(pending, _)| *pending == id) {
            self.refused = matches!(answer, Err(CommandError::UnknownSubscription(_)));
        }
        if self.shutting.remove(&id) && matches!(answer, Err(CommandError::Cancelled)) {
            // Its caller no longer waits for it; it goes on.
            self.unheard = true;
        }
        if matches!(answer, Ok(Reply::Stopped)) {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.wanted.clear();
        // A command comes after what was due before it.
        if let Some((id, Command::Subscribe(subscribe))) = &self.pending {
            self.wanted.entry(subscribe.key.clone()).or_default().insert(*id);
        }
    }

    pub(crate) fn stopped(&mut self) {
        if core::mem::take(&mut self.unheard) {
            self.clear();
        }
    }

    pub(crate) fn event(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Subscription(event) => {
                let (key, status) = (&event.key, event.state);
                let from = self.told.get(key).map_or(SubscriptionState::Removed, |told| told.status);
                let known = ibws_proto::subscription_transitions()
                    .iter()
                    .any(|row| (row.cause, row.to) == (event.cause, status) && row.from.contains(&from));
                if !known {
                    return Err(format!("{key} went from {from:?} to {status:?}: {:?}", event.cause));
                }
                self.transitions.insert((from, status, event.cause));
                if status == SubscriptionState::Removed {
                    return self.told.remove(key).map(drop).ok_or_else(|| format!("{key} gone, but never there"));
                }
                let told =
                    self.told.entry(key.clone()).or_insert(Told { status, gap: None, stale: None, flowed: false });
                told.status = status;
                told.flowed |= matches!(status, SubscriptionState::Active | SubscriptionState::Quiet);
            }
            Event::Gap(gap) => {
                let Some(told) = self.told.get_mut(&gap.key) else {
                    return Err(format!("a gap of {}, which was never told", gap.key));
                };
                if !core::mem::take(&mut told.flowed) {
                    return Err(format!("a gap of {}, which did not flow", gap.key));
                }
                // A gap ends the silence before it.
                told.stale = None;
                if told.gap.replace(gap.since).is_some() {
                    return Err(format!("a second gap of {} before the first one ended", gap.key));
                }
            }
            Event::Stale(stale) => {
                let told = self.told.get_mut(&stale.key).filter(|told| told.gap.is_none());
                if told.is_none_or(|told| told.stale.replace(stale.since).is_some()) {
                    return Err(format!("{} is told silent since {:?} twice, or within a gap", stale.key, stale.since));
                }
            }
            Event::Fresh(fresh) => {
                let open = self.told.get_mut(&fresh.key).and_then(|told| told.stale.take());
                if open != Some(fresh.since) {
                    return Err(format!("{} speaks again since {:?}; its silence: {open:?}", fresh.key, fresh.since));
                }
            }
            Event::Resumed(resumed) => {
                let told = self.told.get_mut(&resumed.key);
                let open = told.and_then(|told| {
                    told.flowed = true;
                    told.gap.take()
                });
                if open != Some(resumed.since) {
                    return Err(format!("{} resumed since {:?}; its gap: {open:?}", resumed.key, resumed.since));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The step is over: what it withdrew is no longer wanted, and the machine's table is this one.
    pub(crate) fn settled(&mut self, machine: &Machine) -> Result<(), String> {
        match self.pending.take() {
            Some((_, Command::Unsubscribe { key, .. })) if !self.refused => drop(self.wanted.remove(&key)),
            Some((_, Command::Release(holder))) => {
                for holders in self.wanted.values_mut() {
                    holders.remove(&holder);
                }
                self.wanted.retain(|_, holders| !holders.is_empty());
            }
            _ => {}
        }
        let infos = machine.subscriptions();
        for info in &infos {
            let Some(told) = self.told.get(&info.key) else {
                return Err(format!("{} is {:?}, which was never told", info.key, info.state));
            };
            if told.status != info.state {
                return Err(format!("{} is {:?}, but {:?} was told", info.key, info.state, told.status));
            }
            if info.gap_since.is_some() && matches!(info.state, SubscriptionState::Active | SubscriptionState::Quiet) {
                return Err(format!("{} is {:?}, and its gap has not ended", info.key, info.state));
            }
            if told.stale != info.stale_since {
                return Err(format!("{}: silent since {:?}, told {:?}", info.key, info.stale_since, told.stale));
            }
            if told.gap != info.gap_since {
                return Err(format!("{}: gap since {:?}, told {:?}", info.key, info.gap_since, told.gap));
            }
        }
        if infos.len() != self.told.len() {
            return Err(format!("{} subscriptions, {} told", infos.len(), self.told.len()));
        }
        if self.is_shutting() {
            return Ok(());
        }
        let there = infos.iter().filter(|info| info.state != SubscriptionState::Unsubscribing);
        let there: BTreeMap<_, _> = there.map(|info| (&info.key, info.holders)).collect();
        let wanted: BTreeMap<_, _> = self.wanted.iter().map(|(key, holders)| (key, holders.len())).collect();
        if there == wanted { Ok(()) } else { Err(format!("wanted: {wanted:?}; in the table: {there:?}")) }
    }
}
