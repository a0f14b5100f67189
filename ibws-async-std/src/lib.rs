//! The ibws client on async-std, smol and everything else that speaks futures-io: in preparation.
//!
//! **This crate holds no client yet.** What it will hold is small: dialling, TLS and the clock, behind the traits
//! [`Runtime`](ibws_proto::driver::Runtime) and [`Link`](ibws_proto::driver::Link). The client itself, its streams and its
//! queues are written once, in [`ibws_proto::driver`], and are the same on every runtime; `ibws-tokio` shows how little an
//! adapter has to add. Until this one exists, implement the two traits for your runtime.
