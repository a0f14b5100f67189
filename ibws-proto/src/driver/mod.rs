//! The generic driver: the machine run over any runtime.

mod runtime;

pub use runtime::{DialRequest, Link, Outgoing, Received, Runtime, WriteFailed};
