//! The lock and the atomics of the shared state. They are those of the standard library, except in
//! the tests that explore interleavings, where shuttle decides which thread runs next.

#[cfg(all(test, shuttle))]
pub(super) use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, shuttle)))]
pub(super) use std::sync::{Mutex, MutexGuard, atomic};
