//! Tests of the simulated gateway in virtual time.

mod account;
mod faults;
mod market;
mod opening;
mod recordings;
mod shapes;
mod world;
