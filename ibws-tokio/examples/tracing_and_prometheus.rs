//! What a client does as lines of a log, and its counters as a Prometheus text page. With a real
//! gateway, log in at `https://localhost:5000` and run `cargo run -p ibws-tokio --features
//! metrics,tracing --example tracing_and_prometheus`. With the simulated one, run `cargo run
//! -p ibws-testkit --features gateway -- --certificate gateway.pem` in another terminal, and put
//! `IBIND_CACERT=gateway.pem` before the command.

use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering::Relaxed};
use std::{cell::RefCell, collections::BTreeMap};

use ibws_tokio::{Client, Field, subscribe::MarketData};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

type Name = (String, &'static str, String); // name, kind and labels of a metric
/// The place of an exporter such as metrics-exporter-prometheus.
#[derive(Default)]
struct Page(RefCell<BTreeMap<Name, Arc<AtomicU64>>>, RefCell<BTreeMap<KeyName, SharedString>>);

impl Page {
    fn value(&self, key: &Key, kind: &'static str) -> Arc<AtomicU64> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
        self.0.borrow_mut().entry((key.name().to_owned(), kind, labels.join(","))).or_default().clone()
    }
}

#[rustfmt::skip]
impl Recorder for Page {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, text: SharedString) { self.1.borrow_mut().insert(name, text); }
    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, text: SharedString) { self.1.borrow_mut().insert(name, text); }
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter { Counter::from_arc(self.value(key, "counter")) }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge { Gauge::from_arc(self.value(key, "gauge")) }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram { Histogram::noop() }
}

pub(crate) fn page(client: &Client) -> String {
    let (page, mut text, mut last) = (Page::default(), String::new(), "");
    metrics::with_local_recorder(&page, || client.export_metrics());
    for ((name, kind, labels), value) in &*page.0.borrow() {
        if std::mem::replace(&mut last, name) != name {
            text += &format!("# HELP {name} {}\n# TYPE {name} {kind}\n", page.1.borrow()[name.as_str()]);
        }
        let bits = value.load(Relaxed); // a counter is a number, a gauge the bits of one
        let value = if *kind == "counter" { bits.to_string() } else { f64::from_bits(bits).to_string() };
        text += &format!("{name}{{{labels}}} {value}\n");
    }
    text
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it prints the page")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init(); // at INFO
    let client = ibws_tokio::local_gateway().from_env()?.build()?;
    client.start().await?;
    let _apple = client.subscribe(MarketData::new(265598).fields([Field::LAST])).await?;
    print!("{}", page(&client));
    Ok(client.drain().await?)
}
