//! The pacing of REST calls over all keepers of a process (docs/protocol.md §8.3).
//!
//! IBKR paces by address, so one [`Pacer`] serves all clients of a process. A limit counts from the
//! moment at which the gateway has certainly seen the call: the end of the call, not its start.
//! However long calls take on their way, the gateway never sees two of them too close together.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use crate::time::Instant;

/// Calls of all kinds within [`WINDOW`].
const MAX_CALLS: usize = 10;
/// The window of [`MAX_CALLS`].
const WINDOW: Duration = Duration::from_secs(1);
/// How long IBKR refuses every call after a limit was exceeded.
const PENALTY: Duration = Duration::from_secs(15 * 60);
/// The longest pause that a `Retry-After` can request.
const MAX_PENALTY: Duration = Duration::from_secs(60 * 60);
/// A call whose end was not reported counts as ended after this time.
const MAX_IN_FLIGHT: Duration = Duration::from_secs(60);
/// When to come again while a call of the same path is in flight.
const RECHECK: Duration = Duration::from_millis(250);
/// How long a promised moment stays reserved for the one that it was promised to.
const PROMISE: Duration = Duration::from_secs(1);

/// Returns the least time between two calls of a path.
const fn spacing(path: &str) -> Option<Duration> {
    Some(Duration::from_secs(match path.as_bytes() {
        b"/iserver/account/orders" | b"/iserver/account/trades" | b"/iserver/account/pnl/partitioned" => 5,
        b"/tickle" => 1,
        b"/sso/validate" => 60,
        _ => return None,
    }))
}

/// Grants calls within the limits of IBKR. [`Keeper::poll`](super::Keeper::poll) uses it before
/// each call.
pub trait Pace {
    /// Requests a call of `path` now. A granted call counts as in flight until
    /// [`ended`](Self::ended).
    ///
    /// # Errors
    /// When to request it again. An earlier request has no better prospects.
    fn request(&mut self, now: Instant, path: &'static str) -> Result<(), Instant>;

    /// Reports that a granted call of `path` ended, with or without a reply.
    fn ended(&mut self, now: Instant, path: &'static str);

    /// Reports a reply 429: nothing is granted for 15 min, or for `retry_after` if that is longer,
    /// up to 1 h.
    fn penalise(&mut self, now: Instant, retry_after: Option<Duration>);

    /// Returns until when nothing is granted after a reply 429; `None` if calls are granted.
    fn boxed_until(&self, now: Instant) -> Option<Instant>;
}

/// The calls of one path that has a limit of its own.
#[derive(Clone, Debug, Default)]
struct Path {
    /// The start of the call that is in flight.
    in_flight: Option<Instant>,
    /// When the next call is possible.
    free_at: Instant,
    /// Moments that were promised, in ascending order. They keep keepers that wait in the order of
    /// their requests.
    promised: Vec<Instant>,
}

/// The pacing of all REST calls to one address: 10 calls a second, the limits of single paths, and
/// the penalty box.
///
/// Keepers that wait for the same path are granted it one after the other: each refused request is
/// promised a moment of its own.
///
/// ```
/// use core::time::Duration;
/// use ibws_proto::Instant;
/// use ibws_proto::keeper::{Pace, Pacer};
///
/// let (mut pacer, now) = (Pacer::default(), Instant::ORIGIN);
/// assert_eq!(pacer.request(now, "/tickle"), Ok(()));
/// pacer.ended(now, "/tickle");
/// assert_eq!(pacer.request(now, "/tickle"), Err(now + Duration::from_secs(1)));
/// assert_eq!(pacer.request(now, "/iserver/accounts"), Ok(()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pacer {
    paths: BTreeMap<&'static str, Path>,
    /// The calls in flight: when each began.
    in_flight: Vec<(&'static str, Instant)>,
    /// When each of the last [`MAX_CALLS`] calls ended.
    ended: VecDeque<Instant>,
    boxed_until: Option<Instant>,
}

impl Pacer {
    /// Ends the calls that were never reported as ended.
    fn expire(&mut self, now: Instant) {
        while let Some((path, began)) =
            self.in_flight.iter().copied().find(|(_, began)| now.since(*began) >= MAX_IN_FLIGHT)
        {
            self.note_end(path, began + MAX_IN_FLIGHT);
        }
    }

    /// Takes the oldest call of `path` out of those in flight.
    fn note_end(&mut self, path: &'static str, at: Instant) {
        let Some(index) = self.in_flight.iter().position(|(of, _)| *of == path) else { return };
        self.in_flight.remove(index);
        if self.ended.len() >= MAX_CALLS {
            self.ended.pop_front();
        }
        self.ended.push_back(at);
        if let (Some(spacing), Some(entry)) = (spacing(path), self.paths.get_mut(path)) {
            entry.in_flight = None;
            entry.free_at = entry.free_at.max(at + spacing);
        }
    }

    /// Returns when the limit of all calls together allows one more; `None` if now.
    fn window_free_at(&self, now: Instant) -> Option<Instant> {
        let recent = self.ended.iter().filter(|ended| now.since(**ended) < WINDOW);
        if self.in_flight.len() + recent.clone().count() < MAX_CALLS {
            return None;
        }
        Some(recent.min().map_or(now + RECHECK, |first| *first + WINDOW))
    }
}

impl Pace for Pacer {
    fn request(&mut self, now: Instant, path: &'static str) -> Result<(), Instant> {
        self.expire(now);
        if let Some(until) = self.boxed_until(now) {
            return Err(until);
        }
        if let Some(at) = self.window_free_at(now) {
            return Err(at);
        }
        if let Some(spacing) = spacing(path) {
            let entry = self.paths.entry(path).or_default();
            entry.promised.retain(|at| *at + PROMISE >= now);
            let was_due = entry.promised.first().is_some_and(|at| *at <= now);
            if was_due {
                entry.promised.remove(0);
            }
            if entry.in_flight.is_some() || entry.free_at > now {
                let free_at = if entry.in_flight.is_some() { now + RECHECK } else { entry.free_at };
                // One that was promised this moment waits on at the head of the queue.
                let last = if was_due { None } else { entry.promised.last() };
                let at = last.map_or(free_at, |last| free_at.max(*last + spacing));
                let index = entry.promised.partition_point(|other| *other <= at);
                entry.promised.insert(index, at);
                return Err(at);
            }
            entry.in_flight = Some(now);
            entry.free_at = now + spacing;
        }
        self.in_flight.push((path, now));
        Ok(())
    }

    fn ended(&mut self, now: Instant, path: &'static str) {
        self.note_end(path, now);
    }

    fn penalise(&mut self, now: Instant, retry_after: Option<Duration>) {
        let until = now + retry_after.unwrap_or_default().clamp(PENALTY, MAX_PENALTY);
        self.boxed_until = self.boxed_until.max(Some(until));
    }

    fn boxed_until(&self, now: Instant) -> Option<Instant> {
        self.boxed_until.filter(|until| *until > now)
    }
}
