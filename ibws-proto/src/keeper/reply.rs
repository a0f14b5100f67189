//! Reads the replies to calls. A reply that is cut, is not JSON or lacks a member is a failure with
//! its reason, whatever its HTTP status is.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::call::{Call, CallReply, CallResult};
use crate::connect::is_access_denied;
use crate::rest::RestError;
use crate::transport::Secret;

/// The largest reply to a call about the session, in bytes. Real ones have less than 1 KiB.
const MAX_SESSION_REPLY: usize = 64 * 1024;
/// How much of the body of an error is read, in bytes.
const MAX_ERROR: usize = 1_024;

/// Why a call did not do what it is for. The kinds differ in what the keeper does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CallFailureKind {
    /// HTTP 401.
    LoggedOut,
    /// HTTP 403 or 404 with the body `Access Denied`.
    AccessDenied,
    /// HTTP 400 with `no bridge`: there is no brokerage session.
    NoBridge,
    /// HTTP 429, with its `Retry-After`.
    PenaltyBox(Option<Duration>),
    /// Any other HTTP status.
    Refused,
    /// No reply, or one that cannot be read.
    Unavailable,
}

/// A call that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CallFailure {
    pub(super) kind: CallFailureKind,
    /// One line for people, without secrets.
    pub(super) why: Box<str>,
}

impl CallFailure {
    pub(super) fn is_penalty(&self) -> bool {
        matches!(self.kind, CallFailureKind::PenaltyBox(_))
    }
}

/// What the gateway reports about the brokerage session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SessionFlags {
    pub(super) authenticated: bool,
    pub(super) competing: bool,
}

/// What a tickle shows.
pub(super) struct Tickle {
    pub(super) session: Secret,
    /// The brokerage session; `None` if the reply does not show it.
    pub(super) flags: Option<SessionFlags>,
}

/// Returns the body of a reply with a status of success. `session` is the known session id, which
/// no reason contains.
///
/// # Errors
/// [`CallFailure`] for every other result.
pub(super) fn body<'a>(
    call: &Call,
    result: &'a CallResult,
    session: Option<&Secret>,
) -> Result<&'a Bytes, CallFailure> {
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => return Err(unavailable(format!("{}: {error}", call.path()))),
    };
    if (200..300).contains(&reply.status) {
        return Ok(&reply.body);
    }
    let text = error_text(reply, session);
    let kind = match reply.status {
        400 if text.to_ascii_lowercase().contains("no bridge") => CallFailureKind::NoBridge,
        401 => CallFailureKind::LoggedOut,
        403 | 404 if is_access_denied(&text) => CallFailureKind::AccessDenied,
        429 => CallFailureKind::PenaltyBox(reply.retry_after),
        _ => CallFailureKind::Refused,
    };
    Err(CallFailure { kind, why: RestError::from_reply(call.path(), reply.status, &text).reason })
}

/// Returns the beginning of the body of an error, without the session.
fn error_text(reply: &CallReply, session: Option<&Secret>) -> String {
    let start = reply.body.get(..MAX_ERROR).unwrap_or(&reply.body);
    let text = String::from_utf8_lossy(start);
    // A session that is not known yet cannot be recognised, so a body that may hold one is not
    // shown.
    if text.contains("session\"") {
        return String::new();
    }
    session.map_or_else(|| text.clone().into_owned(), |session| text.replace(session.expose(), "…"))
}

fn unavailable(why: String) -> CallFailure {
    CallFailure { kind: CallFailureKind::Unavailable, why: why.into() }
}

/// Returns a failure of a reply with a status of success that does not hold `what`.
fn incomplete(call: &Call, body: &[u8], what: &str) -> CallFailure {
    unavailable(format!("{}: the reply of {} bytes {what}", call.path(), body.len()))
}

/// Parses a small reply. Its text is in no reason, since it may hold the session.
fn value(call: &Call, body: &[u8]) -> Result<Value, CallFailure> {
    if body.len() > MAX_SESSION_REPLY {
        return Err(incomplete(call, body, "is larger than 65536 bytes"));
    }
    serde_json::from_slice(body).map_err(|_| incomplete(call, body, "is not complete JSON"))
}

/// Returns a truth value that is written as `true` or `"true"`.
fn flag(value: &Value, name: &str) -> Option<bool> {
    match value.get(name)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn flags(value: &Value) -> Option<SessionFlags> {
    let authenticated = flag(value, "authenticated")?;
    Some(SessionFlags { authenticated, competing: flag(value, "competing").unwrap_or(false) })
}

/// Reads the reply to `/tickle` (docs/protocol.md §8.2).
pub(super) fn tickle(call: &Call, body: &[u8]) -> Result<Tickle, CallFailure> {
    let value = value(call, body)?;
    let Some(session) = value.get("session").and_then(Value::as_str) else {
        return Err(incomplete(call, body, "has no member `session`"));
    };
    let Ok(session) = Secret::new(session) else {
        return Err(incomplete(call, body, "has a `session` that no cookie can hold"));
    };
    let flags = value.get("iserver").and_then(|iserver| iserver.get("authStatus")).and_then(flags);
    Ok(Tickle { session, flags })
}

/// Reads the reply to `/iserver/auth/status` and to `/iserver/auth/ssodh/init`.
pub(super) fn session_flags(call: &Call, body: &[u8]) -> Result<SessionFlags, CallFailure> {
    flags(&value(call, body)?).ok_or_else(|| incomplete(call, body, "has no member `authenticated`"))
}

/// Checks that the reply to `/iserver/accounts` lists accounts.
pub(super) fn accounts(call: &Call, body: &[u8]) -> Result<(), CallFailure> {
    #[derive(Deserialize)]
    struct Accounts {
        #[serde(rename = "accounts")]
        _accounts: alloc::vec::Vec<IgnoredAny>,
    }
    let read = serde_json::from_slice::<Accounts>(body);
    read.map(drop).map_err(|_| incomplete(call, body, "is not complete, or has no list `accounts`"))
}

/// Returns whether the reply to `/iserver/account/orders` is a complete snapshot. The values of the
/// orders are not read, so that bytes which are not UTF-8 do no harm.
pub(super) fn orders(call: &Call, body: &[u8]) -> Result<bool, CallFailure> {
    #[derive(Deserialize)]
    struct Orders {
        #[serde(rename = "orders")]
        _orders: alloc::vec::Vec<IgnoredAny>,
        snapshot: bool,
    }
    let read = serde_json::from_slice::<Orders>(body);
    read.map(|orders| orders.snapshot)
        .map_err(|_| incomplete(call, body, "is not complete, or lacks the list `orders` or the member `snapshot`"))
}

/// Checks that the reply to `/iserver/account/trades` is a list.
pub(super) fn executions(call: &Call, body: &[u8]) -> Result<(), CallFailure> {
    let read = serde_json::from_slice::<alloc::vec::Vec<IgnoredAny>>(body);
    read.map(drop).map_err(|_| incomplete(call, body, "is not a complete list"))
}

/// Checks that the reply to `/iserver/notification` reports no error.
pub(super) fn notification(call: &Call, body: &[u8]) -> Result<(), CallFailure> {
    let value = value(call, body)?;
    match value.get("error") {
        Some(error) => {
            let shown = crate::mask::excerpt(error.as_str().unwrap_or("without a text"));
            Err(unavailable(format!("{}: the reply is the error \"{shown}\"", call.path())))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::CallError;

    fn reply(status: u16, body: &'static str) -> CallResult {
        Ok(CallReply { status, retry_after: None, body: Bytes::from_static(body.as_bytes()) })
    }

    #[test]
    fn kinds_of_failures_follow_from_code_and_body() {
        let kind = |status, text| body(&Call::Tickle, &reply(status, text), None).unwrap_err().kind;
        assert_eq!(kind(401, ""), CallFailureKind::LoggedOut);
        assert_eq!(kind(400, r#"{"error":"Bad Request: No Bridge"}"#), CallFailureKind::NoBridge);
        assert_eq!(kind(400, "other"), CallFailureKind::Refused);
        assert_eq!(kind(403, "Access Denied"), CallFailureKind::AccessDenied);
        assert_eq!(kind(404, "<b>access denied</b>"), CallFailureKind::AccessDenied);
        assert_eq!(kind(404, "Not Found"), CallFailureKind::Refused);
        assert_eq!(kind(302, ""), CallFailureKind::Refused);
        assert_eq!(kind(429, ""), CallFailureKind::PenaltyBox(None));
        let hanging = Err(CallError::TimedOut(Duration::from_secs(10)));
        let failure = body(&Call::Accounts, &hanging, None).unwrap_err();
        assert_eq!(failure.kind, CallFailureKind::Unavailable);
        assert!(failure.why.starts_with("/iserver/accounts: the gateway did not reply within 10s"), "{}", failure.why);
    }

    #[test]
    fn a_session_is_in_no_reason() {
        let session = Secret::new("5e55109f5e55109f").unwrap();
        for (status, text) in [
            (500, "no such session: 5e55109f5e55109f"),
            (500, r#"{"session":"another0another0"}"#),
            (200, r#"{"session":"another0another0","#),
            (200, r#"{"session":"another0 another0"}"#),
        ] {
            let result = reply(status, text);
            let read = body(&Call::Tickle, &result, Some(&session)).and_then(|body| tickle(&Call::Tickle, body));
            let why = read.map(|_| ()).unwrap_err().why;
            assert!(!why.contains("5e55109f") && !why.contains("another0"), "{why}");
        }
    }

    #[test]
    fn half_replies_are_failures() {
        let is_tickle = |text: &str| tickle(&Call::Tickle, text.as_bytes()).is_ok();
        assert!(is_tickle(r#"{"session":"a1"}"#));
        for text in ["", "{", "[]", "{}", r#"{"session":""}"#, r#"{"session":7}"#, r#"{"session":"a1"} x"#] {
            assert!(!is_tickle(text), "{text}");
        }
        let flags = |text: &str| session_flags(&Call::AuthStatus, text.as_bytes()).ok();
        let expected = SessionFlags { authenticated: false, competing: true };
        assert_eq!(flags(r#"{"authenticated":"false","competing":true}"#), Some(expected));
        assert_eq!(flags(r#"{"competing":true}"#), None);
        let force = Call::Orders { force: true };
        assert_eq!(orders(&force, br#"{"orders":[{"a":"\x99"}],"snapshot":true}"#).ok(), None);
        assert_eq!(orders(&force, b"{\"orders\":[{\"a\":\"\x99\"}],\"snapshot\":true}").ok(), Some(true));
        assert_eq!(orders(&force, br#"{"orders":[],"snapshot":false}"#).ok(), Some(false));
        assert!(orders(&force, br#"{"orders":[]}"#).is_err());
        assert!(orders(&force, br#"{"snapshot":true}"#).is_err());
        assert!(executions(&force, b"[{},{}]").is_ok() && executions(&force, b"[{},").is_err());
        assert!(accounts(&force, br#"{"accounts":["DU1234567"]}"#).is_ok() && accounts(&force, b"{}").is_err());
        assert!(notification(&force, br#"{"status":"ok"}"#).is_ok());
        assert!(notification(&force, br#"{"error":"expired"}"#).unwrap_err().why.ends_with("the error \"expired\""));
    }

    #[test]
    fn deep_and_large_replies_are_failures_without_a_panic() {
        let deep = "[".repeat(60_000);
        assert!(tickle(&Call::Tickle, deep.as_bytes()).is_err());
        assert!(executions(&Call::Trades { days: 1 }, deep.as_bytes()).is_err());
        let large = format!(r#"{{"session":"a1","x":"{}"}}"#, "x".repeat(MAX_SESSION_REPLY));
        assert!(tickle(&Call::Tickle, large.as_bytes()).is_err());
    }
}
