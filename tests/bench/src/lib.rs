//! The benchmarks of ibws, each beside what a user would take instead. `.ci/bench` runs all of them
//! and writes their figures into `ibws-proto/docs/costs.md`.
//!
//! Each program saves its figures with [`save`] under a name of its own; the report reads them with
//! [`load`].

pub mod endtoend;
pub mod latency;
pub mod stacks;

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// One measured figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The table that the figure belongs to.
    pub group: String,
    /// The row: what was measured.
    pub name: String,
    /// The column, where a row has several.
    pub column: String,
    /// The unit: `ns`, `messages/s`, `KiB`, `bytes`, `wake-ups/s`.
    pub unit: String,
    /// The median of the rounds, in the unit.
    pub median: f64,
    /// The lowest and the highest round, in the unit.
    pub range: (f64, f64),
}

/// Returns the target directory of the build.
#[must_use]
pub fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))
}

/// Returns the folder of the results, in the target directory of the build.
fn folder() -> PathBuf {
    target().join("figures")
}

/// Saves the figures of a program.
///
/// # Errors
///
/// If the file cannot be written.
pub fn save(name: &str, figures: &[Figure]) -> io::Result<()> {
    fs::create_dir_all(folder())?;
    fs::write(folder().join(name).with_extension("json"), serde_json::to_vec_pretty(figures)?)
}

/// Returns the figures that a program saved last.
///
/// # Errors
///
/// If it saved none, or the file cannot be read.
pub fn load(name: &str) -> io::Result<Vec<Figure>> {
    Ok(serde_json::from_slice(&fs::read(folder().join(name).with_extension("json"))?)?)
}
