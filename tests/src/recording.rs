//! Recordings: one JSON object per line, `{"t":ms,"dir":"in"|"out","raw":"…"}`, and how a gateway
//! plays them.
//!
//! The gateway plays server frames (`in`) verbatim, once per loop, in order, with their recorded
//! pauses. It never sends lines of the client (`out`). A subscribe among them holds the clock until
//! the present client has sent the same, so that no reply comes before its request.

use core::time::Duration;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ibws_proto::Instant;
use serde_json::Value;

/// How long playing waits for a subscribe that the recording has and the client does not send.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between the last frame and the first one of the next loop.
const BETWEEN_LOOPS: Duration = Duration::from_secs(1);
/// Largest number of frames played in one call.
const BURST: usize = 512;
/// Topics of frames that can come before the first data.
const OPENING_TOPICS: [&str; 3] = ["system", "act", "sts"];

/// A recorded session, read and checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    entries: Vec<Entry>,
    /// `system` success, `act` and `sts` before this entry are the opening, which loops do not
    /// repeat.
    opening_end: usize,
    /// The entry at which the second loop begins: the first server frame that is not part of the
    /// opening.
    loop_start: Option<usize>,
    has_success: bool,
    has_heartbeats: bool,
    has_tics: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    at: Duration,
    line: Line,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Line {
    /// A server frame, and whether it is `system` success, `act` or `sts`.
    Server { raw: String, is_opening: bool },
    /// A subscribe of the client, as topic and target.
    Subscribe(String),
    /// Any other text of the client.
    Client,
}

/// The reason why a recording cannot be played. Each message names the file, the line, and what to
/// do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("cannot read the recording {}: {source}; check the path", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A line is not of the form of a recording.
    #[error("{}, line {line}: {problem}; each line must be {{\"t\":ms,\"dir\":\"in\"|\"out\",\"raw\":\"…\"}}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, counted from 1.
        line: usize,
        /// The problem of the line.
        problem: String,
    },
    /// No line is a server frame.
    #[error("{}: no line has \"dir\":\"in\", so there is nothing to play; take a recording with server frames", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl Recording {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, a line is malformed, or no line is a server frame.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let text =
            std::fs::read_to_string(path).map_err(|source| RecordingError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Parses `text`; `path` appears in errors.
    ///
    /// # Errors
    ///
    /// If a line is malformed, or no line is a server frame.
    pub fn parse(path: impl AsRef<Path>, text: &str) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let mut entries: Vec<Entry> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let error = |problem: String| RecordingError::Line { path: path.to_owned(), line: index + 1, problem };
            let entry = Entry::parse(line).map_err(error)?;
            if entries.last().is_some_and(|last| last.at > entry.at) {
                return Err(error("\"t\" is earlier than on the line before".into()));
            }
            entries.push(entry);
        }
        let topics = || entries.iter().filter_map(Entry::topic_and_value);
        if !entries.iter().any(|entry| matches!(entry.line, Line::Server { .. })) {
            return Err(RecordingError::Empty { path: path.to_owned() });
        }
        let has = |topic: &str, key: &str| topics().any(|(name, value)| name == topic && value.get(key).is_some());
        let (has_success, has_heartbeats, has_tics) =
            (has("system", "success"), has("system", "hb"), has("tic", "topic"));
        let is_data =
            |entry: &Entry| entry.topic_and_value().is_some_and(|(topic, _)| !OPENING_TOPICS.contains(&&*topic));
        let is_later = |entry: &Entry| matches!(entry.line, Line::Server { is_opening: false, .. });
        let opening_end = entries.iter().position(is_data).unwrap_or(entries.len());
        let loop_start = entries.iter().position(is_later);
        Ok(Self { entries, opening_end, loop_start, has_success, has_heartbeats, has_tics })
    }

    /// The server frames, in order.
    pub fn frames(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.line {
            Line::Server { raw, .. } => Some(raw.as_str()),
            _ => None,
        })
    }

    /// Returns `true` if it has a `system` success, which then replaces the gateway's opening
    /// burst.
    pub(crate) const fn has_success(&self) -> bool {
        self.has_success
    }

    pub(crate) const fn has_heartbeats(&self) -> bool {
        self.has_heartbeats
    }

    pub(crate) const fn has_tics(&self) -> bool {
        self.has_tics
    }

    fn starts_at(&self) -> Duration {
        self.entries.first().map_or(Duration::ZERO, |entry| entry.at)
    }
}

impl Entry {
    fn parse(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| format!("this is not JSON ({error})"))?;
        let at = value
            .get("t")
            .and_then(Value::as_u64)
            .ok_or("\"t\" is missing or is not a whole number of milliseconds")?;
        let raw = value.get("raw").and_then(Value::as_str).ok_or("\"raw\" is missing or is not a string")?;
        let line = match value.get("dir").and_then(Value::as_str) {
            Some("in") => Line::Server { raw: raw.to_owned(), is_opening: is_opening(raw) },
            Some("out") => subscribe(raw).map_or(Line::Client, Line::Subscribe),
            Some(other) => return Err(format!("\"dir\" is \"{}\"", ibws_proto::excerpt(other))),
            None => return Err("\"dir\" is missing or is not a string".into()),
        };
        Ok(Self { at: Duration::from_millis(at), line })
    }

    fn topic_and_value(&self) -> Option<(String, Value)> {
        let Line::Server { raw, .. } = &self.line else { return None };
        let value: Value = serde_json::from_str(raw).ok()?;
        Some((value.get("topic")?.as_str()?.to_owned(), value))
    }
}

fn is_opening(raw: &str) -> bool {
    let value: Value = serde_json::from_str(raw).unwrap_or(Value::Null);
    match value.get("topic").and_then(Value::as_str) {
        Some("system") => value.get("success").is_some(),
        Some("act" | "sts") => true,
        _ => false,
    }
}

/// Returns `true` if the frame is the `system` success.
pub(crate) fn is_success(raw: &str) -> bool {
    let value: Value = serde_json::from_str(raw).unwrap_or(Value::Null);
    value.get("topic").and_then(Value::as_str) == Some("system") && value.get("success").is_some()
}

/// Topic and target of a subscribe; `None` for any other text.
fn subscribe(text: &str) -> Option<String> {
    let head = text.split('{').next().unwrap_or(text).trim_end_matches('+');
    let is_topic = head.starts_with('s') && head.split('+').next().is_some_and(|topic| topic.len() == 3);
    is_topic.then(|| head.to_owned())
}

/// The playback of a recording on one connection.
pub(crate) struct Playback {
    recording: Arc<Recording>,
    next: usize,
    /// A moment, and the time of the recording that it corresponds to.
    anchor: (Instant, Duration),
    subscribed: BTreeSet<String>,
    /// It waits for subscribes: in the first loop, until one of them did not come in time.
    is_patient: bool,
    has_looped: bool,
}

impl Playback {
    pub(crate) fn new(recording: Arc<Recording>, now: Instant) -> Self {
        let anchor = (now, recording.starts_at());
        Self { recording, next: 0, anchor, subscribed: BTreeSet::new(), is_patient: true, has_looped: false }
    }

    /// Records a text of the client.
    pub(crate) fn received(&mut self, text: &str) {
        if self.is_patient && self.subscribed.len() < 1_024 {
            self.subscribed.extend(subscribe(text));
        }
    }

    /// Returns the frames that are due by `now`, and the time of the next one.
    pub(crate) fn advance(&mut self, now: Instant) -> (Vec<String>, Option<Instant>) {
        let mut frames = Vec::new();
        while frames.len() < BURST {
            let Some(entry) = self.recording.entries.get(self.next) else {
                let Some(start) = self.recording.loop_start else { return (frames, None) };
                let (first, last) = (self.recording.entries[start].at, self.recording.entries[self.next - 1].at);
                self.anchor = (self.due(last) + BETWEEN_LOOPS, first);
                (self.next, self.has_looped, self.is_patient) = (start, true, false);
                continue;
            };
            let due = self.due(entry.at);
            match &entry.line {
                Line::Server { is_opening: true, .. } if self.has_looped && self.next < self.recording.opening_end => {}
                Line::Server { raw, .. } if due <= now => frames.push(raw.clone()),
                Line::Server { .. } => return (frames, Some(due)),
                Line::Subscribe(key) if self.is_patient && !self.subscribed.contains(key) => {
                    if now < due + PATIENCE {
                        return (frames, Some(due + PATIENCE));
                    }
                    self.is_patient = false;
                    self.anchor = (now, entry.at);
                }
                // The subscribe came late, so everything after it is late by the same time.
                Line::Subscribe(_) if self.is_patient && due < now => self.anchor = (now, entry.at),
                Line::Subscribe(_) | Line::Client => {}
            }
            self.next += 1;
        }
        (frames, Some(now))
    }

    fn due(&self, at: Duration) -> Instant {
        self.anchor.0 + at.saturating_sub(self.anchor.1)
    }
}
