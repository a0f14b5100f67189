//! The measurement: clients and rates in turn.

use std::collections::BTreeMap;
use std::io;

use super::{Distribution, Latencies};
use crate::endtoend::child::{Core, ServerProcess, client, conditions};
use crate::endtoend::pour::Flood;
use crate::endtoend::rounds::{figure, number, print};
use crate::{folder, save};

/// The rows: their name and the client.
const ROWS: [(&str, &str); 3] =
    [("bare loop", "bare"), ("hand-written Value loop", "hand-written"), ("ibws-tokio", "ibws-current")];
/// Messages a second.
const RATES: [u64; 3] = [1_000, 20_000, 100_000];
/// The columns of a rate: their name and the part of the messages that are not later.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

/// Runs `rounds` rounds, each of `seconds` for each client and rate.
///
/// # Errors
///
/// If a process fails.
pub fn run(rounds: usize, seconds: u64) -> io::Result<()> {
    println!("latency: {rounds} rounds of {seconds} s at each rate; {}", conditions());
    let mut measured: BTreeMap<(usize, usize), Vec<Latencies>> = BTreeMap::new();
    for _ in 0..rounds {
        for (rate, per_second) in RATES.iter().enumerate() {
            for (row, (name, stack)) in ROWS.iter().enumerate() {
                let messages = per_second * seconds;
                let flood = Flood { messages: messages as usize, subscriptions: 1, rate: Some(*per_second) };
                let server = ServerProcess::start(flood, false)?;
                let outcome =
                    client(server.target(), Core::Own, &["--messages", &messages.to_string(), "--timed", stack])?;
                let held = messages as f64 * 1e9 / server.poured()?.nanoseconds as f64;
                if held < 0.98 * *per_second as f64 {
                    println!("{name}: the server sent {} messages a second only", number(held));
                }
                if outcome.merged + outcome.lost > 0 {
                    println!(
                        "{name}: {} messages were merged and {} dropped, without a latency",
                        outcome.merged, outcome.lost
                    );
                }
                let mut latencies = Latencies::new();
                latencies.add(&outcome.latencies);
                measured.entry((rate, row)).or_default().push(latencies);
            }
        }
    }
    let (mut figures, mut distributions) = (Vec::new(), Vec::new());
    for ((rate, row), rounds) in &measured {
        let (rate, name) = (RATES[*rate], ROWS[*row].0);
        for (quantile, part) in QUANTILES {
            let column = format!("{}/s {quantile}", number(rate as f64));
            let rounds = rounds.iter().map(|round| round.quantile(part) as f64).collect();
            figures.push(figure("latency", name, &column, "ns", rounds));
        }
        let mut all = Latencies::new();
        rounds.iter().for_each(|round| all.add(&round.buckets()));
        distributions.push(Distribution { name: name.into(), rate, buckets: all.buckets() });
    }
    print(&figures);
    save("latency", &figures)?;
    std::fs::write(folder().join("latency-histogram.json"), serde_json::to_vec(&distributions)?)
}
