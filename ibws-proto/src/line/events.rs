//! The line of each event and item, and their serialisation as it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Serialize, Serializer};

use super::cause::Cause;
use super::kinds::{
    AccountLine, CatchUpPendingLine, CaughtUpLine, CompetingLine, FreshLine, GapLine, LostLine, MalformedLine,
    ProcessorPanickedLine, RestLine, ResumedLine, SessionLine, StaleLine, StateLine, SubscriptionLine,
};
use super::text::{JsonText, Text};
use super::{Content, Line, at_ms, millis};
use crate::catch_up::{CatchUpPending, CatchUpReason, CaughtUp};
use crate::event::{Event, Fresh, Gap, Message, ProcessorPanic, Resumed, Stale, StateChange};
use crate::frame::FrameError;
use crate::queue::{Item, LossReport};
use crate::rest::{RestOutcome, RestReport, RestRequest, SessionNeed};
use crate::state::SubscriptionEvent;
use crate::time::Instant;

impl From<&Item> for Line {
    fn from(item: &Item) -> Self {
        match item {
            Item::Event(event) => event.into(),
            Item::Lost(lost) => lost.into(),
        }
    }
}

impl From<&Event> for Line {
    fn from(event: &Event) -> Self {
        match event {
            Event::State(change) => change.into(),
            Event::Subscription(change) => change.into(),
            Event::Message(message) => message.into(),
            Event::Malformed(malformed) => malformed.into(),
            Event::Gap(gap) => gap.into(),
            Event::Resumed(resumed) => resumed.into(),
            Event::CaughtUp(caught_up) => caught_up.into(),
            Event::CatchUpPending(pending) => pending.into(),
            Event::Stale(stale) => stale.into(),
            Event::Fresh(fresh) => fresh.into(),
            Event::Rest(report) => report.into(),
            Event::Competing(competing) => of(Content::Competing(CompetingLine { competing: *competing })),
            Event::AccountMismatch => of(Content::Account(AccountLine { status: "mismatch".into() })),
            Event::ProcessorPanicked(panic) => panic.into(),
        }
    }
}

fn of(content: Content) -> Line {
    Line { content, unix_ms: None }
}

/// Converts a type into its line and serialises it as that.
macro_rules! lines {
    ($($type:ident as $variant:ident = |$name:ident| $value:expr;)*) => {$(
        impl From<&$type> for Line {
            fn from($name: &$type) -> Self {
                of(Content::$variant($value))
            }
        }

        serialised!($type);
    )*};
}

/// Serialises a type as its line.
macro_rules! serialised {
    ($($type:ident),*) => {$(
        /// Serialises as the [line](crate::line).
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Line::from(self).serialize(serializer)
            }
        }
    )*};
}

serialised!(Item, Event, RestReport);

lines! {
    Message as Message = |message| message.into();

    StateChange as State = |change| StateLine {
        state: change.state,
        attempt: change.attempt,
        delay_ms: change.delay.map(millis),
        cause: change.cause.as_ref().map(Text::of),
        at_ms: at_ms(change.at),
        conn: change.conn.map(|conn| conn.0),
        cause_detail: change.cause.as_ref().map(Cause::from),
    };

    SubscriptionEvent as Subscription = |change| SubscriptionLine {
        channel: change.key.clone(),
        status: change.state,
        attempt: change.attempt,
        reason: change.reason.as_deref().map(Text::from),
        at_ms: at_ms(change.at),
        cause: Some(change.cause),
    };

    Gap as Gap = |gap| GapLine {
        channel: gap.key.clone(),
        cause: Text::of(&gap.cause),
        since_ms: at_ms(gap.since),
        cause_detail: Some(Cause::from(&gap.cause)),
    };

    Resumed as Resumed = |resumed| ResumedLine {
        channel: resumed.key.clone(),
        outage_ms: millis(resumed.at.since(resumed.since)),
        attempts: resumed.attempts,
        at_ms: at_ms(resumed.at),
        since_ms: at_ms(resumed.since),
        recovery: Some(resumed.recovery),
    };

    CaughtUp as CaughtUp = |caught_up| CaughtUpLine {
        channel: caught_up.key.clone(),
        outage_ms: millis(caught_up.at.since(caught_up.since)),
        orders: array(caught_up.orders().collect()),
        executions: array(caught_up.executions().collect()),
        merged: Some(caught_up.merged).filter(|merged| *merged > 0),
        forgotten: Some(caught_up.forgotten).filter(|forgotten| *forgotten > 0),
        at_ms: at_ms(caught_up.at),
        since_ms: at_ms(caught_up.since),
    };

    CatchUpPending as CatchUpPending = |pending| CatchUpPendingLine {
        channel: pending.key.clone(),
        reason: Text::of(&pending.why),
        delay_ms: pending.next_try.map(|next_try| millis(next_try.since(pending.at))),
        at_ms: at_ms(pending.at),
        since_ms: at_ms(pending.since),
        why: Some(pending.why.name().into()),
    };

    FrameError as Malformed = |malformed| MalformedLine {
        reason: Text::of(&malformed.kind),
        frame: malformed.redacted().into(),
    };

    Stale as Stale = |stale| StaleLine { channel: stale.key.clone(), since_ms: at_ms(stale.since) };

    Fresh as Fresh = |fresh| FreshLine {
        channel: fresh.key.clone(),
        silence_ms: millis(fresh.at.since(fresh.since)),
        at_ms: at_ms(fresh.at),
        since_ms: at_ms(fresh.since),
    };

    LossReport as Lost = |lost| LostLine {
        key: lost.key,
        messages: lost.messages,
        folded: lost.folded,
        notices: lost.notices,
        since_ms: at_ms(lost.since),
    };

    ProcessorPanic as ProcessorPanicked = |panic| ProcessorPanickedLine {
        channel: panic.channel.clone(),
        at_ms: at_ms(panic.at),
    };
}

/// Returns rows as JSON text.
fn array<R: Serialize>(rows: Vec<R>) -> JsonText {
    // Rows of the wire are values of JSON, which always serialise.
    JsonText::new(serde_json::to_string(&rows).unwrap_or_else(|_| String::from("[]")))
}

impl From<&RestReport> for Line {
    fn from(report: &RestReport) -> Self {
        of(match report.request {
            RestRequest::Session(need) if report.outcome != RestOutcome::Done => {
                Content::Session(session(need, report))
            }
            _ => Content::Rest(rest(report)),
        })
    }
}

fn session(need: SessionNeed, report: &RestReport) -> SessionLine {
    SessionLine {
        status: "wanted".into(),
        need: Some(need),
        outcome: Some(report.outcome),
        reason: report.reason.as_deref().map(Text::from),
        id: report.id.map(|id| id.0),
        next_try_ms: report.next_try.and_then(at_ms),
    }
}

fn rest(report: &RestReport) -> RestLine {
    let (channel, need, order_id, since) = match &report.request {
        RestRequest::Prime(key) => (Some(key), None, None, None),
        RestRequest::Session(need) => (None, Some(*need), None, None),
        RestRequest::Reconcile { key, since } => (Some(key), None, None, Some(*since)),
        RestRequest::Prompt(prompt) => (None, None, prompt.order_id, None),
    };
    RestLine {
        request: report.request.name().into(),
        outcome: report.outcome,
        channel: channel.cloned(),
        need,
        order_id,
        reason: report.reason.as_deref().map(Text::from),
        id: report.id.map(|id| id.0),
        since_ms: since.and_then(at_ms),
        next_try_ms: report.next_try.and_then(at_ms),
    }
}

impl CatchUpReason {
    const fn name(&self) -> &'static str {
        match self {
            Self::NoHandler => "no_handler",
            Self::Failed(_) => "failed",
            Self::Incomplete => "incomplete",
            Self::TimedOut => "timed_out",
        }
    }
}

impl Event {
    /// Returns when the event happened, on the clock of the machine; `None` for an event that does
    /// not hold its time: a gap, a silence, a malformed frame, a REST report, `Competing`,
    /// `AccountMismatch`. Such an event happened shortly before it is taken from its queue.
    #[must_use]
    pub fn at(&self) -> Option<Instant> {
        match self {
            Self::State(change) => Some(change.at),
            Self::Subscription(change) => Some(change.at),
            Self::Message(message) => Some(message.at),
            Self::Resumed(resumed) => Some(resumed.at),
            Self::CaughtUp(caught_up) => Some(caught_up.at),
            Self::CatchUpPending(pending) => Some(pending.at),
            Self::Fresh(fresh) => Some(fresh.at),
            Self::ProcessorPanicked(panic) => Some(panic.at),
            Self::Malformed(_)
            | Self::Gap(_)
            | Self::Stale(_)
            | Self::Rest(_)
            | Self::Competing(_)
            | Self::AccountMismatch => None,
        }
    }
}

impl Item {
    /// Returns when the event of the item happened, as [`Event::at`] does; `None` for a loss
    /// report.
    #[must_use]
    pub fn at(&self) -> Option<Instant> {
        match self {
            Self::Event(event) => event.at(),
            Self::Lost(_) => None,
        }
    }
}
