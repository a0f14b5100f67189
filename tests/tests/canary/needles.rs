//! The canaries, and the forms in which they are looked for.

use std::fmt::Write as _;

/// The session of `/tickle`, which is also the `id` of `tic`.
pub(crate) const SESSION: &str = "5e55109fcaca0a1b2c3d4e5f60718293";
/// The value of a cookie.
pub(crate) const COOKIE: &str = "0.c00c1e5a.1764366452.ab12cd34";
/// An OAuth token, with characters that a URL and JSON write in other ways.
pub(crate) const TOKEN: &str = "a/7e57+t0ken=c4n4ry&<x>'y'";
/// Two accounts.
pub(crate) const ACCOUNTS: [&str; 2] = ["DU1234567", "U12345678"];

/// A secret, and the names and texts of its forms.
pub(crate) struct Canary(Vec<(String, String)>);

impl Canary {
    /// Returns the session, the cookie, the token and the accounts.
    pub(crate) fn all() -> Vec<Self> {
        let secrets = Self::secrets().into_iter();
        secrets.chain(ACCOUNTS.into_iter().map(|account| Self::new("an account", account))).collect()
    }

    /// Returns the session, the cookie and the token.
    pub(crate) fn secrets() -> [Self; 3] {
        [Self::new("the session", SESSION), Self::new("the cookie", COOKIE), Self::new("the token", TOKEN)]
    }

    fn new(name: &str, secret: &str) -> Self {
        let hex = |upper| {
            secret.bytes().fold(String::new(), |mut hex, byte| {
                let _ = if upper { write!(hex, "{byte:02X}") } else { write!(hex, "{byte:02x}") };
                hex
            })
        };
        let list = secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        let json = serde_json::Value::from(secret).to_string();
        let mut forms = vec![
            ("as it is", secret.to_owned()),
            ("as JSON", json.trim_matches('"').to_owned()),
            ("as JSON in JSON", serde_json::Value::from(&*json).to_string().trim_matches(['"', '\\']).to_owned()),
            ("in a URL", percent(secret, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))),
            ("in a URL, all of it", percent(secret, |_| false)),
            ("as hex", hex(false)),
            ("as HEX", hex(true)),
            ("as Debug", secret.escape_debug().to_string()),
            (
                "as Unicode escapes",
                secret.chars().fold(String::new(), |text, c| text + &format!("\\u{:04x}", c as u32)),
            ),
            ("as a list of bytes", list),
        ];
        for alphabet in [b"+/", b"-_"] {
            // Base64 has three forms of a text, by what is before it.
            forms.extend((0..3).map(|before| ("as base64", base64(secret, before, *alphabet))));
        }
        Self(forms.into_iter().map(|(form, text)| (format!("{name} {form}"), text)).collect())
    }

    /// Returns the name and form of what `text` holds.
    pub(crate) fn found_in(&self, text: &str) -> Option<&str> {
        self.0.iter().find(|(_, form)| text.contains(form)).map(|(name, _)| name.as_str())
    }
}

fn percent(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if is_plain(byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// Returns the characters of base64 that depend on `text` alone if `before` other bytes are before
/// it. `last` are the last two characters of the alphabet.
fn base64(text: &str, before: usize, last: [u8; 2]) -> String {
    let alphabet: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last).collect();
    let bits: Vec<u8> = text.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    // The bits of the character that the text shares with what is before it are skipped.
    let skipped = [0, 4, 2][before];
    let whole = bits[skipped..].chunks_exact(6);
    whole.map(|six| alphabet[six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit))] as char).collect()
}

#[test]
fn each_form_is_found_in_what_holds_it() {
    assert_eq!(base64("Man", 0, *b"+/"), "TWFu");
    assert!("QUJDTWFueA".contains(&base64("Man", 0, *b"+/")) && "eE1hbg".contains(&base64("Man", 1, *b"+/")));
    assert!("eHhNYW4".contains(&base64("Man", 2, *b"+/")));
    for canary in Canary::all() {
        for (name, form) in &canary.0 {
            assert!(form.len() >= 8 && canary.found_in(&format!("before {form} behind")).is_some(), "{name}: {form}");
        }
        assert_eq!(canary.found_in("nothing of it: DU…567 *** 5e55109f"), None);
    }
    assert_eq!(percent(TOKEN, |byte| byte.is_ascii_alphanumeric()).matches('%').count(), 8);
}
