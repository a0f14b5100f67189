//! Texts that exercise an option: [`open`] it, then answer what the gateway shows and asks (docs/protocol.md §3.9).
//!
//! They are no subscriptions: they go out as plain text, and their answers come as
//! [`Body::Exercise`](crate::Body::Exercise). Known from documentation alone.

use alloc::format;
use alloc::string::String;

use serde::Serialize;
use serde::ser::SerializeStruct;

use super::{InvalidSubscribe, check_conid, shortened};

/// `shs+exercise+{"CEX":"700000001"}`: opens the exercise of an option.
///
/// # Errors
/// [`InvalidSubscribe::Conid`] if the number is not positive.
pub fn open(conid: i64) -> Result<String, InvalidSubscribe> {
    check_conid(conid)?;
    Ok(format!(r#"shs+exercise+{{"CEX":"{conid}"}}"#))
}

/// Answer to what the gateway shows: so many contracts are to be exercised.
///
/// `id` is that of the message answered, [`Exercise::id`](crate::message::Exercise::id): a number there, a string here.
///
/// # Errors
/// [`InvalidSubscribe::Name`] if the id is empty or too long.
pub fn submit(id: &str, quantity: u32, make_final: bool) -> Result<String, InvalidSubscribe> {
    answer(id, "submit", Some(Choice { quantity, make_final }))
}

/// Answer to a prompt, or to what the gateway shows, with one of the actions that it offers: `continue`, `cancel`.
///
/// # Errors
/// [`InvalidSubscribe::Name`] if the id or the action is empty or too long.
pub fn act(id: &str, action: &str) -> Result<String, InvalidSubscribe> {
    answer(id, action, None)
}

struct Choice {
    quantity: u32,
    make_final: bool,
}

impl Serialize for Choice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut exercise = serializer.serialize_struct("exercise", 3)?;
        exercise.serialize_field("allowed", "not_shown")?;
        exercise.serialize_field("make_final", &self.make_final)?;
        exercise.serialize_field("value", &self.quantity)?;
        exercise.end()
    }
}

#[derive(Serialize)]
struct Input<'a> {
    action: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: &'a str,
    user_action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exercise: Option<Choice>,
}

fn answer(id: &str, action: &str, exercise: Option<Choice>) -> Result<String, InvalidSubscribe> {
    for name in [id, action] {
        if name.is_empty() || name.len() > 64 {
            return Err(InvalidSubscribe::Name(shortened(name)));
        }
    }
    let input = Input { action: "user_input", data: Data { id, user_action: action, exercise } };
    let json = serde_json::to_string(&input).map_err(|error| InvalidSubscribe::Wire(format!("{error}")))?;
    Ok(format!("inp+exercise+{json}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_those_of_the_documentation() {
        assert_eq!(open(7).unwrap(), r#"shs+exercise+{"CEX":"7"}"#);
        assert_eq!(open(0), Err(InvalidSubscribe::Conid(0)));
        assert_eq!(
            submit("3", 2, true).unwrap(),
            r#"inp+exercise+{"action":"user_input","data":{"id":"3","user_action":"submit","exercise":{"allowed":"not_shown","make_final":true,"value":2}}}"#
        );
        assert_eq!(
            act("4", "cancel").unwrap(),
            r#"inp+exercise+{"action":"user_input","data":{"id":"4","user_action":"cancel"}}"#
        );
        assert!(act("", "cancel").is_err() && act("4", "").is_err());
    }
}
