//! The aims of the project for its costs, each with what was measured for it.

use crate::figures::{Figures, number, span};

/// The bound of an aim, inclusive.
#[derive(Clone, Copy, Debug)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// How a value of an aim is written.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Times,
    Percent,
    Bytes,
    Allocations,
    Span,
    Megabytes,
    WakeUps,
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Self::Times => format!("{value:.2} times"),
            Self::Percent => format!("{value:.1} %"),
            Self::Bytes => format!("{} bytes", number(value)),
            Self::Allocations => number(value),
            Self::Span if value < 0.0 => format!("-{}", span(-value)),
            Self::Span => span(value),
            Self::Megabytes => format!("{value:.1} MB"),
            Self::WakeUps => format!("{value:.2} a second"),
        }
    }
}

/// An aim, as it was set before anything was measured.
struct Aim {
    what: &'static str,
    unit: Unit,
    bound: Option<Bound>,
    measured: Option<f64>,
}

impl Aim {
    fn new(what: &'static str, unit: Unit, bound: impl Into<Option<Bound>>, measured: Option<f64>) -> Self {
        Self { what, unit, bound: bound.into(), measured }
    }

    fn row(&self) -> [String; 4] {
        let measured = self.measured.map_or_else(|| "not measured".into(), |value| self.unit.text(value));
        let aim = match self.bound {
            Some(Bound::AtMost(limit)) => format!("at most {}", self.unit.text(limit)),
            Some(Bound::AtLeast(limit)) => format!("at least {}", self.unit.text(limit)),
            None => "those of its own timers".into(),
        };
        let is_reached = self.bound.zip(self.measured).map(|(bound, value)| match bound {
            Bound::AtMost(limit) => value <= limit,
            Bound::AtLeast(limit) => value >= limit,
        });
        let reached = match is_reached {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "-",
        };
        [self.what.into(), aim, measured, reached.into()]
    }
}

/// The name of the baseline of the core.
pub(crate) const PASS: &str = "serde_json, one pass";
/// The name of the core up to the event.
pub(crate) const EVENT: &str = "to event, 1 subscription";
/// The name of the scan with every field.
pub(crate) const FIELDS: &str = "scan and every field";

const PLAIN: &str = "plain, 1 subscription";
const TLS: &str = "TLS, 1 subscription";
const BARE: &str = "bare tokio-tungstenite";
const ONE_CORE: &str = "ibws-tokio current-thread";
const MULTI: &str = "ibws-tokio multi-thread";
const ONE_CORE_BATCHES: &str = "ibws-tokio current-thread, next_batch";
const MULTI_BATCHES: &str = "ibws-tokio multi-thread, next_batch";

/// Returns the rows of the table: what, the aim, what was measured, and whether the aim is reached.
pub(crate) fn rows(figures: &Figures) -> Vec<[String; 4]> {
    let aims = in_process(figures).into_iter().chain(end_to_end(figures)).chain(beside_ibind_and_idle(figures));
    aims.map(|aim| aim.row()).collect()
}

fn in_process(figures: &Figures) -> Vec<Aim> {
    use Bound::AtMost;
    let beside_pass = |frame: &str, name: &str| figures.ratio(frame, "", name, PASS);
    let growth = |keys: &str| figures.ratio(keys, "", "100,000", "10");
    let worst = |group: &str, column: &str, is_part: fn(&str) -> bool| {
        let of_column = figures.group(group).filter(|figure| figure.column == column && is_part(&figure.name));
        of_column.map(|figure| figure.median).reduce(f64::max)
    };
    vec![
        Aim::new(
            "`smd` of 266 bytes, from bytes to its event, beside one borrowed `serde_json` pass",
            Unit::Times,
            AtMost(0.45),
            beside_pass("smd full", EVENT),
        ),
        Aim::new(
            "the same frame, scanned and all 16 fields read as their types, beside that pass",
            Unit::Times,
            AtMost(0.9),
            beside_pass("smd full", FIELDS),
        ),
        Aim::new(
            "`str`, scanned and every field read, beside a pass",
            Unit::Times,
            AtMost(1.5),
            beside_pass("str", FIELDS),
        ),
        Aim::new(
            "`sor`, scanned and every field read, beside a pass",
            Unit::Times,
            AtMost(1.5),
            beside_pass("sor", FIELDS),
        ),
        Aim::new(
            "`sld`, scanned and every field read, beside a pass",
            Unit::Times,
            AtMost(1.5),
            beside_pass("sld", FIELDS),
        ),
        Aim::new(
            "allocations for a frame that is consumed before the next one is read, the worst kind",
            Unit::Allocations,
            AtMost(0.0),
            worst("allocations", "consumed at once", |_| true),
        ),
        Aim::new(
            "allocations for a frame that waits in a queue, the worst kind",
            Unit::Allocations,
            AtMost(1.0),
            worst("allocations", "queued", |_| true),
        ),
        Aim::new(
            "a frame with 100,000 subscriptions beside one with 10, hot keys",
            Unit::Times,
            AtMost(1.1),
            growth("hot keys"),
        ),
        Aim::new("the same, random keys", Unit::Times, AtMost(1.5), growth("random keys")),
        Aim::new(
            "memory of a subscription",
            Unit::Bytes,
            AtMost(512.0),
            figures.get("subscriptions", "each of 100,000", ""),
        ),
        Aim::new(
            "what a consumer that reads nothing costs the stream beside it: market data, default queues, the worse",
            Unit::Percent,
            AtMost(5.0),
            worst("consumers", "cost", |name| name.ends_with(", merged")),
        ),
        Aim::new(
            "the same: orders and executions, the worst",
            Unit::Percent,
            AtMost(5.0),
            worst("consumers", "cost", |name| name.ends_with(", folded")),
        ),
    ]
}

fn end_to_end(figures: &Figures) -> Vec<Aim> {
    use Bound::{AtLeast, AtMost};
    let rate = |name: &str, baseline: &str| figures.ratio("loopback", PLAIN, name, baseline);
    let tokio = [ONE_CORE, MULTI].into_iter().filter_map(|name| figures.get("loopback", name, PLAIN)).reduce(f64::max);
    let p99 = |name: &str| figures.get("latency", name, "20,000/s p99");
    vec![
        Aim::new(
            "messages a second over loopback, tokio on one core, beside a hand-written loop over `serde_json::Value`",
            Unit::Times,
            AtLeast(4.5),
            rate(ONE_CORE, "hand-written Value loop"),
        ),
        Aim::new("the same beside a bare read loop", Unit::Times, AtLeast(0.5), rate(ONE_CORE, BARE)),
        Aim::new("the same, the consumer with `next_batch`", Unit::Times, AtLeast(0.5), rate(ONE_CORE_BATCHES, BARE)),
        Aim::new("tokio on several threads beside a bare read loop", Unit::Times, AtLeast(0.4), rate(MULTI, BARE)),
        Aim::new("the same, the consumer with `next_batch`", Unit::Times, AtLeast(0.4), rate(MULTI_BATCHES, BARE)),
        Aim::new(
            "async-std beside the faster of the two with tokio",
            Unit::Times,
            AtLeast(0.9),
            figures.get("loopback", "ibws-async-std", PLAIN).zip(tokio).map(|(ours, tokio)| ours / tokio),
        ),
        Aim::new(
            "time of a message with TLS, tokio on one core, beside a bare loop with TLS",
            Unit::Times,
            AtMost(1.5),
            figures.ratio("loopback", TLS, BARE, ONE_CORE),
        ),
        Aim::new(
            "99th percentile from the socket to the consumer at 20,000 messages a second, above a bare loop",
            Unit::Span,
            AtMost(20_000.0),
            p99("ibws-tokio").zip(p99("bare loop")).map(|(ours, bare)| ours - bare),
        ),
    ]
}

fn beside_ibind_and_idle(figures: &Figures) -> Vec<Aim> {
    use Bound::{AtLeast, AtMost};
    let timers = figures.get("idle", "own timers", "");
    let megabytes = |kib: f64| kib * 1024.0 / 1e6;
    vec![
        Aim::new(
            "messages a second beside ibind",
            Unit::Times,
            AtLeast(80.0),
            figures.ratio("ibind", "messages/s", "ibws", "ibind"),
        ),
        Aim::new("memory beside ibind", Unit::Times, AtMost(1.0 / 3.0), figures.ratio("ibind", "KiB", "ibws", "ibind")),
        Aim::new("wake-ups of an idle client", Unit::WakeUps, timers.map(AtMost), figures.get("idle", "wake-ups", "")),
        Aim::new(
            "resident memory of the example `watch`, without the embedded gateway",
            Unit::Megabytes,
            AtMost(8.0),
            figures.get("idle", "watch resident", "").map(megabytes),
        ),
    ]
}
