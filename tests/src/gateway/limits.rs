//! The pacing of REST, and the penalty box of a client that exceeds it (docs/protocol.md §8.3).

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use ibws_proto::Instant;

use super::Gateway;

/// Calls of all kinds within one second.
const CALLS_A_SECOND: usize = 10;
/// The time during which every call fails.
const PENALTY: Duration = Duration::from_secs(15 * 60);

/// The least time between two calls of the same resource.
const fn spacing(resource: &str) -> Option<Duration> {
    Some(Duration::from_secs(match resource.as_bytes() {
        b"iserver/account/orders" | b"iserver/account/trades" => 5,
        b"tickle" => 1,
        b"sso/validate" => 60,
        _ => return None,
    }))
}

/// What is known of the calls of the only client address.
#[derive(Default)]
pub(super) struct Limits {
    recent: VecDeque<Instant>,
    last: BTreeMap<String, Instant>,
    boxed_until: Option<Instant>,
    violations: u32,
}

impl Limits {
    /// Counts a call. Returns `false` if the client is in the penalty box, which this call may be
    /// the reason for.
    pub(super) fn admit(&mut self, resource: &str, now: Instant) -> bool {
        if self.boxed_until.is_some_and(|until| now < until) {
            return false;
        }
        let too_many = self.recent.len() >= CALLS_A_SECOND
            && self.recent.front().is_some_and(|first| now.since(*first) < Duration::from_secs(1));
        let spacing = spacing(resource);
        let too_soon =
            spacing.is_some_and(|spacing| self.last.get(resource).is_some_and(|last| now.since(*last) < spacing));
        if too_many || too_soon {
            self.violations += 1;
            self.boxed_until = Some(now + PENALTY);
            return false;
        }
        if self.recent.len() >= CALLS_A_SECOND {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        if spacing.is_some() {
            self.last.insert(resource.to_owned(), now);
        }
        true
    }
}

impl Gateway {
    /// The number of times at which a client exceeded the pacing of REST and got into the penalty
    /// box; [`put_in_penalty_box`](Self::put_in_penalty_box) does not count.
    #[must_use]
    pub fn pacing_violations(&self) -> u32 {
        self.limits.violations
    }

    /// Returns `true` if every REST call fails now with 429.
    #[must_use]
    pub fn is_in_penalty_box(&self) -> bool {
        self.limits.boxed_until.is_some_and(|until| self.now < until)
    }

    /// Puts the client into the penalty box, as if another program at its address had exceeded the
    /// pacing: every REST call fails for 15 min.
    pub fn put_in_penalty_box(&mut self) {
        self.limits.boxed_until = Some(self.now + PENALTY);
    }

    /// Ends the penalty box.
    pub fn release_from_penalty_box(&mut self) {
        self.limits.boxed_until = None;
    }
}
