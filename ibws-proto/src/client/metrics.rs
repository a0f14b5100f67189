//! Exports what a client counts to the recorder of the crate `metrics`.

use core::time::Duration;
use std::string::ToString;
use std::sync::Arc;
use std::time::SystemTime;

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::client::Client;
use crate::transport::Runtime;
use crate::{ConnectionState, Key, status::KeyCounts};

impl<R: Runtime> Client<R> {
    /// Sets the metrics of this client to their present values, in the recorder that the program
    /// has installed for the crate `metrics`.
    ///
    /// Call it when the metrics are read, or at an interval. A message costs nothing for it: the
    /// values are those of [`stats`](Self::stats), which are counted anyway. Counters begin at the
    /// start of the client. Each metric is described to the recorder by the words of the table.
    ///
    /// Each metric has the label `client`, the [`number`](Self::number) of the client. A label
    /// `key` is a [`Key::label`], or `none`; a key whose count is 0 has no metric.
    ///
    /// | metric | type | further label | value |
    /// |---|---|---|---|
    /// | `ibws_frames_total` | counter | `key` | readable frames received; the pieces of one message count once |
    /// | `ibws_frames_malformed_total` | counter | | frames received that could not be read |
    /// | `ibws_bytes_total` | counter | | bytes of all frames received, without the headers of the WebSocket |
    /// | `ibws_dials_total` | counter | | dials |
    /// | `ibws_connections_total` | counter | | dials that succeeded |
    /// | `ibws_reconnects_total` | counter | | dials that succeeded, after the first of them |
    /// | `ibws_ready` | gauge | | 1 if the connection is ready, otherwise 0 |
    /// | `ibws_subscriptions` | gauge | | requested subscriptions |
    /// | `ibws_last_frame_age_seconds` | gauge | | time since the last frame of the connection; NaN without one |
    /// | `ibws_latency_seconds` | gauge | | time from the gateway to the client of the latest sampled market data, by two clocks; NaN without one |
    /// | `ibws_tics_total` | counter | | round trips of `tic` |
    /// | `ibws_tic_seconds` | gauge | `of` = `last`, `shortest`, `longest`, `mean` | time of a round trip of `tic`; NaN without one |
    /// | `ibws_gaps_total` | counter | | gaps that began, one for each stream of an outage |
    /// | `ibws_gaps_ended_total` | counter | | gaps that ended with data |
    /// | `ibws_gaps_open` | gauge | | gaps that are open |
    /// | `ibws_gap_open_seconds` | gauge | | time since the earliest open gap began; 0 without one |
    /// | `ibws_gap_seconds` | gauge | `of` = `last`, `shortest`, `longest`, `mean` | length of a gap that ended; NaN without one |
    /// | `ibws_gap_seconds_sum` | gauge | | length of all gaps that ended |
    /// | `ibws_queues` | gauge | | open queues, with that of the session keeper |
    /// | `ibws_queue_events` | gauge | | events that wait in all queues |
    /// | `ibws_queue_longest_events` | gauge | | events that wait in the longest queue |
    /// | `ibws_queue_bytes` | gauge | | bytes that all queues hold |
    /// | `ibws_messages_merged_total` | counter | `key` | messages that full queues merged into others |
    /// | `ibws_messages_lost_total` | counter | `key` | messages that full queues dropped |
    /// | `ibws_notices_lost_total` | counter | `key` | other events that full queues dropped |
    pub fn export_metrics(&self) {
        let (stats, status) = (self.stats(), self.status());
        #[expect(clippy::disallowed_methods, reason = "the gateway's times are compared with the wall clock")]
        let latency = stats.latency_ms(SystemTime::now());
        #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is below 2^53")]
        let latency = latency.map_or(f64::NAN, |ms| ms as f64 / 1_000.0);
        let exporter = Exporter { client: self.number().to_string().into() };
        let (machine, queues) = (&stats.machine, &stats.queues);
        exporter.counts(
            "ibws_frames_total",
            "readable frames received; the pieces of one message count once",
            &machine.frames_by_key,
        );
        exporter.count("ibws_frames_malformed_total", "frames received that could not be read", machine.malformed);
        exporter.count(
            "ibws_bytes_total",
            "bytes of all frames received, without the headers of the WebSocket",
            machine.bytes,
        );
        exporter.count("ibws_dials_total", "dials", machine.dials);
        exporter.count("ibws_connections_total", "dials that succeeded", machine.connections);
        exporter.count("ibws_reconnects_total", "dials that succeeded, after the first of them", machine.reconnects());
        exporter.value(
            "ibws_ready",
            "1 if the connection is ready, otherwise 0",
            u8::from(status.state == ConnectionState::Ready).into(),
        );
        exporter.value("ibws_subscriptions", "requested subscriptions", float(status.subscriptions));
        exporter.value(
            "ibws_last_frame_age_seconds",
            "time since the last frame of the connection; NaN without one",
            seconds(stats.last_frame_age()),
        );
        exporter.value(
            "ibws_latency_seconds",
            "time from the gateway to the client of the latest sampled market data, by two clocks; NaN without one",
            latency,
        );
        exporter.count("ibws_tics_total", "round trips of tic", machine.tic.count);
        exporter.spans("ibws_tic_seconds", "time of a round trip of tic; NaN without one", &machine.tic);
        exporter.count("ibws_gaps_total", "gaps that began, one for each stream of an outage", machine.gaps.opened);
        exporter.count("ibws_gaps_ended_total", "gaps that ended with data", machine.gaps.ended.count);
        exporter.value("ibws_gaps_open", "gaps that are open", float(machine.gaps.open));
        let open = machine.gaps.open_since.map_or(Duration::ZERO, |since| stats.at.since(since));
        exporter.value(
            "ibws_gap_open_seconds",
            "time since the earliest open gap began; 0 without one",
            open.as_secs_f64(),
        );
        exporter.spans("ibws_gap_seconds", "length of a gap that ended; NaN without one", &machine.gaps.ended);
        exporter.value("ibws_gap_seconds_sum", "length of all gaps that ended", machine.gaps.ended.total.as_secs_f64());
        exporter.value("ibws_queues", "open queues, with that of the session keeper", float(queues.queues));
        exporter.value("ibws_queue_events", "events that wait in all queues", float(queues.events));
        exporter.value("ibws_queue_longest_events", "events that wait in the longest queue", float(queues.longest));
        exporter.value("ibws_queue_bytes", "bytes that all queues hold", float(queues.bytes));
        exporter.counts("ibws_messages_merged_total", "messages that full queues merged into others", &queues.merged);
        exporter.counts("ibws_messages_lost_total", "messages that full queues dropped", &queues.lost);
        exporter.counts("ibws_notices_lost_total", "other events that full queues dropped", &queues.lost_notices);
    }
}

/// Sets the metrics of one client.
struct Exporter {
    /// The label `client`.
    client: Arc<str>,
}

impl Exporter {
    fn count(&self, name: &'static str, help: &'static str, value: u64) {
        describe_counter!(name, help);
        counter!(name, "client" => self.client.clone()).absolute(value);
    }

    fn counts(&self, name: &'static str, help: &'static str, counts: &KeyCounts) {
        describe_counter!(name, help);
        for (key, value) in counts.iter().filter(|(_, value)| *value > 0) {
            let key = key.map_or("none", Key::label);
            counter!(name, "client" => self.client.clone(), "key" => key).absolute(value);
        }
    }

    fn value(&self, name: &'static str, help: &'static str, value: f64) {
        describe_gauge!(name, help);
        gauge!(name, "client" => self.client.clone()).set(value);
    }

    fn spans(&self, name: &'static str, help: &'static str, spans: &crate::status::SpanStats) {
        describe_gauge!(name, help);
        let known = |span: Duration| (spans.count > 0).then_some(span);
        let values = [
            ("last", known(spans.last)),
            ("shortest", known(spans.shortest)),
            ("longest", known(spans.longest)),
            ("mean", spans.mean()),
        ];
        for (of, value) in values {
            gauge!(name, "client" => self.client.clone(), "of" => of).set(seconds(value));
        }
    }
}

fn seconds(span: Option<Duration>) -> f64 {
    span.map_or(f64::NAN, |span| span.as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "a count of what is in memory is below 2^53")]
fn float(count: usize) -> f64 {
    count as f64
}
