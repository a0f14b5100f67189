//! The sections of the page: the aims, then a table of each group.

use crate::aims::{self, EVENT, FIELDS, PASS};
use crate::figures::{Figures, distinct, number, span};

/// The kinds of frames, in the order of the tables.
pub(crate) const FRAMES: [&str; 10] =
    ["smd full", "smd delta", "str", "sor", "sld", "smh", "sbd", "sts", "tic", "system hb"];

/// The stages of the core: the names of the benchmarks, and the heads of their columns.
const STAGES: [(&str, &str); 8] = [
    ("scan", "scan"),
    (EVENT, "to event, 1 subscription"),
    ("to event, 10,000 subscriptions", "to event, 10,000"),
    (FIELDS, "scan, every field"),
    ("scan and every field, as f64", "as `f64` too"),
    ("fold", "fold"),
    ("queue", "queue"),
    ("whole core", "whole core"),
];

/// The baselines of the core.
const BASELINES: [(&str, &str); 5] = [
    (PASS, "`serde_json`, pass"),
    ("serde_json, one pass over a str", "the same, of a `str`"),
    ("serde_json, Value", "`serde_json::Value`"),
    ("sonic-rs, one pass", "`sonic-rs`, pass"),
    ("sonic-rs, Value", "`sonic_rs::Value`"),
];

const COUNTS: [&str; 3] = ["10", "1,000", "100,000"];
const BY_COUNT: [&str; 3] = ["hot keys", "random keys", "tick, nothing due"];

/// Returns everything between the markers of the page.
pub(crate) fn all(figures: &Figures) -> String {
    let sections = [
        ("Aims", table(&["what", "aim", "measured", "reached"], aims::rows(figures).into_iter().map(Vec::from))),
        ("Frames, in process", frames(figures)),
        ("The number of subscriptions", subscriptions(figures)),
        ("Allocations", saved(figures, "allocations", Cells::Medians)),
        ("A consumer that reads nothing", saved(figures, "consumers", Cells::Ranges)),
        ("Messages a second over loopback", saved(figures, "loopback", Cells::Ranges)),
        ("Processor time of a message", saved(figures, "loopback-cpu", Cells::Medians)),
        ("Other WebSocket libraries, bare", saved(figures, "stacks", Cells::Ranges)),
        ("From the socket to the consumer", latency(figures)),
        ("A client that receives nothing", saved(figures, "idle", Cells::Ranges)),
        ("Beside ibind", saved(figures, "ibind", Cells::Ranges)),
    ];
    let sections = sections.map(|(title, content)| {
        let content = content.unwrap_or_else(|| "Not measured.".into());
        format!("## {title}\n\n{content}")
    });
    sections.join("\n\n")
}

/// Returns a table; `None` without rows.
fn table<S: AsRef<str>>(head: &[S], rows: impl Iterator<Item = Vec<String>>) -> Option<String> {
    let rows: Vec<String> = rows.map(|cells| format!("| {} |", cells.join(" | "))).collect();
    let head: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
    let lines = format!("| {} |\n|{}\n{}", head.join(" | "), "---|".repeat(head.len()), rows.join("\n"));
    (!rows.is_empty()).then_some(lines)
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), number)
}

fn frames(figures: &Figures) -> Option<String> {
    let measured = || FRAMES.iter().filter(|frame| figures.group(frame).next().is_some());
    let rows = |names: &'static [(&str, &str)]| {
        measured().map(move |frame| {
            let times = names.iter().map(|(name, _)| cell(figures.get(frame, name, "")));
            [format!("`{frame}`"), cell(figures.get(frame, "bytes", ""))].into_iter().chain(times).collect::<Vec<_>>()
        })
    };
    let head = |names: &[(&'static str, &'static str)], more: &[&'static str]| {
        let columns = names.iter().map(|(_, head)| *head);
        ["frame", "bytes"].into_iter().chain(columns).chain(more.iter().copied()).collect::<Vec<_>>()
    };
    let stages = table(&head(&STAGES, &[]), rows(&STAGES))?;
    let ratio = |frame: &str, name| figures.ratio(frame, "", name, PASS);
    let beside = rows(&BASELINES).zip(measured()).map(|(mut cells, frame)| {
        let ratios = [ratio(frame, EVENT), ratio(frame, FIELDS)];
        cells.extend(ratios.map(|ratio| ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"))));
        cells
    });
    let baselines = table(&head(&BASELINES, &["core to event / pass", "every field / pass"]), beside)?;
    Some(format!(
        "![The time of a frame in the core beside serde_json and sonic-rs](costs.svg)\n\nThe core, ns:\n\n{stages}\n\nWhat \
         a program would read the frames with instead, ns:\n\n{baselines}"
    ))
}

fn subscriptions(figures: &Figures) -> Option<String> {
    let is_measured = BY_COUNT.iter().any(|group| figures.group(group).next().is_some());
    let row = |count: &str| {
        let times = BY_COUNT.iter().map(|group| cell(figures.get(group, count, "")));
        [count.to_owned()].into_iter().chain(times).collect()
    };
    let head = ["subscriptions", "frame, hot keys, ns", "frame, random keys, ns", "tick, nothing due, ns"];
    let table = table(&head, COUNTS.into_iter().filter(|_| is_measured).map(row))?;
    let bytes = figures.get("subscriptions", "each of 100,000", "");
    let bytes = bytes.map(|bytes| format!("\n\nEach of 100,000 subscriptions keeps {} bytes.", number(bytes)));
    Some(table + &bytes.unwrap_or_default())
}

fn latency(figures: &Figures) -> Option<String> {
    let table = saved(figures, "latency", Cells::Spans)?;
    Some(format!("![Percentiles of the time from the socket to the consumer](latency.svg)\n\n{table}"))
}

/// What a cell shows of a figure.
#[derive(Clone, Copy, PartialEq)]
enum Cells {
    Medians,
    /// The median, and the lowest and the highest round.
    Ranges,
    /// The median, a span of nanoseconds in the unit that suits it.
    Spans,
}

/// Returns the table of a group that a program has saved: a row for each name, a column for each
/// column.
fn saved(figures: &Figures, group: &str, cells: Cells) -> Option<String> {
    let (names, columns) = (figures.names(group), figures.columns(group));
    let units = |column: &str| {
        distinct(figures.group(group).filter(|figure| figure.column == column).map(|figure| &*figure.unit))
    };
    // A unit that holds for a whole column is in its head.
    let head = |column: &&str| match &*units(column) {
        [unit] if cells != Cells::Spans && unit != column => {
            [*column, *unit].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
        }
        _ => (*column).to_owned(),
    };
    let cell = |name: &str, column: &str| {
        let Some(figure) = figures.figure(group, name, column) else { return "-".into() };
        let (low, high) = figure.range;
        let text = match cells {
            Cells::Spans => span(figure.median),
            Cells::Ranges if low < high => format!("{} ({} to {})", number(figure.median), number(low), number(high)),
            _ => number(figure.median),
        };
        if units(column).len() > 1 { format!("{text} {}", figure.unit) } else { text }
    };
    let row =
        |name: &&str| [(*name).to_owned()].into_iter().chain(columns.iter().map(|column| cell(name, column))).collect();
    let head: Vec<String> = [String::from(" ")].into_iter().chain(columns.iter().map(head)).collect();
    table(&head, names.iter().map(row))
}
