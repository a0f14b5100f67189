//! Chaos runs of session keepers: one to three of them share a pacer before the simulated gateway,
//! under troubles from a seed, as `ibws_testkit::keeper` describes.
//!
//! `cargo test --release -p ibws-testkit --test keeper_chaos -- --nocapture` takes from the
//! environment:
//!
//! * `IBWS_CHAOS`: how many seeds; 1,000 by default (100 in debug builds);
//! * `IBWS_SEED`: the first seed; 0 by default.

use ibws_proto::keeper::KeeperState;
use ibws_testkit::keeper::{KeeperReport, TROUBLES, run_keeper_chaos};
use ibws_testkit::tally::{setting, sum_seeds};

#[test]
#[expect(clippy::print_stdout, reason = "prints the summary, with --nocapture")]
fn every_keeper_is_back_in_time_after_chaos() {
    let first = setting("IBWS_SEED").unwrap_or(0);
    let seeds = setting("IBWS_CHAOS").unwrap_or(if cfg!(debug_assertions) { 100 } else { 1_000 });
    let report: KeeperReport = sum_seeds(seeds, |seed| run_keeper_chaos(first + seed));
    println!("{report}");
    // The runs must reach all of this, or they prove nothing. A run of a few chosen seeds need not.
    if seeds < 100 {
        return;
    }
    let missing: Vec<_> = KeeperState::ALL.iter().filter(|state| !report.states.contains_key(state)).collect();
    // A keeper starts without an event, and is back there after each penalty box.
    assert!(missing.is_empty(), "states never reached: {missing:?}");
    let missing: Vec<_> = TROUBLES.iter().filter(|it| !report.troubles.contains_key(it.name)).collect();
    assert!(missing.is_empty(), "troubles never injected: {:?}", missing.iter().map(|it| it.name).collect::<Vec<_>>());
    for path in [
        "/tickle",
        "/iserver/auth/status",
        "/iserver/auth/ssodh/init",
        "/iserver/accounts",
        "/iserver/account/orders",
        "/iserver/account/trades",
    ] {
        assert!(report.calls.contains_key(path), "{path} was never called");
    }
    assert!(report.served > seeds * 3 && report.refused > seeds, "{report}");
}
