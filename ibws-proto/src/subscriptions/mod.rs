//! The subscription table: what the user wants beside what the wire holds, and the rules that bring the two together.
//!
//! `entry` is one row, `moves` the ways from state to state, `route` says which row a frame belongs to, `rules` and `wire` say what happens to a row, asked for
//! here or said by the gateway, `send` puts it on the wire, `pace` says when, `silence` tells of streams that say nothing,
//! `rows` finds a row by its name. This file holds the table and its other indexes: nothing on the way of a frame or of a tick looks at more rows than it concerns.

mod entry;
mod moves;
mod pace;
mod route;
mod rows;
mod rules;
mod send;
mod silence;
mod wire;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use crate::command::{GapCause, Reply, RequestId, SubscribeOutcome};
use crate::config::Config;
use crate::connect::ConnId;
use crate::event::{Action, Event, Gap, Output};
use crate::key::{Key, SubscriptionKey};
use crate::pending::{Requests, RestRequests};
use crate::random::Random;
use crate::rest::RestRequest;
use crate::status::{StateCause, SubscriptionEvent, SubscriptionState};
use crate::time::Instant;

use entry::Entry;
pub use moves::{Transition, subscription_diagram, subscription_transitions};
use pace::Pace;
use rows::Rows;

/// What the rules may see and touch of the machine around them.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) conn: Option<ConnId>,
    pub(crate) wire: Wire,
    /// Dials of the present outage.
    pub(crate) attempts: u32,
    /// When the connection was last known to be good.
    pub(crate) since: Instant,
    pub(crate) config: &'a Config,
    pub(crate) random: &'a mut Random,
    pub(crate) requests: &'a mut Requests,
    pub(crate) rest: &'a mut RestRequests,
    pub(crate) out: &'a mut VecDeque<Output>,
}

/// What may be written now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    /// Nothing.
    Shut,
    /// Unsubscriptions only: the session is not authenticated, or is being drained.
    Leaving,
    /// Everything.
    Ready,
}

impl Context<'_> {
    fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// RestRequests the host, who has `patience` to answer.
    fn rest(&mut self, request: RestRequest, patience: Duration) {
        self.rest.send(request, self.now + patience, self.out);
    }

    fn action(&mut self, action: impl FnOnce(ConnId) -> Action) {
        if let Some(conn) = self.conn {
            self.out.push_back(Output::Action(action(conn)));
        }
    }
}

/// One subscription, as [`Machine::subscriptions`](crate::Machine::subscriptions) lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SubscriptionInfo {
    /// Which.
    pub key: SubscriptionKey,
    /// Its state.
    pub state: SubscriptionState,
    /// How often it was sent in this round.
    pub attempt: u32,
    /// How many `Subscribe` requests hold it.
    pub holders: usize,
    /// Messages of it may be missing since then.
    pub gap_since: Option<Instant>,
    /// The history's server id on this connection.
    pub server_id: Option<alloc::boxed::Box<str>>,
    /// Silent for longer than its limit since then, on a connection that is fine.
    pub stale_since: Option<Instant>,
    /// It is active because [`Modify::active`](crate::Modify::active) said so; no frame has confirmed it.
    pub assumed: bool,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Rows,
    index: Index,
    pace: Pace,
    holders: BTreeMap<RequestId, SubscriptionKey>,
    /// Unsubscriptions of summaries and ledgers in the order they were written: their confirmations name neither
    /// (docs/protocol.md §3.7).
    leaving: BTreeMap<Key, VecDeque<SubscriptionKey>>,
}

/// Where to find rows without looking for them.
#[derive(Debug, Default)]
struct Index {
    timers: BTreeSet<(Instant, SubscriptionKey)>,
    unconfirmed: BTreeSet<(Key, SubscriptionKey)>,
    conids: BTreeSet<(Key, i64, SubscriptionKey)>,
    count: BTreeMap<Key, usize>,
}

impl Table {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.index.timers.first().map(|(at, _)| *at)
    }

    /// Entries in all its tables and lists.
    pub(crate) fn entries(&self) -> usize {
        let Index { timers, unconfirmed, conids, count } = &self.index;
        let indexed = timers.len() + unconfirmed.len() + conids.len() + count.len();
        let leaving: usize = self.leaving.values().map(VecDeque::len).sum();
        let held = |row: &Entry| row.holders.len() + row.waiting.len() + row.leaving.len();
        let held: usize = self.rows.iter().map(held).sum();
        self.rows.len() + indexed + self.holders.len() + leaving + held + self.pace.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn infos(&self) -> impl Iterator<Item = SubscriptionInfo> + '_ {
        self.rows.iter().map(|row| SubscriptionInfo {
            key: row.subscribe.key.clone(),
            state: row.status,
            attempt: row.attempt,
            holders: row.holders.len(),
            gap_since: row.gap,
            server_id: row.server_id.clone(),
            stale_since: row.stale.then_some(row.heard),
            assumed: row.assumed,
        })
    }

    pub(crate) fn holds(&self, request: RequestId) -> bool {
        self.holders.contains_key(&request)
    }

    pub(crate) fn status(&self, key: &SubscriptionKey) -> Option<SubscriptionState> {
        self.rows.get(key.as_str()).map(|row| row.status)
    }

    /// Server id and conid of each history whose id is known; `None` for a key without such ids.
    pub(crate) fn server_ids(&self, key: Key) -> Option<BTreeMap<alloc::boxed::Box<str>, i64>> {
        (key == Key::MarketHistory).then(|| {
            self.rows.iter().filter_map(|row| Some((row.server_id.clone()?, row.subscribe.key.conid()?))).collect()
        })
    }

    fn insert(&mut self, row: Entry) {
        let key = row.subscribe.key.clone();
        if let Some(conid) = key.conid() {
            self.index.conids.insert((key.key(), conid, key.clone()));
        }
        *self.index.count.entry(key.key()).or_default() += 1;
        self.rows.insert(row);
    }

    /// Forgets a row, and tells so.
    fn remove(&mut self, key: &SubscriptionKey, cause: StateCause, cx: &mut Context<'_>) {
        let Some(mut row) = self.rows.remove(key.as_str()) else { return };
        self.index.arm(&mut row, None);
        self.index.unconfirmed.remove(&(key.key(), key.clone()));
        if let Some(conid) = key.conid() {
            self.index.conids.remove(&(key.key(), conid, key.clone()));
        }
        if let Some(count) = self.index.count.get_mut(&key.key()) {
            *count = count.saturating_sub(1);
        }
        for holder in &row.holders {
            self.holders.remove(holder);
        }
        tell(&row, SubscriptionState::Removed, cause, cx);
    }

    fn keys(&self) -> Vec<SubscriptionKey> {
        self.rows.names().cloned().collect()
    }

    /// Moves a row to another state: the one place where states change.
    fn enter(
        &mut self,
        key: &SubscriptionKey,
        status: SubscriptionState,
        timer: Option<Instant>,
        cause: StateCause,
        cx: &mut Context<'_>,
    ) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        row.paced = None;
        let again =
            status == row.status && status != SubscriptionState::Subscribing && status != SubscriptionState::Refused;
        row.status = status;
        self.index.arm(row, timer);
        let mark = (key.key(), key.clone());
        match status {
            SubscriptionState::Subscribing | SubscriptionState::Quiet | SubscriptionState::Expiring => {
                self.index.unconfirmed.insert(mark)
            }
            _ => self.index.unconfirmed.remove(&mark),
        };
        if !again {
            tell(row, status, cause, cx);
        }
        let standing = match status {
            SubscriptionState::Active => SubscribeOutcome::Active,
            SubscriptionState::Quiet => SubscribeOutcome::Quiet,
            _ => return,
        };
        row.streaming = true;
        for request in core::mem::take(&mut row.waiting) {
            cx.requests.answer(request, Ok(Reply::Subscribed(standing)), cx.out);
        }
    }

    /// Opens the gap of a row whose data flowed until now. One outage is one gap.
    fn open_gap(&mut self, key: &SubscriptionKey, cause: GapCause, cx: &mut Context<'_>) {
        let Some(row) = self.rows.get_mut(key.as_str()) else { return };
        if core::mem::take(&mut row.streaming) && row.gap.is_none() {
            // What was sent and not confirmed is not known to have flowed since it was sent.
            let unconfirmed = matches!(cause, GapCause::Refused(_) | GapCause::Unconfirmed)
                || matches!(
                    row.status,
                    SubscriptionState::Subscribing | SubscriptionState::Expiring | SubscriptionState::Refused
                );
            let since = row.round.filter(|_| unconfirmed).map_or(cx.since, |round| round.min(cx.since));
            let since = if row.stale { since.min(row.heard) } else { since }.max(row.begun);
            row.gap = Some(since);
            // The gap says more.
            row.stale = false;
            cx.event(Event::Gap(Gap { key: key.clone(), since, cause }));
        }
    }
}

impl Index {
    /// Sets or clears the one timer of a row.
    fn arm(&mut self, row: &mut Entry, at: Option<Instant>) {
        let key = &row.subscribe.key;
        if let Some(old) = row.timer.take() {
            self.timers.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.timers.insert((at, key.clone()));
        }
        row.timer = at;
    }
}

fn tell(row: &Entry, status: SubscriptionState, cause: StateCause, cx: &mut Context<'_>) {
    let reason =
        matches!(status, SubscriptionState::Refused | SubscriptionState::Failed).then(|| row.reason.clone()).flatten();
    let (at, key) = (cx.now, row.subscribe.key.clone());
    cx.event(Event::Subscription(SubscriptionEvent { at, key, state: status, cause, attempt: row.attempt, reason }));
}
