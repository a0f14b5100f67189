//! The report of made-up figures.

use ibws_bench::Figure;

use crate::figures::{Figures, number, span};
use crate::{aims, estimates, latency, page, picture, sections};

fn figure(group: &str, name: &str, column: &str, unit: &str, median: f64) -> Figure {
    let (group, name, column, unit) = (group.into(), name.into(), column.into(), unit.into());
    Figure { group, name, column, unit, median, range: (median * 0.5, median * 2.0) }
}

fn figures(list: &[(&str, &str, &str, &str, f64)]) -> Figures {
    let mut figures = Figures::default();
    figures.extend(list.iter().map(|(group, name, column, unit, median)| figure(group, name, column, unit, *median)));
    figures
}

/// Returns the last two cells of the row of an aim.
fn measured(figures: &Figures, what: &str) -> (String, String) {
    let row = aims::rows(figures).into_iter().find(|row| row[0].starts_with(what));
    let [_, _, measured, reached] = row.unwrap_or_else(|| panic!("no aim {what:?}"));
    (measured, reached)
}

fn pair(measured: &str, reached: &str) -> (String, String) {
    (measured.into(), reached.into())
}

#[test]
fn aim_is_reached_up_to_its_bound_and_missed_beyond_it() {
    let of_event = |time| {
        let list = [("smd full", aims::PASS, "", "ns", 200.0), ("smd full", aims::EVENT, "", "ns", time)];
        measured(&figures(&list), "`smd` of 266 bytes")
    };
    assert_eq!(of_event(90.0), pair("0.45 times", "yes"));
    assert_eq!(of_event(100.0), pair("0.50 times", "**no**"));
    let of_rate = |rate| {
        let names = ["hand-written Value loop", "ibws-tokio current-thread"].into_iter().zip([100.0, rate]);
        let list: Vec<_> =
            names.map(|(name, rate)| ("loopback", name, "plain, 1 subscription", "messages/s", rate)).collect();
        measured(&figures(&list), "messages a second over loopback")
    };
    assert_eq!(of_rate(450.0), pair("4.50 times", "yes"));
    assert_eq!(of_rate(440.0), pair("4.40 times", "**no**"));
}

#[test]
fn aim_without_figures_is_not_measured() {
    let rows = aims::rows(&Figures::default());
    assert_eq!(rows.len(), 24);
    for [what, aim, measured, reached] in rows {
        assert!(!what.is_empty() && !aim.is_empty());
        assert_eq!((measured, reached), pair("not measured", "-"), "{what}");
    }
}

#[test]
fn aims_compare_what_they_name() {
    let plain = "plain, 1 subscription";
    let figures = figures(&[
        ("loopback", "bare tokio-tungstenite", plain, "messages/s", 1_000.0),
        ("loopback", "ibws-tokio current-thread", plain, "messages/s", 600.0),
        ("loopback", "ibws-tokio multi-thread", plain, "messages/s", 300.0),
        ("loopback", "ibws-async-std", plain, "messages/s", 450.0),
        ("loopback", "bare tokio-tungstenite", "TLS, 1 subscription", "messages/s", 900.0),
        ("loopback", "ibws-tokio current-thread", "TLS, 1 subscription", "messages/s", 450.0),
        ("latency", "bare loop", "20,000/s p99", "ns", 30_000.0),
        ("latency", "ibws-tokio", "20,000/s p99", "ns", 45_000.0),
        ("ibind", "ibind", "messages/s", "messages/s", 5.0),
        ("ibind", "ibws", "messages/s", "messages/s", 500.0),
        ("ibind", "ibind", "KiB", "KiB", 300.0),
        ("ibind", "ibws", "KiB", "KiB", 200.0),
        ("idle", "wake-ups", "", "wake-ups/s", 0.5),
        ("idle", "own timers", "", "wake-ups/s", 0.4),
        ("idle", "watch resident", "", "KiB", 7_812.5),
        ("consumers", "smd, other values, merged", "cost", "%", -1.0),
        ("consumers", "sor, one order, folded", "cost", "%", 4.0),
        ("consumers", "str, 64 executions, folded", "cost", "%", 6.0),
        ("consumers", "smd, newest kept", "cost", "%", 900.0),
        ("allocations", "smd", "consumed at once", "allocations", 0.0),
        ("allocations", "sor", "queued", "allocations", 1.25),
        ("hot keys", "10", "", "ns", 100.0),
        ("hot keys", "100,000", "", "ns", 109.0),
    ]);
    for (what, value, reached) in [
        ("the same beside a bare read loop", "0.60 times", "yes"),
        ("tokio on several threads", "0.30 times", "**no**"),
        ("async-std", "0.75 times", "**no**"),
        ("time of a message with TLS", "2.00 times", "**no**"),
        ("99th percentile", "15 µs", "yes"),
        ("messages a second beside ibind", "100.00 times", "yes"),
        ("memory beside ibind", "0.67 times", "**no**"),
        ("wake-ups", "0.50 a second", "**no**"),
        ("resident memory", "8.0 MB", "yes"),
        ("what a consumer that reads nothing costs", "-1.0 %", "yes"),
        ("the same: orders and executions", "6.0 %", "**no**"),
        ("allocations for a frame that is consumed", "0", "yes"),
        ("allocations for a frame that waits", "1.25", "**no**"),
        ("a frame with 100,000 subscriptions", "1.09 times", "yes"),
    ] {
        assert_eq!(measured(&figures, what), pair(value, reached), "{what}");
    }
}

#[test]
fn section_without_figures_is_not_measured() {
    let page = sections::all(&Figures::default());
    let sections: Vec<&str> = page.split("## ").skip(1).collect();
    assert_eq!(sections.len(), 11);
    for section in sections.iter().filter(|section| !section.starts_with("Aims")) {
        assert!(section.trim_end().ends_with("\n\nNot measured."), "{section}");
    }
}

#[test]
fn tables_show_medians_with_their_ranges_and_units() {
    let page = sections::all(&figures(&[
        ("smd full", "bytes", "", "bytes", 266.0),
        ("smd full", aims::PASS, "", "ns", 1_234.5),
        ("smd full", aims::EVENT, "", "ns", 617.25),
        ("random keys", "1,000", "", "ns", 55.55),
        ("subscriptions", "each of 100,000", "", "bytes", 500.0),
        ("loopback", "a", "plain", "messages/s", 1_000_000.0),
        ("loopback", "b", "TLS", "messages/s", 10.0),
        ("idle", "wakes", "", "wake-ups/s", 0.25),
        ("idle", "memory", "", "KiB", 4_000.0),
        ("latency", "bare loop", "1,000/s p50", "ns", 2_500.0),
    ]));
    for line in [
        "| `smd full` | 266 | - | 617 | - | - | - | - | - | - |",
        "| `smd full` | 266 | 1,234 | - | - | - | - | 0.50 | - |",
        "| 1,000 | - | 55.5 | - |",
        "Each of 100,000 subscriptions keeps 500 bytes.",
        "|   | plain, messages/s | TLS, messages/s |",
        "| a | 1,000,000 (500,000 to 2,000,000) | - |",
        "| b | - | 10 (5 to 20) |",
        "| wakes | 0.25 (0.12 to 0.50) wake-ups/s |",
        "| memory | 4,000 (2,000 to 8,000) KiB |",
        "|   | 1,000/s p50 |",
        "| bare loop | 2.50 µs |",
        "![Percentiles of the time from the socket to the consumer](latency.svg)",
    ] {
        assert!(page.lines().any(|found| found == line), "no line {line:?} in\n{page}");
    }
}

#[test]
fn bars_are_as_long_as_their_values() {
    let svg = picture::costs(&figures(&[
        ("smd full", "bytes", "", "bytes", 266.0),
        ("smd full", aims::EVENT, "", "ns", 100.0),
        ("smd full", aims::PASS, "", "ns", 400.0),
        ("loopback", "a <b> & c", "plain, 1 subscription", "messages/s", 5.0),
    ]));
    assert!(svg.contains("smd full, 266 bytes: ns, less is better") && svg.contains("messages/s, more is better"));
    // 445 for the panel, less 221 for the names and 64 for the number.
    assert!(svg.contains(r#"width="40.0" height="13.0" rx="2" class="ours"/>"#), "{svg}");
    assert!(svg.contains(r#"width="160.0" height="13.0" rx="2" class="other"/>"#), "{svg}");
    assert!(svg.contains("a &lt;b&gt; &amp; c") && svg.ends_with("</svg>\n"), "{svg}");
}

#[test]
fn pictures_without_figures_show_that_nothing_was_measured() {
    for svg in [picture::costs(&Figures::default()), latency::picture(&Figures::default())] {
        assert!(svg.starts_with("<svg ") && svg.contains("not measured") && svg.ends_with("</svg>\n"), "{svg}");
    }
}

#[test]
fn latencies_have_a_logarithmic_scale() {
    let svg = latency::picture(&figures(&[
        ("latency", "bare loop", "1,000/s p50", "ns", 10_000.0),
        ("latency", "ibws-tokio", "1,000/s p50", "ns", 100_000.0),
        ("latency", "bare loop", "1,000/s p99", "ns", 10_000_000.0),
        ("latency", "ibws-tokio", "1,000/s p99", "ns", 1_000_000.0),
    ]));
    // Four powers of ten, from 1 µs to 10 ms, are 640 wide, of which each takes a quarter.
    for (width, class) in [(160, "other"), (320, "ours"), (640, "other"), (480, "ours")] {
        assert!(
            svg.contains(&format!(r#"width="{width}.0" height="13.0" rx="2" class="{class}"/>"#)),
            "{width}: {svg}"
        );
    }
    for text in ["1,000/s: less is better", ">p50<", ">p99<", ">100 µs<", ">10 ms<"] {
        assert!(svg.contains(text), "{text}: {svg}");
    }
}

#[test]
fn section_replaces_what_is_between_the_markers() {
    let old = "# Costs\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n";
    let new = page::with_section(old, "new\n").expect("a page");
    assert_eq!(new, "# Costs\n<!-- bench: begin -->\n\nnew\n\n<!-- bench: end -->\nafter\n");
    assert_eq!(page::with_section(&new, "new").as_deref(), Ok(&*new));
    let swapped = "<!-- bench: end -->\n<!-- bench: begin -->\n";
    for bad in ["", "<!-- bench: begin -->\n", "<!-- bench: end -->\n", swapped] {
        assert!(page::with_section(bad, "new").is_err(), "{bad:?}");
    }
}

#[test]
fn estimates_of_criterion_are_read() {
    let benchmark = br#"{"group_id":"smd full","function_id":"scan","value_str":null,"throughput":{"Bytes":266},"full_id":"smd full/scan"}"#;
    let estimates = br#"{"mean":{"point_estimate":9.0},"median":{"confidence_interval":{"confidence_level":0.95,"lower_bound":99.0,"upper_bound":102.0},"point_estimate":100.5,"standard_error":1.0}}"#;
    let read = estimates::of_files(benchmark, estimates).expect("two figures");
    let time = Figure { range: (99.0, 102.0), ..figure("smd full", "scan", "", "ns", 100.5) };
    let bytes = Figure { range: (266.0, 266.0), ..figure("smd full", "bytes", "", "bytes", 266.0) };
    assert_eq!(read, [bytes, time]);
    assert!(estimates::of_files(b"{}", estimates).is_err());
}

#[test]
fn first_figure_of_a_name_counts() {
    let figures = figures(&[("g", "n", "c", "ns", 1.0), ("g", "n", "c", "ns", 2.0)]);
    assert_eq!((figures.get("g", "n", "c"), figures.group("g").count()), (Some(1.0), 1));
}

#[test]
fn numbers_are_short_and_have_commas() {
    let numbers = [0.0, 3.0, 0.456, -2.5, 12.34, 99.96, 999.6, 1_234_567.0, -1_234.0];
    assert_eq!(numbers.map(number), ["0", "3", "0.46", "-2.50", "12.3", "100", "1,000", "1,234,567", "-1,234"]);
    assert_eq!([999.0, 1_500.0, 2e6, 3e9].map(span), ["999 ns", "1.50 µs", "2 ms", "3 s"]);
}
