//! `--record`: writes what the gateway sent as a recording that the simulated gateway can play. The
//! session in `tic` is replaced, and only the user can read the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
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
    /// Creates the file at `path`, as [`create`] does.
    pub(super) fn create(path: &Path, over: bool) -> Result<Self, String> {
        let (file, path) = create("recording", path, over)?;
        Ok(Self { file: BufWriter::new(file), path, began: None })
    }

    /// Records frames verbatim but for the session in `tic`, and the subscribes that were sent, for
    /// which a playback waits.
    pub(super) fn record(&mut self, item: &Item, subscribes: &[Subscribe]) -> Result<(), String> {
        let Item::Event(event) = item else { return Ok(()) };
        let line = match event {
            Event::Message(message) => Some((message.at, "in", message.frame.redacted().into_owned())),
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

/// Creates the file at `path`, which must not exist, for the user only. With `over` it may exist,
/// if it is a regular file, which is removed: neither a link nor what a link names is ever written
/// to. Returns the file and its name; an error names `what` it is for.
pub(super) fn create(what: &str, path: &Path, over: bool) -> Result<(File, String), String> {
    let name = path.display().to_string();
    let cannot = |error: io::Error| format!("cannot write the {what} {name}: {error}");
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot(error)),
        Ok(found) if !found.is_file() => {
            return Err(format!("the {what} {name} is a link or no regular file: name another file"));
        }
        Ok(_) if !over => {
            return Err(format!("the {what} {name} exists: name another file, or pass --record-over to replace it"));
        }
        Ok(_) => fs::remove_file(path).map_err(cannot)?,
    }
    let mut options = OpenOptions::new();
    // `create_new` fails if a file or a link appeared meanwhile.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok((options.open(path).map_err(cannot)?, name))
}
