//! The line of a state of the keeper.

use serde::{Serialize, Serializer};

use super::event::KeeperEvent;
use crate::line::{Content, KeeperLine, Line, at_ms, millis};

impl From<&KeeperEvent> for Line {
    fn from(event: &KeeperEvent) -> Self {
        let content = Content::Keeper(KeeperLine {
            state: event.state.name().into(),
            outage_ms: event.outage_since.map(|since| millis(event.since.since(since))),
            why: (!event.why.is_empty()).then(|| (&*event.why).into()),
            advice: event.advice.as_deref().map(Into::into),
            at_ms: at_ms(event.at),
            since_ms: at_ms(event.since),
            next_try_ms: event.next_try.and_then(at_ms),
        });
        Self { content, unix_ms: None }
    }
}

/// Serialises as the [line](crate::line).
impl Serialize for KeeperEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Line::from(self).serialize(serializer)
    }
}
