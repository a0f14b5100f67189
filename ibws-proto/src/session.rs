//! What one connection has said of its session: the greeting, `sts`, and the session id in `tic`.

use serde_json::Value;

use crate::frame::{Frame, Json};

/// The session as this connection sees it. Each `sts` may carry a part only; what it leaves out says nothing
/// (docs/protocol.md §4.3).
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub(crate) greeted: bool,
    pub(crate) authenticated: Option<bool>,
    pub(crate) competing: Option<bool>,
    /// The gateway said `waiting for session` and has not greeted since.
    pub(crate) awaited: bool,
    /// Replies to `waiting for session` on this connection.
    pub(crate) replies: u32,
    /// Fingerprint of the first `tic.id`: enough to see it change, and no secret to keep.
    tic_id: Option<u64>,
}

impl Session {
    /// Merges an `sts` frame.
    pub(crate) fn status(&mut self, frame: &Frame) {
        let Some(args) = frame.get("args") else { return };
        let args: Args = args.parse().unwrap_or_default();
        // Some gateways write "false" (docs/protocol.md §4.3).
        let flag = |value: Option<&Value>| match value {
            Some(Value::Bool(flag)) => Some(*flag),
            Some(Value::String(text)) => Json(text).as_bool(),
            _ => None,
        };
        self.competing = flag(args.competing.as_ref()).or(self.competing);
        self.authenticated = flag(args.authenticated.as_ref()).or(self.authenticated);
    }

    /// Looks at the session id in a `tic`; says whether it is another than before on this connection.
    pub(crate) fn tic_changed(&mut self, frame: &Frame) -> bool {
        let Some(id) = frame.get("id").and_then(Json::as_str) else { return false };
        let id = fingerprint(&id);
        *self.tic_id.get_or_insert(id) != id
    }
}

/// FNV-1a: told apart, not protected.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[derive(Default, serde::Deserialize)]
struct Args {
    authenticated: Option<Value>,
    competing: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn partial_statuses_merge() {
        let mut session = Session::default();
        let mut told = |text: &'static str| {
            session.status(&Frame::decode(Bytes::from_static(text.as_bytes())).unwrap());
            (session.authenticated, session.competing)
        };
        assert_eq!(told(r#"{"topic":"sts"}"#), (None, None));
        assert_eq!(told(r#"{"topic":"sts","args":"not an object"}"#), (None, None));
        assert_eq!(told(r#"{"topic":"sts","args":{"competing":false}}"#), (None, Some(false)));
        assert_eq!(told(r#"{"topic":"sts","args":{"authenticated":true,"competing":true}}"#), (Some(true), Some(true)));
        assert_eq!(told(r#"{"topic":"sts","args":{"message":""}}"#), (Some(true), Some(true)));
        assert_eq!(told(r#"{"topic":"sts","args":{"authenticated":"false"}}"#), (Some(false), Some(true)));
    }
}
