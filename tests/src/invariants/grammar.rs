//! Texts as the gateway reads them (docs/protocol.md §2, §3): taken apart by rules of their own, not by those that made them.

use ibws_proto::{Key, SubscriptionKey};

/// A text taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Text {
    Tic,
    Subscribe(SubscriptionKey),
    /// The channel and what is named: the whole target, an account, a server id, nothing.
    Unsubscribe(Key, String),
}

/// Reads a text of ours; an error says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Text, String> {
    let wrong = |what: &str| Err(format!("{text:?} is no text for the gateway: {what}"));
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
        return wrong("its arguments are no JSON object");
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
        return wrong("arguments where none are taken, or none where some are");
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
    fn what_the_gateway_would_not_understand_is_told() {
        for good in ["tic", "sor+{}", "smd+1@ARCA+{\"fields\":[\"31\"]}", "umh+77", "ubd+DU1234567", "utr", "uor+{}"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "x", "smd+{", "szz+{}", "umd+1", "utr+{}", "ubd+DU1234567+1", "umh", "smd+", "smd1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
