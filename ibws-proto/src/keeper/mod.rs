//! The session keeper: keeps a session of the gateway alive, and makes the REST calls that the
//! stream needs.

mod call;
mod config;
mod event;
#[expect(clippy::module_inception, reason = "the file of the type Keeper")]
mod keeper;
mod pacer;
mod reply;
mod serve;
mod upkeep;

pub use call::{Call, CallError, CallReply, CallResult, Method};
pub use config::{KeeperConfig, PromptReply};
pub use event::{CallId, KeeperEvent, KeeperInput, KeeperOutput, KeeperState, Ticket};
pub use keeper::Keeper;
pub use pacer::{Pace, Pacer};
