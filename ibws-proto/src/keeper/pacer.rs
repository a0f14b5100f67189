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
/// How long after its promised moment a place in the queue of a path is kept.
const PROMISE: Duration = Duration::from_secs(2);

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

    /// Requests a call of `path` again, at or after `promised`, the moment of the refusal. Those
    /// that wait for a path are granted it in the order of their first requests. Without an
    /// implementation of its own, it is a new [`request`](Self::request), which may be granted
    /// later.
    ///
    /// # Errors
    /// Those of [`request`](Self::request).
    fn request_again(&mut self, now: Instant, path: &'static str, promised: Instant) -> Result<(), Instant> {
        let _ = promised;
        self.request(now, path)
    }

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
    is_in_flight: bool,
    /// When the next call is possible.
    free_at: Instant,
    /// The queue of those that wait: the moments that they were promised, which differ. A place
    /// whose moment has long passed is given up.
    waiting: Vec<Instant>,
}

/// The pacing of all REST calls to one address: 10 calls a second, the limits of single paths, and
/// the penalty box.
///
/// Keepers that wait for the same path are granted it in the order of their requests: each refused
/// request has a place in the queue of the path, and is promised a moment of its own.
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
            entry.is_in_flight = false;
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

impl Pacer {
    fn grant(&mut self, now: Instant, path: &'static str, promised: Option<Instant>) -> Result<(), Instant> {
        self.expire(now);
        if let Some(until) = self.boxed_until(now) {
            return Err(until);
        }
        let window = self.window_free_at(now);
        if let Some(spacing) = spacing(path) {
            self.paths.entry(path).or_default().take_turn(now, spacing, window, promised)?;
        } else if let Some(at) = window {
            return Err(at);
        }
        self.in_flight.push((path, now));
        Ok(())
    }
}

impl Path {
    /// Takes the turn if it is that of the request that was promised `promised`, or of a new one.
    /// Otherwise returns the promised moment of its place in the queue.
    fn take_turn(
        &mut self,
        now: Instant,
        spacing: Duration,
        window: Option<Instant>,
        promised: Option<Instant>,
    ) -> Result<(), Instant> {
        self.waiting.retain(|at| *at + PROMISE >= now);
        let position = promised.and_then(|promised| self.waiting.iter().position(|at| *at == promised));
        let free_at = if self.is_in_flight { Some(now + RECHECK) } else { Some(self.free_at).filter(|at| *at > now) };
        let free_at = free_at.max(window);
        let ahead = position.unwrap_or(self.waiting.len()).checked_sub(1).and_then(|index| self.waiting.get(index));
        if free_at.is_none() && ahead.is_none() {
            if let Some(position) = position {
                self.waiting.remove(position);
            }
            self.is_in_flight = true;
            self.free_at = now + spacing;
            return Ok(());
        }
        let mut at = free_at.unwrap_or(now).max(ahead.map_or(now, |ahead| *ahead + spacing));
        while self.waiting.contains(&at) {
            at = at + Duration::from_nanos(1);
        }
        match position.and_then(|position| self.waiting.get_mut(position)) {
            Some(place) => *place = at,
            None => self.waiting.push(at),
        }
        Err(at)
    }
}

impl Pace for Pacer {
    fn request(&mut self, now: Instant, path: &'static str) -> Result<(), Instant> {
        self.grant(now, path, None)
    }

    fn request_again(&mut self, now: Instant, path: &'static str, promised: Instant) -> Result<(), Instant> {
        self.grant(now, path, Some(promised))
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

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = "/iserver/account/orders";

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn a_limit_counts_from_the_end_of_a_call() {
        let mut pacer = Pacer::default();
        assert_eq!(pacer.request(at(0), ORDERS), Ok(()));
        let again = pacer.request(at(7_000), ORDERS).unwrap_err();
        assert_eq!(again, at(7_250), "it is in flight");
        pacer.ended(at(7_100), ORDERS);
        assert_eq!(pacer.request_again(again, ORDERS, again), Err(at(12_100)));
        assert_eq!(pacer.request_again(at(12_100), ORDERS, at(12_100)), Ok(()));
    }

    #[test]
    fn a_path_is_granted_in_the_order_of_the_requests() {
        let mut pacer = Pacer::default();
        assert_eq!(pacer.request(at(0), ORDERS), Ok(()));
        pacer.ended(at(10), ORDERS);
        let first = pacer.request(at(20), ORDERS).unwrap_err();
        let second = pacer.request(at(30), ORDERS).unwrap_err();
        assert_eq!((first, second), (at(5_010), at(10_010)));
        // One that comes at the moment of another one waits behind both.
        assert_eq!(pacer.request(first, ORDERS), Err(at(15_010)));
        assert_eq!(pacer.request_again(first, ORDERS, first), Ok(()));
        pacer.ended(at(5_020), ORDERS);
        let later = pacer.request_again(second, ORDERS, second).unwrap_err();
        assert_eq!(later, at(10_020));
        assert_eq!(pacer.request(later, ORDERS), Err(at(20_010)));
        assert_eq!(pacer.request_again(later, ORDERS, later), Ok(()));
    }

    #[test]
    fn a_place_in_the_queue_that_nobody_takes_is_given_up() {
        let mut pacer = Pacer::default();
        assert_eq!(pacer.request(at(0), ORDERS), Ok(()));
        pacer.ended(at(0), ORDERS);
        assert_eq!(pacer.request(at(1), ORDERS), Err(at(5_000)));
        assert_eq!(pacer.request(at(7_000), ORDERS), Err(at(10_000)), "the first place is still kept");
        assert_eq!(pacer.request_again(at(10_000), ORDERS, at(10_000)), Ok(()));
    }

    #[test]
    fn no_more_than_ten_calls_are_in_one_second() {
        let mut pacer = Pacer::default();
        for _ in 0..10 {
            assert_eq!(pacer.request(at(0), "/iserver/accounts"), Ok(()));
        }
        assert_eq!(pacer.request(at(5_000), "/iserver/accounts"), Err(at(5_250)), "ten are in flight");
        (0..10).for_each(|ms| pacer.ended(at(5_000 + ms), "/iserver/accounts"));
        assert_eq!(pacer.request(at(5_500), "/tickle"), Err(at(6_000)));
        assert_eq!(pacer.request_again(at(6_000), "/tickle", at(6_000)), Ok(()));
        assert_eq!(pacer.request(at(6_000), "/iserver/accounts"), Err(at(6_001)));
    }

    #[test]
    fn a_call_without_an_end_blocks_its_path_for_a_minute() {
        let mut pacer = Pacer::default();
        assert_eq!(pacer.request(at(0), "/tickle"), Ok(()));
        assert_eq!(pacer.request(at(59_999), "/tickle"), Err(at(60_249)));
        assert_eq!(pacer.request(at(63_000), "/tickle"), Ok(()));
    }

    #[test]
    fn the_penalty_box_lasts_15_min_or_what_the_gateway_requests_up_to_an_hour() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        for (retry_after, expected) in
            [(None, 15), (Some(minutes(5)), 15), (Some(minutes(20)), 20), (Some(minutes(600)), 60)]
        {
            let mut pacer = Pacer::default();
            pacer.penalise(at(0), retry_after);
            let until = at(0) + minutes(expected);
            assert_eq!(pacer.request(at(1), "/iserver/accounts"), Err(until));
            assert_eq!((pacer.boxed_until(at(1)), pacer.boxed_until(until)), (Some(until), None));
            assert_eq!(pacer.request(until, "/tickle"), Ok(()));
        }
    }
}
