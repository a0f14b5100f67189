//! A response that refuses the upgrade: its head, the start of its body, and the error made of
//! them.

use core::fmt::Write as _;
use core::time::Duration;
use std::borrow::ToOwned;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::redaction::Redaction;
use super::retry_after::pause;
use crate::connect::{IPS_ADVICE, is_access_denied};
use crate::{ConnectError, ConnectErrorKind, excerpt};

/// Number of bytes of a body that are kept. An excerpt of 200 characters has at most 800.
const MAX_BODY: usize = 1024;

/// A response with another status than 101.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    code: u16,
    reason: Vec<u8>,
    location: Option<Vec<u8>>,
    retry_after: Option<Duration>,
    body: Vec<u8>,
    length: Length,
}

/// How the end of a body is marked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Length {
    Known(usize),
    Chunked,
    UntilEnd,
}

impl Refusal {
    /// Takes over the head of a response; the header names are compared without regard to case.
    pub(super) fn new(response: &httparse::Response<'_, '_>) -> Self {
        let first = |name: &str| {
            let mut headers = response.headers.iter();
            headers.find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.trim_ascii())
        };
        let code = response.code.unwrap_or_default();
        let is_chunked = first("transfer-encoding").is_some();
        let length = first("content-length").and_then(|value| core::str::from_utf8(value).ok()?.parse().ok());
        Self {
            code,
            reason: response.reason.unwrap_or_default().as_bytes().to_owned(),
            location: first("location").map(|location| without_query(location).to_owned()),
            retry_after: first("retry-after").and_then(|value| pause(value, first("date"))),
            body: Vec::new(),
            length: match length {
                _ if matches!(code, 204 | 304) => Length::Known(0),
                _ if is_chunked => Length::Chunked,
                Some(length) => Length::Known(length),
                None => Length::UntilEnd,
            },
        }
    }

    /// Takes the next bytes of the body.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = MAX_BODY.saturating_sub(self.body.len());
        self.body.extend(bytes.iter().take(room));
    }

    /// Returns `true` if no byte that matters is missing.
    pub(super) fn is_complete(&self) -> bool {
        match self.length {
            Length::Known(length) => self.body.len() >= length.min(MAX_BODY),
            Length::Chunked => self.body.len() >= MAX_BODY || dechunked(&self.body).1,
            Length::UntilEnd => self.body.len() >= MAX_BODY,
        }
    }

    /// Returns the error. `peer` names the server; no secret of `redaction` is in the texts that
    /// the server may have copied from the request.
    pub(super) fn error(&self, peer: &str, redaction: &Redaction) -> ConnectError {
        let Self { code, .. } = *self;
        let shown = |bytes: &[u8]| excerpt(redaction.apply(&String::from_utf8_lossy(bytes)).trim());
        let body = match self.length {
            Length::Known(length) => self.body.get(..length).unwrap_or(&self.body).to_owned(),
            Length::Chunked => dechunked(&self.body).0,
            Length::UntilEnd => self.body.clone(),
        };
        let body = shown(&body);
        let kind = match code {
            401 | 403 => ConnectErrorKind::AuthenticationRequired,
            _ => ConnectErrorKind::Status(code),
        };
        let advice = match code {
            _ if is_access_denied(&body) => IPS_ADVICE,
            401 | 403 => "log in again, or pass a new session (`Credentials::with_session`)",
            300..=399 => {
                "a WebSocket cannot follow a redirect; log in to the gateway in a browser, or correct the address"
            }
            404 => "check the path, usually /v1/api/ws",
            429 => "wait before the next attempt",
            500..=599 => "the server failed or is under maintenance; retry later",
            200..=299 => "a plain web server responds there; check the port and the path",
            _ => "check the address and the session",
        };
        let mut detail = format!("{peer} refused the WebSocket with HTTP {code}");
        let reason = shown(&self.reason);
        if !reason.is_empty() {
            let _ = write!(detail, " {reason}");
        }
        if let Some(location) = self.location.as_ref().filter(|_| (300..400).contains(&code)) {
            let _ = write!(detail, " to {}", shown(location));
        }
        if !body.is_empty() {
            let _ = write!(detail, " and the body \"{body}\"");
        }
        let _ = write!(detail, ": {advice}");
        ConnectError { retry_after: self.retry_after, ..ConnectError::new(kind, detail) }
    }
}

/// Returns the contents of the chunks (RFC 9112 §7.1) that have arrived, and whether the last one
/// has. A body that is not chunked properly ends at the error.
fn dechunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let (line, rest) = bytes.split_at_checked(end.saturating_add(1)).unwrap_or((bytes, &[]));
        let digits = line.split(|byte| b"; \r\n".contains(byte)).next().unwrap_or_default();
        let size = core::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(size @ 1..) = size else { return (body, true) };
        body.extend(rest.iter().take(size));
        let Some(rest) = rest.get(size..) else { break };
        let Some(next) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) else { break };
        bytes = next;
    }
    (body, false)
}

/// Returns the target of a redirect without the parts that may hold a token.
fn without_query(location: &[u8]) -> &[u8] {
    let end = location.iter().position(|byte| b"?#;".contains(byte)).unwrap_or(location.len());
    // A password may precede an `@`.
    location.get(..end).filter(|shown| !shown.contains(&b'@')).unwrap_or(b"another place")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_as_far_as_they_have_arrived() {
        for (bytes, body, is_complete) in [
            (&b"6\r\nAccess\r\n7;x=y\r\n Denied\r\n0\r\n\r\n"[..], "Access Denied", true),
            (b"6\r\nAccess\r\n7\r\n De", "Access De", false),
            (b"6\nAccess\n0\n", "Access", true),
            (b"6\r\nAccessory", "Access", false),
            (b"6\r\nAccess\r\n7", "Access", false),
            (b"ffffffffffffffff\r\nx", "x", false),
            (b"fffffffffffffffff\r\nx", "", true),
            (b"no chunk\r\nx", "", true),
            (b"", "", false),
        ] {
            assert_eq!(dechunked(bytes), (body.as_bytes().to_vec(), is_complete), "{bytes:?}");
        }
    }
}
