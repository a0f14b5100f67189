//! Measures the memory that a body holds, in a program whose allocator counts.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// The counting allocator. A program that has another one measures nothing: every measure is zero.
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bytes that are allocated now.
pub(super) fn allocated() -> usize {
    let stats = COUNTED.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// The bytes that dropping `value` frees.
pub(super) fn held<T>(value: T) -> usize {
    let before = allocated();
    drop(value);
    before.saturating_sub(allocated())
}

/// A test value of [`is_counted`], in bytes: far more than what other threads allocate while it is
/// freed. The thread of the test harness, for one, allocates while a test begins and ends.
const PROBE: usize = 1024 * 1024;

/// Returns `true` if the allocator of this program counts, so that the bodies measure memory.
#[must_use]
pub fn is_counted() -> bool {
    held(std::hint::black_box(vec![0_u8; PROBE])) >= PROBE / 2
}
