//! The names that printed tests need: `use ibws_testkit::replay::prelude::*`.

pub use core::time::Duration;

pub use ibws_proto::{
    Account, CloseCause, Command, Config, ConnId, ConnectError, ConnectErrorKind, Input, Instant, Modify, ReadyGate,
    Renewal, SessionUpdate, Subscribe, Unsubscribe,
    rest::{RestError, RestReply, RestRequestId, RestSnapshot},
    subscribe::Staleness,
};

pub use super::Transcript;
pub use crate::chaos::run_chaos;
pub use crate::world::{args, sub};
