//! The proxy of a dial: its address and its credentials.

use core::fmt;
use std::string::String;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::redaction::Redaction;
use super::{Endpoint, EndpointError};

/// A plain HTTP proxy that connects to the gateway with `CONNECT` (RFC 9110 §9.3.6).
///
/// TLS runs through the proxy to the gateway, so the proxy reads nothing but the host and the port.
/// A peer behind a proxy never counts as a loopback peer (see [`Trust`](super::Trust)), and a
/// `ws://` endpoint cannot be used with one. No environment variable is read. `Debug` does not show
/// user and password.
///
/// ```
/// use ibws_proto::transport::Proxy;
///
/// let proxy = Proxy::parse("http://proxy.example:3128")?.with_basic_auth("user", "password")?;
/// assert_eq!(format!("{proxy:?}"), "Proxy(http://proxy.example:3128, Basic ***)");
/// # Ok::<(), ibws_proto::transport::ProxyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    address: Endpoint,
    /// The value behind `Basic`, and the password.
    auth: Option<(Zeroizing<String>, Zeroizing<String>)>,
}

/// Settings of a proxy that cannot be used. The error never holds a password.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The address has another scheme than `http`.
    #[error("the address of the proxy must begin with http://: TLS to a proxy and SOCKS are not supported")]
    Scheme,
    /// The address holds a user.
    #[error("the address of the proxy holds a user: pass user and password to `Proxy::with_basic_auth`")]
    UserInfo,
    /// The address has no port.
    #[error("the address of the proxy has no port: write http://HOST:PORT, such as http://proxy.example:3128")]
    NoPort,
    /// The address has a path, a query or a fragment.
    #[error("the address of the proxy has a part behind its port: write http://HOST:PORT")]
    Path,
    /// The host or the port cannot be used.
    #[error("the address of the proxy cannot be used: {0}")]
    Address(#[source] EndpointError),
    /// The user has a colon, or one of the two has a control character.
    #[error("the user of the proxy must have no colon, and neither user nor password a control character")]
    BadAuth,
    /// The endpoint is plaintext.
    #[error(
        "a ws:// endpoint cannot be reached through a proxy, because plaintext is for loopback only: write wss://, or \
         remove `Builder::proxy`"
    )]
    Plaintext,
}

impl Proxy {
    /// Parses `http://HOST:PORT` or `HOST:PORT`.
    ///
    /// # Errors
    /// [`ProxyError`], which names the fault and the form to write instead.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(ProxyError::Scheme),
            None => text,
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(ProxyError::UserInfo);
        }
        if authority.contains(['/', '?', '#']) {
            return Err(ProxyError::Path);
        }
        let (host, port) = match authority.rsplit_once(':') {
            // The last group of an IPv6 address is no port.
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => return Err(ProxyError::NoPort),
        };
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number).ok_or(ProxyError::Address(EndpointError::BadPort))?;
        Self::new(host, port)
    }

    /// Returns the proxy at `host` and `port`. An IPv6 `host` may have brackets or not.
    ///
    /// # Errors
    /// [`ProxyError::Address`] for an invalid host, or for port 0.
    pub fn new(host: &str, port: u16) -> Result<Self, ProxyError> {
        let address = Endpoint::gateway(host, port).map_err(ProxyError::Address)?;
        Ok(Self { address, auth: None })
    }

    /// Sends `user` and `password` to the proxy, with the scheme `Basic` (RFC 7617). The connection
    /// to the proxy is not encrypted.
    ///
    /// # Errors
    /// [`ProxyError::BadAuth`] for a user with a colon, or a control character in either.
    pub fn with_basic_auth(mut self, user: &str, password: &str) -> Result<Self, ProxyError> {
        if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
            return Err(ProxyError::BadAuth);
        }
        // The buffers have room for everything, because one that grows would leave copies of the
        // password in memory.
        let mut pair = Zeroizing::new(String::with_capacity(user.len() + password.len() + 1));
        [user, ":", password].iter().for_each(|part| pair.push_str(part));
        let mut encoded = Zeroizing::new(String::with_capacity(BASE64.encode_len(pair.len())));
        BASE64.encode_append(pair.as_bytes(), &mut encoded);
        self.auth = Some((encoded, Zeroizing::new(password.into())));
        Ok(self)
    }

    /// Returns `host:port`, with brackets around IPv6. Errors name the proxy in this form.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        self.address.host_and_port()
    }

    /// Checks that the proxy can be used for `endpoint`.
    ///
    /// # Errors
    /// [`ProxyError::Plaintext`] for a `ws://` endpoint.
    pub fn check_endpoint(&self, endpoint: &Endpoint) -> Result<(), ProxyError> {
        if endpoint.is_tls() { Ok(()) } else { Err(ProxyError::Plaintext) }
    }

    /// Returns the address as an endpoint, of which only host and port matter.
    pub(super) const fn address(&self) -> &Endpoint {
        &self.address
    }

    /// Returns the value behind `Basic`.
    pub(super) fn basic_auth(&self) -> Option<&str> {
        self.auth.as_ref().map(|(encoded, _)| encoded.as_str())
    }

    /// Adds the secrets.
    pub(super) fn hide_in(&self, redaction: &mut Redaction) {
        if let Some((encoded, password)) = &self.auth {
            redaction.hide(encoded);
            redaction.hide(password);
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let auth = if self.auth.is_some() { ", Basic ***" } else { "" };
        write!(f, "Proxy(http://{}{auth})", self.host_and_port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_proxy_is_a_host_and_a_port() {
        for (text, shown) in [
            ("http://Proxy.example:3128", "proxy.example:3128"),
            ("HTTP://proxy.example:3128/", "proxy.example:3128"),
            ("proxy.example:3128", "proxy.example:3128"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(Proxy::parse(text).unwrap().host_and_port(), shown, "{text}");
        }
        for (text, error) in [
            ("https://proxy.example:3128", ProxyError::Scheme),
            ("socks5://proxy.example:1080", ProxyError::Scheme),
            ("http://user:hunter2@proxy.example:3128", ProxyError::UserInfo),
            ("http://proxy.example", ProxyError::NoPort),
            ("http://[::1]", ProxyError::NoPort),
            ("http://proxy.example:3128/path", ProxyError::Path),
            ("proxy.example:3128?x", ProxyError::Path),
            ("proxy.example:0", ProxyError::Address(EndpointError::BadPort)),
            ("proxy.example:+80", ProxyError::Address(EndpointError::BadPort)),
            ("proxy.example:", ProxyError::Address(EndpointError::BadPort)),
            (":3128", ProxyError::Address(EndpointError::EmptyHost)),
            ("a\r\nb:3128", ProxyError::Address(EndpointError::BadHost)),
        ] {
            assert_eq!(Proxy::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_password_of_a_proxy_is_encoded_and_never_shown() {
        let proxy = Proxy::new("proxy.example", 3128).unwrap();
        // The example of RFC 7617 §2.
        let with_auth = proxy.clone().with_basic_auth("Aladdin", "open sesame").unwrap();
        assert_eq!(with_auth.basic_auth(), Some("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        let shown = std::format!("{with_auth:?}");
        assert!(!shown.contains("open sesame") && !shown.contains("QWxh"), "{shown}");
        for (user, password) in [("a:b", "c"), ("a\n", "c"), ("a", "c\r\nX: y"), ("a", "\0")] {
            assert_eq!(proxy.clone().with_basic_auth(user, password), Err(ProxyError::BadAuth));
        }
    }
}
