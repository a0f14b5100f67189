//! Large allocations, and how they are released.
//!
//! glibc takes an allocation of at least 128 KiB from the system and returns it as soon as it is
//! released. The first such release raises that limit to the size of what is released, up to 32
//! MiB. From then on, allocations up to that size lie in the arena of the thread that makes them,
//! and stay in the process after their release. The task of a client moves between the threads of a
//! runtime, and each of them would keep what the client holds: two threads 64 MB for one message of
//! 16 MiB. An allocation that was made small before it is released raises no limit.

use alloc::vec::Vec;
use core::mem::size_of;

use bytes::Bytes;

/// The size in bytes from which on an allocation is large.
const LARGE: usize = 128 * 1024;

/// Returns `list` as shared bytes, which are released as a large allocation if they are one.
pub(crate) fn shared(list: Vec<u8>) -> Bytes {
    if list.capacity() < LARGE { list.into() } else { Bytes::from_owner(Large(list)) }
}

/// A list that is released as a large allocation if it is one.
#[derive(Clone, Debug)]
pub(crate) struct Large<T>(pub(crate) Vec<T>);

impl<T> Default for Large<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Drop for Large<T> {
    #[inline]
    fn drop(&mut self) {
        if self.0.capacity().saturating_mul(size_of::<T>()) >= LARGE {
            shrink(&mut self.0);
        }
    }
}

#[cold]
fn shrink<T>(list: &mut Vec<T>) {
    list.clear();
    list.shrink_to(1);
}

impl AsRef<[u8]> for Large<u8> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(all(test, feature = "websocket"))]
mod tests {
    use super::*;

    #[test]
    fn shared_bytes_are_those_of_the_list_and_outlive_their_parts() {
        for size in [0, 1, LARGE - 1, LARGE, LARGE + 1] {
            let list: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let bytes = shared(list.clone());
            let (part, copy) = (bytes.slice(size / 2..), bytes.clone());
            drop(bytes);
            assert_eq!((&copy[..], &part[..]), (&list[..], &list[size / 2..]), "{size}");
        }
    }
}
