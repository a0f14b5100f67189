//! Prints the public interface of a crate, one item a line, from rustdoc's JSON: `ibws-api FILE`.
//! `.ci/run api` compares it with the files beside this package.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use public_api::Builder;
use rustdoc_types::FORMAT_VERSION;

/// The exit code for a file of another format.
const OTHER_FORMAT: u8 = 3;

/// The part of the file that every format has.
#[derive(serde::Deserialize)]
struct Head {
    format_version: u32,
}

fn main() -> ExitCode {
    print().unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "{error}");
        ExitCode::FAILURE
    })
}

fn print() -> Result<ExitCode, Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("name a file of rustdoc's JSON")?;
    let head: Head = serde_json::from_slice(&fs::read(&file)?)?;
    if head.format_version != FORMAT_VERSION {
        writeln!(
            io::stderr(),
            "the nightly toolchain writes rustdoc's JSON in format {}, and public-api in tests/api/Cargo.toml reads {FORMAT_VERSION}",
            head.format_version
        )?;
        return Ok(ExitCode::from(OTHER_FORMAT));
    }
    // Blanket, automatic and derived implementations would be most of the lines.
    let api = Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    write!(io::stdout(), "{api}")?;
    Ok(ExitCode::SUCCESS)
}
