//! The pacer that the keepers of a process share. It outlives them, so that a client that is built
//! anew respects the limits that the one before it used up.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::Instant;
use crate::keeper::{Pace, Pacer};

/// What paces the REST calls of session keepers. Clones share their limits.
///
/// IBKR paces by the address that calls come from (docs/protocol.md §8.3), so by default all
/// clients of a process share [`of_process`](Self::of_process), whatever gateway they connect to.
///
/// ```
/// use ibws_proto::client::{BuildError, Builder, Client, Pacing};
/// use ibws_proto::transport::{Runtime, websocket::Net};
///
/// // Two clients whose calls leave from an address of their own share limits of their own.
/// fn pair<R: Runtime + Net + Clone>(runtime: R) -> Result<[Client<R>; 2], BuildError> {
///     let pacing = Pacing::separate();
///     let client = || Builder::local_gateway(runtime.clone()).pacing(pacing.clone()).build();
///     Ok([client()?, client()?])
/// }
/// ```
#[derive(Clone)]
pub struct Pacing(Arc<Mutex<Pacer>>);

impl Pacing {
    /// Returns the pacing of this process.
    #[must_use]
    pub fn of_process() -> Self {
        static PACING: OnceLock<Pacing> = OnceLock::new();
        PACING.get_or_init(Self::separate).clone()
    }

    /// Returns a pacing that is shared with its clones only. It is for gateways whose calls reach
    /// IBKR from another address than those of the process, and for simulated ones. Two of them
    /// behind one address can together exceed the limits, and all calls from it then fail for 15
    /// minutes.
    #[must_use]
    pub fn separate() -> Self {
        Self(Arc::default())
    }
}

impl Default for Pacing {
    /// Returns the pacing of this process.
    fn default() -> Self {
        Self::of_process()
    }
}

impl fmt::Debug for Pacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if Arc::ptr_eq(&self.0, &Self::of_process().0) { "Pacing(of process)" } else { "Pacing(separate)" })
    }
}

/// A pacing, on the clock of one runtime.
pub(super) struct SharedPacer {
    pacer: Arc<Mutex<Pacer>>,
    /// The moment of attaching on the clock of the runtime.
    own: Instant,
    /// The same moment on the clock of all runtimes.
    common: Instant,
}

impl SharedPacer {
    /// Returns the pacer for a runtime whose clock shows `now`.
    pub(super) fn of(pacing: &Pacing, now: Instant) -> Self {
        Self { pacer: Arc::clone(&pacing.0), own: now, common: common_clock() }
    }

    fn to_common(&self, own: Instant) -> Instant {
        self.common + own.since(self.own)
    }

    fn to_own(&self, common: Instant) -> Instant {
        self.own + common.since(self.common)
    }
}

impl Pace for SharedPacer {
    fn request(&mut self, now: Instant, path: &'static str) -> Result<(), Instant> {
        let now = self.to_common(now);
        let granted = lock(&self.pacer).request(now, path);
        granted.map_err(|at| self.to_own(at))
    }

    fn request_again(&mut self, now: Instant, path: &'static str, promised: Instant) -> Result<(), Instant> {
        let (now, promised) = (self.to_common(now), self.to_common(promised));
        let granted = lock(&self.pacer).request_again(now, path, promised);
        granted.map_err(|at| self.to_own(at))
    }

    fn ended(&mut self, now: Instant, path: &'static str) {
        let now = self.to_common(now);
        lock(&self.pacer).ended(now, path);
    }

    fn penalise(&mut self, now: Instant, retry_after: Option<Duration>) {
        let now = self.to_common(now);
        lock(&self.pacer).penalise(now, retry_after);
    }

    fn boxed_until(&self, now: Instant) -> Option<Instant> {
        let until = lock(&self.pacer).boxed_until(self.to_common(now));
        until.map(|at| self.to_own(at))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the time on the clock of the process, since its first use.
#[expect(clippy::disallowed_methods, reason = "the runtimes of a process have clocks with origins of their own")]
fn common_clock() -> Instant {
    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
    Instant::ORIGIN + ORIGIN.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_a_process_share_its_limits_whatever_their_clocks_show() {
        let second = Duration::from_secs(1);
        let (early, late) = (Instant::ORIGIN, Instant::ORIGIN + Duration::from_secs(5_000));
        let shared = Pacing::separate();
        let mut first = SharedPacer::of(&shared, early);
        let mut other = SharedPacer::of(&shared, late);
        let mut elsewhere = SharedPacer::of(&Pacing::separate(), late);
        assert_eq!(first.request(early, "/tickle"), Ok(()));
        first.ended(early, "/tickle");
        let at = other.request(late, "/tickle").expect_err("the second tickle within a second");
        // The two attached within this test, so the moments differ by little.
        assert!(at > late && at <= late + 2 * second, "{at}");
        assert_eq!(elsewhere.request(late, "/tickle"), Ok(()));
        // It is granted at the moment that it was promised, and nobody else is before.
        assert!(first.request(early + second, "/tickle").is_err());
        assert_eq!(other.request_again(at, "/tickle", at), Ok(()));
        drop(first);
        // A keeper that comes later finds the penalty of the one before.
        other.penalise(late + second, None);
        let again = SharedPacer::of(&shared, early);
        assert!(Arc::ptr_eq(&Pacing::default().0, &Pacing::of_process().0));
        let until = again.boxed_until(early + second).expect("the penalty box");
        assert!(until > early + Duration::from_secs(14 * 60), "{until}");
    }
}
