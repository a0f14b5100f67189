//! The frames that open a connection: `system`, `act`, `sts` (docs/protocol.md §1.4, §4).

use super::config::GatewayConfig;
use crate::json::{Json, Members, members};

/// Names the simulation where a real gateway names a server and a build.
const SERVER_NAME: &str = "SimulatedGateway";
const SERVER_VERSION: &str = concat!("ibws-testkit ", env!("CARGO_PKG_VERSION"));

/// Returns `true` if the id is that of a paper account.
fn is_paper(account: &str) -> bool {
    account.starts_with("DU")
}

pub(crate) fn success(config: &GatewayConfig) -> String {
    let frame = Json::object([
        ("topic", Json::text("system")),
        ("success", Json::text(&config.username)),
        ("isFT", Json::bool(false)),
        ("isPaper", Json::bool(is_paper(&config.account))),
    ]);
    frame.to_string()
}

pub(crate) fn heartbeat(epoch_ms: u64) -> String {
    Json::object([("topic", Json::text("system")), ("hb", Json::int(epoch_ms))]).to_string()
}

fn server() -> Members {
    members([("serverName", Json::text(SERVER_NAME)), ("serverVersion", Json::text(SERVER_VERSION))])
}

/// The full status with all nine keys.
pub(crate) fn status(config: &GatewayConfig) -> String {
    let mut args = status_flags(config);
    args.extend(members([("message", Json::text("")), ("fail", Json::text(""))]));
    args.extend(server());
    args.push(("username".into(), Json::text(&config.username)));
    Json::frame("sts", Json::Object(args))
}

/// The four flags of a status, which REST shows too.
pub(crate) fn status_flags(config: &GatewayConfig) -> Members {
    members([
        ("connected", Json::bool(true)),
        ("authenticated", Json::bool(config.authenticated)),
        ("established", Json::bool(config.authenticated)),
        ("competing", Json::bool(config.competing)),
    ])
}

/// A status with a single key, as captured between full ones (docs/protocol.md §4.3).
pub(crate) fn partial_status(key: &str, value: Json) -> String {
    Json::frame("sts", Json::object([(key, value)]))
}

pub(crate) fn server_info() -> Json {
    Json::Object(server())
}

/// The full `act`. Its session id is not the one of `tickle` (docs/protocol.md §4.2).
pub(crate) fn accounts(config: &GatewayConfig, trading_session: &str) -> String {
    let account = || Json::text(&config.account);
    let under_account = |value: Json| Json::Object(vec![(config.account.clone(), value)]);
    let flags = |names: &[(&str, bool)]| -> Members {
        names.iter().map(|(name, value)| ((*name).to_owned(), Json::bool(*value))).collect()
    };
    let properties = flags(&[
        ("hasChildAccounts", false),
        ("supportsCashQty", true),
        ("liteUnderPro", false),
        ("noFXConv", false),
        ("isProp", false),
        ("supportsFractions", true),
        ("allowCustomerTime", false),
        ("autoFx", false),
    ]);
    let mut features = flags(&[
        ("showGFIS", true),
        ("showEUCostReport", false),
        ("allowEventContract", false),
        ("allowFXConv", true),
        ("allowFinancialLens", false),
        ("allowMTA", true),
        ("allowTypeAhead", true),
        ("allowEventTrading", false),
    ]);
    features.push(("snapshotRefreshTimeout".into(), Json::int(30)));
    features.extend(flags(&[
        ("liteUser", false),
        ("showWebNews", true),
        ("research", true),
        ("debugPnl", true),
        ("showTaxOpt", true),
        ("showImpactDashboard", true),
        ("allowDynAccount", false),
        ("allowCrypto", false),
        ("allowFA", false),
        ("allowLiteUnderPro", false),
    ]));
    features.push(("allowedAssetTypes".into(), Json::text("STK,OPT,FUT,CASH,BOND,FUND")));
    features.extend(flags(&[("restrictTradeSubscription", false), ("showUkUserLabels", false), ("sideBySide", true)]));
    let all = || Json::texts(&["*"]);
    let args = Json::object([
        ("accounts", Json::List(vec![account()])),
        ("acctProps", under_account(Json::Object(properties))),
        ("aliases", under_account(account())),
        ("allowFeatures", Json::Object(features)),
        (
            "chartPeriods",
            Json::object([
                ("STK", all()),
                ("OPT", Json::texts(&["2h", "1d", "2d", "1w", "1m"])),
                ("FUT", all()),
                ("CASH", all()),
                ("BOND", all()),
                ("FUND", all()),
            ]),
        ),
        ("groups", Json::EMPTY),
        ("profiles", Json::EMPTY),
        ("selectedAccount", account()),
        ("serverInfo", server_info()),
        ("sessionId", Json::text(trading_session)),
        ("isFT", Json::bool(false)),
        ("isPaper", Json::bool(is_paper(&config.account))),
    ]);
    Json::frame("act", args)
}

/// The refusal of a subscribe. Its topic is bare, so it cannot be matched to one subscription
/// (docs/protocol.md §2).
pub(crate) fn refusal(topic: &str, reason: &str) -> String {
    let frame = [("error", Json::text(reason)), ("code", Json::int(500)), ("topic", Json::text(topic))];
    Json::object(frame).to_string()
}

/// The confirmation of an unsubscribe that repeats its topic, as newer documentation has it
/// (docs/protocol.md §2).
pub(crate) fn unsubscribed(topic: &str, target: &str) -> String {
    let topic = if target.is_empty() { topic.to_owned() } else { format!("{topic}+{target}") };
    Json::object([("topic", Json::text(topic))]).to_string()
}

/// The reply to a text that starts with no known topic.
pub(crate) fn unknown_topic(head: &str) -> String {
    Json::object([("error", Json::text(format!("Topic unknown '{head}'"))), ("code", Json::int(1))]).to_string()
}

/// The frame `{"message":"…"}`.
pub(crate) fn message(text: &str) -> String {
    Json::object([("message", Json::text(text))]).to_string()
}

/// The frame `{"result":"…"}`.
pub(crate) fn result(text: &str) -> String {
    Json::object([("result", Json::text(text))]).to_string()
}

/// The reply to a `tic`; the gateway sends it four times (docs/protocol.md §3.8).
pub(crate) fn tic(session: &str, epoch_ms: u64) -> String {
    let frame = [
        ("topic", Json::text("tic")),
        ("alive", Json::bool(true)),
        ("id", Json::text(session)),
        ("lastAccessed", Json::int(epoch_ms)),
    ];
    Json::object(frame).to_string()
}
