//! Faults of the client's side: 63 to 69.

use core::time::Duration;

use ibws_proto::{Command, ConnectErrorKind};

use super::fault::Bites::{Always, Connected, Dialling, Ready};
use super::fault::Fault;
use crate::frames::KEYS;
use crate::prng::Prng;
use crate::world::{Dial, World};

/// Subscribes and unsubscribes 50 times at one moment.
fn hurry(world: &mut World, chance: &mut Prng) {
    for _ in 0..50 {
        let key = *chance.pick(&KEYS);
        if chance.chance(1, 2) {
            world.subscribe(key);
        } else {
            world.unsubscribe(key, chance.chance(1, 2));
        }
    }
}

fn close(world: &mut World, chance: &mut Prng) {
    let restart = chance.chance(1, 2);
    world.submit(match chance.below(6) {
        0 => Command::Disconnect,
        1 => Command::Shutdown { drain: restart },
        _ => Command::HardReset { restart },
    });
    if chance.chance(2, 3) {
        world.start();
    }
}

fn provider(world: &mut World, chance: &mut Prng) {
    match chance.below(6) {
        0 => world.link.session = None,
        4 => world.link.rest = None,
        5 => world.link.rest = Some((chance.millis(0, 20_000), chance.chance(1, 2))),
        1 => world.link.session = Some("an-old-session".into()),
        2 => world.link.session_after = chance.millis(1_000, 20_000),
        _ => world.link.dials.push_back(Dial::Fails(ConnectErrorKind::Credentials, None)),
    }
}

fn jump(world: &mut World, chance: &mut Prng) {
    if chance.chance(1, 2) {
        world.suspend(Duration::from_secs(8 * 3_600));
    } else {
        world.link.clock_back = Duration::from_secs(5);
    }
}

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        number: 63,
        name: "a thousand subscribes and unsubscribes a second",
        how: "50 of them at one moment, in any state",
        bites: Dialling,
        inject: hurry,
        heal: None,
    },
    Fault {
        number: 64,
        name: "close in every state",
        how: "a hard reset, disconnect or shutdown, mostly with a start after it",
        bites: Always,
        inject: close,
        heal: None,
    },
    Fault {
        number: 65,
        name: "the session provider is slow, fails, returns the old cookie",
        how: "the session provider has no session, an old one, or takes 20 s; the REST handler fails or never finishes; or a dial fails for lack of credentials",
        bites: Dialling,
        inject: provider,
        heal: Some(|world| {
            world.link.session = Some(world.gateway.session().to_owned());
            world.link.session_after = Duration::ZERO;
            world.link.rest = Some((Duration::from_millis(50), true));
        }),
    },
    Fault {
        number: 66,
        name: "suspend for 8 hours, clock jumps",
        how: "nothing runs for 8 h, or times handed in go back by up to 5 s",
        bites: Ready,
        inject: jump,
        heal: Some(|world| world.link.clock_back = Duration::ZERO),
    },
    Fault {
        number: 67,
        name: "the executor starves for 5 s",
        how: "nothing runs for 5 s, then everything is late",
        bites: Connected,
        inject: |world, _| world.suspend(Duration::from_secs(5)),
        heal: None,
    },
    Fault {
        number: 68,
        name: "no file descriptors, no DNS",
        how: "the next five dials fail at once",
        bites: Dialling,
        inject: |world, _| {
            for _ in 0..5 {
                world.link.dials.push_back(Dial::refused());
            }
        },
        heal: None,
    },
    Fault {
        number: 69,
        name: "the send queue is full",
        how: "the client's writes are held back until the connection ends because of it",
        bites: Ready,
        inject: |world, _| world.link.writes_block = true,
        heal: Some(|world| {
            world.reset();
            world.unblock();
        }),
    },
];
