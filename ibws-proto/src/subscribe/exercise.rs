//! Texts that exercise an option: [`open`] the exercise, then reply to each step of the gateway
//! (docs/protocol.md §3.9).
//!
//! The texts are not subscriptions. Send them as plain text; the replies arrive as
//! [`Body::Exercise`](crate::Body::Exercise). The exchange is documented and was never recorded.

use alloc::format;
use alloc::string::String;

use serde::Serialize;
use serde::ser::SerializeStruct;

use super::{ArgsError, InvalidSubscribe, check_conid, shortened};
use crate::mask::excerpt;

/// Returns the text that opens the exercise of an option: `shs+exercise+{"CEX":"700000001"}`.
///
/// # Errors
/// [`InvalidSubscribe::Conid`] if the number of the contract is not positive.
pub fn open(conid: i64) -> Result<String, InvalidSubscribe> {
    check_conid(conid)?;
    Ok(format!(r#"shs+exercise+{{"CEX":"{conid}"}}"#))
}

/// Returns the reply that exercises `quantity` contracts.
///
/// `id` is that of the gateway's step, [`Exercise::id`](crate::message::Exercise::id): a number
/// there, a string here.
///
/// # Errors
/// [`InvalidSubscribe::Name`] if the id is empty or too long.
pub fn submit(id: &str, quantity: u32, make_final: bool) -> Result<String, InvalidSubscribe> {
    reply(id, "submit", Some(Choice { quantity, make_final }))
}

/// Returns the reply with one of the actions that the step of the gateway offers: `continue`,
/// `cancel`.
///
/// # Errors
/// [`InvalidSubscribe::Name`] if the id or the action is empty or too long.
pub fn act(id: &str, action: &str) -> Result<String, InvalidSubscribe> {
    reply(id, action, None)
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

fn reply(id: &str, action: &str, exercise: Option<Choice>) -> Result<String, InvalidSubscribe> {
    for name in [id, action] {
        if name.is_empty() || name.len() > 64 {
            return Err(InvalidSubscribe::Name(shortened(name)));
        }
    }
    let input = Input { action: "user_input", data: Data { id, user_action: action, exercise } };
    let json =
        serde_json::to_string(&input).map_err(|error| ArgsError::NotJson(excerpt(&format!("{error}")).into()))?;
    Ok(format!("inp+exercise+{json}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exercise_writes_the_documented_texts() {
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
