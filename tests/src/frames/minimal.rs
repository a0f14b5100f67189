//! Frames as the gateway would send them, for the keys that walks use.

use bytes::Bytes;
use ibws_proto::{Key, SubscriptionKey};

/// The keys of the walks: every channel, twins on one contract and on one account.
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

/// The greeting.
pub const SUCCESS: &str = r#"{"topic":"system","success":"simulated","isFT":false,"isPaper":true}"#;
/// A heartbeat; its time is nobody's business.
pub const HEARTBEAT: &str = r#"{"topic":"system","hb":1767623400000}"#;
/// Authenticated.
pub const AUTHENTICATED: &str =
    r#"{"topic":"sts","args":{"connected":true,"authenticated":true,"established":true,"competing":false}}"#;
/// Not authenticated.
pub const UNAUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":false}}"#;
/// The question for the session.
pub const WAITING: &str = r#"{"message":"waiting for session"}"#;

/// Things a gateway says besides data, good and odd.
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

/// A frame of data for this subscription, in the form that the gateway gives it.
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

/// The id under which the walks' gateway keeps a history.
#[must_use]
pub fn server_id(key: &SubscriptionKey) -> String {
    let place = KEYS.iter().position(|known| *known == key.as_str()).unwrap_or_default() + 1;
    format!("{}", place * 1_001)
}
