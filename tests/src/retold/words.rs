//! The words that printed tests are written in: `use ibws_testkit::retold::words::*`.

pub use core::time::Duration;

pub use ibws_proto::{
    Account, Command, Config, ConnId, ConnectError, ConnectErrorKind, Input, Instant, Modify, ReadyGate, Renewal,
    RestRequestId, SessionUpdate, Staleness, Subscribe,
};

pub use super::Retold;
pub use crate::storm::storm;
pub use crate::world::{args, sub};
