//! The parsed address of a WebSocket.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::ToOwned;
use std::string::String;

use zeroize::Zeroizing;

use super::redaction::Redaction;
use super::secret::{Secret, SecretError, check_name, percent_encoded};

/// The path of the streaming WebSocket on the gateway and on `api.ibkr.com` (docs/protocol.md
/// §1.1).
pub const DEFAULT_PATH: &str = "/v1/api/ws";

/// The rule for `ws://` addresses. They are never allowed for hosts other than loopback.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum Plaintext {
    /// Refuses `ws://`.
    #[default]
    Refused,
    /// Allows `ws://` to `localhost`, `127.0.0.0/8` and `[::1]`.
    OnLoopback,
}

/// The validated address of a WebSocket.
///
/// Neither `Display` nor `Debug` shows the values of the query, because they may be tokens.
///
/// ```
/// use ibws_proto::transport::{Endpoint, Plaintext};
///
/// let url = "wss://api.ibkr.com/v1/api/ws?oauth_token=a1b2c3d4";
/// let endpoint = Endpoint::parse(url, Plaintext::Refused)?;
/// assert_eq!((endpoint.host(), endpoint.port()), ("api.ibkr.com", 443));
/// assert_eq!(endpoint.to_string(), "wss://api.ibkr.com/v1/api/ws?oauth_token=***");
///
/// assert_eq!(Endpoint::gateway("localhost", 5000)?.to_string(), "wss://localhost:5000/v1/api/ws");
/// # Ok::<(), ibws_proto::transport::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    host: Host,
    port: u16,
    path: String,
    /// The query without its question mark.
    query: Option<Zeroizing<String>>,
}

#[derive(Clone, PartialEq, Eq)]
enum Host {
    Name(String),
    V4(Ipv4Addr, String),
    V6(Ipv6Addr, String),
}

/// A text that is not the address of a WebSocket. The error never holds the query.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The text is empty or has no `://`.
    #[error("the address has no scheme: write wss://HOST:PORT/v1/api/ws")]
    NoScheme,
    /// The scheme is neither `wss` nor `ws`.
    #[error("the address must begin with wss:// (for https:// write wss://, for http:// on this machine ws://)")]
    Scheme,
    /// The scheme is `ws`, and plaintext is not allowed.
    #[error(
        "ws:// would send the session unencrypted: write wss://, or allow plaintext to a loopback host \
         (`Builder::plaintext_on_loopback`, `Plaintext::OnLoopback`)"
    )]
    PlaintextNotAllowed,
    /// The scheme is `ws`, and the host is not loopback.
    #[error(
        "ws:// is valid for loopback hosts only (localhost, 127.0.0.0/8, [::1]), not for {host}: write wss://{host}"
    )]
    PlaintextNotLoopback {
        /// The host of the address.
        host: String,
    },
    /// `user:password@` stands before the host.
    #[error(
        "the address has a user before its host: write only HOST:PORT there, and pass the session as `Credentials`"
    )]
    UserInfo,
    /// The address has a fragment, which begins with `#`.
    #[error("the address has a # part, which a WebSocket cannot have: remove it")]
    Fragment,
    /// The address has a blank, a control character, a backslash or a character outside ASCII.
    #[error("byte {at} of the address is not a plain printable ASCII character: remove it, or percent-encode it")]
    BadCharacter {
        /// The index of the byte, from 0.
        at: usize,
    },
    /// The host between `://` and the port or path is empty.
    #[error("the address has no host: write wss://HOST:PORT/v1/api/ws, such as wss://localhost:5000/v1/api/ws")]
    EmptyHost,
    /// The host is neither a name nor an IP address.
    #[error("the host is neither a name nor an IP address: write localhost, 127.0.0.1 or [::1] (IPv6 in brackets)")]
    BadHost,
    /// The port is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535: write HOST:5000, or omit the colon")]
    BadPort,
    /// The name of a query parameter has characters other than `A-Z a-z 0-9 - _ .`.
    #[error(transparent)]
    BadQueryName(#[from] SecretError),
}

impl Endpoint {
    /// Parses `wss://host[:port]/path[?query]`, or `ws://…` if `plaintext` and the host allow it.
    ///
    /// The port defaults to 443, or 80 for `ws`. An empty path becomes `/`.
    ///
    /// # Errors
    /// [`EndpointError`], which names the fault and the form to write instead.
    pub fn parse(text: &str, plaintext: Plaintext) -> Result<Self, EndpointError> {
        if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return Err(EndpointError::BadCharacter { at });
        }
        let (scheme, rest) = text.split_once("://").ok_or(EndpointError::NoScheme)?;
        let tls = match () {
            () if scheme.eq_ignore_ascii_case("wss") => true,
            () if scheme.eq_ignore_ascii_case("ws") => false,
            () => return Err(EndpointError::Scheme),
        };
        if rest.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let (host, port) = split_authority(authority)?;
        let (path, query) = match tail.split_once('?') {
            Some((path, query)) => (path, Some(Zeroizing::new(query.to_owned()))),
            None => (tail, None),
        };
        let path = if path.is_empty() { "/" } else { path }.to_owned();
        let port = match port {
            Some(port) => parse_port(port)?,
            None if tls => 443,
            None => 80,
        };
        let endpoint = Self { tls, host: parse_host(host)?, port, path, query };
        match plaintext {
            _ if tls => Ok(endpoint),
            Plaintext::Refused => Err(EndpointError::PlaintextNotAllowed),
            Plaintext::OnLoopback if endpoint.is_loopback() => Ok(endpoint),
            Plaintext::OnLoopback => Err(EndpointError::PlaintextNotLoopback { host: endpoint.bracketed().to_owned() }),
        }
    }

    /// Returns `wss://{host}:{port}/v1/api/ws`, the address of a Client Portal Gateway
    /// (docs/protocol.md §1.1).
    ///
    /// An IPv6 `host` may have brackets or not.
    ///
    /// # Errors
    /// [`EndpointError`] for an invalid host, or for port 0.
    pub fn gateway(host: &str, port: u16) -> Result<Self, EndpointError> {
        if port == 0 {
            return Err(EndpointError::BadPort);
        }
        let host = match host.parse::<Ipv6Addr>() {
            Ok(address) => v6(address),
            Err(_) => parse_host(host)?,
        };
        Ok(Self { tls: true, host, port, path: DEFAULT_PATH.to_owned(), query: None })
    }

    /// Returns the same address with `name=value` added to its query. The value is percent-encoded.
    ///
    /// # Errors
    /// [`EndpointError::BadQueryName`] for a name that is empty or has characters other than
    /// `A-Z a-z 0-9 - _ .` (docs/protocol.md §1.2 lists the names in use).
    pub fn with_query(&self, name: &str, value: &Secret) -> Result<Self, EndpointError> {
        check_name(name)?;
        let encoded = percent_encoded(value.expose());
        let before = self.query.as_ref().map_or("", |query| query.as_str());
        // The string has room for everything, because one that grows would leave copies of the
        // secret in memory.
        let room = before.len() + name.len() + encoded.len() + "&=".len();
        let mut query = Zeroizing::new(String::with_capacity(room));
        let separator = if before.is_empty() { "" } else { "&" };
        [before, separator, name, "=", &encoded].iter().for_each(|part| query.push_str(part));
        Ok(Self { query: Some(query), ..self.clone() })
    }

    /// Returns the scheme, `wss` or `ws`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls { "wss" } else { "ws" }
    }

    /// Returns `true` if the connection begins with a TLS handshake.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Returns the host: a name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        match &self.host {
            Host::Name(name) | Host::V4(_, name) => name,
            Host::V6(_, bracketed) => bracketed.trim_matches(['[', ']']),
        }
    }

    /// Returns the IP address of the host; `None` if the host is a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Name(_) => None,
            Host::V4(address, _) => Some(IpAddr::V4(*address)),
            Host::V6(address, _) => Some(IpAddr::V6(*address)),
        }
    }

    /// Returns the TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the value of the `Host` header: the host, with brackets around IPv6, and the port
    /// unless it is the default of the scheme.
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        if self.port == default { self.bracketed().to_owned() } else { self.host_and_port() }
    }

    /// Returns `host:port`, with brackets around IPv6. Errors name the peer in this form.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        std::format!("{}:{}", self.bracketed(), self.port)
    }

    /// Returns the path, which begins with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the path and, after `?`, the query with its values, which may hold a token.
    #[must_use]
    pub fn path_and_query(&self) -> Zeroizing<String> {
        let query = self.query.as_ref().map_or("", |query| query.as_str());
        let mut out = Zeroizing::new(String::with_capacity(self.path.len() + query.len() + 1));
        out.push_str(&self.path);
        if self.query.is_some() {
            out.push('?');
            out.push_str(query);
        }
        out
    }

    /// Returns `true` if the host is `localhost`, an address in `127.0.0.0/8`, or `[::1]`.
    ///
    /// For `localhost`, only the loopback addresses of a lookup may be used;
    /// [`dial::connect`](super::dial::connect) does so.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(name) => name == "localhost",
            Host::V4(address, _) => address.is_loopback(),
            Host::V6(address, _) => address.is_loopback(),
        }
    }

    /// Adds the values of the query, which may be tokens.
    pub(super) fn hide_in(&self, redaction: &mut Redaction) {
        // A short value is no token, and hiding it would hide parts of many words.
        const MIN_TOKEN: usize = 4;
        let query = self.query.as_ref().map_or("", |query| query.as_str());
        let values = query.split('&').map(|part| part.split_once('=').map_or(part, |(_, value)| value));
        values.filter(|value| value.len() >= MIN_TOKEN).for_each(|value| redaction.hide(value));
    }

    fn bracketed(&self) -> &str {
        match &self.host {
            Host::Name(text) | Host::V4(_, text) | Host::V6(_, text) => text,
        }
    }
}

/// Shows the names of the query and `***` in place of its values.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.path)?;
        let Some(query) = &self.query else { return Ok(()) };
        for (index, part) in query.split('&').enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match part.split_once('=') {
                Some((name, _)) => write!(f, "{name}=***")?,
                // A part without a name may be the token itself.
                None => f.write_str("***")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Splits into the host and, if a colon follows it, the port.
fn split_authority(authority: &str) -> Result<(&str, Option<&str>), EndpointError> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or(EndpointError::BadHost)?;
        let (host, after) = authority.split_at(end.saturating_add(1));
        return match (after, after.strip_prefix(':')) {
            ("", _) => Ok((host, None)),
            (_, Some(port)) => Ok((host, Some(port))),
            (_, None) => Err(EndpointError::BadPort),
        };
    }
    match authority.split_once(':') {
        // An IPv6 address without brackets. Its last group must not be read as a port.
        Some((_, port)) if port.contains(':') => Err(EndpointError::BadHost),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn parse_host(host: &str) -> Result<Host, EndpointError> {
    if host.is_empty() {
        return Err(EndpointError::EmptyHost);
    }
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(EndpointError::BadHost)?;
        return inner.parse().map(v6).map_err(|_| EndpointError::BadHost);
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(Host::V4(address, host.to_owned()));
    }
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // A name may end with one dot.
    if host.len() <= 254 && host.strip_suffix('.').unwrap_or(host).split('.').all(label) {
        Ok(Host::Name(host.to_ascii_lowercase()))
    } else {
        Err(EndpointError::BadHost)
    }
}

fn v6(address: Ipv6Addr) -> Host {
    Host::V6(address, std::format!("[{address}]"))
}

fn parse_port(port: &str) -> Result<u16, EndpointError> {
    // `parse` alone would accept a plus sign.
    match port.parse() {
        Ok(0) | Err(_) => Err(EndpointError::BadPort),
        Ok(_) if !port.bytes().all(|byte| byte.is_ascii_digit()) => Err(EndpointError::BadPort),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::ToString;

    use super::*;

    fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::parse(text, Plaintext::OnLoopback)
    }

    #[test]
    fn an_address_is_split_into_its_parts() {
        let full = parse("WSS://Api.Ibkr.com:8443/v1/api/ws?a=1&b=2").unwrap();
        assert_eq!((full.scheme(), full.host(), full.port()), ("wss", "api.ibkr.com", 8443));
        assert_eq!((full.authority().as_str(), full.path()), ("api.ibkr.com:8443", "/v1/api/ws"));
        assert_eq!(*full.path_and_query(), "/v1/api/ws?a=1&b=2");
        let bare = parse("wss://api.ibkr.com").unwrap();
        assert_eq!((bare.port(), bare.authority().as_str(), bare.path()), (443, "api.ibkr.com", "/"));
        let v6 = parse("ws://[::1]:5000/x").unwrap();
        assert_eq!((v6.host(), v6.authority().as_str(), v6.is_tls()), ("::1", "[::1]:5000", false));
        assert_eq!(Endpoint::gateway("::1", 5000), Endpoint::gateway("[::1]", 5000));
    }

    #[test]
    fn plaintext_is_accepted_on_loopback_and_only_if_allowed() {
        for loopback in ["ws://localhost:5000/", "ws://LOCALHOST/", "ws://127.9.9.9/", "ws://[::1]/"] {
            assert!(parse(loopback).is_ok_and(|endpoint| endpoint.is_loopback()), "{loopback}");
            assert_eq!(
                Endpoint::parse(loopback, Plaintext::Refused),
                Err(EndpointError::PlaintextNotAllowed),
                "{loopback}"
            );
        }
        for other in ["ws://10.0.0.1/", "ws://localhost.evil.example/", "ws://127.0.0.1.evil.example/", "ws://[::2]/"] {
            assert!(matches!(parse(other), Err(EndpointError::PlaintextNotLoopback { .. })), "{other}");
        }
    }

    #[test]
    fn each_fault_of_an_address_has_its_error() {
        use EndpointError::*;
        for (text, error) in [
            ("", NoScheme),
            ("localhost:5000", NoScheme),
            ("https://localhost/", Scheme),
            ("wss://user:pw@localhost/", UserInfo),
            ("wss://localhost/#top", Fragment),
            ("wss://localhost/a b", BadCharacter { at: 17 }),
            ("wss://localhost/\r\nX: y", BadCharacter { at: 16 }),
            ("wss://localhost\\@evil/", BadCharacter { at: 15 }),
            ("wss:///v1/api/ws", EmptyHost),
            ("wss://:5000/", EmptyHost),
            ("wss://localhost:/", BadPort),
            ("wss://localhost:0/", BadPort),
            ("wss://localhost:65536/", BadPort),
            ("wss://localhost:+80/", BadPort),
            ("wss://[::1]5000/", BadPort),
            ("wss://::1/", BadHost),
            ("wss://[::1/", BadHost),
            ("wss://a..b/", BadHost),
            ("wss://a%62/", BadHost),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
        assert_eq!(Endpoint::gateway("localhost", 0), Err(BadPort));
        assert_eq!(Endpoint::gateway("localhost/x", 1), Err(BadHost));
    }

    #[test]
    fn a_query_has_room_for_the_secret_from_the_start() {
        let one =
            parse("wss://api.ibkr.com/v1/api/ws").unwrap().with_query("token", &Secret::new("s".repeat(100)).unwrap());
        let two = one.as_ref().unwrap().with_query("other", &Secret::new("t".repeat(100)).unwrap());
        for endpoint in [one, two] {
            let query = endpoint.unwrap().query.unwrap();
            assert!(query.capacity() <= query.len() + "&".len(), "it grew, and left a copy behind");
        }
    }

    #[test]
    fn a_token_in_the_query_is_sent_and_never_shown() {
        let token = Secret::new("hunter2+/=").unwrap();
        let endpoint = parse("wss://h/p?hunter2&x=hunter2").unwrap().with_query("sessionToken", &token).unwrap();
        assert_eq!(*endpoint.path_and_query(), "/p?hunter2&x=hunter2&sessionToken=hunter2%2B%2F%3D");
        assert_eq!(endpoint.to_string(), "wss://h/p?***&x=***&sessionToken=***");
        assert!(!format!("{endpoint:?}").contains("hunter2"));
        assert!(endpoint.with_query("a&b", &token).is_err());
    }
}
