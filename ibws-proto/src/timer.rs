//! The timers of the connection, one for each purpose. Subscriptions and requests keep their own
//! deadlines.

use crate::time::Instant;

/// A timer of the connection, named by its purpose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// Ends a dial that takes too long
    /// ([`Config::connect_timeout`](crate::Config::connect_timeout)).
    Connect,
    /// Ends a connection that sent no frame
    /// ([`Config::first_frame_timeout`](crate::Config::first_frame_timeout)).
    FirstFrame,
    /// Ends the wait for the greeting ([`Config::ready_gate`](crate::Config::ready_gate)).
    Gate,
    /// Ends the wait for the rest of a message of which pieces have arrived, 1 s after the first.
    Pieces,
    /// Dials anew because frames arrive, but no greeting, for 60 s.
    Greeting,
    /// Dials anew because the session stays unauthenticated.
    Redial,
    /// Restarts the pauses of [`Timer::Redial`], because the connection was ready long enough.
    Authenticated,
    /// Ends the wait for the first authentication state after the greeting
    /// ([`Config::auth_wait`](crate::Config::auth_wait)).
    Auth,
    /// Ends the wait for a session to send ([`Config::rest_timeout`](crate::Config::rest_timeout)).
    Session,
    /// Starts the next dial.
    Backoff,
    /// Restarts the delays between dials, because the connection was greeted long enough
    /// ago ([`Config::stable_after`](crate::Config::stable_after)).
    Stable,
    /// Sends the next `tic` ([`Config::tic_interval`](crate::Config::tic_interval)).
    Tic,
    /// Sends the next WebSocket ping ([`Config::ping_interval`](crate::Config::ping_interval)).
    Ping,
    /// Ends a connection whose last pong is too old
    /// ([`Config::max_pong_age`](crate::Config::max_pong_age)).
    Pong,
    /// Ends the wait for the reply to the client's Close
    /// ([`Config::close_timeout`](crate::Config::close_timeout)).
    Close,
    /// Ends the wait for the confirmations of a drain
    /// ([`Config::drain_timeout`](crate::Config::drain_timeout)).
    Drain,
}

impl Timer {
    const ALL: [Self; 16] = [
        Self::Connect,
        Self::FirstFrame,
        Self::Gate,
        Self::Pieces,
        Self::Greeting,
        Self::Redial,
        Self::Authenticated,
        Self::Auth,
        Self::Session,
        Self::Backoff,
        Self::Stable,
        Self::Tic,
        Self::Ping,
        Self::Pong,
        Self::Close,
        Self::Drain,
    ];
}

/// When each timer is due; `None` for a timer that does not run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    /// Starts a timer, or stops it with `None`.
    pub(crate) fn set(&mut self, timer: Timer, at: impl Into<Option<Instant>>) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = at.into();
        }
    }

    /// Returns when a timer is due; `None` if it does not run.
    pub(crate) fn get(&self, timer: Timer) -> Option<Instant> {
        self.0.get(timer as usize).copied().flatten()
    }

    /// Makes a timer due at `at` at the latest. Starts it if it does not run.
    pub(crate) fn shorten(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = Some(slot.map_or(at, |old| old.min(at)));
        }
    }

    /// Stops all timers.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the earliest timer; of two at the same moment, the first one in [`Timer`].
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        self.0.iter().zip(Timer::ALL).filter_map(|(at, timer)| at.map(|at| (at, timer))).min()
    }

    /// Stops the earliest timer that is due, and returns it.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = self.next()?;
        (at <= now).then(|| {
            self.set(timer, None);
            timer
        })
    }
}
