//! Collects what is written to the crate `tracing`.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// A line.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) level: Level,
    pub(crate) target: String,
    /// The spans that it belongs to, the outer one first, with their fields.
    pub(crate) spans: String,
    /// The message and the fields.
    pub(crate) text: String,
}

/// A subscriber that keeps every line up to a level. Clones are the same.
#[derive(Clone)]
pub(crate) struct Collector(Arc<Inner>);

struct Inner {
    level: LevelFilter,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The texts of the spans; the id of a span is its place plus one.
    spans: Vec<String>,
    lines: Vec<Logged>,
}

impl Collector {
    pub(crate) fn new(level: LevelFilter) -> Self {
        Self(Arc::new(Inner { level, seen: Mutex::default() }))
    }

    /// Returns the lines of the client, and forgets all lines.
    pub(crate) fn take(&self) -> Vec<Logged> {
        std::mem::take(&mut self.seen().lines)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn span(&self, id: Option<&Id>) -> String {
        let place = id.and_then(|id| usize::try_from(id.into_u64() - 1).ok());
        place.and_then(|place| self.spans.get(place)).cloned().unwrap_or_default()
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.0.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.level)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut text = Text::default();
        attributes.record(&mut text);
        let mut seen = self.seen();
        let parent = seen.span(attributes.parent());
        seen.spans.push(format!("{parent}{}{{{}}}", attributes.metadata().name(), text.0.trim_start()));
        Id::from_u64(seen.spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let mut seen = self.seen();
        let line = Logged {
            level: *event.metadata().level(),
            target: event.metadata().target().into(),
            spans: seen.span(event.parent()),
            text: text.0.trim_start().into(),
        };
        seen.lines.push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The fields of a line, as text.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
