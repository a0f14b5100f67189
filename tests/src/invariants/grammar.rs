//! Parses the texts that the client writes as the gateway does (docs/protocol.md §2, §3).
//!
//! The rules are written from the protocol and do not use the code that makes the texts.

use ibws_proto::{Key, SubscriptionKey};

/// A parsed text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Text {
    Tic,
    Subscribe(SubscriptionKey),
    /// The channel, and what the text names on it: the whole target, an account, a server id, or
    /// nothing.
    Unsubscribe(Key, String),
}

/// Parses a text that the client wrote; an error describes what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Text, String> {
    let wrong = |what: &str| Err(format!("{text:?} is not a text that the gateway accepts: {what}"));
    if text == "tic" {
        return Ok(Text::Tic);
    }
    let (verb, rest) = match text.as_bytes().first() {
        Some(b's') => ('s', &text[1..]),
        Some(b'u') => ('u', &text[1..]),
        _ => return wrong("no verb"),
    };
    let (name, json) = match rest.find("+{") {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    if let Some(json) = json
        && !serde_json::from_str::<serde_json::Value>(json).is_ok_and(|value| value.is_object())
    {
        return wrong("its arguments are not a JSON object");
    }
    let channel = name.get(..2).unwrap_or_default();
    let Ok(key) = Key::from_channel(channel) else { return wrong("no channel") };
    let target = match &name[2..] {
        "" => "",
        target => match target.strip_prefix('+') {
            Some(target) if !target.is_empty() => target,
            _ => return wrong("no target after its channel"),
        },
    };
    if verb == 's' {
        return match SubscriptionKey::new(key, target) {
            Ok(key) => Ok(Text::Subscribe(key)),
            Err(error) => wrong(&error.to_string()),
        };
    }
    let takes_json = !matches!(key, Key::MarketHistory | Key::PriceLadder | Key::Trades);
    if takes_json != json.is_some() {
        return wrong("arguments where the channel takes none, or none where it takes some");
    }
    if matches!(key, Key::MarketHistory | Key::PriceLadder) && (target.is_empty() || target.contains('+')) {
        return wrong("it must name an account or a server id alone");
    }
    Ok(Text::Unsubscribe(key, target.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_the_gateway_would_not_understand_are_errors() {
        for good in ["tic", "sor+{}", "smd+1@ARCA+{\"fields\":[\"31\"]}", "umh+77", "ubd+DU1234567", "utr", "uor+{}"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "x", "smd+{", "szz+{}", "umd+1", "utr+{}", "ubd+DU1234567+1", "umh", "smd+", "smd1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
