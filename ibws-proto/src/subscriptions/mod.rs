//! The subscription table: reconciles what the application requests with what the connection holds.
//!
//! A subscription is a state with its data (`subscription`, `state`); the transitions between
//! states are a table (`transitions`). Each file holds one kind of rule: `requests` what the
//! application asks for, `connection` what a change of the connection does, `frames` what the
//! gateway sends, `timers` what time brings, `send` how texts are written, `pace` when, `gap` when
//! a stream loses messages, `catch_up` and `delivered` what orders were lost, `staleness` which
//! streams are silent. `holders` are the requests that keep a subscription, `settings` what the
//! application set for it alone. `store`, `index` and `routing` find subscriptions: neither a frame
//! nor a tick reads more of them than it concerns.

mod catch_up;
mod connection;
mod delivered;
mod frames;
mod gap;
mod holders;
mod index;
mod pace;
mod requests;
mod routing;
mod send;
mod settings;
mod staleness;
mod state;
mod store;
mod subscription;
mod timers;
mod transitions;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::command::{CommandError, Reply, RequestId};
use crate::config::Config;
use crate::connect::ConnId;
use crate::event::{Action, Event, Output};
use crate::key::{Key, SubscriptionKey};
use crate::mask::Discreet;
use crate::pending::{Requests, RestRequests};
use crate::random::Random;
use crate::rest::RestRequest;
use crate::state::{StateCause, SubscriptionState};
use crate::time::Instant;

use delivered::Delivered;
pub use gap::GapStats;
use index::Index;
use pace::Pace;
use store::{Place, Store};
use subscription::Subscription;
pub use transitions::{Transition, subscription_diagram, subscription_transitions};

/// Unsubscribes of one channel whose confirmations are told apart.
const UNSUBSCRIBE_LIMIT: usize = 256;

/// What the rules read and write of the machine around the table.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) conn: Option<ConnId>,
    pub(crate) permission: WritePermission,
    /// Whether the brokerage session is authenticated; `None` until the gateway says.
    pub(crate) authenticated: Option<bool>,
    /// Dials since the machine was made.
    pub(crate) dials: u64,
    /// When something was last received on the connection.
    pub(crate) last_received: Instant,
    pub(crate) config: &'a Config,
    pub(crate) random: &'a mut Random,
    pub(crate) requests: &'a mut Requests,
    pub(crate) rest: &'a mut RestRequests,
    pub(crate) out: &'a mut VecDeque<Output>,
    /// Counts transitions that were refused because the table does not list them.
    pub(crate) illegal_transitions: &'a mut u64,
    /// Counts the gaps.
    pub(crate) gaps: &'a mut GapStats,
}

/// What may be written now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WritePermission {
    /// Nothing may be written.
    None,
    /// Unsubscribes only: the connection is being drained.
    UnsubscribeOnly,
    /// Unsubscribes, and the channels that need no brokerage session: the session is not
    /// authenticated.
    Ungated,
    /// Every text may be written.
    All,
}

/// What a subscription reads and writes while it acts: the machine's context, and what the table
/// shares among all subscriptions. Effects on other subscriptions are noted here, and the table
/// carries them out afterwards.
struct Scope<'s, 'c> {
    cx: &'s mut Context<'c>,
    pace: &'s mut Pace,
    unsubscribes: &'s mut Unsubscribes,
    /// What the streams of orders and executions have delivered.
    delivered: &'s mut Delivered,
    effects: Effects,
}

/// What the table must do after a subscription has acted.
#[derive(Default)]
struct Effects {
    /// Remove the subscription, for this cause.
    remove: Option<StateCause>,
    /// Send the other ladders of its account again: unsubscribing one ended them all.
    restore_ladders: bool,
}

/// Unsubscribes of summaries and ledgers in the order in which they were written: their
/// confirmations name neither account nor topic (docs/protocol.md §3.7).
#[derive(Debug, Default)]
struct Unsubscribes(BTreeMap<Key, VecDeque<SubscriptionKey>>);

impl Context<'_> {
    fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    fn reply(&mut self, request: RequestId, result: Result<Reply, CommandError>) {
        self.requests.reply(request, result, self.out);
    }
}

impl Scope<'_, '_> {
    fn event(&mut self, event: Event) {
        self.cx.event(event);
    }

    fn reply(&mut self, request: RequestId, result: Result<Reply, CommandError>) {
        self.cx.reply(request, result);
    }

    /// Whether a subscription of this channel may be sent now.
    fn may_send(&self, channel: Key) -> bool {
        match self.cx.permission {
            WritePermission::All => true,
            WritePermission::Ungated => !channel.needs_brokerage_session(),
            WritePermission::UnsubscribeOnly | WritePermission::None => false,
        }
    }

    /// Registers that a REST request is needed, whose attempts may take `timeout` each. Returns
    /// `true` if it reports that there is no REST handler for it.
    fn require(&mut self, request: RestRequest, timeout: Duration) -> bool {
        self.cx.rest.require(request, timeout, self.cx.config.rest_handler, self.cx.now, self.cx.out)
    }

    fn write(&mut self, text: alloc::string::String) {
        if let Some(conn) = self.cx.conn {
            self.cx.out.push_back(Output::Action(Action::SendText { conn, text }));
        }
    }
}

impl Unsubscribes {
    fn push(&mut self, key: &SubscriptionKey) {
        let queue = self.0.entry(key.key()).or_default();
        if queue.len() < UNSUBSCRIBE_LIMIT && !queue.contains(key) {
            queue.push_back(key.clone());
        }
    }

    fn pop(&mut self, channel: Key) -> Option<SubscriptionKey> {
        self.0.get_mut(&channel)?.pop_front()
    }

    fn remove(&mut self, key: &SubscriptionKey) {
        if let Some(queue) = self.0.get_mut(&key.key()) {
            queue.retain(|waiting| waiting != key);
        }
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn len(&self) -> usize {
        self.0.values().map(VecDeque::len).sum()
    }
}

/// One subscription, as [`Machine::subscriptions`](crate::Machine::subscriptions) lists it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionInfo {
    /// Channel and target.
    pub key: SubscriptionKey,
    /// Its state.
    pub state: SubscriptionState,
    /// How often its present text was sent.
    pub attempt: u32,
    /// How many `Subscribe` requests hold it.
    pub holders: usize,
    /// Since when messages of it may be missing.
    pub gap_since: Option<Instant>,
    /// The history's server id on this connection.
    pub server_id: Option<Box<str>>,
    /// Since when it has been silent for longer than its limit, on a healthy connection.
    pub stale_since: Option<Instant>,
    /// Whether it is active only because [`Modify::active`](crate::Modify::active) set it so; no
    /// frame has confirmed it.
    pub assumed: bool,
}

/// Writes the server id, which is a text of the gateway, masked as the key is.
impl fmt::Debug for SubscriptionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionInfo")
            .field("key", &self.key)
            .field("state", &self.state)
            .field("attempt", &self.attempt)
            .field("holders", &self.holders)
            .field("gap_since", &self.gap_since)
            .field("server_id", &self.server_id.as_deref().map(Discreet))
            .field("stale_since", &self.stale_since)
            .field("assumed", &self.assumed)
            .finish()
    }
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    store: Store,
    index: Index,
    pace: Pace,
    holders: BTreeMap<RequestId, Place>,
    unsubscribes: Unsubscribes,
    /// Kept as long as orders are subscribed to.
    delivered: Box<Delivered>,
}

impl Table {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.index.first_timer().map(|(at, _)| *at)
    }

    /// Entries in all its tables and lists.
    pub(crate) fn entries(&self) -> usize {
        let lists: usize = self.store.iter().map(Subscription::entries).sum();
        let shared = self.index.entries() + self.holders.len() + self.unsubscribes.len() + self.pace.len();
        self.store.len() + lists + shared
    }

    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }

    pub(crate) fn infos(&self) -> impl Iterator<Item = SubscriptionInfo> + '_ {
        self.store.iter().map(Subscription::info)
    }

    /// Since when messages are missing from the streams with an open gap.
    pub(crate) fn open_gaps(&self) -> impl Iterator<Item = Instant> + '_ {
        self.store.iter().filter_map(Subscription::gap_since)
    }

    pub(crate) fn holds(&self, request: RequestId) -> bool {
        self.holders.contains_key(&request)
    }

    pub(crate) fn state(&self, key: &SubscriptionKey) -> Option<SubscriptionState> {
        self.store.get(key.as_str()).map(|subscription| subscription.state.kind())
    }

    /// Server id and conid of each history whose id is known; `None` for a key without such ids.
    pub(crate) fn server_ids(&self, key: Key) -> Option<BTreeMap<Box<str>, Option<i64>>> {
        let id = |history: &Subscription| Some((history.server_id()?.into(), history.key.conid()));
        (key == Key::MarketHistory).then(|| self.store.iter().filter_map(id).collect())
    }

    /// Whether a requested subscription needs an authenticated brokerage session.
    pub(crate) fn needs_brokerage_session(&self) -> bool {
        Key::ALL.iter().any(|key| key.needs_brokerage_session() && self.index.count(*key) > 0)
    }

    /// Whether data flows that needs no brokerage session. A stream that is renewed flows on.
    pub(crate) fn is_ungated_flowing(&self) -> bool {
        let flows = |key: &SubscriptionKey| {
            self.store.get(key.as_str()).is_some_and(|stream| {
                let shown =
                    matches!(stream.state, state::State::Active { assumed: false, .. } | state::State::Expiring { .. });
                shown && stream.flow.flowing && !stream.flow.stale
            })
        };
        ["pl", "sd", "ld"].iter().any(|channel| self.with_prefix(channel).any(flows))
    }

    fn keys(&self) -> Vec<SubscriptionKey> {
        self.store.names().cloned().collect()
    }

    fn insert(&mut self, subscription: Subscription) -> Place {
        self.index.insert(&subscription.key);
        self.store.insert(subscription)
    }

    /// Lets a subscription act, then brings the indexes up to date and carries out its effects on
    /// the table.
    fn update<R>(
        &mut self,
        key: &SubscriptionKey,
        cx: &mut Context<'_>,
        act: impl FnOnce(&mut Subscription, &mut Scope<'_, '_>) -> R,
    ) -> Option<R> {
        let Self { store, index, pace, unsubscribes, delivered, .. } = self;
        let subscription = store.get_mut(key.as_str())?;
        let mut scope = Scope { cx, pace, unsubscribes, delivered, effects: Effects::default() };
        let result = act(subscription, &mut scope);
        index.update(subscription, scope.cx.now);
        store.note_change(key.as_str());
        let Effects { remove, restore_ladders } = scope.effects;
        if let Some(cause) = remove {
            self.remove(key, cause, cx);
        }
        if restore_ladders {
            self.restore_ladders(key, cx);
        }
        Some(result)
    }

    /// Removes a subscription and emits that.
    fn remove(&mut self, key: &SubscriptionKey, cause: StateCause, cx: &mut Context<'_>) {
        let Some(mut subscription) = self.store.remove(key.as_str()) else { return };
        cx.rest.end_needs_of(key, cx.out);
        self.index.remove(&mut subscription);
        for holder in subscription.holders.iter() {
            self.holders.remove(&holder);
        }
        if key.key() == Key::Orders && self.index.count(Key::Orders) == 0 {
            *self.delivered = Delivered::default();
        }
        let Self { pace, unsubscribes, delivered, .. } = self;
        let mut scope = Scope { cx, pace, unsubscribes, delivered, effects: Effects::default() };
        subscription.emit_removed(cause, &mut scope);
    }

    /// Sends the other ladders of an account again, after `unsubscribed` has ended them all.
    fn restore_ladders(&mut self, unsubscribed: &SubscriptionKey, cx: &mut Context<'_>) {
        let prefix = alloc::format!("bd+{}+", unsubscribed.account().unwrap_or_default());
        let others: Vec<_> = self.with_prefix(&prefix).filter(|key| *key != unsubscribed).cloned().collect();
        for key in others {
            self.update(&key, cx, |ladder, scope| {
                if ladder.on_wire.is_some() && !ladder.state.is_unsubscribing() {
                    ladder.transmit(StateCause::Requested, scope);
                }
            });
        }
    }
}
