//! The session keeper: keeps a session of the gateway alive, and makes the REST calls that the
//! stream needs.

mod call;

pub use call::{Call, CallError, CallReply, CallResult, Method};
