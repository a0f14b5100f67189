//! The tunnel through a proxy, without its socket: the `CONNECT` request, and the reader of the
//! response (RFC 9110 §9.3.6).

use core::fmt;
use std::format;
use std::string::String;
use std::vec::Vec;

use zeroize::Zeroizing;

use super::redaction::Redaction;
use super::retry_after::pause;
use super::upgrade::{MAX_HEAD, MAX_HEADERS, MAX_INTERIM, end_of_head};
use super::{Endpoint, Proxy, USER_AGENT};
use crate::{ConnectError, ConnectErrorKind, excerpt};

/// Returns the request of a tunnel to `endpoint`. It has no credentials of the gateway.
#[must_use]
pub fn request(endpoint: &Endpoint, proxy: &Proxy) -> Zeroizing<Vec<u8>> {
    let target = endpoint.host_and_port();
    let mut parts =
        std::vec!["CONNECT ", &target, " HTTP/1.1\r\nHost: ", &target, "\r\nUser-Agent: ", USER_AGENT, "\r\n"];
    if let Some(auth) = proxy.basic_auth() {
        parts.extend(["Proxy-Authorization: Basic ", auth, "\r\n"]);
    }
    parts.push("\r\n");
    // The buffer has room for everything, because one that grows would leave copies of the secret
    // in memory.
    let mut out = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    out
}

/// Reads the response of a proxy, piece by piece as it arrives. Interim responses before it are
/// skipped.
///
/// ```
/// use ibws_proto::transport::{Endpoint, Proxy, tunnel::TunnelResponse};
///
/// let endpoint = Endpoint::gateway("gateway.example", 5000)?;
/// let mut response = TunnelResponse::new(&endpoint, &Proxy::new("proxy.example", 3128)?);
/// assert_eq!(response.push(b"HTTP/1.1 200 Connection es"), Ok(false));
/// assert_eq!(response.push(b"tablished\r\n\r\n"), Ok(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TunnelResponse {
    /// Names the proxy in errors.
    proxy: String,
    target: String,
    has_auth: bool,
    redaction: Redaction,
    head: Vec<u8>,
    /// The number of interim responses that were skipped.
    interim: usize,
    /// Number of bytes of all heads.
    received: usize,
}

/// Writes no byte of the response, which may repeat the request.
impl fmt::Debug for TunnelResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelResponse")
            .field("proxy", &self.proxy)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl TunnelResponse {
    /// Expects the response to the [`request`] with the same arguments.
    #[must_use]
    pub fn new(endpoint: &Endpoint, proxy: &Proxy) -> Self {
        let mut redaction = Redaction::default();
        proxy.hide_in(&mut redaction);
        Self {
            proxy: format!("the proxy {}", proxy.host_and_port()),
            target: endpoint.host_and_port(),
            has_auth: proxy.basic_auth().is_some(),
            redaction,
            head: Vec::new(),
            interim: 0,
            received: 0,
        }
    }

    /// Takes the next bytes. Returns `true` once the tunnel is open.
    ///
    /// # Errors
    /// [`ConnectErrorKind::Proxy`] for a response other than 2xx, with what to do about its status,
    /// and for one that is no HTTP or exceeds a limit. Nothing may be pushed after it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool, ConnectError> {
        self.received = self.received.saturating_add(bytes.len());
        self.head.extend_from_slice(bytes);
        if !self.head.iter().zip(b"HTTP/1.").all(|(is, should)| is == should) {
            let start = String::from_utf8_lossy(self.head.get(..32).unwrap_or(&self.head)).into_owned();
            return Err(self.error(&format!("does not speak HTTP ({}): check its address", self.shown(&start))));
        }
        while let Some(end) = end_of_head(&self.head, 0) {
            let rest = self.head.split_off(end);
            match self.code()? {
                100..=199 if self.interim == MAX_INTERIM => {
                    return Err(self.error(&format!("sent more than {MAX_INTERIM} interim responses: check it")));
                }
                100..=199 => {
                    self.interim = self.interim.saturating_add(1);
                    self.head = rest;
                }
                // In TLS the client speaks first, so these bytes are not the gateway's.
                _ if !rest.is_empty() => {
                    return Err(self.error("sent bytes behind its response, before TLS began: check its address"));
                }
                _ => return Ok(true),
            }
        }
        if self.received > MAX_HEAD {
            return Err(self.error(&format!("sent more than {MAX_HEAD} bytes of headers: check its address")));
        }
        Ok(false)
    }

    /// Returns the error for a proxy that closes before the end of its response.
    #[must_use]
    pub fn cut_off(&self) -> ConnectError {
        self.error("closed the connection instead of responding to CONNECT: check its address and its log")
    }

    /// Returns the status code of a complete head if it is no refusal.
    fn code(&self) -> Result<u16, ConnectError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&self.head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(self.error("sent a malformed HTTP response: check its address"));
            }
            Err(error) => {
                return Err(self.error(&format!("sent a malformed HTTP response ({error}): check its address")));
            }
        }
        let code = response.code.unwrap_or_default();
        if let 100..=299 = code {
            return Ok(code);
        }
        let header = |name: &str| {
            let mut headers = response.headers.iter();
            headers.find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.trim_ascii())
        };
        let advice = match code {
            407 if self.has_auth => String::from("correct the user and password of `Proxy::with_basic_auth`"),
            407 => String::from("it requires a user and password, set them with `Proxy::with_basic_auth`"),
            403 | 405 => format!("allow CONNECT to {} in its rules", self.target),
            400 | 404 | 501 => String::from("it does not connect to other servers, check that it is a proxy for HTTPS"),
            429 => String::from("wait before the next attempt"),
            300..=399 => String::from("it redirects instead of connecting, log in to it, or check its address"),
            502..=504 => {
                format!("it cannot reach {}, check that the gateway runs, and its name and address there", self.target)
            }
            _ => String::from("check its log"),
        };
        let reason = self.shown(response.reason.unwrap_or_default());
        let space = if reason.is_empty() { "" } else { " " };
        let text = format!("refused to connect to {} with HTTP {code}{space}{reason}: {advice}", self.target);
        let retry_after = header("retry-after").and_then(|value| pause(value, header("date")));
        Err(ConnectError { retry_after, ..self.error(&text) })
    }

    fn shown(&self, text: &str) -> String {
        excerpt(self.redaction.apply(text).trim()).into()
    }

    fn error(&self, problem: &str) -> ConnectError {
        ConnectError::new(ConnectErrorKind::Proxy, format!("{} {problem}", self.proxy))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn gateway() -> Endpoint {
        Endpoint::gateway("gateway.example", 5000).unwrap()
    }

    fn proxy() -> Proxy {
        Proxy::new("proxy.example", 3128).unwrap()
    }

    fn with_auth() -> Proxy {
        proxy().with_basic_auth("user", "hunter2hunter2").unwrap()
    }

    fn refused(proxy: &Proxy, bytes: impl AsRef<[u8]>) -> ConnectError {
        let error = TunnelResponse::new(&gateway(), proxy).push(bytes.as_ref()).unwrap_err();
        assert_eq!(error.kind, ConnectErrorKind::Proxy);
        assert!(error.detail.starts_with("the proxy proxy.example:3128 "), "{error}");
        assert!(error.detail.chars().count() < 500 && !error.detail.contains(char::is_control), "{error}");
        assert!(!error.detail.contains("hunter2") && !error.detail.contains("dXNlcj"), "{error}");
        error
    }

    #[test]
    fn the_request_names_the_gateway_and_has_the_password_of_the_proxy_only() {
        let text = |proxy| String::from_utf8(request(&gateway(), &proxy).to_vec()).unwrap();
        let start = "CONNECT gateway.example:5000 HTTP/1.1\r\nHost: gateway.example:5000\r\nUser-Agent: ibws/0.1\r\n";
        assert_eq!(text(proxy()), format!("{start}\r\n"));
        let auth = "Proxy-Authorization: Basic dXNlcjpodW50ZXIyaHVudGVyMg==\r\n";
        assert_eq!(text(with_auth()), format!("{start}{auth}\r\n"));
        let v6 = Endpoint::gateway("::1", 5000).unwrap();
        assert!(request(&v6, &proxy()).starts_with(b"CONNECT [::1]:5000 HTTP/1.1\r\n"));
    }

    #[test]
    fn a_tunnel_opens_with_any_2xx_wherever_the_response_is_cut() {
        for whole in [
            &b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"[..],
            b"HTTP/1.0 200 OK\n\n",
            // A length means nothing here (RFC 9110 section 9.3.6).
            b"HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            for cut in 0..whole.len() {
                let (first, second) = whole.split_at(cut);
                let mut response = TunnelResponse::new(&gateway(), &proxy());
                assert_eq!(response.push(first), Ok(false), "{cut}");
                assert_eq!(response.push(second), Ok(true), "{cut}");
            }
        }
    }

    #[test]
    fn each_refusal_of_a_proxy_has_its_advice() {
        for (line, advice) in [
            (
                "407 Proxy Authentication Required",
                "requires a user and password, set them with `Proxy::with_basic_auth`",
            ),
            ("403 Forbidden", "allow CONNECT to gateway.example:5000 in its rules"),
            ("405 Method Not Allowed", "allow CONNECT to gateway.example:5000"),
            ("404 Not Found", "check that it is a proxy for HTTPS"),
            ("302 Found", "log in to it"),
            ("429 Too Many", "wait before the next attempt"),
            ("502 Bad Gateway", "it cannot reach gateway.example:5000"),
            ("504", "it cannot reach gateway.example:5000"),
            ("999 X", "check its log"),
        ] {
            let error = refused(&proxy(), format!("HTTP/1.1 {line}\r\nContent-Length: 9\r\n\r\n"));
            let start =
                format!("the proxy proxy.example:3128 refused to connect to gateway.example:5000 with HTTP {line}: ");
            assert!(error.detail.starts_with(&start) && error.detail.contains(advice), "{error}");
        }
        let error = refused(&with_auth(), "HTTP/1.1 407 No\r\n\r\n");
        assert!(error.detail.contains("correct the user and password of `Proxy::with_basic_auth`"), "{error}");
        let later = refused(&proxy(), "HTTP/1.1 503 Busy\r\nRetry-After: 17\r\n\r\n");
        assert_eq!(later.retry_after, Some(Duration::from_secs(17)));
    }

    #[test]
    fn a_response_is_bounded_and_its_text_is_shown_without_secrets() {
        let error =
            refused(&with_auth(), "HTTP/1.1 400 bad dXNlcjpodW50ZXIyaHVudGVyMg== hunter2hunter2 hunter2\r\n\r\n");
        assert!(error.detail.contains("HTTP 400 bad … … …: "), "{error}");
        assert!(refused(&proxy(), "SSH-2.0-x\r\n").detail.contains("does not speak HTTP (SSH-2.0-x"));
        assert!(refused(&proxy(), b"\x15\x03\x03\x00\x02").detail.contains("does not speak HTTP"));
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_HEAD));
        assert!(refused(&proxy(), long).detail.contains("more than 16384 bytes of headers"));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
        assert!(refused(&proxy(), many).detail.contains("malformed"));
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_INTERIM + 1);
        assert!(refused(&proxy(), interim).detail.contains("more than 8 interim responses"));
        assert!(refused(&proxy(), "HTTP/1.1 200 OK\r\n\r\n\x16").detail.contains("before TLS began"));
        assert!(refused(&proxy(), "HTTP/1.1 x\r\n\r\n").detail.contains("malformed"));
        let closed = TunnelResponse::new(&gateway(), &proxy()).cut_off();
        assert!(closed.detail.contains("instead of responding to CONNECT"), "{closed}");
    }
}
