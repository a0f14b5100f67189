//! Stands in for the logs if the feature `tracing` is off: nothing is noted, nothing is written.

#[cfg(feature = "session")]
use crate::keeper::KeeperEvent;
use crate::transport::Endpoint;
use crate::{Event, Item};

/// The span of a client.
#[derive(Clone)]
pub(super) struct ClientSpan;

impl ClientSpan {
    pub(super) fn new(_: u64, _: &Endpoint) -> Self {
        Self
    }

    #[cfg(feature = "session")]
    pub(super) fn keeper(&self, _: &KeeperEvent) {}
}

/// Events that wait to be written.
#[derive(Default)]
pub(super) struct Noted;

impl Noted {
    #[inline]
    pub(super) fn note(&mut self, _: &Event) {}

    #[inline]
    pub(super) fn take(&mut self) -> Self {
        Self
    }
}

/// Writes the lines of one client.
pub(super) struct Trace;

impl Trace {
    pub(super) fn new(_: &ClientSpan) -> Self {
        Self
    }

    #[inline]
    pub(super) fn write(&mut self, _: Noted) {}
}

/// Writes a received message, if somebody reads it. Returns whether somebody does.
pub(super) fn raw(_: &Item, _: impl Fn(&Item) -> Option<std::string::String>) -> bool {
    false
}
