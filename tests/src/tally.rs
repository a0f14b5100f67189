//! What runs did and reached, summed over seeds.
//!
//! A run that reaches nothing proves nothing: every suite asserts on these sums that the
//! interesting things happened often enough.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use ibws_proto::{ConnectionState, Event, Output, StateCause, SubscriptionState};

/// Counts that can be summed.
pub trait Tally {
    /// Adds the counts of another run.
    fn add(&mut self, other: &Self);
}

impl Tally for u64 {
    fn add(&mut self, other: &Self) {
        *self += other;
    }
}

impl Tally for Duration {
    fn add(&mut self, other: &Self) {
        *self += *other;
    }
}

impl<T: Ord + Copy> Tally for BTreeSet<T> {
    fn add(&mut self, other: &Self) {
        self.extend(other);
    }
}

impl<K: Ord + Copy> Tally for BTreeMap<K, u64> {
    fn add(&mut self, other: &Self) {
        for (key, count) in other {
            *self.entry(*key).or_default() += count;
        }
    }
}

impl Tally for Vec<u64> {
    fn add(&mut self, other: &Self) {
        self.extend(other);
    }
}

/// Declares a struct of counts that is summed field by field.
macro_rules! tally {
    ($(#[$meta:meta])* pub struct $name:ident { $( $(#[$doc:meta])* $field:ident: $ty:ty, )* }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug, Default)]
        pub struct $name { $( $(#[$doc])* pub $field: $ty, )* }

        impl $crate::tally::Tally for $name {
            fn add(&mut self, other: &Self) {
                $( $crate::tally::Tally::add(&mut self.$field, &other.$field); )*
            }
        }
    };
}
pub(crate) use tally;

/// A transition of a subscription: from, to, cause. A subscription begins and ends as `Removed`.
pub type Transition = (SubscriptionState, SubscriptionState, StateCause);

tally! {
    /// What runs of a machine did and reached: the tally of walks and of chaos runs.
    pub struct Reach {
        /// The number of runs.
        runs: u64,
        /// Inputs and commands given to machines.
        steps: u64,
        /// Outputs that machines emitted.
        outputs: u64,
        /// Runs in which a connection became ready before the recovery at the end.
        ready: u64,
        /// Runs in which a subscription was confirmed before the recovery at the end.
        confirmed: u64,
        /// Runs in which a stream was interrupted and resumed before the recovery at the end.
        resumed: u64,
        /// Transitions of subscriptions that were emitted.
        transitions: BTreeSet<Transition>,
    }
}

impl Reach {
    /// Counts an output of a single run: `ready`, `confirmed` and `resumed` become 1 and stay 1.
    pub(crate) fn see(&mut self, output: &Output) {
        self.outputs += 1;
        match output {
            Output::Event(Event::State(change)) if change.state == ConnectionState::Ready => self.ready = 1,
            Output::Event(Event::Subscription(event)) if event.state == SubscriptionState::Active => self.confirmed = 1,
            Output::Event(Event::Resumed(_)) => self.resumed = 1,
            _ => {}
        }
    }
}

tally! {
    /// What happened to messages between the gateway and consumers: the tally of accounting and of
    /// conflation. `sent == delivered + merged + lost + missed`.
    pub struct Deliveries {
        /// Messages sent, times the consumers they were for.
        sent: u64,
        /// Messages that a consumer took out, each alone or as the newest of a merged run.
        delivered: u64,
        /// Messages merged into delivered ones.
        merged: u64,
        /// Messages that a queue dropped and reported as lost.
        lost: u64,
        /// Messages that never reached the client, and that a reported gap covers.
        missed: u64,
        /// Gaps reported.
        gaps: u64,
    }
}

/// Reads a number from the environment; `None` if `name` is not set.
///
/// # Panics
/// If the value is not a number.
#[must_use]
pub fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is not a number; set it to a count")))
}

/// Runs the seeds from 0 to `seeds - 1` on two threads and sums their tallies.
///
/// # Panics
/// If a seed fails; the message holds the seed, which repeats the failure.
pub fn sum_seeds<T: Tally + Default + Send>(seeds: u64, run: impl Fn(u64) -> Result<T, String> + Sync) -> T {
    let half = |from: u64| {
        let mut tally = T::default();
        for seed in (from..seeds).step_by(2) {
            tally.add(&run(seed).unwrap_or_else(|broken| panic!("seed {seed}: {broken}")));
        }
        tally
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut tally = half(0);
        tally.add(&other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        tally
    })
}
