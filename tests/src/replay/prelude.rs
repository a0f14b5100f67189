//! The words that printed tests are written in: `use ibws_testkit::replay::prelude::*`.

pub use core::time::Duration;

pub use ibws_proto::{
    Account, CloseCause, Command, Config, ConnId, ConnectError, ConnectErrorKind, Input, Instant, Modify, ReadyGate,
    Renewal, RestError, RestReply, RestRequestId, SessionUpdate, Staleness, Subscribe,
};

pub use super::Transcript;
pub use crate::chaos::run_chaos;
pub use crate::world::{args, sub};
