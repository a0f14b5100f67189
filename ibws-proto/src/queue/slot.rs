//! One place in a queue: what stands there, what it costs, and what may become of it when room is needed.

use alloc::boxed::Box;
use core::mem::size_of;

use super::merge;
use super::rows::Folded;
use crate::command::{ConnectionLoss, GapCause};
use crate::event::{Event, Message};
use crate::frame::Frame;
use crate::key::{Key, SubscriptionKey};
use crate::rest::RestRequest;
use crate::time::Instant;

/// Content stands in one place.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) what: Content,
    /// Bytes, as the limit counts them.
    pub(super) cost: usize,
    /// The place before it in its stream, with which it could be one.
    pub(super) before: Option<u64>,
}

#[derive(Debug)]
pub(super) enum Content {
    Event(Event),
    Folded(Box<Folded>),
}

/// What a queue may do with an event when there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Changes of which only the newest matter: merged.
    Conflated,
    /// Changes of which each matters: merged, and that is told.
    Folded,
    /// Dropped, the oldest first.
    Plain,
    /// A change of state, a gap: a later one may make it superfluous.
    Notice,
}

impl Slot {
    pub(super) fn new(event: Event) -> Self {
        let cost = cost(&event);
        Self { what: Content::Event(event), cost, before: None }
    }

    pub(super) fn message(&self) -> Option<&Message> {
        match &self.what {
            Content::Event(Event::Message(message)) => Some(message),
            Content::Event(_) => None,
            Content::Folded(folded) => Some(&folded.message),
        }
    }

    pub(super) fn class(&self) -> Class {
        match &self.what {
            // Content the host was asked is history, not state.
            Content::Event(Event::Malformed(_) | Event::Rest(_)) => Class::Plain,
            Content::Event(Event::Message(Message { key, .. })) => class(*key),
            Content::Event(_) => Class::Notice,
            Content::Folded(folded) => class(folded.message.key),
        }
    }

    /// May it be merged with another message of its stream?
    pub(super) fn can_merge(&self) -> bool {
        match &self.what {
            Content::Event(Event::Message(message)) if message.key == Some(Key::MarketData) => {
                merge::fits(&message.frame)
            }
            Content::Event(Event::Message(message)) => Folded::can(message),
            Content::Event(_) => false,
            Content::Folded(_) => true,
        }
    }

    /// Merges `older` into it, or gives it back.
    pub(super) fn absorb(&mut self, older: Self) -> Option<Self> {
        // Content it is meanwhile is never seen.
        let newer = core::mem::replace(&mut self.what, Content::Event(Event::AccountMismatch));
        let Self { what: older, cost, before } = older;
        let (older, newer) = match (older, newer) {
            (Content::Event(Event::Message(older)), Content::Event(Event::Message(mut newer)))
                if older.key == Some(Key::MarketData) =>
            {
                match merge::frames(&older.frame, &newer.frame) {
                    Some(frame) => {
                        merge::count(&older, &mut newer);
                        newer.frame = frame;
                        (None, Content::Event(Event::Message(newer)))
                    }
                    None => (Some(Content::Event(Event::Message(older))), Content::Event(Event::Message(newer))),
                }
            }
            (Content::Event(Event::Message(older)), newer) => fold(Box::new(Folded::of(older)), newer),
            (Content::Folded(older), newer) => fold(older, newer),
            (older, newer) => (Some(older), newer),
        };
        self.what = newer;
        if older.is_none() {
            self.cost = self.measured();
        }
        older.map(|what| Self { what, cost, before })
    }

    fn measured(&self) -> usize {
        match &self.what {
            Content::Event(event) => cost(event),
            Content::Folded(folded) => size_of::<Folded>() + frame_cost(&folded.message.frame) + folded.bytes(),
        }
    }
}

fn fold(mut older: Box<Folded>, newer: Content) -> (Option<Content>, Content) {
    match newer {
        Content::Event(Event::Message(newer)) => older.then(newer),
        Content::Folded(newer) => older.then_folded(*newer),
        notice @ Content::Event(_) => return (Some(Content::Folded(older)), notice),
    }
    (None, Content::Folded(older))
}

fn class(key: Option<Key>) -> Class {
    match key {
        Some(Key::MarketData | Key::PriceLadder) => Class::Conflated,
        Some(Key::Orders | Key::Trades) => Class::Folded,
        _ => Class::Plain,
    }
}

/// The key that an event is counted under.
pub(super) fn key(event: &Event) -> Option<Key> {
    match event {
        Event::Message(message) => message.key,
        _ => subscription(event).map(SubscriptionKey::key),
    }
}

/// The subscription that an event is about.
pub(super) fn subscription(event: &Event) -> Option<&SubscriptionKey> {
    match event {
        Event::Message(message) => message.subscription.as_ref(),
        Event::Subscription(change) => Some(&change.key),
        Event::Gap(gap) => Some(&gap.key),
        Event::Resumed(resumed) => Some(&resumed.key),
        Event::Stale(stale) => Some(&stale.key),
        Event::Fresh(fresh) => Some(&fresh.key),
        Event::State(_) | Event::Malformed(_) | Event::Rest(_) | Event::Competing(_) | Event::AccountMismatch => None,
    }
}

/// When the event, or the earliest that is merged into it, was; `None` if it does not say.
pub(super) fn since(event: &Event) -> Option<Instant> {
    match event {
        Event::Message(message) => Some(message.since),
        Event::State(change) => Some(change.at),
        Event::Subscription(change) => Some(change.at),
        Event::Gap(gap) => Some(gap.since),
        Event::Resumed(resumed) => Some(resumed.at),
        Event::Stale(stale) => Some(stale.since),
        Event::Fresh(fresh) => Some(fresh.at),
        Event::Malformed(_) | Event::Rest(_) | Event::Competing(_) | Event::AccountMismatch => None,
    }
}

fn cost(event: &Event) -> usize {
    size_of::<Slot>()
        + match event {
            Event::Message(Message { frame, .. }) => frame_cost(frame),
            Event::Malformed(malformed) => malformed.raw.len(),
            Event::Subscription(change) => change.reason.as_ref().map_or(0, |reason| reason.len()),
            Event::State(change) => change.cause.as_ref().map_or(0, words),
            Event::Gap(gap) => words(&gap.cause),
            Event::Rest(report) => match &report.request {
                RestRequest::Prompt(prompt) => {
                    let options = prompt.options.iter().map(|option| size_of::<Box<str>>() + option.len());
                    prompt.req_id.len() + prompt.text.len() + options.sum::<usize>()
                }
                _ => 0,
            },
            Event::Resumed(_) | Event::Stale(_) | Event::Fresh(_) | Event::Competing(_) | Event::AccountMismatch => 0,
        }
}

/// Content others said of a loss may be long.
fn words(loss: &GapCause) -> usize {
    match loss {
        GapCause::Refused(reason) => reason.len(),
        GapCause::Connection(ConnectionLoss::Connect(error)) => error.detail.len(),
        _ => 0,
    }
}

fn frame_cost(frame: &Frame) -> usize {
    /// What is recorded about each member of a frame: where its key and its value lie.
    const MEMBER: usize = 16;
    let mended = if frame.is_lossy() { frame.text().len() } else { 0 };
    frame.raw().len() + mended + MEMBER * frame.members().len()
}
