//! Faults of what stands behind the gateway, of what the gateway hides, and of REST: 70 to 82.

use super::fault::Bites::{Always, Connected, Ready};
use super::fault::Fault;
use super::protocol::lose_authentication;
use crate::gateway::{OrderSide, RestFault};
use crate::prng::Prng;
use crate::world::World;

const REST_FAULTS: [RestFault; 6] = [
    RestFault::NoBridge,
    RestFault::NotLoggedIn,
    RestFault::Forbidden,
    RestFault::AccessDenied,
    RestFault::Internal,
    RestFault::Unavailable,
];

fn lose_backend(world: &mut World, _: &mut Prng) {
    world.gateway.lose_backend();
    world.flush_gateway();
}

fn flat_closes(world: &mut World, chance: &mut Prng) {
    world.gateway.set_flat_closes(true);
    if chance.chance(1, 2) {
        world.close(*chance.pick(&[1000, 1001, 1008, 1011, 1012, 4001]));
    }
}

fn fail_init(world: &mut World, chance: &mut Prng) {
    lose_authentication(world);
    world.gateway.set_init_fault(Some(*chance.pick(&REST_FAULTS)));
}

fn daily_reset(world: &mut World, chance: &mut Prng) {
    world.gateway.set_announcements(true);
    world.gateway.daily_reset(chance.millis(5_000, 240_000));
}

fn script_orders(world: &mut World, chance: &mut Prng) {
    world.gateway.set_invented_orders(false);
    let side = *chance.pick(&[OrderSide::Buy, OrderSide::Sell]);
    let Some(id) = world.gateway.place_order(265_598, side, 100, 20_000) else { return };
    if chance.chance(1, 2) {
        world.gateway.fill_order(id, 1 + chance.below(100) as i64, 20_001);
    }
    world.gateway.cancel_order(id);
}

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        number: 70,
        name: "backend away and back behind a standing gateway",
        how: "sockets end with code 1000; those opened meanwhile reply to pings and stay dead",
        bites: Always,
        inject: lose_backend,
        heal: Some(|world| world.gateway.restore_backend()),
    },
    Fault {
        number: 71,
        name: "101, then silence, until a restart",
        how: "as before, and a restart of the gateway ends all sockets",
        bites: Always,
        inject: lose_backend,
        heal: Some(|world| {
            if world.gateway.is_backend_away() {
                world.gateway.restart();
                world.flush_gateway();
            }
        }),
    },
    Fault {
        number: 72,
        name: "authentication restored without a word",
        how: "the loss is announced, the restored session is not",
        bites: Connected,
        inject: |world, _| {
            lose_authentication(world);
            world.gateway.set_announcements(false);
        },
        heal: Some(|world| {
            if !world.gateway.is_authenticated() {
                world.gateway.restore_silently();
            }
            world.gateway.set_announcements(true);
        }),
    },
    Fault {
        number: 73,
        name: "messages in pieces",
        how: "messages from some length on come as two to four messages",
        bites: Connected,
        inject: |world, chance| world.gateway.set_pieces(Some(*chance.pick(&[1, 60, 200]))),
        heal: Some(|world| world.gateway.set_pieces(None)),
    },
    Fault {
        number: 74,
        name: "close codes flattened",
        how: "every Close arrives as 1000; half of the time one comes at once",
        bites: Connected,
        inject: flat_closes,
        heal: Some(|world| world.gateway.set_flat_closes(false)),
    },
    Fault {
        number: 75,
        name: "no Close in reply to ours",
        how: "TCP ends instead",
        bites: Always,
        inject: |world, _| world.gateway.set_replies_to_close(false),
        heal: Some(|world| world.gateway.set_replies_to_close(true)),
    },
    Fault {
        number: 76,
        name: "binary only",
        how: "text frames become binary ones",
        bites: Connected,
        inject: |world, _| world.gateway.set_binary_only(true),
        heal: Some(|world| world.gateway.set_binary_only(false)),
    },
    Fault {
        number: 77,
        name: "REST in the penalty box",
        how: "another program at the address exceeded the pacing: every call fails with 429",
        bites: Always,
        inject: |world, _| world.gateway.put_in_penalty_box(),
        heal: Some(|world| world.gateway.release_from_penalty_box()),
    },
    Fault {
        number: 78,
        name: "REST fails: 400, 401, 403, 404, 500, 503",
        how: "every call fails in one of these ways",
        bites: Always,
        inject: |world, chance| world.gateway.set_rest_fault(Some(*chance.pick(&REST_FAULTS))),
        heal: Some(|world| world.gateway.set_rest_fault(None)),
    },
    Fault {
        number: 79,
        name: "no brokerage session can be opened",
        how: "it is lost, and ssodh/init fails; only the topics that need none flow",
        bites: Connected,
        inject: fail_init,
        heal: Some(|world| {
            world.gateway.set_init_fault(None);
            if !world.gateway.is_authenticated() {
                world.gateway.restore_silently();
            }
        }),
    },
    Fault {
        number: 80,
        name: "daily reset",
        how: "the brokerage session ends, and ssodh/init fails for up to 4 min in four ways",
        bites: Connected,
        inject: daily_reset,
        heal: Some(|world| world.gateway.end_reset()),
    },
    Fault {
        number: 81,
        name: "unsubscribes confirmed by their topic",
        how: "a frame with the topic of each unsubscribe",
        bites: Ready,
        inject: |world, _| world.gateway.set_unsubscribe_echoes(true),
        heal: Some(|world| world.gateway.set_unsubscribe_echoes(false)),
    },
    Fault {
        number: 82,
        name: "orders by hand only",
        how: "the account's own orders stop; one is placed, perhaps filled, and cancelled",
        bites: Ready,
        inject: script_orders,
        heal: Some(|world| world.gateway.set_invented_orders(true)),
    },
];
