//! Everything that goes wrong, as a table: the number and the words of the list that all of this
//! must survive, and how it is brought about here.

use crate::prng::Prng;
use crate::world::World;

use super::{backend, client, dial, json, protocol, wire};

/// When a fault bites: what is guided prefers those that bite now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bites {
    /// While there is no socket.
    Dialling,
    /// On an open socket.
    Connected,
    /// On a ready connection.
    Ready,
    /// Whenever.
    Always,
}

/// One fault.
pub struct Fault {
    /// Its number in the list of faults.
    pub number: u8,
    /// What goes wrong.
    pub name: &'static str,
    /// How it is injected.
    pub how: &'static str,
    /// When it bites.
    pub bites: Bites,
    /// Brings it about.
    pub(super) inject: fn(&mut World, &mut Prng),
    /// Ends it; `None`: it is over at once.
    pub(super) heal: Option<fn(&mut World)>,
}

/// Faults of the list that only a real socket has; the suites of the adapters have them.
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
    (39, "keys that collide: the core hashes nothing, the maps of others might"),
];

/// All faults of the virtual world, in the order of their numbers.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    [dial::FAULTS, wire::FAULTS, protocol::FAULTS, json::FAULTS, client::FAULTS, backend::FAULTS].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_of_the_list_is_here_or_needs_a_socket() {
        let here: Vec<_> = faults().map(|fault| fault.number).collect();
        assert!(here.is_sorted(), "{here:?}");
        let sockets: BTreeSet<_> = SOCKETS_ONLY.iter().map(|(number, _)| *number).collect();
        let both: BTreeSet<_> = here.iter().copied().chain(sockets.iter().copied()).collect();
        assert_eq!(both, (1..=82).collect());
        assert!(here.iter().all(|number| !sockets.contains(number)));
    }
}
