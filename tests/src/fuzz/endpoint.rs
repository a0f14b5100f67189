//! Parses arbitrary text as an endpoint, writes it again, and makes an upgrade request to it.

use std::net::IpAddr;

use ibws_proto::transport::{CookieForm, Credentials, Endpoint, EndpointError, Plaintext, Secret, tls, upgrade};

use super::check_text;

/// A token that an input has only by copying it.
const TOKEN: &str = "Zq7x9Zq7x9";

/// Uses the lines of arbitrary text as the address, the name of a query parameter, its value, the
/// host of a gateway, its port, and a `User-Agent`. Checks that:
///
/// * an address that is accepted is parsed again, as it is written, to the same endpoint;
/// * plaintext is accepted on loopback only, as the addresses of the standard library define it;
/// * neither `Display` nor an error shows a value of the query;
/// * the upgrade request is one HTTP request with exactly the headers that were set.
///
/// # Panics
/// If one of these does not hold.
pub fn endpoint(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (url, name, value, gateway, port, user_agent) = (line(), line(), line(), line(), line(), line());

    let strict = Endpoint::parse(url, Plaintext::Refused);
    let parsed = Endpoint::parse(url, Plaintext::OnLoopback);
    match (&strict, &parsed) {
        (Ok(strict), parsed) => assert_eq!((strict.is_tls(), Ok(strict)), (true, parsed.as_ref())),
        (Err(refused), Ok(parsed)) => {
            assert_eq!(*refused, EndpointError::PlaintextNotAllowed);
            assert!(!parsed.is_tls() && parsed.is_loopback(), "{parsed}");
        }
        (Err(refused), Err(error)) => {
            check_text(refused);
            check_text(error);
        }
    }
    if let Ok(parsed) = &parsed {
        round_trip(parsed);
        request(parsed, name, value, user_agent);
    }
    match Endpoint::gateway(gateway, port.parse().unwrap_or(5_000)) {
        Ok(endpoint) => {
            let written = format!("wss://{}/v1/api/ws", endpoint.host_and_port());
            assert_eq!(Endpoint::parse(&written, Plaintext::Refused).as_ref(), Ok(&endpoint), "{gateway:?}");
            round_trip(&endpoint);
        }
        Err(error) => check_text(&error),
    }
}

fn round_trip(endpoint: &Endpoint) {
    let target = endpoint.path_and_query();
    for authority in [endpoint.host_and_port(), endpoint.authority()] {
        let written = format!("{}://{authority}{}", endpoint.scheme(), *target);
        assert_eq!(Endpoint::parse(&written, Plaintext::OnLoopback).as_ref(), Ok(endpoint), "{written}");
    }
    let name = endpoint.host();
    let ip = name.parse::<IpAddr>().ok();
    assert_eq!(endpoint.ip(), ip);
    assert_eq!(endpoint.is_loopback(), name == "localhost" || ip.is_some_and(|ip| ip.is_loopback()), "{name}");
    assert!(endpoint.is_tls() || endpoint.is_loopback());
    assert!(!name.is_empty() && !name.contains(['[', ']', '@', '/', '?', '#']) && endpoint.port() > 0, "{name}");
    assert!(target.starts_with(endpoint.path()) && endpoint.path().starts_with('/'));

    let shown = endpoint.to_string();
    let (before, query) = shown.split_once('?').map_or((shown.as_str(), None), |(before, query)| (before, Some(query)));
    assert_eq!(before, format!("{}://{}{}", endpoint.scheme(), endpoint.authority(), endpoint.path()));
    let whole = target.split_once('?').map(|(_, query)| query);
    let masked = |part: &str| part.split_once('=').map_or("***".to_owned(), |(name, _)| format!("{name}=***"));
    assert_eq!(query.map(str::to_owned), whole.map(|query| query.split('&').map(masked).collect::<Vec<_>>().join("&")));
    if let Err(error) = tls::server_name(endpoint) {
        assert!(ip.is_none());
        assert!(!error.detail.contains(char::is_control), "{error}");
    }
}

/// Makes a request with a secret in every place that takes one.
fn request(endpoint: &Endpoint, name: &str, value: &str, user_agent: &str) {
    let secret =
        |text: &str| Secret::new(text).or_else(|_| Secret::new(TOKEN)).unwrap_or_else(|error| panic!("{error}"));
    let mut credentials = Credentials::default().with_session(secret(TOKEN), CookieForm::Gateway);
    let mut cookies = format!("Cookie: api={{\"session\":\"{TOKEN}\"}}");
    let mut with_token = endpoint.clone();
    if let Ok(named) = credentials.clone().with_cookie(name, secret(value)) {
        let both = named.with_query(name, secret(value));
        credentials = both.unwrap_or_else(|error| panic!("a cookie takes {name:?}, and a query does not: {error}"));
        cookies.push_str(&format!("; {name}={}", secret(value).expose()));
        with_token = endpoint.with_query(name, &secret(value)).unwrap_or_else(|error| panic!("{error}"));
        let token = endpoint.with_query(name, &secret(TOKEN)).unwrap_or_else(|error| panic!("{error}"));
        assert!(token.path_and_query().ends_with(&format!("{name}={TOKEN}")));
        let shown = endpoint.to_string();
        assert_eq!(
            token.to_string().matches(TOKEN).count(),
            shown.matches(TOKEN).count() + name.matches(TOKEN).count()
        );
    } else {
        assert!(endpoint.with_query(name, &secret(value)).is_err(), "a query takes {name:?}, and a cookie does not");
    }
    let mut agent = credentials.user_agent().to_owned();
    if let Ok(changed) = credentials.clone().with_user_agent(user_agent) {
        (credentials, agent) = (changed, user_agent.trim().to_owned());
    }
    let bytes = upgrade::request(endpoint, &credentials, "a2V5").unwrap_or_else(|error| panic!("{error}"));
    let text = String::from_utf8_lossy(&bytes);
    let expected = [
        format!("GET {} HTTP/1.1", *with_token.path_and_query()),
        format!("Host: {}", endpoint.authority()),
        "Connection: Upgrade".into(),
        "Upgrade: websocket".into(),
        "Sec-WebSocket-Version: 13".into(),
        "Sec-WebSocket-Key: a2V5".into(),
        format!("User-Agent: {agent}"),
        cookies,
        String::new(),
        String::new(),
    ];
    assert_eq!(text.split("\r\n").collect::<Vec<_>>(), expected);
    let is_plain = |line: &String| line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    assert!(expected.iter().all(is_plain) && expected[0].split(' ').count() == 3, "{expected:?}");
}
