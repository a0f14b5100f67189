//! Writes what was measured last into `ibws-proto/docs/costs.md`, between its markers, and draws
//! the two pictures of that page. It measures nothing itself.

mod aims;
mod estimates;
mod figures;
mod latency;
mod page;
mod picture;
mod sections;
mod svg;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::{fs, io};

use figures::Figures;

/// The files that the programs save their figures in.
const FILES: [&str; 8] = ["memory", "consumers", "endtoend", "loopback", "stacks", "latency", "idle", "ibind"];

fn main() -> io::Result<()> {
    let mut figures = Figures::default();
    figures.extend(estimates::read(&ibws_bench::target().join("criterion"))?);
    for name in FILES {
        match ibws_bench::load(name) {
            Ok(saved) => figures.extend(saved),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::new(error.kind(), format!("the figures `{name}`: {error}"))),
        }
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ibws-proto/docs");
    let file = docs.join("costs.md");
    let page = page::with_section(&fs::read_to_string(&file)?, &sections::all(&figures)).map_err(io::Error::other)?;
    fs::write(file, page)?;
    fs::write(docs.join("costs.svg"), picture::costs(&figures))?;
    fs::write(docs.join("latency.svg"), latency::picture(&figures))
}
