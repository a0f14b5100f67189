//! The cost of an event in bytes, as the limit of a queue counts it: the memory that it holds.

use alloc::boxed::Box;
use core::mem::size_of;

use super::rows::Folded;
use super::slot::{Content, Slot};
use crate::catch_up::{CatchUpPending, CatchUpReason};
use crate::command::{ConnectionLoss, GapCause};
use crate::event::{Event, Message};
use crate::rest::RestRequest;

/// Returns the cost of what a slot holds.
pub(super) fn of_content(content: &Content) -> usize {
    match content {
        Content::Event(event) => of_event(event),
        Content::Folded(folded) => SLOT + size_of::<Folded>() + folded.message.frame.held_bytes() + folded.held_bytes(),
    }
}

/// The cost of a slot. The list of slots is up to twice as long as the slots in it, and the index
/// of a full queue is smaller than that.
const SLOT: usize = 2 * size_of::<Option<Slot>>();

#[inline]
pub(super) fn of_event(event: &Event) -> usize {
    SLOT + match event {
        Event::Message(Message { frame, .. }) => frame.held_bytes(),
        Event::Malformed(malformed) => malformed.raw.len(),
        Event::Subscription(change) => change.reason.as_ref().map_or(0, |reason| reason.len()),
        Event::State(change) => change.cause.as_ref().map_or(0, of_cause),
        Event::Gap(gap) => of_cause(&gap.cause),
        Event::Rest(report) => {
            of_rest_request(&report.request) + report.reason.as_ref().map_or(0, |reason| reason.len())
        }
        Event::CaughtUp(caught_up) => caught_up.held_bytes(),
        Event::CatchUpPending(CatchUpPending { why: CatchUpReason::Failed(reason), .. }) => reason.len(),
        Event::CatchUpPending(_) => 0,
        Event::Resumed(_) | Event::Stale(_) | Event::Fresh(_) => 0,
        Event::ProcessorPanicked(_) | Event::Competing(_) | Event::AccountMismatch => 0,
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
        GapCause::Connection(ConnectionLoss::Connect(error)) => {
            // Events share the certificate, but each of them may be the last that holds it.
            let certificate = error.certificate.as_ref().map_or(0, |unknown| unknown.sha256.len() + unknown.pem.len());
            error.detail.len() + certificate
        }
        GapCause::Connection(
            ConnectionLoss::Failed(text) | ConnectionLoss::Protocol(text) | ConnectionLoss::Tls(text),
        ) => text.len(),
        _ => 0,
    }
}
