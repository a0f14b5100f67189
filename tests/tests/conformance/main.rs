//! Every story of the conformance suite, on tokio and on async-std, over plain TCP and over TLS:
//! the traces must be equal.
#![cfg(feature = "net")]

mod calls;
mod close_in_every_state;
mod runtimes;
mod stories;
