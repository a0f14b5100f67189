//! What an event counts against the limit of bytes.

use alloc::boxed::Box;
use core::mem::size_of;

use super::*;
use crate::queue::cost::{of_content, of_event};
use crate::queue::rows::Folded;
use crate::queue::slot::Content;
use crate::rest::{Prompt, RestOutcome, RestReport, RestRequest};

/// A report of a REST request.
fn report(request: RestRequest, reason: &str) -> Event {
    Event::Rest(RestReport {
        id: None,
        request,
        outcome: RestOutcome::Failed,
        reason: Some(reason.into()),
        next_try: None,
    })
}

fn prompt(req_id: &str, text: &str, options: &[&str]) -> RestRequest {
    let options = options.iter().map(|option| Box::from(*option)).collect();
    RestRequest::Prompt(Prompt { order_id: None, req_id: req_id.into(), text: text.into(), options })
}

#[test]
fn each_text_of_a_report_counts() {
    let cost = |req_id, text, options, reason| of_event(&report(prompt(req_id, text, options), reason));
    let empty = cost("", "", &[], "");
    assert_eq!(cost("1234", "", &[], ""), empty + 4);
    assert_eq!(cost("", "Continue?", &[], ""), empty + 9);
    assert_eq!(cost("", "", &[], "refused"), empty + 7);
    assert_eq!(cost("", "", &["Yes", "No"], ""), empty + 5 + 2 * size_of::<Box<str>>());
    assert_eq!(cost("1234", "Continue?", &["Yes"], "refused"), empty + 23 + size_of::<Box<str>>());
}

#[test]
fn a_fold_counts_its_newest_message_itself_and_its_rows() {
    let mut queue = limits(1, ANY);
    for (ms, number) in [(1, 1), (2, 2), (3, 1)] {
        queue.push(orders(ms, &format!(r#"{{"orderId":{number},"status":"Filled"}}"#)));
    }
    let Some(Slot { content, cost, .. }) = queue.slots.pop_front().unwrap() else { panic!("nothing waits") };
    let Content::Folded(folded) = &content else { panic!("nothing was folded") };
    let (newest, rows) = (of_event(&Event::Message(folded.message.clone())), folded.held_bytes());
    assert!(rows > 0);
    assert_eq!((cost, of_content(&content)), (newest + size_of::<Folded>() + rows, cost));
}
