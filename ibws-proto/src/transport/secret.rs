//! Secrets, and what of them goes out with the upgrade request.

use core::fmt;
use std::borrow::ToOwned;
use std::string::String;
use std::vec::Vec;

use zeroize::{Zeroize, Zeroizing};

/// A session id or a token: wiped from memory when dropped, never shown.
///
/// There is no `Display`, and `Debug` prints `Secret(***)`. It holds what may stand in a cookie (RFC 6265 §4.1.1,
/// `cookie-octet`): printable ASCII without blank, `"`, `,`, `;` and `\`. So it can break out of no header, cookie,
/// query or JSON string that it is put into.
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
    /// Takes a secret over; the text is wiped also where it is refused.
    ///
    /// # Errors
    /// [`SecretError`] where the text is empty or has a character that cannot stand in a cookie.
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

    /// The text itself. Whoever calls this answers for where it goes.
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

/// Why a text cannot be a [`Secret`], or a name cannot stand beside one. Never holds the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Nothing was given.
    #[error("the secret is empty: leave it out, or give the `session` value of the /tickle reply")]
    Empty,
    /// A blank, a control character, a quote, or something that is not ASCII.
    #[error(
        "byte {at} of the secret cannot stand in a cookie: give the bare value, without quotes, blanks or a line end"
    )]
    BadCharacter {
        /// Its place, counted in bytes from 0.
        at: usize,
    },
    /// The name of a cookie or query parameter is not plain.
    #[error("a cookie or query name is one or more of A-Z a-z 0-9 - _ . (such as oauth_token)")]
    BadName,
    /// The `User-Agent` is empty or has a character that ends a header.
    #[error("the User-Agent must be printable ASCII (such as ibws/0.1)")]
    BadUserAgent,
}

/// How the session is written into the cookie `api` (docs/protocol.md §1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum CookieForm {
    /// `api={"session":"…"}`, what the Client Portal Gateway takes.
    #[default]
    Gateway,
    /// `api=…`, what `api.ibkr.com` takes.
    Direct,
}

/// The `User-Agent` that goes out unless told otherwise; any value is accepted (docs/protocol.md §1.2).
pub const USER_AGENT: &str = "ibws/0.1";

/// Everything an upgrade request says about who is asking (docs/protocol.md §1.2).
///
/// The default says nothing but the `User-Agent` `ibws/0.1`: for a gateway on which a browser has logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    session: Option<Secret>,
    form: CookieForm,
    cookies: Vec<(String, Secret)>,
    query: Vec<(String, Secret)>,
    user_agent: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            session: None,
            form: CookieForm::default(),
            cookies: Vec::new(),
            query: Vec::new(),
            user_agent: USER_AGENT.to_owned(),
        }
    }
}

impl Credentials {
    /// Sends the session of the `/tickle` reply as the cookie `api`.
    #[must_use]
    pub fn with_session(mut self, session: Secret, form: CookieForm) -> Self {
        self.session = Some(session);
        self.form = form;
        self
    }

    /// Sends one more cookie, such as the `x-sess-uuid` that a REST reply set.
    ///
    /// # Errors
    /// [`SecretError::BadName`].
    pub fn with_cookie(mut self, name: &str, value: Secret) -> Result<Self, SecretError> {
        check_name(name)?;
        self.cookies.push((name.to_owned(), value));
        Ok(self)
    }

    /// Adds `name=value` to the query. OAuth 1.0a takes its access token as `oauth_token`; for OAuth 2.0 the sources
    /// disagree between `bearer_token` and `sessionToken`.
    ///
    /// # Errors
    /// [`SecretError::BadName`].
    pub fn with_query(mut self, name: &str, value: Secret) -> Result<Self, SecretError> {
        check_name(name)?;
        self.query.push((name.to_owned(), value));
        Ok(self)
    }

    /// Sends another `User-Agent` than [`USER_AGENT`].
    ///
    /// # Errors
    /// [`SecretError::BadUserAgent`].
    pub fn with_user_agent(mut self, user_agent: &str) -> Result<Self, SecretError> {
        if user_agent.trim().is_empty() || !user_agent.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(SecretError::BadUserAgent);
        }
        self.user_agent = user_agent.trim().to_owned();
        Ok(self)
    }

    /// The session, if it is known before the connection is made.
    #[must_use]
    pub fn session(&self) -> Option<&Secret> {
        self.session.as_ref()
    }

    /// The `User-Agent` that goes out.
    #[must_use]
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// The query parameters, in the order they were added.
    pub fn query(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of the `Cookie` header, if there is one to send.
    #[must_use]
    pub fn cookie_header(&self) -> Option<Zeroizing<String>> {
        let cookies = self.cookies.iter().map(|(name, value)| (name.as_str(), "", value, ""));
        let session = self.session.iter().map(|session| match self.form {
            CookieForm::Gateway => ("api", "{\"session\":\"", session, "\"}"),
            CookieForm::Direct => ("api", "", session, ""),
        });
        let all: Vec<_> = session.chain(cookies).collect();
        // Room for everything at once: a growing string would leave copies of the secret behind.
        let length = all.iter().map(|(name, before, value, after)| {
            name.len() + before.len() + value.expose().len() + after.len() + "=; ".len()
        });
        let mut header = Zeroizing::new(String::with_capacity(length.sum()));
        for (name, before, value, after) in all {
            let separator = if header.is_empty() { "" } else { "; " };
            [separator, name, "=", before, value.expose(), after].iter().for_each(|part| header.push_str(part));
        }
        (!header.is_empty()).then_some(header)
    }
}

/// Whether `name` can stand unquoted in a cookie and in a query.
pub(super) fn check_name(name: &str) -> Result<(), SecretError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) { Err(SecretError::BadName) } else { Ok(()) }
}

/// `text` percent-encoded for a query value (RFC 3986 §2.3: all but the unreserved characters).
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
    use std::format;
    use std::string::ToString;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    #[test]
    fn a_secret_is_in_no_debug_output() {
        let credentials = Credentials::default()
            .with_session(secret("hunter2"), CookieForm::Gateway)
            .with_cookie("x-sess-uuid", secret("hunter2"))
            .and_then(|credentials| credentials.with_query("oauth_token", secret("hunter2")))
            .unwrap();
        let shown = format!("{credentials:#?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("oauth_token") && shown.contains("***"), "{shown}");
    }

    #[test]
    fn what_could_break_out_of_a_header_is_refused_without_being_shown() {
        for bad in ["a\r\nX: y", "a b", "a\"b", "a;b", "a,b", "a\\b", "a\u{7f}b", "aé"] {
            let error = Secret::new(bad).unwrap_err();
            assert_eq!(error, SecretError::BadCharacter { at: 1 }, "{bad:?}");
            assert!(!error.to_string().contains(bad));
        }
        assert_eq!(Secret::new(""), Err(SecretError::Empty));
        assert!(Credentials::default().with_cookie("a=b", secret("x")).is_err());
        assert!(Credentials::default().with_query("", secret("x")).is_err());
        assert!(Credentials::default().with_user_agent("a\r\nCookie: b").is_err());
    }

    #[test]
    fn the_gateway_gets_json_in_the_cookie_and_the_direct_endpoint_the_bare_value() {
        let cookie = |form| Credentials::default().with_session(secret("5e55"), form).cookie_header().unwrap();
        assert_eq!(*cookie(CookieForm::Gateway), r#"api={"session":"5e55"}"#);
        assert_eq!(*cookie(CookieForm::Direct), "api=5e55");
        let both = Credentials::default().with_session(secret("5e55"), CookieForm::Direct);
        let both = both.with_cookie("x-sess-uuid", secret("0.1")).unwrap();
        assert_eq!(*both.cookie_header().unwrap(), "api=5e55; x-sess-uuid=0.1");
        assert_eq!(Credentials::default().cookie_header(), None);
    }
}
