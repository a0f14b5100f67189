//! Strategies for the crate proptest (feature `proptest`): frames, commands, inputs, settings, and
//! whole runs, all of which shrink to readable cases.
//!
//! | strategy | value | shrinks to |
//! |---|---|---|
//! | [`frames`], [`frames_of`] | a valid frame of every topic | the first kind, the values of seed 0 |
//! | [`broken_frames`], [`any_frames`] | a frame with edits; either | fewer edits, then a valid frame |
//! | [`keys`], [`subscribes`] | a key; a typed subscription of every channel | a plain quote |
//! | [`commands`] | subscribe, unsubscribe, modify, resets and the rest | `Start` |
//! | [`inputs`], [`closes`], [`refusals`] | what a link or a REST handler reports | `Tick` |
//! | [`delays`] | a span between two steps | none |
//! | [`configs`], [`gateways`] | settings of a client, of a gateway | the defaults |
//! | [`faults`], [`schedules`] | faults; faults at given times | fewer faults, earlier, seed 0 |
//! | [`machine_runs`] | settings and steps of a bare machine | fewer steps, default settings |
//!
//! A [`Schedule`](crate::world::Schedule) is played to the bare machine
//! ([`World::play`](crate::world::World::play)) or to the whole client
//! ([`Simulated::play`](crate::runtime::Simulated::play), feature `client`). A [`MachineRun`] needs
//! no gateway: it gives the machine any input in any state.
//!
//! ```
//! use ibws_testkit::proptest::schedules;
//! use ibws_testkit::world::{QUOTES, World, secs};
//! use ibws_testkit::GatewayConfig;
//! use proptest::prelude::*;
//!
//! proptest! {
//!     #![proptest_config(ProptestConfig::with_cases(16))]
//!     fn every_gap_ends_within_twenty_minutes(schedule in schedules(secs(30))) {
//!         let mut world = World::new(Default::default(), GatewayConfig::seeded(schedule.seed));
//!         world.settle(&[QUOTES]);
//!         world.play(&schedule, secs(30));
//!         world.gateway.set_authenticated(true);
//!         // Eight faults can hang sixteen dials, each of which ends after 30 s.
//!         world.run(secs(1_200));
//!         prop_assert_eq!(world.gaps().len(), world.resumptions().len());
//!     }
//! }
//! every_gap_ends_within_twenty_minutes();
//! ```

mod commands;
mod frames;
mod inputs;
mod runs;
mod settings;

pub use commands::{commands, keys, subscribes};
pub use frames::{any_frames, broken_frames, frames, frames_of};
pub use inputs::{PRESENT, closes, delays, inputs, refusals};
pub use runs::{MachineRun, faults, machine_runs, schedules};
pub use settings::{configs, gateways};

/// A key of the kit.
fn known(key: &str) -> ibws_proto::SubscriptionKey {
    crate::world::sub(key)
}
