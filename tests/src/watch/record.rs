//! `--record`: writes what the gateway sent as a recording that the simulated gateway can play.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use ibws_proto::{
    Event, Instant, Item, Subscribe, SubscriptionState,
    subscribe::{SubscriptionProcessor as _, WireProcessor},
};
use serde_json::json;

/// The file of a recording, and the time of its first line.
pub(super) struct Recorder {
    file: BufWriter<File>,
    path: String,
    began: Option<Instant>,
}

impl Recorder {
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| format!("cannot write the recording {name}: {error}"))?;
        Ok(Self { file: BufWriter::new(file), path: name, began: None })
    }

    /// Records frames verbatim, and the subscribes that were sent, for which a playback waits.
    pub(super) fn record(&mut self, item: &Item, subscribes: &[Subscribe]) -> Result<(), String> {
        let Item::Event(event) = item else { return Ok(()) };
        let line = match event {
            Event::Message(message) => Some((message.at, "in", message.frame.text().to_owned())),
            Event::Subscription(change)
                if matches!(change.state, SubscriptionState::Subscribing | SubscriptionState::Quiet) =>
            {
                let sent = subscribes.iter().find(|subscribe| subscribe.key == change.key);
                sent.map(|sent| {
                    (change.at, "out", WireProcessor.subscribe_payload(sent.key.as_str(), sent.args.as_ref()))
                })
            }
            _ => None,
        };
        let Some((at, dir, raw)) = line else { return Ok(()) };
        let t = u64::try_from(at.since(*self.began.get_or_insert(at)).as_millis()).unwrap_or(u64::MAX);
        writeln!(self.file, "{}", json!({"t": t, "dir": dir, "raw": raw}))
            .and_then(|()| self.file.flush())
            .map_err(|error| format!("cannot write the recording {}: {error}", self.path))
    }
}
