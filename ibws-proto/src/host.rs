//! What the host is asked for. REST stays outside the core: it asks, and goes on when the answer comes or its time is over.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::fmt;

use crate::event::{Action, Event, Output};
use crate::key::SubscriptionKey;
use crate::message::OrderPrompt;
use crate::time::Instant;

/// Prompts that may wait for their answer at once; a gateway that asks more is not believed.
const PROMPTS: usize = 32;

/// Number of a question to the host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AskId(pub u64);

impl fmt::Display for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}", self.0)
    }
}

/// A question to the host: REST calls that it should make.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ask {
    /// What the gateway wants before this is subscribed to: `GET /iserver/accounts`, and before `or` also
    /// `GET /iserver/account/orders`, forced and unfiltered, since a filter there silences the stream (protocol §1.3, §3.4).
    Prime(SubscriptionKey),
    /// A session: the gateway waits for one, or the present one is not authenticated.
    Session(SessionNeed),
    /// The live orders, forced and unfiltered: changes since then may be missing from the stream.
    Reconcile {
        /// The stream.
        key: SubscriptionKey,
        /// The end of what is known to be complete.
        since: Instant,
    },
    /// The answer to a question about an order: `POST /iserver/notification` (protocol §4.4).
    Prompt(Prompt),
}

/// Why a session is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionNeed {
    /// The gateway said `waiting for session`, and none was at hand.
    Missing,
    /// `sts` said `authenticated: false`.
    Unauthenticated,
}

/// A question of the gateway about an order.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Prompt {
    /// The order.
    pub order_id: Option<i64>,
    /// What the answer must name.
    pub req_id: Box<str>,
    /// The question.
    pub text: Box<str>,
    /// What can be answered.
    pub options: Box<[Box<str>]>,
}

impl Prompt {
    /// The prompt of an `ntf` row; `None` if the row does not say what an answer must name.
    pub(crate) fn of(row: &OrderPrompt<'_>) -> Option<Self> {
        let req_id = row.req_id().ok().flatten()?.into();
        let options = row.options().ok().flatten().unwrap_or_default();
        Some(Self {
            order_id: row.order_id().ok().flatten(),
            req_id,
            text: row.text().ok().flatten().unwrap_or_default().into(),
            options: options.into_iter().map(Into::into).collect(),
        })
    }
}

/// A question to the host is over. Told for each one, exactly once.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HostReport {
    /// Its number; `None` for one that was never asked.
    pub id: Option<AskId>,
    /// The question.
    pub ask: Ask,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a question to the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The host did it.
    Done,
    /// The host could not, or there is no host.
    Failed,
    /// No answer within [`Config::prime_timeout`](crate::Config::prime_timeout) or
    /// [`Config::host_timeout`](crate::Config::host_timeout).
    TimedOut,
    /// The connection it was for is gone, or it was asked anew.
    Overtaken,
    /// It was not asked at all: too many like it wait for their answer.
    TooMany,
}

/// The questions that wait for their answer.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    last: u64,
    pending: BTreeMap<AskId, (Instant, Ask)>,
    deadlines: BTreeSet<(Instant, AskId)>,
}

impl Asks {
    /// Asks, and waits for the answer until `deadline`. The same question asked before is overtaken.
    pub(crate) fn ask(&mut self, ask: Ask, deadline: Instant, out: &mut VecDeque<Output>) {
        let same = |other: &Ask| match (&ask, other) {
            (Ask::Prime(key), Ask::Prime(other)) => key == other,
            (Ask::Reconcile { key, .. }, Ask::Reconcile { key: other, .. }) => key == other,
            (Ask::Session(_), Ask::Session(_)) => true,
            (Ask::Prompt(prompt), Ask::Prompt(other)) => prompt.req_id == other.req_id,
            _ => false,
        };
        if let Some(id) = self.pending.iter().find(|(_, (_, other))| same(other)).map(|(id, _)| *id) {
            let _ = self.settle(id, Outcome::Overtaken, out);
        }
        let prompts = || self.pending.values().filter(|(_, ask)| matches!(ask, Ask::Prompt(_))).count();
        if matches!(ask, Ask::Prompt(_)) && prompts() >= PROMPTS {
            let report = HostReport { id: None, ask, outcome: Outcome::TooMany };
            return out.push_back(Output::Event(Event::Host(report)));
        }
        self.last += 1;
        let id = AskId(self.last);
        self.pending.insert(id, (deadline, ask.clone()));
        self.deadlines.insert((deadline, id));
        out.push_back(Output::Action(Action::Ask { id, ask }));
    }

    /// Ends a question and tells so; gives it back if it was pending.
    pub(crate) fn settle(&mut self, id: AskId, outcome: Outcome, out: &mut VecDeque<Output>) -> Option<Ask> {
        let (deadline, ask) = self.pending.remove(&id)?;
        self.deadlines.remove(&(deadline, id));
        let report = HostReport { id: Some(id), ask: ask.clone(), outcome };
        out.push_back(Output::Event(Event::Host(report)));
        Some(ask)
    }

    /// The connection is gone: what was asked for it no longer matters.
    pub(crate) fn overtake_all(&mut self, out: &mut VecDeque<Output>) {
        while let Some((id, _)) = self.pending.first_key_value() {
            let id = *id;
            let _ = self.settle(id, Outcome::Overtaken, out);
        }
    }

    pub(crate) fn awaits(&self, id: AskId) -> bool {
        self.pending.contains_key(&id)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// One question whose time is over.
    pub(crate) fn overdue(&self, now: Instant) -> Option<AskId> {
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
