//! The timers of the connection: a small table, one slot a purpose. Those of subscriptions and requests lie with them.

use crate::time::Instant;

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// The dial takes too long.
    Connect,
    /// The greeting does not come.
    Gate,
    /// No word on authentication after the greeting.
    Auth,
    /// The session that was to be sent does not come.
    Session,
    /// Time to dial again.
    Backoff,
    /// Ready long enough for the delays to start over.
    Stable,
    /// Time for the next `tic`.
    Tic,
    /// Time for the next WebSocket ping.
    Ping,
    /// The last pong is too old.
    Pong,
    /// The peer does not answer our Close.
    Close,
    /// The wait for confirmations of a drain is over.
    Drain,
}

impl Timer {
    const ALL: [Self; 11] = [
        Self::Connect,
        Self::Gate,
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

/// When each timer is due.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: impl Into<Option<Instant>>) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = at.into();
        }
    }

    /// Brings a running timer forward to `at`, if that is earlier.
    pub(crate) fn shorten(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = Some(slot.map_or(at, |old| old.min(at)));
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The earliest timer; of two at the same moment the first in the table.
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        self.0.iter().zip(Timer::ALL).filter_map(|(at, timer)| at.map(|at| (at, timer))).min()
    }

    /// Takes one timer that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = self.next()?;
        (at <= now).then(|| {
            self.set(timer, None);
            timer
        })
    }
}
