//! Headers that an application adds to the upgrade request.

use core::fmt;
use std::borrow::ToOwned;
use std::string::String;

use zeroize::Zeroizing;

use super::secret::SecretError;

/// A header: its name, its value, and whether the value is secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: Zeroizing<String>,
    pub(super) is_secret: bool,
}

impl Header {
    /// Checks a header. A refused value is wiped.
    pub(super) fn new(name: &str, value: Zeroizing<String>, is_secret: bool) -> Result<Self, SecretError> {
        check_name(name)?;
        if !is_secret && name.eq_ignore_ascii_case("authorization") {
            return Err(SecretError::ReservedHeader {
                name: name.to_owned(),
                instead: "its value is secret, so use `Credentials::with_secret_header` or `Credentials::with_oauth2`",
            });
        }
        // A semicolon separates cookies and parameters.
        let is_allowed = |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && byte != b';';
        let is_good = !value.is_empty() && value.trim().len() == value.len() && value.bytes().all(is_allowed);
        if !is_good {
            return Err(SecretError::BadHeaderValue { name: name.to_owned() });
        }
        Ok(Self { name: name.to_owned(), value, is_secret })
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, if self.is_secret { "***" } else { self.value.as_str() })
    }
}

fn check_name(name: &str) -> Result<(), SecretError> {
    // RFC 9110 §5.6.2.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(SecretError::BadHeaderName);
    }
    let lower = name.to_ascii_lowercase();
    let instead = match lower.as_str() {
        "host" => "it is made of the address (`Builder::url`)",
        "cookie" => "use `Credentials::with_cookie` or `Credentials::with_session`",
        "user-agent" => "use `Credentials::with_user_agent`",
        "proxy-authorization" => "use `Proxy::with_basic_auth`",
        "connection" | "upgrade" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "content-length"
        | "expect" | "http2-settings" => "it belongs to the connection, which the transport manages",
        other if other.starts_with("sec-websocket-") => "it belongs to the upgrade, which the transport performs",
        other if other.starts_with("proxy-") => "it belongs to the connection to a proxy",
        _ => return Ok(()),
    };
    Err(SecretError::ReservedHeader { name: name.to_owned(), instead })
}
