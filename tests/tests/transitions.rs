//! The transition table of a subscription equals what walks and chaos runs observe: every emitted
//! transition is in the table, which the invariants check, and every transition of the table is
//! emitted.

use std::collections::BTreeSet;

use ibws_proto::{
    Command, Config, Modify, ReadyGate, StateCause, Subscribe, SubscriptionState, transitions::subscription_transitions,
};
use ibws_testkit::chaos::run_chaos;
use ibws_testkit::walk::walk;
use ibws_testkit::world::{World, ms, secs, sub, world};
use ibws_testkit::{GatewayConfig, Prng, Success};

type Observed = (SubscriptionState, SubscriptionState, StateCause);

/// Returns the transitions that the world emitted.
fn transitions(world: &World) -> BTreeSet<Observed> {
    world.transcript().checked().checker().transitions().clone()
}

// The two worlds below make transitions that no walk makes reliably.

/// Market data is not confirmed because it needs no confirmation, and needs one by its renewal.
fn renewed_while_unconfirmed() -> BTreeSet<Observed> {
    let mut world = world();
    world.settle(&[]);
    world.gateway.set_confirmations(false);
    let needs_confirmation = Some(false);
    world.submit(Command::Subscribe(Subscribe { needs_confirmation, ..Subscribe::new(sub("md+265598")) }));
    world.submit(Command::Modify(Modify { needs_confirmation: Some(None), ..Modify::new(sub("md+265598")) }));
    world.run(secs(545));
    transitions(&world)
}

/// A subscription that was written before a late greeting is written again, and needs no
/// confirmation by then.
fn greeted_late() -> BTreeSet<Observed> {
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
    transitions(&world)
}

#[test]
fn every_transition_of_the_table_occurs() {
    let (walks, chaos_runs) = if cfg!(debug_assertions) { (500, 20) } else { (25_000, 300) };
    let mut seen = BTreeSet::new();
    for seed in 0..walks {
        let mut chance = Prng::part(seed, "moves", 0);
        let length = 200 + chance.below(1_400);
        let bytes: Vec<u8> = (0..length).map(|_| chance.next().to_le_bytes()[0]).collect();
        seen.extend(walk(&bytes, 400).unwrap().transitions);
    }
    for seed in 0..chaos_runs {
        seen.extend(run_chaos(seed).unwrap().reach.transitions);
    }
    seen.extend(renewed_while_unconfirmed());
    seen.extend(greeted_late());
    assert!(seen.len() > 40, "{seen:?}");
    if cfg!(debug_assertions) {
        // So few walks do not reach every transition.
        return;
    }
    let mut missing = Vec::new();
    for transition in subscription_transitions() {
        let occurred = |from: &&SubscriptionState| seen.contains(&(**from, transition.to, transition.cause));
        if transition.from.iter().find(occurred).is_none() {
            missing.push(format!("{transition:?}"));
        }
        // Each source state leads to the target state, for this cause or another.
        let leads = |from: &&SubscriptionState| seen.iter().any(|(a, b, _)| (a, b) == (*from, &transition.to));
        missing.extend(
            transition.from.iter().filter(|from| !leads(from)).map(|from| format!("{from:?} to {:?}", transition.to)),
        );
    }
    assert!(missing.is_empty(), "never emitted: {missing:#?}");
}
