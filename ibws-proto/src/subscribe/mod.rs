//! Typed subscriptions: a builder for each channel, which converts to the generic [`Subscribe`].
//!
//! The gateway ignores silently what it does not understand. A bar size, a period, a field or a
//! number of days that it does not know is therefore an error here, before anything is sent. Where
//! sources contradict each other, a builder does what was recorded on the wire, and its
//! documentation states that. Undocumented arguments (`tempo` of `smd`, `days` of `sor`) go through
//! [`Subscribe::args`].
//!
//! ```
//! use ibws_proto::{Field, Subscribe, subscribe::{self, SubscriptionProcessor, WireProcessor}};
//!
//! let quotes = subscribe::MarketData::new(265598).fields([Field::LAST, Field::BID]);
//! let quotes = Subscribe::try_from(quotes).unwrap();
//! let text = WireProcessor.subscribe_payload(quotes.key.as_str(), quotes.args.as_ref());
//! assert_eq!(text, r#"smd+265598+{"fields":["31","84"]}"#);
//!
//! // The gateway would ignore a number of days beyond 7.
//! assert!(Subscribe::try_from(subscribe::Trades::new().days(8)).is_err());
//! ```

mod account;
pub mod exercise;
mod history;
mod market;
mod orders;

use alloc::string::String;
use core::convert::Infallible;

pub use account::{Ladder, Ledger, Pnl, Summary};
pub use history::{Bar, Column, History, Period, Source, Unit};
pub use market::MarketData;
pub use orders::{Orders, Trades};

pub use crate::payload::{
    Args, ArgsError, ParseSubscribeError, Processor, ReferenceProcessor, Staleness, SubscriptionProcessor,
    WireProcessor,
};

use serde::Serialize;

use crate::error_text::debug_with_text;
use crate::field::UnknownFieldError;
use crate::key::{Key, SubscriptionKey, SubscriptionKeyError};
use crate::mask::excerpt_within;
use crate::payload::Subscribe;

/// The error for an argument that the gateway would ignore silently.
///
/// Every conversion to [`Subscribe`] fails with this error, or with one that converts to it: that
/// of a typed builder, that of a text such as `md+265598`, and that of a [`SubscriptionKey`], which
/// never fails. So a function can take any of them:
///
/// ```
/// use ibws_proto::subscribe::{InvalidSubscribe, Trades};
/// use ibws_proto::{Subscribe, SubscriptionKey};
///
/// fn channel(
///     request: impl TryInto<Subscribe, Error: Into<InvalidSubscribe>>,
/// ) -> Result<String, InvalidSubscribe> {
///     Ok(request.try_into().map_err(Into::into)?.key.as_str().to_owned())
/// }
///
/// assert_eq!(channel(Trades::new()).unwrap(), "tr");
/// assert_eq!(channel("md+265598").unwrap(), "md+265598");
/// assert_eq!(channel(SubscriptionKey::parse("or").unwrap()).unwrap(), "or");
/// assert_eq!(channel(Trades::new().days(9)), Err(InvalidSubscribe::Days(9)));
/// assert!(channel("md").unwrap_err().to_string().starts_with("md needs a target"));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSubscribe {
    /// The number of the contract is not positive.
    #[error("bad contract number {0}: use a positive number")]
    Conid(i64),
    /// The combo has fewer than two legs, two legs of one contract, or a ratio of 0.
    #[error("bad combo: use two or more legs, each with a contract of its own and a ratio other than 0")]
    Legs,
    /// The exchange is not a name.
    #[error("bad exchange \"{0}\": write its name, ARCA for example")]
    Exchange(String),
    /// The account is not a name.
    #[error("bad account \"{0}\": write its id, DU1234567 for example")]
    Account(String),
    /// The field is not listed. The generic form takes any field.
    #[error(
        "unknown market data field \"{0}\", which the gateway would ignore: use a field of Field::all, its number or its name"
    )]
    UnknownField(String),
    /// A field, key or name is listed twice.
    #[error("\"{0}\" is listed twice: list it once")]
    Twice(String),
    /// A key or a name is empty, too long, or holds a control character.
    #[error(
        "bad name \"{0}\": use a name that is not empty, not longer than the gateway's names, and has no control character"
    )]
    Name(String),
    /// The period is not documented.
    #[error("bad period \"{0}\": use 1-30min, 1-8h, 1-1000d, 1-792w, 1-182m or 1-15y")]
    Period(String),
    /// The bar size is not documented.
    #[error("bad bar size \"{0}\": use 1min, 2min, 3min, 5min, 10min, 15min, 30min, 1h, 2h, 3h, 4h, 8h, 1d, 1w or 1m")]
    Bar(String),
    /// The source is not documented.
    #[error("bad source \"{0}\": use midpoint, trades, bid_ask, bid or ask")]
    Source(String),
    /// The format is not documented.
    #[error("bad format \"{0}\": join %o, %c, %h, %l and %v by slashes, each at most once")]
    Format(String),
    /// The number of days is not between 1 and 7.
    #[error("bad number of days {0}: use 1 to 7")]
    Days(u8),
    /// The state of an order is not known.
    #[error(
        "bad order status \"{0}\": use Inactive, PendingSubmit, PreSubmitted, Submitted, PendingCancel, Cancelled, Filled or WarnState"
    )]
    Status(String),
    /// The target cannot be written to the wire.
    #[error("{0}")]
    Target(#[from] SubscriptionKeyError),
    /// The arguments cannot be written to the wire.
    #[error("{0}")]
    Args(#[from] ArgsError),
    /// The text is no subscription.
    #[error("{0}")]
    Text(#[from] ParseSubscribeError),
}

debug_with_text!(InvalidSubscribe {
    Conid,
    Legs,
    Exchange,
    Account,
    UnknownField,
    Twice,
    Name,
    Period,
    Bar,
    Source,
    Format,
    Days,
    Status,
    Target,
    Args,
    Text
});

/// A conversion that never fails has this error.
impl From<Infallible> for InvalidSubscribe {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<UnknownFieldError> for InvalidSubscribe {
    fn from(error: UnknownFieldError) -> Self {
        Self::UnknownField(error.0)
    }
}

/// Returns the generic subscription of `target` with `args`.
fn generic<T: Serialize>(channel: Key, target: &str, args: Option<&T>) -> Result<Subscribe, InvalidSubscribe> {
    let key = SubscriptionKey::new(channel, target)?;
    let args = args.map(Args::from_value).transpose()?;
    Ok(Subscribe::new(key).args(args))
}

/// The arguments of a channel that has none.
#[derive(Serialize)]
struct NoArgs {}

fn check_conid(conid: i64) -> Result<(), InvalidSubscribe> {
    if conid > 0 { Ok(()) } else { Err(InvalidSubscribe::Conid(conid)) }
}

/// Returns `true` for letters, digits and the characters that join them: neither `+`, which
/// separates the parts of a target, nor white space.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/'))
}

fn check_account(account: &str) -> Result<(), InvalidSubscribe> {
    if is_name(account) { Ok(()) } else { Err(InvalidSubscribe::Account(shortened(account))) }
}

fn check_exchange(exchange: Option<&str>) -> Result<(), InvalidSubscribe> {
    match exchange {
        Some(exchange) if !is_name(exchange) => Err(InvalidSubscribe::Exchange(shortened(exchange))),
        _ => Ok(()),
    }
}

/// Checks names of keys and fields: none is empty, and none is listed twice.
fn check_names(names: &[String]) -> Result<(), InvalidSubscribe> {
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
            return Err(InvalidSubscribe::Name(shortened(name)));
        }
        if names.iter().take(at).any(|earlier| earlier == name) {
            return Err(InvalidSubscribe::Twice(shortened(name)));
        }
    }
    Ok(())
}

/// Returns the part of a text that an error shows.
fn shortened(text: &str) -> String {
    excerpt_within(text, 40).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{SubscriptionProcessor, WireProcessor};
    use crate::{Field, message::OrderStatus};

    fn text(request: impl TryInto<Subscribe, Error = InvalidSubscribe>) -> Result<String, InvalidSubscribe> {
        let subscribe = request.try_into()?;
        Ok(WireProcessor.subscribe_payload(subscribe.key.as_str(), subscribe.args.as_ref()))
    }

    #[test]
    fn a_builder_writes_the_text_of_the_wire() {
        assert_eq!(text(MarketData::new(7)).unwrap(), "smd+7+{}");
        let fields = [Field::LAST, Field::CHANGE_PERCENT];
        assert_eq!(
            text(MarketData::new(7).exchange("ARCA").fields(fields)).unwrap(),
            r#"smd+7@ARCA+{"fields":["31","83"]}"#
        );
        assert_eq!(text(MarketData::new(7).fields(["last_price", "83"])).unwrap(), r#"smd+7+{"fields":["31","83"]}"#);
        assert_eq!(text(MarketData::combo([(1, 1), (2, -1)])).unwrap(), "smd+0;;;1/1,2/-1+{}");
        assert_eq!(text(MarketData::combo([(1, 1), (2, -2)]).spread_conid(9)).unwrap(), "smd+9;;;1/1,2/-2+{}");
        assert_eq!(text(History::new(7)).unwrap(), "smh+7+{}");
        let history = History::new(7)
            .primary_exchange("ISLAND")
            .period("2h")
            .bar(Bar::Min5)
            .outside_rth(false)
            .source(Source::Trades)
            .format([Column::High, Column::Low]);
        let args =
            r#"{"exchange":"ISLAND","period":"2h","bar":"5min","outsideRth":false,"source":"trades","format":"%h/%l"}"#;
        assert_eq!(text(history).unwrap(), alloc::format!("smh+7+{args}"));
        assert_eq!(text(Ladder::new("DU1234567", 7)).unwrap(), "sbd+DU1234567+7");
        assert_eq!(text(Ladder::new("DU1234567", 7).exchange("ARCA")).unwrap(), "sbd+DU1234567+7+ARCA");
        assert_eq!(text(Orders::new()).unwrap(), "sor+{}");
        assert_eq!(text(Orders::new().filter(OrderStatus::Filled)).unwrap(), r#"sor+{"filters":["Filled"]}"#);
        assert_eq!(text(Pnl::new()).unwrap(), "spl+{}");
        assert_eq!(text(Trades::new()).unwrap(), "str+{}");
        assert_eq!(text(Trades::new().days(7)).unwrap(), r#"str+{"days":7}"#);
        assert_eq!(text(Trades::new().realtime_updates_only(true)).unwrap(), r#"str+{"realtimeUpdatesOnly":true}"#);
        assert_eq!(text(Summary::new("U12345678")).unwrap(), "ssd+U12345678+{}");
        assert_eq!(
            text(Ledger::new("U12345678").keys(["LedgerListBASE"]).fields(["cashBalance"])).unwrap(),
            r#"sld+U12345678+{"keys":["LedgerListBASE"],"fields":["cashBalance"]}"#
        );
    }

    #[test]
    fn an_argument_that_the_gateway_ignores_is_an_error() {
        use InvalidSubscribe as E;
        let name = |text: &str| String::from(text);
        assert_eq!(text(MarketData::new(0)), Err(E::Conid(0)));
        assert_eq!(text(MarketData::new(7).exchange("A+B")), Err(E::Exchange(name("A+B"))));
        assert_eq!(text(MarketData::new(7).fields([Field::from_key("89").unwrap()])), Err(E::UnknownField(name("89"))));
        assert_eq!(text(MarketData::new(7).fields([Field::VOLUME_RAW])), Err(E::UnknownField(name("87_raw"))));
        assert_eq!(text(MarketData::new(7).fields([Field::LAST, Field::LAST])), Err(E::Twice(name("31"))));
        assert_eq!(text(MarketData::new(7).fields(["last_price", "31"])), Err(E::Twice(name("31"))));
        assert_eq!(text(MarketData::new(7).fields(["last_price", "Bid"])), Err(E::UnknownField(name("Bid"))));
        assert_eq!(text(History::new(7).period("9h").bar("4min")), Err(E::Period(name("9h"))));
        assert_eq!(text(History::new(7).bar("4min")), Err(E::Bar(name("4min"))));
        assert_eq!(text(History::new(7).source("t")), Err(E::Source(name("t"))));
        assert_eq!(text(History::new(7).format(["%o", "o"])), Err(E::Format(name("o"))));
        assert_eq!(text(Orders::new().filter("submitted")), Err(E::Status(name("submitted"))));
        assert_eq!(text(MarketData::combo([(1, 1)])), Err(E::Legs));
        assert_eq!(text(MarketData::combo([(1, 1), (1, 2)])), Err(E::Legs));
        assert_eq!(text(MarketData::combo([(1, 1), (2, 0)])), Err(E::Legs));
        assert_eq!(text(MarketData::combo([(1, 1), (2, 1)]).spread_conid(-1)), Err(E::Conid(-1)));
        assert_eq!(text(History::new(-7)), Err(E::Conid(-7)));
        assert_eq!(text(History::new(7).period(Period::new(9, Unit::Hour))), Err(E::Period(name("9h"))));
        assert_eq!(text(History::new(7).format([Column::Open; 0])), Err(E::Format(name(""))));
        assert_eq!(text(History::new(7).format([Column::High; 2])), Err(E::Format(name("%h/%h"))));
        assert_eq!(text(Ladder::new("", 7)), Err(E::Account(name(""))));
        assert_eq!(text(Ladder::new("DU 1", 7)), Err(E::Account(name("DU 1"))));
        assert_eq!(text(Summary::new("")), Err(E::Account(name(""))));
        assert_eq!(text(Ledger::new("DU1234567+7")), Err(E::Account(name("DU…567+7"))));
        assert_eq!(text(Summary::new("DU1234567").keys(["a", "a"])), Err(E::Twice(name("a"))));
        assert_eq!(text(Summary::new("DU1234567").fields([""])), Err(E::Name(name(""))));
        assert_eq!(text(Trades::new().days(0)), Err(E::Days(0)));
        assert_eq!(text(Trades::new().days(8)), Err(E::Days(8)));
        assert_eq!(text(Orders::new().filter(OrderStatus::from_text("submitted"))), Err(E::Status(name("submitted"))));
        for bad in [
            "",
            "0d",
            "31min",
            "9h",
            "1001d",
            "793w",
            "183m",
            "16y",
            "1",
            "d",
            "1 d",
            "01d",
            "-1d",
            "1s",
            "99999999999d",
        ] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
        for good in ["1min", "30min", "8h", "1000d", "792w", "182m", "15y"] {
            assert_eq!(good.parse::<Period>().unwrap().to_string(), good);
        }
        for bad in ["4min", "", "1M", "60", "1 h"] {
            assert!(bad.parse::<Bar>().is_err(), "{bad}");
        }
        assert!("t".parse::<Source>().is_err());
    }
}
