//! The keeper itself: its interface.

use alloc::collections::VecDeque;

use super::config::KeeperConfig;
use super::event::{KeeperEvent, KeeperInput, KeeperOutput, KeeperState};
use super::pacer::Pace;
use crate::time::Instant;

/// Keeps a session of the gateway alive, and serves the REST requests of the machine.
///
/// It has no socket and no clock: the driver gives it the time with each input, makes the calls
/// that it emits, and reports their results. The same inputs give the same outputs.
#[derive(Debug)]
pub struct Keeper {
    config: KeeperConfig,
    now: Instant,
    state: KeeperEvent,
    outputs: VecDeque<KeeperOutput>,
}

impl Keeper {
    /// Makes a keeper, which makes its first tickle at `now`.
    #[must_use]
    pub fn new(config: KeeperConfig, now: Instant) -> Self {
        let state = KeeperEvent {
            state: KeeperState::Starting,
            since: now,
            outage_since: Some(now),
            why: "no call has ended yet".into(),
            next_try: Some(now),
            advice: None,
        };
        Self { config: config.within_limits(), now, state, outputs: VecDeque::new() }
    }

    /// Takes an input. The driver then calls [`poll`](Self::poll) until it returns `None`. A time
    /// before the previous one counts as the previous one.
    pub fn handle(&mut self, now: Instant, input: KeeperInput) {
        self.now = self.now.max(now);
        let _ = input;
    }

    /// Returns the next output. Calls are emitted only when `pace` grants them.
    pub fn poll(&mut self, now: Instant, pace: &mut impl Pace) -> Option<KeeperOutput> {
        self.now = self.now.max(now);
        let _ = (pace.boxed_until(self.now), &self.config);
        self.outputs.pop_front()
    }

    /// Returns when the driver gives [`KeeperInput::Tick`] at the latest; `None` if nothing is due
    /// until another input.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Returns the present state, and what belongs to it.
    #[must_use]
    pub fn state(&self) -> &KeeperEvent {
        &self.state
    }
}
