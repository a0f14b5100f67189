//! The catalogue of faults: each has a number, a name, and a way to inject it.

use crate::prng::Prng;
use crate::world::World;

use super::{backend, client, dial, json, protocol, wire};

/// When a fault has an effect; guided runs choose faults that have one now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bites {
    /// While there is no socket.
    Dialling,
    /// On an open socket.
    Connected,
    /// On a ready connection.
    Ready,
    /// In every state.
    Always,
}

/// One fault.
#[derive(Debug)]
pub struct Fault {
    /// The number of the fault in the list of faults.
    pub number: u8,
    /// The fault.
    pub name: &'static str,
    /// How a chaos run injects it.
    pub how: &'static str,
    /// When it has an effect.
    pub bites: Bites,
    /// Injects it.
    pub(super) inject: fn(&mut World, &mut Prng),
    /// Ends it; `None` for a fault that is over at once.
    pub(super) heal: Option<fn(&mut World)>,
}

/// The faults that need a real socket; the conformance stories and other suites inject them.
pub const SOCKETS_ONLY: [(u8, &str); 11] = [
    (15, "one-byte fragments"),
    (16, "length claims of 2^63"),
    (17, "oversize message"),
    (18, "bad control frame"),
    (19, "mask, RSV, unknown opcode"),
    (24, "Close without FIN"),
    (27, "TLS cut without close_notify"),
    (32, "one-byte slices"),
    (61, "a future dropped after k polls"),
    (62, "the consumer panics or drops"),
    (39, "keys that collide: the core does not hash, other maps may"),
];

/// The faults of the virtual world, in the order of their numbers.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    [dial::FAULTS, wire::FAULTS, protocol::FAULTS, json::FAULTS, client::FAULTS, backend::FAULTS].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_of_the_catalogue_is_here_or_needs_a_socket() {
        let here: Vec<_> = faults().map(|fault| fault.number).collect();
        assert!(here.is_sorted(), "{here:?}");
        let sockets: BTreeSet<_> = SOCKETS_ONLY.iter().map(|(number, _)| *number).collect();
        let both: BTreeSet<_> = here.iter().copied().chain(sockets.iter().copied()).collect();
        assert_eq!(both, (1..=82).collect());
        assert!(here.iter().all(|number| !sockets.contains(number)));
    }
}
