//! Parses the texts of a client: `TOPIC[+TARGET…][+{JSON}]` (docs/protocol.md §2).

use serde_json::Value;

/// A parsed request.
#[derive(Debug, PartialEq)]
pub(crate) enum Request<'a> {
    /// `{"session":"…"}`, the only text of a client that is JSON alone.
    Session(String),
    /// The text `tic`.
    Tic,
    /// The text `ech+hb`.
    Echo,
    /// A text with a known topic of three letters (`s…`, `u…` or `inp`): the topic, the text
    /// between topic and JSON, the JSON.
    Topic { topic: &'a str, target: &'a str, args: Value },
    /// Any other text: its first three characters, which are all that a real gateway names in its
    /// error.
    Unknown(String),
}

const TOPICS: [&str; 19] = [
    "smd", "umd", "smh", "umh", "sbd", "ubd", "sor", "uor", "spl", "upl", "str", "utr", "ssd", "usd", "sld", "uld",
    "shs", "uhs", "inp",
];

impl<'a> Request<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let text = text.trim();
        if text == "tic" {
            return Self::Tic;
        }
        if text == "ech+hb" {
            return Self::Echo;
        }
        let head: String = text.chars().take(3).collect();
        let Some(topic) = TOPICS.iter().find(|topic| **topic == head) else {
            return match session(text) {
                Some(session) => Self::Session(session),
                None => Self::Unknown(head),
            };
        };
        let rest = &text[topic.len()..];
        // `upl{}`, as one page of the documentation prints it, is valid as well. One more letter
        // makes it another topic.
        if !rest.is_empty() && !rest.starts_with(['+', '{']) {
            return Self::Unknown(head);
        }
        let rest = rest.strip_prefix('+').unwrap_or(rest);
        // Some clients send the braces of the documentation literally: `umh+{77}`.
        if *topic == "umh" {
            return Self::Topic { topic, target: rest.trim_matches(['{', '}']), args: Value::Null };
        }
        let (target, json) = match rest.find('{') {
            Some(brace) => (rest[..brace].trim_end_matches('+'), &rest[brace..]),
            None => (rest.trim_end_matches('+'), ""),
        };
        // JSON that cannot be read is ignored, and the defaults apply; documented for history
        // (docs/protocol.md §3.2).
        Self::Topic { topic, target, args: serde_json::from_str(json).unwrap_or(Value::Null) }
    }
}

/// The session of a session message; `None` if the text is not one.
fn session(text: &str) -> Option<String> {
    let message: Value = serde_json::from_str(text).ok()?;
    message.get("session")?.as_str().map(str::to_owned)
}

/// The strings of the array `name`, at most `most`; other elements are skipped.
pub(crate) fn strings(args: &Value, name: &str, most: usize) -> Option<Vec<String>> {
    let items = args.get(name)?.as_array()?;
    Some(items.iter().filter_map(|item| item.as_str().map(str::to_owned)).take(most).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Option<(String, String, Value)> {
        match Request::parse(text) {
            Request::Topic { topic, target, args } => Some((topic.to_owned(), target.to_owned(), args)),
            _ => None,
        }
    }

    #[test]
    fn payloads_are_read_with_and_without_json() {
        let none = Value::Null;
        assert_eq!(target("sor"), Some(("sor".into(), String::new(), none.clone())));
        assert_eq!(target("smd+1@ARCA"), Some(("smd".into(), "1@ARCA".into(), none.clone())));
        assert_eq!(target("sbd+DU1234567+1+ARCA"), Some(("sbd".into(), "DU1234567+1+ARCA".into(), none.clone())));
        assert_eq!(target("umh+{77}"), Some(("umh".into(), "77".into(), none.clone())));
        assert_eq!(target("upl{}"), Some(("upl".into(), String::new(), serde_json::json!({}))));
        assert_eq!(target("shs+exercise+{\"CEX\":\"1\"}").unwrap().1, "exercise");
        assert_eq!(target("smd+1+{\n \"fields\": [\"31\"]}").unwrap().2["fields"][0], "31");
        assert_eq!(target("smd+1+{\"fields\":"), Some(("smd".into(), "1".into(), none)));
    }

    #[test]
    fn other_texts_are_named_by_their_first_three_characters() {
        assert_eq!(Request::parse("xyzabc"), Request::Unknown("xyz".into()));
        assert_eq!(Request::parse("äöüß"), Request::Unknown("äöü".into()));
        assert_eq!(Request::parse("smdx+1"), Request::Unknown("smd".into()));
        assert_eq!(Request::parse("{\"topic\":\"tic\"}"), Request::Unknown("{\"t".into()));
        assert_eq!(Request::parse("{\"session\": \"a\"}"), Request::Session("a".into()));
        assert_eq!(Request::parse(""), Request::Unknown(String::new()));
    }
}
