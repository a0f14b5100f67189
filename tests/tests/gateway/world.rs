//! A gateway in virtual time, and how the stories look at it.

use ibws_proto::Instant;
use ibws_testkit::{Gateway, GatewayConfig, GatewayOutput};
use serde_json::Value;

/// A gateway with a clock that is moved by hand, and all it sent.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) now_ms: u64,
    /// When, on which connection, what.
    pub(crate) sent: Vec<(u64, u64, GatewayOutput)>,
}

impl World {
    pub(crate) fn new(config: GatewayConfig) -> Self {
        Self { gateway: Gateway::new(config), now_ms: 0, sent: Vec::new() }
    }

    /// With connection 1 open and ready.
    pub(crate) fn ready(config: GatewayConfig) -> Self {
        let mut world = Self::new(config);
        world.open(1);
        world.run(300);
        world.sent.clear();
        world
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(self.now_ms)
    }

    pub(crate) fn open(&mut self, conn: u64) {
        self.gateway.opened(self.now(), conn, false);
        self.collect();
    }

    pub(crate) fn client_sends(&mut self, conn: u64, text: &str) {
        self.gateway.received(self.now(), conn, text.as_bytes());
        self.collect();
    }

    /// Lets `ms` milliseconds pass, stopping at each moment at which the gateway wants to be woken.
    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(wake) = self.gateway.next_wake().filter(|wake| *wake <= Instant::from_millis(end)) {
            self.gateway.tick(wake);
            self.now_ms = self.now_ms.max(wake.as_nanos() / 1_000_000);
            self.collect();
        }
        self.now_ms = end;
        self.gateway.tick(self.now());
        self.collect();
    }

    pub(crate) fn collect(&mut self) {
        while let Some((conn, output)) = self.gateway.poll() {
            self.sent.push((self.now_ms, conn, output));
        }
    }

    /// Everything sent since the last look, as JSON; text that is none as a JSON string.
    pub(crate) fn frames(&mut self) -> Vec<Value> {
        self.timed().into_iter().map(|(_, frame)| frame).collect()
    }

    pub(crate) fn timed(&mut self) -> Vec<(u64, Value)> {
        let sent = std::mem::take(&mut self.sent);
        let json = |output: &GatewayOutput| {
            let text = String::from_utf8(output.payload()?.to_vec()).ok()?;
            Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))
        };
        sent.iter().filter_map(|(at, _, output)| Some((*at, json(output)?))).collect()
    }

    /// What came within `ms` milliseconds of saying `text` on connection 1, of `topic` only.
    pub(crate) fn ask(&mut self, text: &str, topic: &str, ms: u64) -> Vec<Value> {
        self.sent.clear();
        self.client_sends(1, text);
        self.run(ms);
        self.frames().into_iter().filter(|frame| frame["topic"] == topic).collect()
    }
}

pub(crate) fn config() -> GatewayConfig {
    GatewayConfig::seeded(42)
}

pub(crate) fn topics(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["topic"].as_str().unwrap_or("")).collect()
}

pub(crate) fn text(output: &GatewayOutput) -> String {
    String::from_utf8_lossy(output.payload().unwrap_or_default()).into_owned()
}
