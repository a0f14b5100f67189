//! The cost of an event in bytes, as the limit of a queue counts it.

use alloc::boxed::Box;
use core::mem::size_of;

use super::rows::Folded;
use super::slot::{Content, Slot};
use crate::command::{ConnectionLoss, GapCause};
use crate::event::{Event, Message};
use crate::frame::Frame;
use crate::rest::RestRequest;

/// Returns the cost of what a slot holds.
pub(super) fn of_content(content: &Content) -> usize {
    match content {
        Content::Event(event) => of_event(event),
        Content::Folded(folded) => size_of::<Folded>() + of_frame(&folded.message.frame) + folded.bytes(),
    }
}

fn of_event(event: &Event) -> usize {
    size_of::<Slot>()
        + match event {
            Event::Message(Message { frame, .. }) => of_frame(frame),
            Event::Malformed(malformed) => malformed.raw.len(),
            Event::Subscription(change) => change.reason.as_ref().map_or(0, |reason| reason.len()),
            Event::State(change) => change.cause.as_ref().map_or(0, of_cause),
            Event::Gap(gap) => of_cause(&gap.cause),
            Event::Rest(report) => {
                of_rest_request(&report.request) + report.reason.as_ref().map_or(0, |reason| reason.len())
            }
            Event::Resumed(_) | Event::Stale(_) | Event::Fresh(_) | Event::Competing(_) | Event::AccountMismatch => 0,
        }
}

fn of_rest_request(request: &RestRequest) -> usize {
    match request {
        RestRequest::Prompt(prompt) => {
            let options = prompt.options.iter().map(|option| size_of::<Box<str>>() + option.len());
            prompt.req_id.len() + prompt.text.len() + options.sum::<usize>()
        }
        _ => 0,
    }
}

/// Counts the texts that come from outside, because their length has no bound here.
fn of_cause(cause: &GapCause) -> usize {
    match cause {
        GapCause::Refused(reason) => reason.len(),
        GapCause::Connection(ConnectionLoss::Connect(error)) => error.detail.len(),
        GapCause::Connection(
            ConnectionLoss::Failed(text) | ConnectionLoss::Protocol(text) | ConnectionLoss::Tls(text),
        ) => text.len(),
        _ => 0,
    }
}

fn of_frame(frame: &Frame) -> usize {
    /// The bytes recorded about each member of a frame: the ranges of its key and its value.
    const MEMBER: usize = 16;
    let mended = if frame.is_lossy() { frame.text().len() } else { 0 };
    frame.raw().len() + mended + MEMBER * frame.members().len()
}
