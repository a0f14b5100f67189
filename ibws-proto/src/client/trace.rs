//! Writes events to the crate `tracing`: the one place that decides which event is which line.
//!
//! A subscriber is code of the application. So events are noted under the lock ([`Noted`]) and
//! written by the tasks once it is released ([`Trace`]).

use core::fmt;
use std::boxed::Box;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Span, debug, info, info_span, trace, warn};

use super::contain::contain;
#[cfg(feature = "session")]
use crate::keeper::{KeeperEvent, KeeperState};
use crate::rest::{RestOutcome, RestReport, RestRequest};
use crate::transport::Endpoint;
use crate::{
    ConnId, ConnectionLoss, ConnectionState, Event, Gap, GapCause, Item, StateChange, SubscriptionEvent,
    SubscriptionState, excerpt_within,
};

/// The largest number of characters of a text from outside. The reason of a REST handler has as
/// many, and the advice at the end of it is the useful part.
const MAX_TEXT: usize = 600;

/// The span of a client. Clones are the same span.
#[derive(Clone)]
pub(super) struct ClientSpan(Arc<Span>);

impl ClientSpan {
    pub(super) fn new(number: u64, endpoint: &Endpoint) -> Self {
        let address = std::format!("{}://{}", endpoint.scheme(), endpoint.authority());
        let span = contain(|| info_span!(target: "ibws", parent: None, "client", client = number, address));
        Self(Arc::new(span.unwrap_or_else(Span::none)))
    }

    /// Writes a state of the session keeper.
    #[cfg(feature = "session")]
    pub(super) fn keeper(&self, event: &KeeperEvent) {
        let (state, why) = (event.state.name(), Some(&event.why).filter(|why| !why.is_empty()).map(text));
        let why = why.as_deref();
        let advice = event.advice.as_ref().filter(|advice| !event.why.contains(&***advice)).map(text);
        let advice = advice.as_deref();
        contain(|| match event.state {
            KeeperState::Authenticated | KeeperState::Starting | KeeperState::Opening => {
                info!(target: "ibws", parent: &*self.0, state, why, advice, "session");
            }
            _ => warn!(target: "ibws", parent: &*self.0, state, why, advice, "session"),
        });
    }
}

/// Events that wait to be written.
#[derive(Default)]
pub(super) struct Noted(Vec<Event>);

impl Noted {
    /// Notes an event if somebody may read its line. Runs under the lock: it compares the level
    /// and calls no subscriber.
    #[inline]
    pub(super) fn note(&mut self, event: &Event) {
        if !matches!(event, Event::Message(_)) {
            self.note_notice(event);
        }
    }

    #[cold]
    fn note_notice(&mut self, event: &Event) {
        // The spans of connections need the states.
        if level(event) <= LevelFilter::current() || matches!(event, Event::State(_)) {
            self.0.push(event.clone());
        }
    }

    #[inline]
    pub(super) fn take(&mut self) -> Self {
        Self(core::mem::take(&mut self.0))
    }
}

/// Returns the level of the line of an event.
fn level(event: &Event) -> Level {
    match event {
        Event::State(change) if failed_dial(change).is_some() => Level::WARN,
        Event::Gap(gap) if is_requested(gap) => Level::INFO,
        Event::Gap(_) | Event::Stale(_) | Event::Competing(true) => Level::WARN,
        Event::AccountMismatch | Event::ProcessorPanicked(_) => Level::WARN,
        Event::Subscription(change) if is_failure(change) => Level::WARN,
        Event::Rest(report) if has_failed(report) => Level::WARN,
        Event::State(_) | Event::Resumed(_) | Event::CaughtUp(_) => Level::INFO,
        Event::Fresh(_) | Event::Competing(false) => Level::INFO,
        Event::Subscription(_) | Event::Rest(_) | Event::CatchUpPending(_) | Event::Malformed(_) => Level::DEBUG,
        Event::Message(_) => Level::TRACE,
    }
}

/// Writes the lines of one client.
pub(super) struct Trace {
    client: ClientSpan,
    /// The span of the connection that is dialled or open, or was last.
    connection: Option<(ConnId, Span)>,
}

impl Trace {
    pub(super) fn new(client: &ClientSpan) -> Self {
        Self { client: client.clone(), connection: None }
    }

    /// Writes the lines of events, in their order.
    #[inline]
    pub(super) fn write(&mut self, noted: Noted) {
        if !noted.0.is_empty() {
            self.write_all(noted);
        }
    }

    #[cold]
    fn write_all(&mut self, noted: Noted) {
        for event in &noted.0 {
            contain(|| {
                if let Event::State(StateChange { conn: Some(conn), .. }) = event {
                    self.enter(*conn);
                }
                let span = self.connection.as_ref().map_or(&*self.client.0, |(_, span)| span);
                line(span, event);
            });
        }
    }

    /// Begins the span of a connection, unless it has begun.
    fn enter(&mut self, conn: ConnId) {
        if self.connection.as_ref().is_none_or(|(known, _)| *known != conn) {
            let span = info_span!(target: "ibws", parent: &*self.client.0, "connection", conn = conn.0);
            self.connection = Some((conn, span));
        }
    }
}

/// Writes the line of an event. Each arm has the level that [`level`] returns for it.
fn line(span: &Span, event: &Event) {
    match event {
        Event::State(change) => state(span, change),
        Event::Gap(gap) => {
            let (key, since, cause) = (&gap.key, gap.since, text(&gap.cause));
            if is_requested(gap) {
                info!(target: "ibws", parent: span, ?key, %since, cause, "gap");
            } else {
                warn!(target: "ibws", parent: span, ?key, %since, cause, "gap");
            }
        }
        Event::Resumed(end) => {
            let ms = millis(end.at.since(end.since));
            info!(target: "ibws", parent: span, key = ?end.key, ms, dials = end.attempts, "gap ended");
        }
        Event::CaughtUp(caught_up) => {
            let (orders, executions) = (caught_up.orders().count(), caught_up.executions().count());
            info!(target: "ibws", parent: span, key = ?caught_up.key, orders, executions, "orders caught up");
        }
        Event::CatchUpPending(pending) => {
            let why = text(&pending.why);
            debug!(target: "ibws", parent: span, key = ?pending.key, why, "orders not caught up yet");
        }
        Event::Stale(stale) => warn!(target: "ibws", parent: span, key = ?stale.key, since = %stale.since, "stale"),
        Event::Fresh(end) => {
            let ms = millis(end.at.since(end.since));
            info!(target: "ibws", parent: span, key = ?end.key, ms, "no longer stale");
        }
        Event::Competing(true) => warn!(target: "ibws", parent: span, "another login competes"),
        Event::Competing(false) => info!(target: "ibws", parent: span, "no other login competes"),
        Event::AccountMismatch => {
            warn!(target: "ibws", parent: span, "the session does not serve the account of `Config::account`");
        }
        Event::ProcessorPanicked(panic) => {
            warn!(target: "ibws", parent: span, key = ?panic.channel, "a subscription processor panicked");
        }
        Event::Subscription(change) => subscription(span, change),
        Event::Rest(report) => rest(span, report),
        Event::Malformed(malformed) => {
            let (kind, bytes) = (text(&malformed.kind), malformed.raw.len());
            debug!(target: "ibws", parent: span, kind, bytes, "a frame cannot be read");
        }
        Event::Message(_) => {}
    }
}

fn state(span: &Span, change: &StateChange) {
    let (state, attempt) = (change.state.name(), Some(change.attempt).filter(|attempt| *attempt > 0));
    let delay_ms = change.delay.map(millis);
    if let Some(error) = failed_dial(change) {
        let error = text(error);
        warn!(target: "ibws", parent: span, state, attempt, error, delay_ms, "dial failed");
    } else {
        let cause = change.cause.as_ref().map(text);
        let cause = cause.as_deref();
        info!(target: "ibws", parent: span, state, attempt, cause, delay_ms, "connection");
    }
}

fn subscription(span: &Span, change: &SubscriptionEvent) {
    let (key, state, cause, attempt) = (&change.key, change.state.name(), change.cause.name(), change.attempt);
    let reason = change.reason.as_ref().map(text);
    let reason = reason.as_deref();
    if is_failure(change) {
        warn!(target: "ibws", parent: span, ?key, state, cause, attempt, reason, "subscription");
    } else {
        debug!(target: "ibws", parent: span, ?key, state, cause, attempt, reason, "subscription");
    }
}

fn rest(span: &Span, report: &RestReport) {
    let (request, key) = match &report.request {
        RestRequest::Prime(key) => ("prime", Some(key)),
        RestRequest::Session(_) => ("session", None),
        RestRequest::Reconcile { key, .. } => ("reconcile", Some(key)),
        RestRequest::Prompt(_) => ("prompt", None),
    };
    let (key, outcome) = (key.map(tracing::field::debug), tracing::field::debug(report.outcome));
    let reason = report.reason.as_ref().map(text);
    let reason = reason.as_deref();
    if has_failed(report) {
        warn!(target: "ibws", parent: span, request, key, outcome, reason, "REST request");
    } else {
        debug!(target: "ibws", parent: span, request, key, outcome, reason, "REST request");
    }
}

/// Returns the error if the change is the end of a dial.
fn failed_dial(change: &StateChange) -> Option<&crate::ConnectError> {
    match &change.cause {
        Some(GapCause::Connection(ConnectionLoss::Connect(error))) if change.state != ConnectionState::Connecting => {
            Some(error)
        }
        _ => None,
    }
}

/// Whether the application itself ended the connection.
fn is_requested(gap: &Gap) -> bool {
    gap.cause == GapCause::Connection(ConnectionLoss::Requested)
}

fn is_failure(change: &SubscriptionEvent) -> bool {
    matches!(change.state, SubscriptionState::Refused | SubscriptionState::Failed)
}

fn has_failed(report: &RestReport) -> bool {
    !matches!(report.outcome, RestOutcome::Done | RestOutcome::Incomplete | RestOutcome::Superseded)
}

/// Returns a text from outside as it may be written.
fn text(text: &(impl fmt::Display + ?Sized)) -> Box<str> {
    excerpt_within(&text.to_string(), MAX_TEXT)
}

fn millis(span: core::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Writes a received message, if somebody reads it. Returns whether somebody does.
pub(super) fn raw(item: &Item, line: impl Fn(&Item) -> Option<String>) -> bool {
    let is_read = tracing::enabled!(target: "ibws::raw", Level::TRACE);
    if is_read && let Some(line) = line(item) {
        trace!(target: "ibws::raw", "{line}");
    }
    is_read
}
