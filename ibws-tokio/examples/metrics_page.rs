//! The metrics of a client as a Prometheus text page. A program installs an exporter of its own
//! choice for the crate `metrics`, such as metrics-exporter-prometheus, in place of `Page`.
//! `cargo run -p ibws-tokio --features metrics --example metrics_page`

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use ibws_proto::{Event, Item, Subscribe};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// The metrics by their comments, and in these by their names and labels.
#[derive(Default)]
struct Page(Mutex<BTreeMap<String, BTreeMap<String, Arc<AtomicU64>>>>);

impl Page {
    fn value(&self, key: &Key, kind: &str) -> Arc<AtomicU64> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        let mut page = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        page.entry(format!("# TYPE {} {kind}\n", key.name())).or_default().entry(name).or_default().clone()
    }
}

#[rustfmt::skip]
impl Recorder for Page {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter { Counter::from_arc(self.value(key, "counter")) }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge { Gauge::from_arc(self.value(key, "gauge")) }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram { Histogram::noop() }
}

pub(crate) async fn page() -> Result<String, Box<dyn std::error::Error>> {
    let gateway = ibws_testkit::Server::start(Default::default())?;
    let client = ibws_tokio::builder().url(gateway.ws_url()).trust(gateway.trust()).build()?;
    client.start().await?;
    client.ready().await?;
    let mut quotes = client.subscribe(Subscribe::parse("md+265598")?).await?;
    while !matches!(quotes.next().await, Some(Item::Event(Event::Message(_)))) {}
    let (page, mut text) = (Page::default(), String::new());
    metrics::with_local_recorder(&page, || client.export_metrics());
    for (comment, values) in &*page.0.lock().unwrap_or_else(PoisonError::into_inner) {
        text.push_str(comment);
        for (name, value) in values {
            let bits = value.load(Relaxed); // a counter is a number, a gauge the bits of one
            let value = if comment.contains(" counter") { bits.to_string() } else { f64::from_bits(bits).to_string() };
            text.push_str(&format!("{name} {value}\n"));
        }
    }
    Ok(text)
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it prints the page")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    page().await.map(|page| print!("{page}"))
}
