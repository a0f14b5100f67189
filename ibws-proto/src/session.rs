//! The session of one connection, as its frames report it: the greeting, `sts`, and the session id
//! in `tic`.

use crate::frame::{Frame, Json, Kind};

/// The session of a connection. An `sts` frame may have only some of the keys; an absent key is
/// unchanged (docs/protocol.md §4.3).
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub(crate) greeted: bool,
    pub(crate) authenticated: Option<bool>,
    pub(crate) competing: Option<bool>,
    /// The gateway sent `waiting for session` and no greeting after it.
    pub(crate) awaited: bool,
    /// Number of replies to `waiting for session` on this connection.
    pub(crate) replies: u32,
    /// Fingerprint of the first `tic.id`. It reveals a change, and the secret is not stored.
    tic_id: Option<u64>,
}

impl Session {
    /// Merges an `sts` frame. The two flags are read where they lie: nothing else of the frame is
    /// looked at, so that a large frame costs no memory.
    pub(crate) fn status(&mut self, frame: &Frame) {
        let Some(args) = frame.get("args") else { return };
        self.competing = flag(args, "competing").or(self.competing);
        self.authenticated = flag(args, "authenticated").or(self.authenticated);
    }

    /// Reads the session id of a `tic` frame. Returns `true` if it differs from the first one of
    /// this connection (docs/protocol.md §3.8).
    pub(crate) fn tic_changed(&mut self, frame: &Frame) -> bool {
        let Some(id) = frame.get("id").and_then(Json::as_str) else { return false };
        let id = fingerprint(&id);
        *self.tic_id.get_or_insert(id) != id
    }
}

/// Returns a flag of an `sts` frame; `None` if it is absent or has another type. If the key occurs
/// twice the first value counts, as in every accessor.
///
/// Another client accepts the string `"false"`, though it was never recorded (docs/protocol.md
/// §4.3).
fn flag(args: Json<'_>, key: &str) -> Option<bool> {
    let value = args.get(key)?;
    match value.kind() {
        Kind::Bool => value.as_bool(),
        Kind::String => value.as_str()?.parse().ok(),
        _ => None,
    }
}

/// Returns the FNV-1a hash, which distinguishes session ids and is not meant to protect them.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn partial_statuses_merge() {
        let mut session = Session::default();
        let mut merged = |text: &'static str| {
            session.status(&Frame::decode(Bytes::from_static(text.as_bytes())).unwrap());
            (session.authenticated, session.competing)
        };
        assert_eq!(merged(r#"{"topic":"sts"}"#), (None, None));
        assert_eq!(merged(r#"{"topic":"sts","args":"not an object"}"#), (None, None));
        assert_eq!(merged(r#"{"topic":"sts","args":{"competing":false}}"#), (None, Some(false)));
        assert_eq!(
            merged(r#"{"topic":"sts","args":{"authenticated":true,"competing":true}}"#),
            (Some(true), Some(true))
        );
        assert_eq!(merged(r#"{"topic":"sts","args":{"message":""}}"#), (Some(true), Some(true)));
        assert_eq!(merged(r#"{"topic":"sts","args":{"authenticated":"false"}}"#), (Some(false), Some(true)));
        assert_eq!(
            merged(r#"{"topic":"sts","args":{"authenticated":1,"competing":[false]}}"#),
            (Some(false), Some(true))
        );
        // A text with quotes inside is no flag.
        assert_eq!(merged(r#"{"topic":"sts","args":{"authenticated":"\"true\""}}"#), (Some(false), Some(true)));
        // Of equal keys the first counts.
        assert_eq!(
            merged(r#"{"topic":"sts","args":{"competing":false,"authenticated":true,"competing":true}}"#),
            (Some(true), Some(false))
        );
        assert_eq!(merged(r#"{"topic":"sts","args":{"\u0063ompeting":"tr\u0075e"}}"#), (Some(true), Some(true)));
        assert_eq!(merged(r#"{"topic":"sts","args":[false,false]}"#), (Some(true), Some(true)));
    }
}
