//! What the simulated gateway does, told as stories in virtual time.

mod account;
mod faults;
mod market;
mod opening;
mod recordings;
mod shapes;
mod world;
