//! Faults of connecting: 1 to 12.

use core::time::Duration;

use ibws_proto::ConnectErrorKind as Kind;

use super::fault::{Bites::Dialling, Fault};
use crate::prng::Prng;
use crate::world::{Dial, World};

/// Gives the next one to three dials this outcome.
fn dials(world: &mut World, chance: &mut Prng, end: Dial) {
    for _ in 0..=chance.below(3) {
        world.link.dials.push_back(end.clone());
    }
}

fn fail(world: &mut World, chance: &mut Prng, kind: Kind) {
    dials(world, chance, Dial::Fails(kind, None));
}

fn status(world: &mut World, chance: &mut Prng) {
    let kind = *chance.pick(&[
        Kind::Status(200),
        Kind::Status(302),
        Kind::AuthenticationRequired,
        Kind::Status(429),
        Kind::Status(503),
    ]);
    let pause = chance.chance(1, 2).then(|| chance.millis(0, 20_000));
    dials(world, chance, Dial::Fails(kind, pause));
}

fn stop_hanging(world: &mut World) {
    world.link.dials.retain(|dial| *dial != Dial::Hangs);
    world.rescue_dial();
}

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        number: 1,
        name: "refused",
        how: "the next dials, or all for a while, fail as unreachable",
        bites: Dialling,
        inject: |world, chance| {
            if chance.chance(1, 2) {
                world.link.dials_to = Dial::refused();
            } else {
                fail(world, chance, Kind::Unreachable);
            }
        },
        heal: Some(|world| world.link.dials_to = Dial::Opens),
    },
    Fault {
        number: 2,
        name: "accepted, then silence",
        how: "the next dials hang",
        bites: Dialling,
        inject: |world, chance| dials(world, chance, Dial::Hangs),
        heal: Some(stop_hanging),
    },
    Fault {
        number: 3,
        name: "reset after accept",
        how: "the next sockets open and end at the same moment",
        bites: Dialling,
        inject: |world, chance| dials(world, chance, Dial::Resets),
        heal: None,
    },
    Fault {
        number: 4,
        name: "TLS stalls",
        how: "the next dials fail with the error of the adapter: timed out",
        bites: Dialling,
        inject: |world, chance| fail(world, chance, Kind::TimedOut),
        heal: None,
    },
    Fault {
        number: 5,
        name: "alert or plain HTTP on the TLS port",
        how: "the next dials fail with the error of the adapter: protocol",
        bites: Dialling,
        inject: |world, chance| fail(world, chance, Kind::Protocol),
        heal: None,
    },
    Fault {
        number: 6,
        name: "certificate swapped",
        how: "the next dials fail with the error of the adapter: trust",
        bites: Dialling,
        inject: |world, chance| fail(world, chance, Kind::Trust),
        heal: None,
    },
    Fault {
        number: 7,
        name: "upgrade at one byte a second",
        how: "dials take up to 40 s",
        bites: Dialling,
        inject: |world, chance| world.link.dial = chance.millis(5_000, 40_000),
        heal: Some(|world| {
            world.link.dial = Duration::from_millis(100);
            world.rescue_dial();
        }),
    },
    Fault {
        number: 8,
        name: "huge headers",
        how: "the next dials fail with the error of the adapter: protocol",
        bites: Dialling,
        inject: |world, chance| fail(world, chance, Kind::Protocol),
        heal: None,
    },
    Fault {
        number: 9,
        name: "HTTP 200, 30x, 401, 403, 429 with Retry-After, 5xx",
        how: "the next dials fail with that status, half of them with a Retry-After pause",
        bites: Dialling,
        inject: status,
        heal: None,
    },
    Fault {
        number: 10,
        name: "wrong accept key",
        how: "the next dials fail with the error of the adapter: protocol",
        bites: Dialling,
        inject: |world, chance| fail(world, chance, Kind::Protocol),
        heal: None,
    },
    Fault {
        number: 11,
        name: "first frames glued to the 101",
        how: "the opening burst comes at the moment of the upgrade",
        bites: Dialling,
        inject: |world, _| world.link.glued = true,
        heal: Some(|world| world.link.glued = false),
    },
    Fault {
        number: 12,
        name: "waiting for session, for ever or for a while",
        how: "sockets come without a cookie, and sessions are not accepted",
        bites: Dialling,
        inject: |world, chance| {
            world.gateway.set_waiting_for_session(true);
            world.gateway.set_sessions_accepted(chance.chance(1, 2));
            world.link.authorised = false;
        },
        heal: Some(|world| {
            world.gateway.set_waiting_for_session(false);
            world.gateway.set_sessions_accepted(true);
            world.link.authorised = true;
        }),
    },
];
