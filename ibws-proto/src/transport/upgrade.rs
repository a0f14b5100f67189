//! The HTTP upgrade without its socket: the request to send, and the reader of the response.
//!
//! The transport performs the upgrade itself, because tungstenite writes the whole request, cookie
//! included, to its TRACE log.

use core::fmt;
use std::format;
use std::string::String;
use std::vec::Vec;

use zeroize::Zeroizing;

use super::redaction::Redaction;
use super::refusal::Refusal;
use super::secret::SecretError;
use super::{Credentials, Endpoint};
use crate::{ConnectError, ConnectErrorKind, excerpt};

/// The largest head of a response in bytes, the interim responses before it included.
pub const MAX_HEAD: usize = 16 * 1024;
/// The largest number of headers in a response.
pub const MAX_HEADERS: usize = 64;
/// The largest number of interim responses (1xx, RFC 9110 §15.2) before the response.
pub const MAX_INTERIM: usize = 8;

/// Returns the upgrade request (RFC 6455 §4.1) for `endpoint`, with the secrets of `credentials`.
///
/// `key` is the `Sec-WebSocket-Key`: 16 random bytes in base64.
///
/// # Errors
/// [`SecretError::OtherAuthority`] for credentials of another endpoint.
pub fn request(endpoint: &Endpoint, credentials: &Credentials, key: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    credentials.check_endpoint(endpoint)?;
    let mut endpoint = endpoint.clone();
    for (name, value) in credentials.query() {
        endpoint = endpoint.with_query(name, value).map_err(|_| SecretError::BadName)?;
    }
    let (target, authority) = (endpoint.path_and_query(), endpoint.authority());
    let cookie = credentials.cookie_header();
    let mut parts = std::vec![
        "GET ",
        target.as_str(),
        " HTTP/1.1\r\nHost: ",
        &authority,
        "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
        key,
        "\r\nUser-Agent: ",
        credentials.user_agent(),
    ];
    if let Some(cookie) = &cookie {
        parts.extend(["\r\nCookie: ", cookie.as_str()]);
    }
    for (name, value) in credentials.headers() {
        parts.extend(["\r\n", name, ": ", value]);
    }
    parts.push("\r\n\r\n");
    // The buffer has room for everything, because one that grows would leave copies of the cookie
    // in memory.
    let mut out = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    Ok(out)
}

/// Reads the response to an upgrade request, piece by piece as it arrives. Interim responses before
/// it are skipped.
///
/// ```
/// use ibws_proto::transport::{Endpoint, upgrade::UpgradeResponse};
///
/// let endpoint = Endpoint::gateway("localhost", 5000)?;
/// let mut response = UpgradeResponse::new(&endpoint, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// assert_eq!(response.push(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")?, None);
/// assert_eq!(response.push(b"Connection: Upgrade\r\n")?, None);
/// let rest = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi";
/// assert_eq!(response.push(rest)?.as_deref(), Some(&b"\x81\x02hi"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct UpgradeResponse {
    peer: String,
    tls: bool,
    accept: String,
    redaction: Redaction,
    /// What has arrived of the head.
    head: Vec<u8>,
    /// The number and the bytes of the interim responses that were skipped.
    interim: (usize, usize),
    refusal: Option<Refusal>,
}

/// What a complete head says.
enum Head {
    Accepted,
    Interim,
    Refused(Refusal),
}

/// Writes no byte of the response, which may repeat the request.
impl fmt::Debug for UpgradeResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeResponse")
            .field("peer", &self.peer)
            .field("received", &self.head.len())
            .field("is_refused", &self.refusal.is_some())
            .finish_non_exhaustive()
    }
}

impl UpgradeResponse {
    /// Expects the response of `endpoint` with exactly this `Sec-WebSocket-Accept`, which is
    /// derived from the key that was sent.
    #[must_use]
    pub fn new(endpoint: &Endpoint, accept: &str) -> Self {
        let mut redaction = Redaction::default();
        endpoint.hide_in(&mut redaction);
        Self {
            peer: endpoint.host_and_port(),
            tls: endpoint.is_tls(),
            accept: accept.into(),
            redaction,
            head: Vec::new(),
            interim: (0, 0),
            refusal: None,
        }
    }

    /// Keeps the secrets of the request out of errors, in case the server repeats them in its
    /// response.
    #[must_use]
    pub fn with_credentials(mut self, credentials: &Credentials) -> Self {
        credentials.hide_in(&mut self.redaction);
        self
    }

    /// Takes the next bytes.
    ///
    /// `None` means that more bytes are needed. `Some` means that the WebSocket is open; it holds
    /// the bytes that followed the head of the response, which are the first frames and often
    /// empty.
    ///
    /// # Errors
    /// [`ConnectError`] for every response except a valid 101. Nothing may be pushed after it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, ConnectError> {
        if let Some(refusal) = &mut self.refusal {
            refusal.push(bytes);
            return Err(refusal.error(&self.peer, &self.redaction));
        }
        // The end of the head may span two pieces, so the last three bytes of the piece before are
        // searched again.
        let mut search_from = self.head.len().saturating_sub(3);
        self.head.extend_from_slice(bytes);
        loop {
            self.check_first_bytes()?;
            let (count, skipped) = self.interim;
            let most = MAX_HEAD.saturating_sub(skipped);
            let Some(end) = end_of_head(&self.head, search_from) else {
                return if self.head.len() > most { Err(self.too_long()) } else { Ok(None) };
            };
            if end > most {
                return Err(self.too_long());
            }
            let rest = self.head.split_off(end);
            match self.check_head()? {
                Head::Accepted => return Ok(Some(rest)),
                Head::Interim if count == MAX_INTERIM => {
                    return Err(
                        self.protocol(&format!("sent more than {MAX_INTERIM} interim responses: check any proxy"))
                    );
                }
                Head::Interim => {
                    self.interim = (count.saturating_add(1), skipped.saturating_add(end));
                    self.head = rest;
                    search_from = 0;
                }
                Head::Refused(mut refusal) => {
                    refusal.push(&rest);
                    if refusal.is_complete() {
                        return Err(refusal.error(&self.peer, &self.redaction));
                    }
                    self.refusal = Some(refusal);
                    return Ok(None);
                }
            }
        }
    }

    /// Returns `true` if the head of a refusal has arrived and a part of its body is missing. One
    /// more short read may explain the refusal better; [`UpgradeResponse::cut_off`] returns the
    /// error without it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// Returns the error for a peer that closes before the end of its response; the refusal if its
    /// head has arrived.
    #[must_use]
    pub fn cut_off(&self) -> ConnectError {
        if let Some(refusal) = &self.refusal {
            return refusal.error(&self.peer, &self.redaction);
        }
        self.protocol(if self.head.is_empty() {
            "closed the connection instead of responding to the upgrade: check the port and the login of the gateway"
        } else {
            "closed the connection in the middle of its upgrade response: check the gateway and any proxy in between"
        })
    }

    /// Refuses bytes that cannot begin an HTTP response, instead of waiting for an end of the head
    /// that never comes.
    fn check_first_bytes(&self) -> Result<(), ConnectError> {
        if self.head.iter().zip(b"HTTP/1.").all(|(is, should)| is == should) {
            return Ok(());
        }
        // A TLS record: an alert or a handshake message, version 3.x (RFC 8446 §5.1).
        let is_tls_record = matches!(self.head.as_slice(), [0x15 | 0x16] | [0x15 | 0x16, 3, ..]);
        Err(self.protocol(&if is_tls_record && !self.tls {
            String::from("sent a TLS record: this port expects TLS, use wss://")
        } else {
            let start = String::from_utf8_lossy(self.head.get(..32).unwrap_or(&self.head));
            format!("does not speak HTTP here ({}): check the port", excerpt(&self.redaction.apply(&start)))
        }))
    }

    fn check_head(&self) -> Result<Head, ConnectError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&self.head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(self.protocol("sent a malformed HTTP response: check the port"));
            }
            Err(httparse::Error::TooManyHeaders) => {
                return Err(self.protocol(&format!("sent more than {MAX_HEADERS} headers: check the port")));
            }
            Err(error) => {
                return Err(self.protocol(&format!("sent a malformed HTTP response ({error}): check the port")));
            }
        }
        let all = |name: &'static str| {
            let found = response.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
            found.map(|header| header.value.trim_ascii())
        };
        match response.code.unwrap_or_default() {
            101 => {}
            100..=199 => return Ok(Head::Interim),
            _ => return Ok(Head::Refused(Refusal::new(&response))),
        }
        let has_token = |name, token: &[u8]| {
            all(name)
                .flat_map(|value| value.split(|byte| *byte == b','))
                .any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
        };
        let problem = if response.version != Some(1) {
            "a 101 that is not HTTP/1.1"
        } else if !has_token("upgrade", b"websocket") {
            "a 101 without `Upgrade: websocket`"
        } else if !has_token("connection", b"upgrade") {
            "a 101 without `Connection: upgrade`"
        } else if !all("sec-websocket-accept").eq([self.accept.as_bytes()]) {
            "a 101 with a wrong Sec-WebSocket-Accept"
        } else if all("sec-websocket-extensions").any(|value| !value.is_empty()) {
            "a 101 with a WebSocket extension that was not requested"
        } else if all("sec-websocket-protocol").any(|value| !value.is_empty()) {
            "a 101 with a WebSocket subprotocol that was not requested"
        } else {
            return Ok(Head::Accepted);
        };
        Err(self.protocol(&format!("sent {problem}: check the port and any proxy or cache in between")))
    }

    fn too_long(&self) -> ConnectError {
        self.protocol(&format!("sent more than {MAX_HEAD} bytes of headers: check the port"))
    }

    fn protocol(&self, problem: &str) -> ConnectError {
        ConnectError::new(ConnectErrorKind::Protocol, format!("{} {problem}", self.peer))
    }
}

/// Returns the index behind the first empty line at or after `from`. Lines may end with or without
/// a carriage return.
pub(super) fn end_of_head(head: &[u8], from: usize) -> Option<usize> {
    let tail = head.get(from..)?;
    let found = tail.iter().enumerate().filter(|(_, byte)| **byte == b'\n').find_map(|(at, _)| {
        match tail.get(at.saturating_add(1)..) {
            Some([b'\n', ..]) => Some(at.saturating_add(2)),
            Some([b'\r', b'\n', ..]) => Some(at.saturating_add(3)),
            _ => None,
        }
    });
    found.map(|at| at.saturating_add(from))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::string::ToString;

    use super::*;
    use crate::transport::{CookieForm, Plaintext, Secret};

    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    fn gateway() -> Endpoint {
        Endpoint::gateway("localhost", 5000).unwrap()
    }

    fn response(bytes: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, ConnectError> {
        UpgradeResponse::new(&gateway(), ACCEPT).push(bytes.as_ref())
    }

    /// Returns the error of a response behind which the connection ends.
    fn refused(bytes: impl AsRef<[u8]>) -> ConnectError {
        let mut response = UpgradeResponse::new(&gateway(), ACCEPT);
        let error = match response.push(bytes.as_ref()) {
            Ok(None) => response.cut_off(),
            other => other.unwrap_err(),
        };
        assert!(error.detail.chars().count() < 700 && !error.detail.contains(char::is_control), "{error}");
        error
    }

    #[test]
    fn request_is_a_plain_upgrade_with_the_cookie_and_the_token() {
        let secret = |text| Secret::new(text).unwrap();
        let credentials = Credentials::default().with_session(secret("5e55"), CookieForm::Gateway);
        let credentials = credentials.with_oauth1(secret("a/b")).with_header("Origin", "https://a.example").unwrap();
        let credentials = credentials.only_for(&gateway());
        let bytes = request(&gateway(), &credentials, "a2V5").unwrap();
        assert_eq!(
            core::str::from_utf8(&bytes).unwrap(),
            "GET /v1/api/ws?oauth_token=a%2Fb HTTP/1.1\r\nHost: localhost:5000\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a2V5\r\nUser-Agent: ibws/0.1\r\n\
             Cookie: api={\"session\":\"5e55\"}\r\nOrigin: https://a.example\r\n\r\n"
        );
        let elsewhere = Endpoint::gateway("localhost", 5001).unwrap();
        let error = request(&elsewhere, &credentials, "a2V5").unwrap_err();
        assert!(matches!(error, SecretError::OtherAuthority { .. }), "{error}");
    }

    #[test]
    fn frames_behind_the_response_are_returned_wherever_it_is_cut() {
        let whole = [GOOD.as_bytes(), b"\x81\x04\r\n\r\n"].concat();
        for cut in 0..whole.len() {
            let (first, second) = whole.split_at(cut);
            let mut response = UpgradeResponse::new(&gateway(), ACCEPT);
            let mut frames = response.push(first).unwrap();
            match &mut frames {
                Some(frames) => frames.extend_from_slice(second),
                None => frames = response.push(second).unwrap(),
            }
            assert_eq!(frames.as_deref(), Some(&b"\x81\x04\r\n\r\n"[..]), "cut at {cut}");
        }
        let mut response = UpgradeResponse::new(&gateway(), ACCEPT);
        let ends = GOOD.bytes().filter_map(|byte| response.push(&[byte]).unwrap()).collect::<Vec<_>>();
        assert_eq!(ends, [Vec::<u8>::new()]);
    }

    #[test]
    fn a_101_with_one_wrong_header_is_refused() {
        for (from, to, named) in [
            ("Upgrade: WebSocket", "Upgrade: h2c", "Upgrade: websocket"),
            ("keep-alive, Upgrade", "keep-alive", "Connection: upgrade"),
            ("s3pPLM", "S3pPLM", "Sec-WebSocket-Accept"),
            ("HTTP/1.1", "HTTP/1.0", "HTTP/1.1"),
            ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "extension"),
            ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n", "subprotocol"),
            ("Sec-", "Sec-WebSocket-Accept: x\r\nSec-", "Sec-WebSocket-Accept"),
        ] {
            let error = refused(GOOD.replace(from, to));
            assert_eq!(error.kind, ConnectErrorKind::Protocol, "{to}");
            assert!(error.detail.contains(named), "{to}: {error}");
        }
    }

    #[test]
    fn each_status_has_its_kind_and_its_advice() {
        use ConnectErrorKind::{AuthenticationRequired, Status};
        for (head, kind, pause, advice) in [
            ("401 Unauthorized", AuthenticationRequired, None, "log in again"),
            ("403 Forbidden\r\nRetry-After: 5", AuthenticationRequired, Some(5), "session"),
            ("429 Too Many\r\nRetry-After: 17", Status(429), Some(17), "wait"),
            ("503 No\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT", Status(503), None, "later"),
            (
                "503 No\r\nDate: Wed, 21 Oct 2026 07:26:30 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT",
                Status(503),
                Some(90),
                "later",
            ),
            ("500 No\r\nRetry-After: 99999999999999999999999", Status(500), Some(u64::MAX), "later"),
            (
                "302 Found\r\nLocation: /sso/Login?token=hunter2",
                Status(302),
                None,
                "to /sso/Login: a WebSocket cannot follow a redirect",
            ),
            ("301 X\r\nLocation: https://me:hunter2@x/", Status(301), None, "another place"),
            ("200 OK", Status(200), None, "plain web server"),
            ("404", Status(404), None, "/v1/api/ws"),
        ] {
            let error = refused(format!("HTTP/1.1 {head}\r\n\r\n"));
            assert_eq!((error.kind, error.retry_after), (kind, pause.map(Duration::from_secs)), "{head}");
            assert!(error.detail.contains(advice) && error.detail.starts_with("localhost:5000 "), "{head}: {error}");
            assert!(!error.detail.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_refusal_shows_the_start_of_its_body() {
        let long = "x".repeat(5_000);
        for (head, body, shown) in [
            (
                "404 Not Found\r\nContent-Length: 13",
                "Access Denied",
                "HTTP 404 Not Found and the body \"Access Denied\": allow",
            ),
            ("404 Not Found\r\nContent-Length: 6", "Access Denied", "the body \"Access\": check the path"),
            (
                "403 X\r\nTransfer-Encoding: chunked",
                "d\r\nAccess Denied\r\n0\r\n\r\n",
                "`ips` setting of the gateway's conf.yaml",
            ),
            ("401 X", "log in\r\n", "the body \"log in\": log in again"),
            (
                "500 X",
                "\u{1b}[2Jred\nof DU1234567 \u{202e}",
                "the body \"\\u{1b}[2Jred\\nof DU…567 \\u{202e}\": the server",
            ),
            ("503 X", &long, "xxx…\": the server failed"),
            ("503 X\r\nContent-Length: 0", "", "HTTP 503 X: the server failed"),
            ("204 X", "body", "HTTP 204 X: a plain"),
        ] {
            let error = refused(format!("HTTP/1.1 {head}\r\n\r\n{body}"));
            assert!(error.detail.contains(shown), "{head}: {error}");
        }
    }

    #[test]
    fn one_more_piece_of_the_body_is_enough() {
        let mut response = UpgradeResponse::new(&gateway(), ACCEPT);
        assert_eq!(response.push(b"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\nAccess"), Ok(None));
        assert!(response.is_refused());
        assert!(response.cut_off().detail.contains("the body \"Access\""), "{}", response.cut_off());
        let error = response.push(b" Denied").unwrap_err();
        assert!(error.detail.contains("the body \"Access Denied\": allow"), "{error}");
        for complete in ["Content-Length: 2\r\n\r\nno", "Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"] {
            let mut response = UpgradeResponse::new(&gateway(), ACCEPT);
            assert!(response.push(format!("HTTP/1.1 404 X\r\n{complete}").as_bytes()).is_err(), "{complete}");
        }
    }

    #[test]
    fn a_response_that_repeats_the_request_shows_no_secret() {
        let secret = Secret::new("5e55109f5e55").unwrap();
        let credentials = Credentials::default().with_session(secret, CookieForm::Gateway);
        let mut response = UpgradeResponse::new(&gateway(), ACCEPT).with_credentials(&credentials);
        let text =
            "HTTP/1.1 301 no 5e55109f5e55\r\nLocation: /5e55109f5e55\r\nContent-Length: 999\r\n\r\n5e55109f5e55 5e5510";
        assert_eq!(response.push(text.as_bytes()), Ok(None));
        let error = response.cut_off();
        assert!(error.detail.contains("301 no … to /… and the body \"… …\""), "{error}");
        // An echo server repeats the request itself, which is quoted because it is not HTTP.
        let mut response = UpgradeResponse::new(&gateway(), ACCEPT).with_credentials(&credentials);
        let error = response.push(b"GET /?5e55109f5e55 5e55109f5e55 HTTP/1.1\r\n").unwrap_err();
        assert!(error.detail.contains("does not speak HTTP here (GET /?… …"), "{error}");
        // The address of the application may hold a token too.
        let url = "wss://localhost/v1/api/ws?oauth_token=a1b2c3d4&v=2";
        let endpoint = Endpoint::parse(url, Plaintext::Refused).unwrap();
        let credentials = credentials.with_secret_header("X-Key", "k3y k3y5").unwrap();
        let mut response = UpgradeResponse::new(&endpoint, ACCEPT).with_credentials(&credentials);
        let text = "HTTP/1.1 400 no ?oauth_token=a1b2c3d4&v=2 X-Key: k3y k3y5\r\nContent-Length: 0\r\n\r\n";
        assert!(response.push(text.as_bytes()).unwrap_err().detail.contains("400 no ?oauth_token=…&v=2 X-Key: …: "));
    }

    #[test]
    fn interim_responses_are_skipped_up_to_their_limits() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
        let whole = [interim.as_bytes(), GOOD.as_bytes(), b"\x81\x00"].concat();
        for cut in 0..whole.len() {
            let (first, second) = whole.split_at(cut);
            let mut response = UpgradeResponse::new(&gateway(), ACCEPT);
            let frames = match response.push(first).unwrap() {
                Some(frames) => [&frames, second].concat(),
                None => response.push(second).unwrap().unwrap(),
            };
            assert_eq!(frames, b"\x81\x00", "cut at {cut}");
        }
        let many = |count| "HTTP/1.1 102 Processing\r\n\r\n".repeat(count) + GOOD;
        assert!(response(many(MAX_INTERIM)).unwrap().is_some());
        assert!(refused(many(MAX_INTERIM + 1)).detail.contains("more than 8 interim responses"));
        let long = format!("HTTP/1.1 103 X\r\nA: {}\r\n\r\n", "a".repeat(MAX_HEAD / 2));
        assert!(response(long.clone() + GOOD).unwrap().is_some());
        assert!(refused(long.repeat(2) + GOOD).detail.contains("16384 bytes of headers"));
        assert_eq!(refused(interim.to_owned() + "HTTP/1.1 404 X\r\n\r\n").kind, ConnectErrorKind::Status(404));
        assert!(refused(interim.to_owned() + "SSH-2.0").detail.contains("does not speak HTTP here (SSH-2.0)"));
    }

    #[test]
    fn a_head_above_its_limits_is_refused() {
        let long = format!("HTTP/1.1 101 X\r\nA: {}", "a".repeat(MAX_HEAD));
        assert_eq!(refused(long).kind, ConnectErrorKind::Protocol);
        let many = format!("HTTP/1.1 101 X\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
        assert!(refused(many).detail.contains("64 headers"));
        // Long frames behind a short head do not count as head.
        assert_eq!(response([GOOD.as_bytes(), &[0; 2 * MAX_HEAD]].concat()).unwrap().unwrap().len(), 2 * MAX_HEAD);
    }

    #[test]
    fn bytes_that_are_not_http_are_refused_at_once_and_quoted() {
        let plain = Endpoint::parse("ws://localhost:5000/", Plaintext::OnLoopback).unwrap();
        let alert = UpgradeResponse::new(&plain, ACCEPT).push(b"\x15\x03\x03\x00\x02\x02\x28").unwrap_err();
        assert!(alert.kind == ConnectErrorKind::Protocol && alert.detail.contains("use wss://"), "{alert}");
        assert!(refused(b"SSH-2.0-\x1b[31m\xff").detail.contains(r"(SSH-2.0-\u{1b}[31m"));
        assert!(refused([&b"HTTP/1.1 999 "[..], &[b'x'; 9000], b"\r\n\r\n"].concat()).detail.contains('…'));
        assert!(UpgradeResponse::new(&plain, ACCEPT).cut_off().to_string().contains("instead of responding"));
    }
}
