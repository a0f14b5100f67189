//! A gateway in virtual time, with access to the frames that it sent.

use ibws_proto::Instant;
use ibws_testkit::{Gateway, GatewayConfig, GatewayOutput};
use serde_json::Value;

/// A gateway with a clock that the test moves, and everything that the gateway sent.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) now_ms: u64,
    /// The outputs of the gateway: time in milliseconds, connection, output.
    pub(crate) sent: Vec<(u64, u64, GatewayOutput)>,
}

impl World {
    pub(crate) fn new(config: GatewayConfig) -> Self {
        Self { gateway: Gateway::new(config), now_ms: 0, sent: Vec::new() }
    }

    /// Returns a gateway whose connection 1 is open and ready.
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

    /// Lets `ms` milliseconds pass and stops at each time at which the gateway must be woken.
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

    /// Takes everything that the gateway sent since the last call, as JSON. Text that is no JSON
    /// becomes a JSON string.
    pub(crate) fn frames(&mut self) -> Vec<Value> {
        self.timed().into_iter().map(|(_, frame)| frame).collect()
    }

    /// Takes the same as [`frames`](Self::frames), with the time of each frame in milliseconds.
    pub(crate) fn timed(&mut self) -> Vec<(u64, Value)> {
        let sent = std::mem::take(&mut self.sent);
        let json = |output: &GatewayOutput| {
            let text = String::from_utf8(output.payload()?.to_vec()).ok()?;
            Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))
        };
        sent.iter().filter_map(|(at, _, output)| Some((*at, json(output)?))).collect()
    }

    /// Sends `text` on connection 1 and returns the frames of `topic` that arrive within `ms`
    /// milliseconds.
    pub(crate) fn replies(&mut self, text: &str, topic: &str, ms: u64) -> Vec<Value> {
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
