//! Secrets: texts that are wiped when dropped and never shown.

use core::fmt;
use std::string::String;

use zeroize::{Zeroize, Zeroizing};

/// A session id or a token that is wiped from memory when dropped and never shown.
///
/// There is no `Display`, and `Debug` prints `Secret(***)`. A secret holds the characters that a
/// cookie allows (RFC 6265 §4.1.1, `cookie-octet`): printable ASCII without blank, `"`, `,`, `;`
/// and `\`. It therefore cannot break out of a header, cookie, query or JSON string that contains
/// it.
///
/// ```
/// use ibws_proto::transport::Secret;
///
/// let session = Secret::new("0123456789abcdef")?;
/// assert_eq!(format!("{session:?}"), "Secret(***)");
/// assert_eq!(session.expose(), "0123456789abcdef");
/// assert!(Secret::new("pasted with its line end\n").is_err());
/// # Ok::<(), ibws_proto::transport::SecretError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of a secret. A refused text is wiped as well.
    ///
    /// # Errors
    /// [`SecretError`] if the text is empty or has a character that a cookie does not allow.
    pub fn new(text: impl Into<String>) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        match text.bytes().position(|byte| !byte.is_ascii_graphic() || b"\",;\\".contains(&byte)) {
            Some(at) => Err(SecretError::BadCharacter { at }),
            None => Ok(Self(text)),
        }
    }

    /// Returns the text itself. The caller is responsible for keeping it out of logs and errors.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A text that cannot be a [`Secret`], or a name or value that [`Credentials`](super::Credentials)
/// do not accept. The error never holds the text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The text is empty.
    #[error("the secret is empty: omit it, or pass the `session` value of the /tickle reply")]
    Empty,
    /// The text has a blank, a control character, a character outside ASCII, or one of `" , ; \`.
    #[error(
        "byte {at} of the secret is not allowed in a cookie: pass the bare value, without quotes, blanks or a line end"
    )]
    BadCharacter {
        /// The index of the byte, from 0.
        at: usize,
    },
    /// The name of a cookie or query parameter has characters other than `A-Z a-z 0-9 - _ .`.
    #[error("the name of a cookie or query parameter must be one or more of A-Z a-z 0-9 - _ . (such as oauth_token)")]
    BadName,
    /// The `User-Agent` is empty or has a character that ends a header.
    #[error("the User-Agent must be printable ASCII (such as ibws/0.1)")]
    BadUserAgent,
    /// The name of a header is empty or has a character that a name cannot have.
    #[error("the name of a header must be one or more of A-Z a-z 0-9 and !#$%&'*+-.^_`|~ (such as Origin)")]
    BadHeaderName,
    /// The header belongs to the upgrade, to the connection, or to another setting.
    #[error("the header {name} cannot be set: {instead}")]
    ReservedHeader {
        /// The name.
        name: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// The value of a header is empty, begins or ends with a blank, or has a control character, a
    /// semicolon or a character outside ASCII.
    #[error(
        "the value of the header {name} must be printable ASCII without a semicolon, and must not begin or end with a \
         blank"
    )]
    BadHeaderValue {
        /// The name.
        name: String,
    },
    /// The credentials belong to another endpoint.
    #[error(
        "the credentials belong to {authority} and are not sent to {endpoint}: correct the address, or pass the \
         credentials of {endpoint}"
    )]
    OtherAuthority {
        /// The host and port that the credentials belong to.
        authority: String,
        /// The host and port of the endpoint.
        endpoint: String,
    },
}

/// Checks that a cookie and a query allow `name` without quotes.
pub(super) fn check_name(name: &str) -> Result<(), SecretError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) { Err(SecretError::BadName) } else { Ok(()) }
}

/// Percent-encodes `text` for a query value: all but the unreserved characters of RFC 3986 §2.3.
pub(super) fn percent_encoded(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 0x0f] {
                out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    out
}

impl Zeroize for Secret {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn characters_that_could_end_a_header_or_cookie_are_refused_and_not_shown() {
        for bad in ["a\r\nX: y", "a b", "a\"b", "a;b", "a,b", "a\\b", "a\u{7f}b", "a\0b", "aé"] {
            let error = Secret::new(bad).unwrap_err();
            assert_eq!(error, SecretError::BadCharacter { at: 1 }, "{bad:?}");
            assert!(!error.to_string().contains(bad));
        }
        assert_eq!(Secret::new(""), Err(SecretError::Empty));
    }
}
