//! What is recognised by the places of its values, without being read.

use super::*;
use crate::queue::layout::{Following, Layout, MAX_LAYOUT_BYTES};

fn layout(event: &Event) -> Option<Layout> {
    let Event::Message(message) = event else { panic!("{event:?}") };
    Layout::of(message, "args")
}

fn text(event: &Event) -> &str {
    let Event::Message(message) = event else { panic!("{event:?}") };
    message.frame.text()
}

fn row(number: u32, state: &str, filled: &str) -> String {
    format!(r#"{{"orderId":{number},"status":"{state}","filledQuantity":{filled}}}"#)
}

/// What the second message is to the first one.
fn following(rows: &str, newer: &str) -> Following {
    let [older, newer] = [orders(1, rows), orders(2, newer)];
    layout(&older).unwrap().follow(text(&older).as_bytes(), text(&newer).as_bytes())
}

#[test]
fn a_message_with_the_same_members_replaces_the_one_before_whatever_the_lengths_of_its_values() {
    let before = row(7, "Submitted", "0.0");
    for (state, filled) in [("Submitted", "0.0"), ("Filled", "0.0"), ("PreSubmitted", "10.0"), ("F", "9"), ("", "-1")] {
        assert_eq!(following(&before, &row(8, state, filled)), Following::Resembles, "another order");
        let one = row(7, state, filled);
        assert_eq!(following(&before, &one), Following::Replaces, "{one}");
        assert_eq!(following(&format!("{before},{before}"), &format!("{one},{before}")), Following::Replaces, "{one}");
        assert_eq!(following(&format!("{before},{before}"), &format!("{before},{one}")), Following::Replaces, "{one}");
    }
}

#[test]
fn another_member_another_number_of_rows_and_a_value_of_values_have_to_be_read() {
    let before = row(7, "Submitted", "0.0");
    for newer in [
        format!("{before},{before}"),
        before.replace("status", "state"),
        before.replace(r#""status":"Submitted","#, ""),
        before.replace('}', r#","side":"BUY"}"#),
        before.replace("0.0", "[0.0]"),
        before.replace("Submitted", r"Sub\u006ditted"),
    ] {
        assert_eq!(following(&before, &newer), Following::Differs, "{newer}");
    }
}

#[test]
fn the_layout_of_a_chain_of_messages_is_that_of_the_newest() {
    let texts: Vec<_> = ["1", "22", "3", "4444", "5"].map(|filled| orders(1, &row(7, "Filled", filled))).into();
    let mut chained = layout(&texts[0]).unwrap();
    for pair in texts.windows(2) {
        assert_eq!(chained.follow(text(&pair[0]).as_bytes(), text(&pair[1]).as_bytes()), Following::Replaces);
    }
    let last = text(&texts[4]);
    assert_eq!(chained.only_row(last).unwrap().identity.text(), "7");
    assert_eq!(chained.only_row(last).unwrap().json.text(), row(7, "Filled", "5"));
}

#[test]
fn a_layout_counts_the_places_of_both_messages() {
    let members: Vec<_> = (0..40).map(|n| format!(r#""member{n}":1"#)).collect();
    let before = orders(1, &format!(r#"{{"orderId":7,{}}}"#, members.join(",")));
    let mut layout = layout(&before).unwrap();
    let one = layout.held_bytes();
    assert!(one >= 41 * 4, "each place has a start and an end");
    layout.follow(text(&before).as_bytes(), text(&before).as_bytes());
    assert_eq!(layout.held_bytes(), 2 * one);
}

#[test]
fn a_row_stands_for_a_known_one_of_at_most_four_kibibytes() {
    let newer = orders(1, &row(7, "Filled", "1.0"));
    let (layout, known) = (layout(&newer).unwrap(), |size: usize| {
        let empty = row(7, "", "1.0").len();
        row(7, &"S".repeat(size - empty), "1.0")
    });
    let row = layout.only_row(text(&newer)).unwrap();
    for (size, stands_for) in [(MAX_LAYOUT_BYTES, true), (MAX_LAYOUT_BYTES + 1, false)] {
        let known = orders(0, &known(size));
        let Event::Message(message) = &known else { panic!("{known:?}") };
        let rows = message.frame.get("args").unwrap();
        let known = rows.elements().next().unwrap();
        assert_eq!((known.text().len(), row.stands_for(known)), (size, stands_for));
    }
}
