//! The table of a subscription's moves is what walks and storms see: every move that is told is in it (the invariants see
//! to that), and everything in it is told.

use std::collections::BTreeSet;

use ibws_proto::{Command, Config, Modify, ReadyGate, Subscribe, SubscriptionState, subscription_transitions};
use ibws_testkit::chaos::run_chaos;
use ibws_testkit::tally::Transition;
use ibws_testkit::walk::walk;
use ibws_testkit::world::{World, ms, secs, sub, world};
use ibws_testkit::{GatewayConfig, Prng, Success};

fn moves(world: &World) -> BTreeSet<Transition> {
    world.transcript().checked().checker().transitions().clone()
}

// What no walk can be relied on to do.

/// Market data that needs no confirmation is quiet; by its renewal it needs one.
fn renewed_though_quiet() -> BTreeSet<Transition> {
    let mut world = world();
    world.settle(&[]);
    world.gateway.set_confirmations(false);
    let needs_confirmation = Some(false);
    world.submit(Command::Subscribe(Subscribe { needs_confirmation, ..Subscribe::new(sub("md+265598")) }));
    world.submit(Command::Modify(Modify { needs_confirmation: Some(None), ..Modify::new(sub("md+265598")) }));
    world.run(secs(545));
    moves(&world)
}

/// What was written before a late greeting is written again; by then it needs no confirmation.
fn greeted_late() -> BTreeSet<Transition> {
    let config = Config { ready_gate: ReadyGate::Wait(secs(1)), ..Config::default() };
    let mut gateway = GatewayConfig::default();
    gateway.success = Success::After(ms(2_500));
    let mut world = World::new(config, gateway);
    world.start();
    world.subscribe("md+265598");
    world.run(secs(2));
    let needs_confirmation = Some(Some(false));
    world.submit(Command::Modify(Modify { needs_confirmation, ..Modify::new(sub("md+265598")) }));
    world.run(secs(1));
    moves(&world)
}

#[test]
fn every_move_in_the_table_happens() {
    let (walks, storms) = if cfg!(debug_assertions) { (500, 20) } else { (25_000, 300) };
    let mut seen = BTreeSet::new();
    for seed in 0..walks {
        let mut chance = Prng::part(seed, "moves", 0);
        let length = 200 + chance.below(1_400);
        let bytes: Vec<u8> = (0..length).map(|_| chance.next().to_le_bytes()[0]).collect();
        seen.extend(walk(&bytes, 400).unwrap().transitions);
    }
    for seed in 0..storms {
        seen.extend(run_chaos(seed).unwrap().reach.transitions);
    }
    seen.extend(renewed_though_quiet());
    seen.extend(greeted_late());
    assert!(seen.len() > 40, "{seen:?}");
    if cfg!(debug_assertions) {
        // So few walks do not get everywhere.
        return;
    }
    let mut missing = Vec::new();
    for moves in subscription_transitions() {
        let told = |from: &&SubscriptionState| seen.contains(&(**from, moves.to, moves.cause));
        if moves.from.iter().find(told).is_none() {
            missing.push(format!("{moves:?}"));
        }
        // Each state leads there, be it for another reason.
        let leads = |from: &&SubscriptionState| seen.iter().any(|(a, b, _)| (a, b) == (*from, &moves.to));
        missing.extend(moves.from.iter().filter(|from| !leads(from)).map(|from| format!("{from:?} to {:?}", moves.to)));
    }
    assert!(missing.is_empty(), "never told: {missing:#?}");
}
