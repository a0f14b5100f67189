//! The bodies of the fuzz targets: ordinary functions, so that the tests can run them on the
//! corpora. The targets under `fuzz/` only call them.
//!
//! [`TARGETS`] lists all of them. [`mutate`] makes new inputs from the corpora on a stable
//! toolchain.

#[cfg(feature = "fuzz")]
mod client;
mod decode;
#[cfg(feature = "fuzz")]
mod endpoint;
#[cfg(feature = "fuzz")]
mod filter;
mod frames;
#[cfg(feature = "fuzz")]
mod handshake;
#[cfg(feature = "fuzz")]
mod line;
#[cfg(feature = "fuzz")]
mod memory;
mod mutate;
mod payload;
#[cfg(feature = "fuzz")]
mod pieces;
#[cfg(feature = "fuzz")]
mod queues;
mod read;
#[cfg(feature = "fuzz")]
mod trust;
#[cfg(feature = "fuzz")]
mod upgrade;

#[cfg(feature = "fuzz")]
pub use client::client;
pub use decode::decode;
#[cfg(feature = "fuzz")]
pub use endpoint::endpoint;
#[cfg(feature = "fuzz")]
pub use filter::filter;
pub use frames::frames;
#[cfg(feature = "fuzz")]
pub use memory::is_counted;
pub use mutate::{Dictionary, mutate};
pub use payload::payload;
#[cfg(feature = "fuzz")]
pub use queues::queues;
#[cfg(feature = "fuzz")]
pub use trust::trust;
#[cfg(feature = "fuzz")]
pub use upgrade::upgrade;

/// A fuzz target: its name, which is that of its corpus too, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzz targets.
#[cfg(feature = "fuzz")]
pub const TARGETS: [Target; 9] = [
    ("client", client),
    ("decode", decode),
    ("endpoint", endpoint),
    ("filter", filter),
    ("frames", frames),
    ("payload", payload),
    ("queues", queues),
    ("trust", trust),
    ("upgrade", upgrade),
];

/// Checks the text of an error: it is one line of printable characters and at most 700 of them.
///
/// # Panics
/// If it is not.
#[cfg(feature = "fuzz")]
fn check_text(error: &impl std::fmt::Display) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.chars().count() < 700, "{} characters: {text:?}", text.chars().count());
    assert!(!text.contains(char::is_control), "{text:?}");
}
