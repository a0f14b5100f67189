//! Reads arbitrary bytes as the response to an upgrade request, in arbitrary pieces.

use ibws_proto::transport::upgrade::{MAX_HEAD, MAX_INTERIM, UpgradeResponse};
use ibws_proto::transport::{CookieForm, Credentials, Endpoint, Plaintext, Secret};
use ibws_proto::{ConnectError, ConnectErrorKind};

use super::check_text;
use super::memory::held;
use super::pieces::Pieces;

const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// The secrets of the request, in each form in which it holds them.
const SECRETS: [&str; 3] = ["5e55109f00d15bad", "t0k/en+bad1d", "t0k%2Fen%2Bbad1d"];

/// How the upgrade ended: the first bytes of the stream, or an error.
type Outcome = Result<Vec<u8>, ConnectError>;

/// Reads arbitrary bytes as the response to an upgrade request, and checks that:
///
/// * the outcome is the same for all pieces, apart from an excerpt of bytes that are not HTTP;
/// * only a valid 101 opens the WebSocket, and a valid one always does, with the bytes behind it;
/// * an error is one line, names the peer and holds no secret of the request;
/// * no more is read or held than the limits allow.
///
/// A high bit of the first byte replaces each zero byte with 4,096 letters, so that small inputs
/// reach the limits; another one selects plaintext.
///
/// # Panics
/// If one of these does not hold.
pub fn upgrade(data: &[u8]) {
    let (pieces, flags) = Pieces::new(data);
    let mut bytes = pieces.bytes().to_vec();
    if flags & 1 != 0 {
        let long = |byte: &u8| if *byte == 0 { vec![b'a'; 4_096] } else { vec![*byte] };
        bytes = pieces.bytes().iter().take(1_024).flat_map(long).take(10 * MAX_HEAD).collect();
    }
    let endpoint = match flags & 2 {
        0 => Endpoint::gateway("localhost", 5_000),
        _ => Endpoint::parse("ws://localhost:5000/v1/api/ws", Plaintext::OnLoopback),
    };
    let endpoint = endpoint.unwrap_or_else(|error| panic!("{error}"));

    let whole = outcome(&endpoint, &[&bytes]);
    let cut = outcome(&endpoint, &pieces.cut(&bytes));
    let comparable = |outcome: &Outcome| outcome.clone().map_err(without_excerpt);
    assert_eq!(comparable(&cut), comparable(&whole), "in pieces");
    match &whole {
        Ok(frames) => check_open(&bytes, frames),
        Err(error) => {
            assert!(error.detail.starts_with("localhost:5000 "), "{error}");
            for error in [error, cut.as_ref().err().unwrap_or(error)] {
                check_text(error);
                assert!(!SECRETS.iter().any(|secret| error.detail.contains(secret)), "{error}");
            }
        }
    }
    let valid = [GOOD.as_bytes(), &bytes].concat();
    assert_eq!(outcome(&endpoint, &pieces.cut(&valid)), Ok(bytes));
}

/// Pushes pieces until the outcome is known. After the head of a refusal the rest comes in one
/// piece, because a transport reads at most one more.
fn outcome(endpoint: &Endpoint, pieces: &[&[u8]]) -> Outcome {
    let secret = |text: &str| Secret::new(text).unwrap_or_else(|error| panic!("{error}"));
    let credentials = Credentials::default().with_session(secret(SECRETS[0]), CookieForm::Gateway);
    let credentials = credentials.with_query("oauth_token", secret(SECRETS[1]));
    let credentials = credentials.unwrap_or_else(|error| panic!("{error}"));
    let mut response = UpgradeResponse::new(endpoint, ACCEPT).with_credentials(&credentials);
    let largest = pieces.iter().map(|piece| piece.len()).max().unwrap_or_default();
    let mut pushed = 0;
    for (at, piece) in pieces.iter().enumerate() {
        pushed += piece.len();
        match response.push(piece)? {
            Some(mut frames) => {
                pieces[at + 1..].iter().for_each(|piece| frames.extend_from_slice(piece));
                return Ok(frames);
            }
            None if response.is_refused() => {
                let rest = pieces[at + 1..].concat();
                let last = if rest.is_empty() { None } else { response.push(&rest).err() };
                let error = last.unwrap_or_else(|| response.cut_off());
                let held = held(response);
                assert!(held <= 4 * MAX_HEAD + 2 * (largest + rest.len()), "{held} bytes are held");
                return Err(error);
            }
            None => assert!(pushed <= MAX_HEAD, "{pushed} bytes, and the head has not ended"),
        }
    }
    Err(response.cut_off())
}

/// Removes the excerpt of bytes that are not HTTP: they are refused at the first one that shows it,
/// so the excerpt depends on the pieces.
fn without_excerpt(mut error: ConnectError) -> ConnectError {
    let is_not_http =
        ["does not speak HTTP here (", "sent a TLS record"].iter().any(|text| error.detail.contains(text));
    if is_not_http && error.kind == ConnectErrorKind::Protocol {
        error.detail = "localhost:5000 does not speak HTTP here".into();
    }
    error
}

/// Checks that the bytes before `frames` are the head of a valid 101, after interim responses.
fn check_open(bytes: &[u8], frames: &[u8]) {
    let head = bytes.strip_suffix(frames).unwrap_or_else(|| panic!("the frames are not the end of the response"));
    assert!(head.len() <= MAX_HEAD && head.ends_with(b"\n"), "{} bytes of head", head.len());
    // The heads are separated by empty lines.
    let mut heads = vec![Vec::new()];
    for line in head.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        if line.is_empty() {
            heads.push(Vec::new());
        } else if let Some(lines) = heads.last_mut() {
            lines.push(line.into_owned());
        }
    }
    heads.retain(|lines| !lines.is_empty());
    let Some((last, interim)) = heads.split_last() else { panic!("no head") };
    assert!(interim.len() <= MAX_INTERIM, "{} interim responses", interim.len());
    let code = |lines: &[String]| lines[0].split(' ').nth(1).map(str::to_owned).unwrap_or_default();
    for lines in interim {
        assert!(code(lines).starts_with('1') && code(lines) != "101", "{lines:?}");
    }
    assert!(last[0].starts_with("HTTP/1.1 101"), "{last:?}");
    let values = |name: &str| -> Vec<String> {
        let fields = last.iter().skip(1).filter_map(|line| line.split_once(':'));
        let named = fields.filter(|(field, _)| field.trim().eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim().to_owned()).collect()
    };
    let has = |name: &str, token: &str| {
        values(name).iter().any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    assert_eq!(values("sec-websocket-accept"), [ACCEPT], "{last:?}");
    assert!(has("upgrade", "websocket") && has("connection", "upgrade"), "{last:?}");
    for name in ["sec-websocket-extensions", "sec-websocket-protocol"] {
        assert!(values(name).iter().all(String::is_empty), "{last:?}");
    }
}
