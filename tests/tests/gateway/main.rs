//! Tests of the simulated gateway in virtual time.

mod account;
mod backend;
mod faults;
mod market;
mod opening;
mod recordings;
mod rest;
mod shapes;
mod world;
