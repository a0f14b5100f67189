//! The credentials that an upgrade request sends: session, cookies, tokens and headers.

use std::borrow::ToOwned;
use std::string::String;
use std::vec::Vec;

use zeroize::Zeroizing;

use super::Endpoint;
use super::header::Header;
use super::redaction::Redaction;
use super::secret::{Secret, SecretError, check_name, percent_encoded};

/// The form of the session in the cookie `api` (docs/protocol.md §1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum CookieForm {
    /// `api={"session":"…"}`, the form for the Client Portal Gateway; the default.
    #[default]
    Gateway,
    /// `api=…`, the form for `api.ibkr.com`.
    Direct,
}

/// The place of an OAuth 2.0 token in the upgrade request. The sources differ (docs/protocol.md
/// §1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum BearerForm {
    /// The query parameter `bearer_token`; the default.
    #[default]
    BearerToken,
    /// The query parameter `sessionToken`.
    SessionToken,
    /// The header `Authorization: Bearer …`.
    Header,
}

/// The default `User-Agent`. The server accepts any value (docs/protocol.md §1.2).
pub const USER_AGENT: &str = "ibws/0.1";

/// The session, cookies, tokens, headers and `User-Agent` of an upgrade request (docs/protocol.md
/// §1.2).
///
/// The default has only the `User-Agent` `ibws/0.1`, for a gateway whose login was made in a
/// browser. `Debug` shows no secret.
///
/// ```
/// use ibws_proto::transport::{BearerForm, Credentials, Endpoint, Plaintext, Secret};
///
/// let direct = Endpoint::parse("wss://api.ibkr.com/v1/api/ws", Plaintext::Refused)?;
/// let credentials = Credentials::default()
///     .with_oauth2(Secret::new("a1b2c3d4")?, BearerForm::default())
///     .with_header("Origin", "interactivebrokers.github.io")?
///     .only_for(&direct);
/// assert_eq!(credentials.authority(), Some("api.ibkr.com:443"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    authority: Option<String>,
    session: Option<Secret>,
    form: CookieForm,
    cookies: Vec<(String, Secret)>,
    query: Vec<(String, Secret)>,
    headers: Vec<Header>,
    user_agent: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            authority: None,
            session: None,
            form: CookieForm::default(),
            cookies: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            user_agent: USER_AGENT.to_owned(),
        }
    }
}

impl Credentials {
    /// Binds the credentials to the host and port of `endpoint`. A dial of another endpoint then
    /// fails before anything is sent.
    #[must_use]
    pub fn only_for(mut self, endpoint: &Endpoint) -> Self {
        self.authority = Some(endpoint.host_and_port());
        self
    }

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

    /// Adds `name=value` to the query. For the tokens of OAuth, use [`Self::with_oauth1`] and
    /// [`Self::with_oauth2`].
    ///
    /// # Errors
    /// [`SecretError::BadName`] for a name that is empty or has characters other than
    /// `A-Z a-z 0-9 - _ .`.
    pub fn with_query(mut self, name: &str, value: Secret) -> Result<Self, SecretError> {
        check_name(name)?;
        self.query.push((name.to_owned(), value));
        Ok(self)
    }

    /// Sends the access token of OAuth 1.0a as the query parameter `oauth_token`, beside the cookie
    /// (docs/protocol.md §1.2). It replaces an earlier one.
    #[must_use]
    pub fn with_oauth1(mut self, token: Secret) -> Self {
        const NAME: &str = "oauth_token";
        self.query.retain(|(name, _)| name != NAME);
        self.query.push((NAME.to_owned(), token));
        self
    }

    /// Sends the token of OAuth 2.0 in the place that `form` names (docs/protocol.md §1.2). It
    /// replaces an earlier one, in whichever place.
    #[must_use]
    pub fn with_oauth2(mut self, token: Secret, form: BearerForm) -> Self {
        const AUTHORIZATION: &str = "Authorization";
        let (bearer, session) = ("bearer_token", "sessionToken");
        self.query.retain(|(name, _)| name != bearer && name != session);
        self.headers.retain(|header| !header.name.eq_ignore_ascii_case(AUTHORIZATION));
        match form {
            BearerForm::BearerToken => self.query.push((bearer.to_owned(), token)),
            BearerForm::SessionToken => self.query.push((session.to_owned(), token)),
            BearerForm::Header => {
                let scheme = "Bearer ";
                let length = scheme.len().saturating_add(token.expose().len());
                let mut value = Zeroizing::new(String::with_capacity(length));
                value.push_str(scheme);
                value.push_str(token.expose());
                self.headers.push(Header { name: AUTHORIZATION.to_owned(), value, is_secret: true });
            }
        }
        self
    }

    /// Sends a header whose value is not secret, such as `Origin`. It replaces one of the same
    /// name.
    ///
    /// # Errors
    /// [`SecretError::BadHeaderName`] for a name that is no token, [`SecretError::ReservedHeader`]
    /// for one that the transport or another setting sends, and for `Authorization`, whose value is
    /// secret. [`SecretError::BadHeaderValue`] for a value that is not printable ASCII, has a
    /// semicolon, is empty, or begins or ends with a blank.
    pub fn with_header(self, name: &str, value: &str) -> Result<Self, SecretError> {
        let header = Header::new(name, Zeroizing::new(value.to_owned()), false)?;
        Ok(self.with(header))
    }

    /// Sends a header whose value is secret, and so in no output. It replaces one of the same name.
    ///
    /// # Errors
    /// As for [`Self::with_header`], except that `Authorization` is accepted. A refused value is
    /// wiped from memory.
    pub fn with_secret_header(self, name: &str, value: impl Into<String>) -> Result<Self, SecretError> {
        let header = Header::new(name, Zeroizing::new(value.into()), true)?;
        Ok(self.with(header))
    }

    fn with(mut self, header: Header) -> Self {
        self.headers.retain(|other| !other.name.eq_ignore_ascii_case(&header.name));
        self.headers.push(header);
        self
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

    /// Checks that the credentials may be sent to `endpoint`.
    ///
    /// # Errors
    /// [`SecretError::OtherAuthority`] if they are bound to another host or port.
    pub fn check_endpoint(&self, endpoint: &Endpoint) -> Result<(), SecretError> {
        let endpoint = endpoint.host_and_port();
        match &self.authority {
            Some(authority) if *authority != endpoint => {
                Err(SecretError::OtherAuthority { authority: authority.clone(), endpoint })
            }
            _ => Ok(()),
        }
    }

    /// Returns the host and port to which the credentials are bound; `None` if they are not.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
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

    /// Returns the names and values of the added headers, `Authorization` included. The values may
    /// be secret.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }

    /// Adds the secrets, in the forms in which a request holds them.
    pub(super) fn hide_in(&self, redaction: &mut Redaction) {
        let others = self.cookies.iter().chain(&self.query).map(|(_, secret)| secret);
        for secret in self.session.iter().chain(others) {
            redaction.hide(secret.expose());
            redaction.hide(&percent_encoded(secret.expose()));
        }
        for header in self.headers.iter().filter(|header| header.is_secret) {
            redaction.hide(&header.value);
            // The scheme before a token is not secret.
            redaction.hide(header.value.rsplit(' ').next().unwrap_or_default());
        }
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

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::ToString;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    fn redacted(credentials: &Credentials, text: &str) -> String {
        let mut redaction = Redaction::default();
        credentials.hide_in(&mut redaction);
        redaction.apply(text)
    }

    #[test]
    fn a_secret_is_in_no_debug_output() {
        let credentials = Credentials::default()
            .with_session(secret("hunter2"), CookieForm::Gateway)
            .with_oauth1(secret("hunter2"))
            .with_oauth2(secret("hunter2"), BearerForm::Header)
            .with_cookie("x-sess-uuid", secret("hunter2"))
            .and_then(|credentials| credentials.with_query("x", secret("hunter2")))
            .and_then(|credentials| credentials.with_secret_header("X-Api-Key", "key hunter2"))
            .and_then(|credentials| credentials.with_header("Origin", "https://shown.example"))
            .unwrap();
        let shown = format!("{credentials:#?} {credentials:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        for name in ["oauth_token", "Authorization: ***", "X-Api-Key: ***", "Origin: https://shown.example"] {
            assert!(shown.contains(name), "{name} is not in {shown}");
        }
        let repeated = "api=hunter2 Bearer hunter2 key hunter2 hunte";
        assert!(!redacted(&credentials, repeated).contains("hunte"), "{}", redacted(&credentials, repeated));
    }

    #[test]
    fn a_text_that_repeats_the_request_is_redacted() {
        let credentials = Credentials::default()
            .with_session(secret("5e55109f5e55"), CookieForm::Gateway)
            .with_cookie("x-sess-uuid", secret("0.1c0ffee"))
            .unwrap()
            .with_oauth1(secret("a/b+c=d"))
            .with_oauth2(secret("bear3r"), BearerForm::Header);
        for (text, shown) in [
            (
                "bad cookie api={\"session\":\"5e55109f5e55\"}; x-sess-uuid=0.1c0ffee",
                "bad cookie api={\"session\":\"…\"}; x-sess-uuid=…",
            ),
            ("GET /ws?oauth_token=a%2Fb%2Bc%3Dd and a/b+c=d", "GET /ws?oauth_token=… and …"),
            ("bad token bear3r in Authorization: Bearer bear3r", "bad token … in Authorization: …"),
            ("cut off 5e55109f5e5", "cut off …"),
            ("cut off 5e55", "cut off …"),
            ("the end of 5e5", "the end of 5e5"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(redacted(&credentials, text), shown);
        }
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
        assert!(Credentials::default().with_cookie("a=b", secret("x")).is_err());
        assert!(Credentials::default().with_query("", secret("x")).is_err());
        assert!(Credentials::default().with_user_agent("a\r\nCookie: b").is_err());
    }

    #[test]
    fn a_token_of_oauth_2_is_in_exactly_one_place() {
        let mut credentials = Credentials::default().with_oauth1(secret("one"));
        for (form, query, headers) in [
            (BearerForm::Header, "oauth_token=one", "Authorization: Bearer two"),
            (BearerForm::SessionToken, "oauth_token=one sessionToken=two", ""),
            (BearerForm::default(), "oauth_token=one bearer_token=two", ""),
            (BearerForm::BearerToken, "oauth_token=one bearer_token=two", ""),
        ] {
            credentials = credentials.with_oauth2(secret("two"), form);
            let pairs = credentials.query().map(|(name, value)| format!("{name}={}", value.expose()));
            assert_eq!(pairs.collect::<Vec<_>>().join(" "), query);
            let pairs = credentials.headers().map(|(name, value)| format!("{name}: {value}"));
            assert_eq!(pairs.collect::<Vec<_>>().join(" "), headers);
        }
    }

    #[test]
    fn headers_that_could_break_or_replace_parts_of_the_request_are_refused() {
        let with = |name: &str, value: &str| Credentials::default().with_header(name, value);
        for name in ["", "a b", "a:b", "a\r\nb", "a\0b", "é", "a;b"] {
            assert_eq!(with(name, "x"), Err(SecretError::BadHeaderName), "{name:?}");
        }
        for name in [
            "Host",
            "cookie",
            "USER-AGENT",
            "Connection",
            "Upgrade",
            "Keep-Alive",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Content-Length",
            "Expect",
            "Sec-WebSocket-Key",
            "sec-websocket-protocol",
            "Proxy-Authorization",
            "Proxy-Connection",
        ] {
            assert!(matches!(with(name, "x"), Err(SecretError::ReservedHeader { .. })), "{name}");
            let secret = Credentials::default().with_secret_header(name, "x");
            assert!(matches!(secret, Err(SecretError::ReservedHeader { .. })), "{name}");
        }
        assert!(with("Authorization", "x").unwrap_err().to_string().contains("`Credentials::with_secret_header`"));
        for value in ["", " a", "a ", "a\rb", "a\nb", "a\r\nX: y", "a\0b", "a\tb", "a;b", "a\u{7f}", "é"] {
            let error = with("Origin", value).unwrap_err();
            assert!(matches!(error, SecretError::BadHeaderValue { .. }), "{value:?}");
            let secret = Credentials::default().with_secret_header("X-Key", value).unwrap_err();
            assert!(matches!(secret, SecretError::BadHeaderValue { .. }), "{value:?}");
        }
        let replaced =
            with("origin", "https://a.example").and_then(|both| both.with_header("Origin", "https://b.example"));
        assert_eq!(replaced.unwrap().headers().collect::<Vec<_>>(), [("Origin", "https://b.example")]);
    }

    #[test]
    fn credentials_are_for_the_authority_that_they_are_bound_to() {
        let gateway = |name, port| Endpoint::gateway(name, port).unwrap();
        let bound = Credentials::default().with_oauth1(secret("hunter2")).only_for(&gateway("api.ibkr.com", 443));
        assert_eq!(bound.check_endpoint(&gateway("API.ibkr.com", 443)), Ok(()));
        for other in
            [gateway("api.ibkr.com", 444), gateway("localhost", 443), gateway("api.ibkr.com.evil.example", 443)]
        {
            let error = bound.check_endpoint(&other).unwrap_err().to_string();
            assert!(error.starts_with("the credentials belong to api.ibkr.com:443 and are not sent to "), "{error}");
            assert!(error.contains(&other.host_and_port()) && !error.contains("hunter2"), "{error}");
            assert_eq!(Credentials::default().check_endpoint(&other), Ok(()));
        }
    }
}
