//! Secrets, and the credentials that an upgrade request sends.

use core::fmt;
use std::borrow::ToOwned;
use std::string::String;
use std::vec::Vec;

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

/// A text that cannot be a [`Secret`], or a name that cannot label one. The error never holds the
/// text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
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
}

/// The form of the session in the cookie `api` (docs/protocol.md §1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum CookieForm {
    /// `api={"session":"…"}`, the form for the Client Portal Gateway.
    #[default]
    Gateway,
    /// `api=…`, the form for `api.ibkr.com`.
    Direct,
}

/// The default `User-Agent`. The server accepts any value (docs/protocol.md §1.2).
pub const USER_AGENT: &str = "ibws/0.1";

/// The session, cookies, tokens and `User-Agent` of an upgrade request (docs/protocol.md §1.2).
///
/// The default has only the `User-Agent` `ibws/0.1`, for a gateway whose login was made in a
/// browser.
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
    /// [`SecretError::BadName`] for a name that is empty or has characters other than
    /// `A-Z a-z 0-9 - _ .`.
    pub fn with_cookie(mut self, name: &str, value: Secret) -> Result<Self, SecretError> {
        check_name(name)?;
        self.cookies.push((name.to_owned(), value));
        Ok(self)
    }

    /// Adds `name=value` to the query.
    ///
    /// OAuth 1.0a sends its access token as `oauth_token`. For OAuth 2.0 the sources name
    /// `bearer_token` or `sessionToken` (docs/protocol.md §1.2).
    ///
    /// # Errors
    /// [`SecretError::BadName`] for a name that is empty or has characters other than
    /// `A-Z a-z 0-9 - _ .`.
    pub fn with_query(mut self, name: &str, value: Secret) -> Result<Self, SecretError> {
        check_name(name)?;
        self.query.push((name.to_owned(), value));
        Ok(self)
    }

    /// Sends `user_agent` instead of [`USER_AGENT`].
    ///
    /// # Errors
    /// [`SecretError::BadUserAgent`] for an empty text, or one that is not printable ASCII.
    pub fn with_user_agent(mut self, user_agent: &str) -> Result<Self, SecretError> {
        if user_agent.trim().is_empty() || !user_agent.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(SecretError::BadUserAgent);
        }
        self.user_agent = user_agent.trim().to_owned();
        Ok(self)
    }

    /// Returns the session; `None` if it is not known before the connection is made.
    #[must_use]
    pub fn session(&self) -> Option<&Secret> {
        self.session.as_ref()
    }

    /// Returns the `User-Agent` to send.
    #[must_use]
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// Returns the query parameters in the order in which they were added.
    pub fn query(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns `text` with each secret replaced by `…`, for texts of a server that may repeat parts
    /// of the request. A secret that is cut off by the end of the text is replaced too, if at least
    /// four of its characters are there.
    pub(super) fn redacted(&self, text: &str) -> String {
        const MIN_PART: usize = 4;
        let mut text = text.to_owned();
        let others = self.cookies.iter().chain(&self.query).map(|(_, secret)| secret);
        for secret in self.session.iter().chain(others) {
            for form in [secret.expose(), &percent_encoded(secret.expose())] {
                text = text.replace(form, "…");
                let is_cut_off = |length: &usize| text.ends_with(form.get(..*length).unwrap_or("\0"));
                if let Some(length) = (MIN_PART..form.len()).rev().find(is_cut_off) {
                    text.truncate(text.len().saturating_sub(length));
                    text.push('…');
                }
            }
        }
        text
    }

    /// Returns the value of the `Cookie` header; `None` if there is no cookie to send.
    #[must_use]
    pub fn cookie_header(&self) -> Option<Zeroizing<String>> {
        let cookies = self.cookies.iter().map(|(name, value)| (name.as_str(), "", value, ""));
        let session = self.session.iter().map(|session| match self.form {
            CookieForm::Gateway => ("api", "{\"session\":\"", session, "\"}"),
            CookieForm::Direct => ("api", "", session, ""),
        });
        let all: Vec<_> = session.chain(cookies).collect();
        // The string has room for everything, because one that grows would leave copies of the
        // secret in memory.
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
    fn a_text_that_repeats_the_request_is_redacted() {
        let credentials = Credentials::default()
            .with_session(secret("5e55109f5e55"), CookieForm::Gateway)
            .with_cookie("x-sess-uuid", secret("0.1c0ffee"))
            .and_then(|credentials| credentials.with_query("oauth_token", secret("a/b+c=d")))
            .unwrap();
        for (text, shown) in [
            (
                "bad cookie api={\"session\":\"5e55109f5e55\"}; x-sess-uuid=0.1c0ffee",
                "bad cookie api={\"session\":\"…\"}; x-sess-uuid=…",
            ),
            ("GET /ws?oauth_token=a%2Fb%2Bc%3Dd and a/b+c=d", "GET /ws?oauth_token=… and …"),
            ("cut off 5e55109f5e5", "cut off …"),
            ("cut off 5e55", "cut off …"),
            ("the end of 5e5", "the end of 5e5"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(credentials.redacted(text), shown);
        }
    }

    #[test]
    fn characters_that_could_end_a_header_or_cookie_are_refused_and_not_shown() {
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
    fn the_cookie_holds_json_for_the_gateway_and_the_bare_value_for_the_direct_endpoint() {
        let cookie = |form| Credentials::default().with_session(secret("5e55"), form).cookie_header().unwrap();
        assert_eq!(*cookie(CookieForm::Gateway), r#"api={"session":"5e55"}"#);
        assert_eq!(*cookie(CookieForm::Direct), "api=5e55");
        let both = Credentials::default().with_session(secret("5e55"), CookieForm::Direct);
        let both = both.with_cookie("x-sess-uuid", secret("0.1")).unwrap();
        assert_eq!(*both.cookie_header().unwrap(), "api=5e55; x-sess-uuid=0.1");
        assert_eq!(Credentials::default().cookie_header(), None);
    }
}
