//! The kit of ibws: frames of its own making, and what tests hold them against.

pub mod frames;
