//! The smallest frames of each sort, and the keys of walks and chaos runs.

use bytes::Bytes;
use ibws_proto::{Key, SubscriptionKey};

use crate::walk::ByteSource;

/// The keys of walks and chaos runs: every channel, and several keys on one contract and on one
/// account.
pub const KEYS: [&str; 14] = [
    "md+265598",
    "md+265598@ARCA",
    "md+8314",
    "md+0;;;265598/1,8314/-1",
    "mh+265598",
    "mh+8314",
    "bd+DU1234567+265598",
    "bd+DU1234567+8314",
    "or",
    "pl",
    "tr",
    "sd+DU1234567",
    "sd+U12345678",
    "ld+DU1234567",
];

/// The `success` frame.
pub const SUCCESS: &str = r#"{"topic":"system","success":"simulated","isFT":false,"isPaper":true}"#;
/// A heartbeat with a fixed time.
pub const HEARTBEAT: &str = r#"{"topic":"system","hb":1767623400000}"#;
/// The status of an authenticated session.
pub const AUTHENTICATED: &str =
    r#"{"topic":"sts","args":{"connected":true,"authenticated":true,"established":true,"competing":false}}"#;
/// The status of a session that is not authenticated.
pub const UNAUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":false}}"#;
/// The request for the session.
pub const WAITING: &str = r#"{"message":"waiting for session"}"#;

/// Other frames of a gateway, valid and odd ones.
pub const OTHER_FRAMES: [&str; 27] = [
    r#"{"message":"welcome"}"#,
    r#"{"topic":"smd+265598@IBIS","31":"1.00","conid":265598}"#,
    r#"{"topic":"smh+8314@IBIS","serverId":"77","data":[]}"#,
    r#"{"topic":"sts","args":{"competing":true}}"#,
    r#"{"topic":"sts","args":{"authenticated":"true"}}"#,
    r#"{"topic":"sts","args":{"message":""}}"#,
    r#"{"topic":"sts"}"#,
    r#"{"topic":"system","hb":"not a number"}"#,
    r#"{"topic":"act","args":{"accounts":["DU1234567"]}}"#,
    r#"{"topic":"tic","alive":true,"id":"one","lastAccessed":1}"#,
    r#"{"topic":"tic","alive":true,"id":"two","lastAccessed":1}"#,
    r#"{"error":"No accounts","code":500,"topic":"smd"}"#,
    r#"{"error":"unable to subscribe","code":500,"topic":"sor"}"#,
    r#"{"error":"unable to subscribe","code":500,"topic":"smd+265598"}"#,
    r#"{"error":"unable to subscribe","code":500,"topic":"ssd"}"#,
    r#"{"error":"Topic unknown 'tic'","code":1}"#,
    r#"{"error":5,"topic":"smh"}"#,
    r#"{"result":"unsubscribed from summary"}"#,
    r#"{"result":"unsubscribed from ledger"}"#,
    r#"{"message":"Unsubscribed 5005"}"#,
    r#"{"message":"Unsubscribed 6006"}"#,
    r#"{"topic":"smd+999","31":"1.00"}"#,
    r#"{"topic":"sbd","data":[]}"#,
    r#"{"topic":"xyz+1","args":{}}"#,
    "ech+hb",
    r#"{"topic":"sor","topic":"str"}"#,
    r#"[1,2"#,
];

/// The smallest data frame of this subscription.
#[must_use]
pub fn data(key: &SubscriptionKey) -> Bytes {
    let target = key.as_str().split_once('+').map_or("", |(_, target)| target);
    let text = match key.key() {
        Key::MarketData => format!(
            r#"{{"31":"271.50","conidEx":"{target}","conid":{},"topic":"smd+{target}"}}"#,
            key.conid().unwrap_or(0)
        ),
        Key::MarketHistory => format!(r#"{{"topic":"smh+{target}","serverId":"{}","data":[]}}"#, server_id(key)),
        Key::AccountSummary | Key::AccountLedger => format!(r#"{{"result":[],"topic":"s{}"}}"#, key.as_str()),
        Key::PriceLadder => format!(r#"{{"topic":"s{}","data":[]}}"#, key.as_str()),
        _ => format!(r#"{{"topic":"s{}","args":[]}}"#, key.as_str()),
    };
    text.into()
}

/// The server id of a history in walks and chaos runs; other keys have one too, which is not used.
#[must_use]
pub fn server_id(key: &SubscriptionKey) -> String {
    let place = KEYS.iter().position(|known| *known == key.as_str()).unwrap_or_default() + 1;
    format!("{}", place * 1_001)
}

/// One of [`KEYS`], which `bytes` decides.
pub(crate) fn some_key(bytes: &mut ByteSource<'_>) -> SubscriptionKey {
    let text = bytes.pick(&KEYS);
    SubscriptionKey::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A frame that `bytes` decides: of the session, data, other frames, corrupt data, or raw bytes.
pub(crate) fn any(bytes: &mut ByteSource<'_>) -> Bytes {
    match bytes.below(8) {
        0 => SUCCESS.into(),
        1 => AUTHENTICATED.into(),
        2 => (*bytes.pick(&[UNAUTHENTICATED, HEARTBEAT, WAITING])).into(),
        3 | 4 => data(&some_key(bytes)),
        5 => Bytes::copy_from_slice(bytes.bytes(12)),
        // A valid frame with one random byte.
        6 => {
            let mut frame = data(&some_key(bytes)).to_vec();
            let at = bytes.below(frame.len());
            frame[at] = bytes.byte();
            frame.into()
        }
        _ => (*bytes.pick(&OTHER_FRAMES)).into(),
    }
}
