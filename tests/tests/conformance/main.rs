//! Every story of the conformance suite, on tokio, on async-std and over blocking sockets, over
//! plain TCP and over TLS: the traces must be equal.
#![cfg(feature = "net")]

mod blocking;
mod calls;
mod close_in_every_state;
mod runtimes;
mod stories;
