//! Where the WebSocket is: the parsed address.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::ToOwned;
use std::string::String;

use zeroize::Zeroizing;

use super::secret::{Secret, SecretError, check_name, percent_encoded};

/// The path of the streaming WebSocket, on the gateway and on `api.ibkr.com` alike (docs/protocol.md §1.1).
pub const DEFAULT_PATH: &str = "/v1/api/ws";

/// Whether a `ws://` address may be used. Even where allowed, it must name this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Plaintext {
    /// Only `wss://`.
    #[default]
    Refused,
    /// `ws://` to `localhost`, `127.0.0.0/8` or `[::1]`, too.
    OnLoopback,
}

/// The address of a WebSocket, checked.
///
/// Neither `Display` nor `Debug` shows the values of the query: they may be tokens.
///
/// ```
/// use ibws_proto::transport::{Endpoint, Plaintext};
///
/// let endpoint = Endpoint::parse("wss://api.ibkr.com/v1/api/ws?oauth_token=a1b2c3d4", Plaintext::Refused)?;
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
    /// Without its question mark.
    query: Option<Zeroizing<String>>,
}

#[derive(Clone, PartialEq, Eq)]
enum Host {
    Name(String),
    V4(Ipv4Addr, String),
    V6(Ipv6Addr, String),
}

/// Why a text is not the address of a WebSocket. Never holds the query.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Nothing was given, or it has no `://`.
    #[error("the address has no scheme: write wss://HOST:PORT/v1/api/ws")]
    NoScheme,
    /// Something other than `wss` or `ws`.
    #[error("the address must begin with wss:// (for https:// write wss://, for http:// on this machine ws://)")]
    Scheme,
    /// `ws://`, but plaintext was not asked for.
    #[error("ws:// would send the session unencrypted: write wss://, or allow plaintext to this machine")]
    PlaintextNotAllowed,
    /// `ws://` to another machine.
    #[error("ws:// is for this machine only (localhost, 127.0.0.1, [::1]), not for {host}: write wss://{host}")]
    PlaintextNotLoopback {
        /// The host of the address.
        host: String,
    },
    /// `user:password@` before the host.
    #[error("the address has a user before its host: write only HOST:PORT there, and give the session separately")]
    UserInfo,
    /// `#` and what follows it.
    #[error("the address has a # part, which a WebSocket cannot have: remove it")]
    Fragment,
    /// A blank, a control character, a backslash, or something that is not ASCII.
    #[error("byte {at} of the address is no plain printable ASCII: remove it, or percent-encode it")]
    BadCharacter {
        /// Its place, counted in bytes from 0.
        at: usize,
    },
    /// Nothing between `://` and the port or path.
    #[error("the address has no host: write wss://HOST:PORT/v1/api/ws, such as wss://localhost:5000/v1/api/ws")]
    EmptyHost,
    /// A host that is neither a name nor an IP address.
    #[error("the host is neither a name nor an IP address: write localhost, 127.0.0.1 or [::1] (IPv6 in brackets)")]
    BadHost,
    /// A port that is no number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535: write HOST:5000, or leave the colon out")]
    BadPort,
    /// The name of a query parameter is not plain.
    #[error(transparent)]
    BadQueryName(#[from] SecretError),
}

impl Endpoint {
    /// Reads `wss://host[:port]/path[?query]`, or `ws://…` where `plaintext` and the host allow it.
    ///
    /// The port defaults to 443, or 80 for `ws`; an empty path is `/`.
    ///
    /// # Errors
    /// [`EndpointError`], which names what is wrong and what to write instead.
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

    /// `wss://{host}:{port}/v1/api/ws`, where a Client Portal Gateway listens (docs/protocol.md §1.1). An IPv6 `host` may
    /// come with or without brackets.
    ///
    /// # Errors
    /// [`EndpointError`] for a host that is none, or port 0.
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

    /// The same address with `name=value` added to its query, the value percent-encoded.
    ///
    /// # Errors
    /// [`EndpointError::BadQueryName`] for a name that is not plain (docs/protocol.md §1.2 has the names in use).
    pub fn with_query(&self, name: &str, value: &Secret) -> Result<Self, EndpointError> {
        check_name(name)?;
        let encoded = percent_encoded(value.expose());
        let before = self.query.as_ref().map_or("", |query| query.as_str());
        // Room for everything at once: a growing string would leave copies of the secret behind.
        let room = before.len() + name.len() + encoded.len() + "&=".len();
        let mut query = Zeroizing::new(String::with_capacity(room));
        let separator = if before.is_empty() { "" } else { "&" };
        [before, separator, name, "=", &encoded].iter().for_each(|part| query.push_str(part));
        Ok(Self { query: Some(query), ..self.clone() })
    }

    /// `wss` or `ws`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls { "wss" } else { "ws" }
    }

    /// Whether TLS comes first.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host: a name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        match &self.host {
            Host::Name(name) | Host::V4(_, name) => name,
            Host::V6(_, bracketed) => bracketed.trim_matches(['[', ']']),
        }
    }

    /// The host's IP address, where it is one and not a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Name(_) => None,
            Host::V4(address, _) => Some(IpAddr::V4(*address)),
            Host::V6(address, _) => Some(IpAddr::V6(*address)),
        }
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the `Host` header says: the host, IPv6 in brackets, and the port unless it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        if self.port == default { self.bracketed().to_owned() } else { self.host_and_port() }
    }

    /// `host:port`, IPv6 in brackets: how errors name the peer.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        std::format!("{}:{}", self.bracketed(), self.port)
    }

    /// The path, which begins with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path and, after `?`, the query with its values: may hold a token.
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

    /// Whether the host is this machine by its name alone: `localhost`, `127.0.0.0/8` or `[::1]`.
    ///
    /// An adapter that looks up `localhost` must use the loopback addresses among the answers only.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(name) => name == "localhost",
            Host::V4(address, _) => address.is_loopback(),
            Host::V6(address, _) => address.is_loopback(),
        }
    }

    fn bracketed(&self) -> &str {
        match &self.host {
            Host::Name(text) | Host::V4(_, text) | Host::V6(_, text) => text,
        }
    }
}

/// The query's names stay, its values become `***`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.path)?;
        let Some(query) = &self.query else { return Ok(()) };
        for (place, part) in query.split('&').enumerate() {
            f.write_str(if place == 0 { "?" } else { "&" })?;
            match part.split_once('=') {
                Some((name, _)) => write!(f, "{name}=***")?,
                // Without a name it may be the token itself.
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

/// The host and, if there is a colon for it, the port.
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
        // A bare IPv6 address; its last group is not to be taken for a port.
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
    // One dot at the end is legal in a name.
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
    // `parse` alone would take a plus sign.
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
    fn the_parts_of_an_address_come_out_as_they_went_in() {
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
    fn plaintext_is_for_this_machine_and_only_when_asked_for() {
        for here in ["ws://localhost:5000/", "ws://LOCALHOST/", "ws://127.9.9.9/", "ws://[::1]/"] {
            assert!(parse(here).is_ok_and(|endpoint| endpoint.is_loopback()), "{here}");
            assert_eq!(Endpoint::parse(here, Plaintext::Refused), Err(EndpointError::PlaintextNotAllowed), "{here}");
        }
        for away in ["ws://10.0.0.1/", "ws://localhost.evil.example/", "ws://127.0.0.1.evil.example/", "ws://[::2]/"] {
            assert!(matches!(parse(away), Err(EndpointError::PlaintextNotLoopback { .. })), "{away}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
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
    fn a_token_in_the_query_goes_to_the_wire_and_into_no_log() {
        let token = Secret::new("hunter2+/=").unwrap();
        let endpoint = parse("wss://h/p?hunter2&x=hunter2").unwrap().with_query("sessionToken", &token).unwrap();
        assert_eq!(*endpoint.path_and_query(), "/p?hunter2&x=hunter2&sessionToken=hunter2%2B%2F%3D");
        assert_eq!(endpoint.to_string(), "wss://h/p?***&x=***&sessionToken=***");
        assert!(!format!("{endpoint:?}").contains("hunter2"));
        assert!(endpoint.with_query("a&b", &token).is_err());
    }
}
