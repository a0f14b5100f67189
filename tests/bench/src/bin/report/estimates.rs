//! Reads what criterion has saved: for each benchmark its names, and the median of its last run.

use std::path::Path;
use std::{fs, io};

use ibws_bench::Figure;
use serde::Deserialize;

/// The file `benchmark.json` of a benchmark, as far as it is read.
#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
struct Throughput {
    #[serde(rename = "Bytes")]
    bytes: Option<f64>,
}

/// The file `estimates.json` beside it, as far as it is read. Times are nanoseconds.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// Returns the figures of each benchmark in the folder; none if there is no folder.
///
/// # Errors
///
/// If a file cannot be read, or is none of criterion.
pub(crate) fn read(folder: &Path) -> io::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    if folder.exists() {
        walk(folder, &mut figures)?;
    }
    Ok(figures)
}

fn walk(folder: &Path, figures: &mut Vec<Figure>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == "new") {
            let [benchmark, estimates] = ["benchmark.json", "estimates.json"].map(|name| path.join(name));
            if benchmark.exists() {
                figures.extend(of_files(&fs::read(benchmark)?, &fs::read(estimates)?)?);
            }
        } else if path.is_dir() {
            walk(&path, figures)?;
        }
    }
    Ok(())
}

/// Returns the median of a benchmark and, if it has a throughput in bytes, their number.
pub(crate) fn of_files(benchmark: &[u8], estimates: &[u8]) -> io::Result<Vec<Figure>> {
    let benchmark: Benchmark = serde_json::from_slice(benchmark)?;
    let Estimates { median } = serde_json::from_slice(estimates)?;
    let figure = |name: &str, unit: &str, median, range| Figure {
        group: benchmark.group_id.clone(),
        name: name.into(),
        column: String::new(),
        unit: unit.into(),
        median,
        range,
    };
    let range = (median.confidence_interval.lower_bound, median.confidence_interval.upper_bound);
    let time = figure(benchmark.function_id.as_deref().unwrap_or_default(), "ns", median.point_estimate, range);
    let bytes = benchmark.throughput.and_then(|throughput| throughput.bytes);
    let bytes = bytes.map(|bytes| figure("bytes", "bytes", bytes, (bytes, bytes)));
    Ok(bytes.into_iter().chain([time]).collect())
}
