//! Metrics: what the recorder of the crate `metrics` receives, and what the table of the documents
//! names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ibws_proto::queue::QueueLimits;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder};

use super::*;

const SOURCE: &str = include_str!("../../../ibws-proto/src/client/metrics.rs");

/// Keeps counters and gauges, by their names and labels.
#[derive(Default)]
struct Kept {
    counters: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    descriptions: Mutex<BTreeMap<String, String>>,
}

fn named(key: &Key) -> String {
    let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

impl Recorder for Kept {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.descriptions.lock().unwrap().insert(name.as_str().to_owned(), text.to_string());
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.descriptions.lock().unwrap().insert(name.as_str().to_owned(), text.to_string());
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.counters.lock().unwrap().entry(named(key)).or_default().clone())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.gauges.lock().unwrap().entry(named(key)).or_default().clone())
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("there is no histogram");
    }
}

impl Kept {
    fn counter(&self, name: &str) -> u64 {
        let counters = self.counters.lock().unwrap();
        counters.get(name).unwrap_or_else(|| panic!("no {name} in {counters:?}")).load(Ordering::Relaxed)
    }

    fn gauge(&self, name: &str) -> f64 {
        let gauges = self.gauges.lock().unwrap();
        f64::from_bits(gauges.get(name).unwrap_or_else(|| panic!("no {name}")).load(Ordering::Relaxed))
    }
}

#[test]
fn the_metrics_are_the_statistics_of_each_client() {
    let kept = Kept::default();
    let runtime = simulated();
    let (client, idle) = (runtime.client(), runtime.client());
    let number = client.number();
    assert_ne!(number, idle.number());
    runtime.block_on(client.start()).unwrap();
    let quotes = runtime.block_on(client.subscribe(subscribe("md+265598"))).unwrap();
    runtime.run(ms(70_000));
    cut(&runtime);
    runtime.run(ms(10_000));
    with_local_recorder(&kept, || {
        client.export_metrics();
        idle.export_metrics();
    });
    let stats = client.stats();
    let name = |name: &str, labels: &str| format!("{name}{{client={number}{labels}}}");
    let frames = stats.machine.frames_by_key.get(Some(ibws_proto::Key::MarketData));
    assert!(frames > 10);
    assert_eq!(kept.counter(&name("ibws_frames_total", ",key=md")), frames);
    assert!(!kept.counters.lock().unwrap().contains_key(&name("ibws_frames_total", ",key=bd")), "there was none");
    assert_eq!(kept.counter(&name("ibws_bytes_total", "")), stats.machine.bytes);
    assert_eq!(kept.counter(&name("ibws_reconnects_total", "")), 1);
    assert_eq!(kept.counter(&name("ibws_gaps_total", "")), 1);
    assert!(kept.counter(&name("ibws_tics_total", "")) >= 2);
    assert_eq!(kept.gauge(&name("ibws_ready", "")), 1.0);
    assert_eq!(kept.gauge(&name("ibws_subscriptions", "")), 1.0);
    assert_eq!(kept.gauge(&name("ibws_queue_events", "")), quotes.len() as f64);
    assert_eq!(kept.gauge(&name("ibws_queue_bytes", "")), stats.queues.bytes as f64);
    let length = stats.machine.gaps.ended.longest.as_secs_f64();
    assert!(length > 0.0);
    assert_eq!(kept.gauge(&name("ibws_gap_seconds", ",of=longest")), length);
    assert_eq!(kept.gauge(&name("ibws_gap_seconds_sum", "")), length);
    // What the idle client does not know is not a number.
    let idle = |name: &str| kept.gauge(&format!("{name}{{client={}}}", idle.number()));
    assert_eq!((idle("ibws_ready"), idle("ibws_gap_open_seconds")), (0.0, 0.0));
    assert!(idle("ibws_last_frame_age_seconds").is_nan() && idle("ibws_latency_seconds").is_nan());
    // A second export adds nothing up.
    let before = kept.counter(&name("ibws_bytes_total", ""));
    with_local_recorder(&kept, || client.export_metrics());
    assert_eq!(kept.counter(&name("ibws_bytes_total", "")), before);
}

#[test]
fn the_table_names_each_metric_with_its_type_and_no_other() {
    let kept = Kept::default();
    let runtime = simulated();
    let client = runtime.client();
    let slow = client.events_within(QueueLimits { events: 2, bytes: usize::MAX });
    runtime.block_on(client.start()).unwrap();
    for _ in 0..5 {
        gateway_sends(&runtime, r#"{"topic":"smd+1","conid":1,"31":"1"}"#);
    }
    with_local_recorder(&kept, || client.export_metrics());
    drop(slow);
    let mut exported = BTreeSet::new();
    for (metrics, kind) in [(&kept.counters, "counter"), (&kept.gauges, "gauge")] {
        for name in metrics.lock().unwrap().keys() {
            let (name, labels) = name.split_once('{').unwrap();
            let further = labels.trim_end_matches('}').split(',').nth(1);
            let further = further.map(|label| label.split('=').next().unwrap().to_owned());
            exported.insert((name.to_owned(), kind.to_owned(), further));
        }
    }
    let rows = SOURCE.lines().filter_map(|line| line.trim().strip_prefix("/// | `ibws_"));
    let documented = rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let further = cells[2].split('`').nth(1).map(str::to_owned);
        let name = format!("ibws_{}", cells[0].trim_end_matches('`'));
        assert_eq!(kept.descriptions.lock().unwrap().get(&name), Some(&cells[3].replace('`', "")), "{name}");
        (name, cells[1].to_owned(), further)
    });
    assert_eq!(exported, documented.collect());
}

#[path = "../../../ibws-tokio/examples/tracing_and_prometheus.rs"]
#[allow(dead_code, reason = "the main function of the example prints the page")]
mod tracing_and_prometheus;

async fn page_of_a_run() -> Result<String, Box<dyn std::error::Error>> {
    let gateway = ibws_testkit::Server::start(Default::default())?;
    let client = ibws_tokio::builder().url(gateway.ws_url()).trust(gateway.trust()).build()?;
    client.start().await?;
    client.ready().await?;
    let mut quotes = client.subscribe("md+265598").await?;
    while !matches!(quotes.next().await, Some(ibws_proto::Item::Event(ibws_proto::Event::Message(_)))) {}
    Ok(tracing_and_prometheus::page(&client))
}

#[test]
fn the_page_of_the_example_has_the_counters_of_a_run() {
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let page = tokio.block_on(page_of_a_run()).unwrap();
    let value = |start: &str| {
        let line = page.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in\n{page}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(value("ibws_frames_total{client=\"") >= 1.0);
    assert!(page.lines().any(|line| line.starts_with("ibws_frames_total{") && line.contains("key=\"md\"} ")), "{page}");
    assert!(value("ibws_bytes_total{client=\"") > 100.0);
    assert_eq!((value("ibws_connections_total{"), value("ibws_ready{"), value("ibws_gaps_total{")), (1.0, 1.0, 0.0));
    for line in ["# TYPE ibws_frames_total counter", "# TYPE ibws_queue_bytes gauge"] {
        assert_eq!(page.lines().filter(|other| *other == line).count(), 1, "{page}");
    }
    let help =
        "# HELP ibws_gaps_total gaps that began, one for each stream of an outage\n# TYPE ibws_gaps_total counter\n";
    assert!(page.contains(help), "{page}");
    // Each line is a comment or has a name, labels and a value.
    let is_comment = |line: &str| line.starts_with("# TYPE ibws_") || line.starts_with("# HELP ibws_");
    assert!(page.lines().all(|line| is_comment(line) || line.starts_with("ibws_") && line.contains("} ")));
}
