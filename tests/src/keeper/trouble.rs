//! The troubles of a keeper: each has a name and a way to inject it. All of them end with
//! [`end_all`].

use super::KeeperWorld;
use crate::gateway::RestFault;
use crate::prng::Prng;

/// One trouble.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// The trouble.
    pub name: &'static str,
    /// Injects it.
    pub(super) inject: fn(&mut KeeperWorld, &mut Prng),
}

/// All troubles.
pub const TROUBLES: [Trouble; 16] = [
    Trouble {
        name: "the gateway restarts, and somebody logs in again",
        inject: |world, chance| {
            world.line.refuses = true;
            world.gateway.set_authenticated(false);
            world.gateway.relogin(chance.hex(32));
            world.run(chance.millis(500, 90_000));
            world.line.refuses = false;
        },
    },
    Trouble { name: "nothing listens", inject: |world, _| world.line.refuses = true },
    Trouble {
        name: "401: nobody is logged in",
        inject: |world, _| world.gateway.set_rest_fault(Some(RestFault::NotLoggedIn)),
    },
    Trouble { name: "500", inject: |world, _| world.gateway.set_rest_fault(Some(RestFault::Internal)) },
    Trouble { name: "503", inject: |world, _| world.gateway.set_rest_fault(Some(RestFault::Unavailable)) },
    Trouble {
        name: "404 Access Denied",
        inject: |world, _| world.gateway.set_rest_fault(Some(RestFault::AccessDenied)),
    },
    Trouble { name: "403 Access Denied", inject: |world, _| world.gateway.set_rest_fault(Some(RestFault::Forbidden)) },
    Trouble { name: "400 no bridge", inject: |world, _| world.gateway.set_rest_fault(Some(RestFault::NoBridge)) },
    Trouble { name: "calls hang", inject: |world, chance| world.line.hangs_one_in = *chance.pick(&[1, 2, 5]) },
    Trouble { name: "half replies", inject: |world, chance| world.line.halves_one_in = *chance.pick(&[1, 2, 5]) },
    Trouble {
        name: "a competing login",
        inject: |world, _| {
            world.gateway.set_competing(true);
            world.gateway.set_authenticated(false);
        },
    },
    Trouble { name: "the penalty box", inject: |world, _| world.gateway.put_in_penalty_box() },
    Trouble {
        name: "midnight",
        inject: |world, chance| {
            let span = chance.millis(60_000, 600_000);
            world.gateway.daily_reset(span);
        },
    },
    Trouble { name: "the session times out", inject: |world, _| world.gateway.set_authenticated(false) },
    Trouble {
        name: "ssodh/init fails",
        inject: |world, chance| {
            let faults = [RestFault::NoBridge, RestFault::NotLoggedIn, RestFault::Internal, RestFault::Unavailable];
            world.gateway.set_init_fault(Some(*chance.pick(&faults)));
            world.gateway.set_authenticated(false);
        },
    },
    Trouble {
        name: "a slow line",
        inject: |world, chance| {
            world.line.latency = chance.millis(1, 2_000);
            world.line.jitter = chance.millis(0, 6_000);
        },
    },
];

/// Ends every trouble. A penalty box and a daily reset last as long as they do.
pub(super) fn end_all(world: &mut KeeperWorld) {
    world.line = super::Line { jitter: core::time::Duration::from_millis(90), ..super::Line::default() };
    world.gateway.set_rest_fault(None);
    world.gateway.set_init_fault(None);
    world.gateway.set_competing(false);
}
