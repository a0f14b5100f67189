//! The counts of one build, and the file that records them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Instructions of one repetition by case, and where they were counted.
pub(crate) struct Counts {
    pub(crate) place: String,
    counts: BTreeMap<String, u64>,
    /// The order of the cases.
    order: Vec<String>,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/counts.txt")
}

/// What the counts depend on besides the sources: the compiler and its target, valgrind, and
/// whether the processor has AVX2, by which the C library chooses how to copy memory.
fn place() -> String {
    let output = |program: &str, flag: &str| {
        let output = Command::new(program).arg(flag).output().unwrap_or_else(|error| panic!("{program}: {error}"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let rustc = output("rustc", "-vV");
    let value = |key: &str| rustc.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim();
    let valgrind = output("valgrind", "--version");
    #[cfg(target_arch = "x86_64")]
    let avx2 = std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    let avx2 = false;
    format!("rustc {} {}, {}, avx2 {avx2}", value("release:"), value("host:"), valgrind.trim())
}

impl Counts {
    pub(crate) fn measured<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Self {
        let mut measured = Self { place: place(), counts: BTreeMap::new(), order: Vec::new() };
        for (name, count) in counts {
            measured.order.push(name.to_owned());
            measured.counts.insert(name.to_owned(), count);
        }
        measured
    }

    /// Reads the recorded counts: the place in the first line, then `CASE COUNT` in each.
    pub(crate) fn recorded() -> Self {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        let mut lines = text.lines();
        let place = lines.next().unwrap_or("nowhere").to_owned();
        let counts = lines.filter_map(|line| {
            let (name, count) = line.rsplit_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        });
        Self { place, counts: counts.collect(), order: Vec::new() }
    }

    pub(crate) fn record(&self) {
        let mut text = format!("{}\n", self.place);
        for name in &self.order {
            let _ = writeln!(text, "{name} {}", self.counts[name]);
        }
        std::fs::write(path(), text).expect("the recorded counts are writable");
    }

    /// A Markdown table of these counts beside the recorded ones.
    pub(crate) fn beside(&self, recorded: &Self) -> String {
        let mut table = String::from("| case | instructions | recorded | change |\n|---|---|---|---|\n");
        for name in &self.order {
            let count = self.counts[name];
            let (before, change) = match recorded.counts.get(name) {
                Some(before) => (before.to_string(), format!("{:+.1} %", rise(*before, count))),
                None => ("-".into(), "-".into()),
            };
            let _ = writeln!(table, "| {name} | {count} | {before} | {change} |");
        }
        table
    }

    /// The cases that cost more than the recorded ones by more than `limit` per cent.
    pub(crate) fn risen(&self, recorded: &Self, limit: f64) -> Vec<String> {
        let risen =
            |name: &&String| recorded.counts.get(*name).is_some_and(|was| rise(*was, self.counts[*name]) > limit);
        self.order.iter().filter(risen).cloned().collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn rise(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}
