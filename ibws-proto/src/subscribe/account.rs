//! Subscriptions of an account: `ssd`, `sld`, `spl` and `sbd` (docs/protocol.md §3.3, §3.5, §3.7).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{InvalidSubscribe, NoArgs, check_account, check_conid, check_exchange, check_names, generic};
use crate::key::Key;
use crate::mask::Discreet;
use crate::payload::Subscribe;

#[derive(Serialize)]
struct Arguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<String>>,
}

/// Declares the builder of a channel that takes an account, keys and fields.
macro_rules! by_account {
    ($(#[$meta:meta])* $name:ident, $key:ident, $(#[$keys:meta])*, $(#[$fields:meta])*) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[must_use = "a builder does nothing until it is converted and subscribed"]
        pub struct $name {
            account: Discreet<String>,
            keys: Option<Vec<String>>,
            fields: Option<Vec<String>>,
        }

        impl $name {
            /// Subscribes to all values of this account. The account is required; the reply without
            /// one is not known.
            pub fn new(account: impl Into<String>) -> Self {
                Self { account: Discreet(account.into()), keys: None, fields: None }
            }

            $(#[$keys])*
            pub fn keys(mut self, keys: impl IntoIterator<Item: Into<String>>) -> Self {
                self.keys = Some(keys.into_iter().map(Into::into).collect());
                self
            }

            $(#[$fields])*
            pub fn fields(mut self, fields: impl IntoIterator<Item: Into<String>>) -> Self {
                self.fields = Some(fields.into_iter().map(Into::into).collect());
                self
            }
        }

        impl TryFrom<$name> for Subscribe {
            type Error = InvalidSubscribe;

            fn try_from(request: $name) -> Result<Self, InvalidSubscribe> {
                check_account(&request.account)?;
                check_names(request.keys.as_deref().unwrap_or_default())?;
                check_names(request.fields.as_deref().unwrap_or_default())?;
                let args = Arguments { keys: request.keys, fields: request.fields };
                generic(Key::$key, &request.account, Some(&args))
            }
        }
    };
}

by_account! {
    /// Values of an account by key: `ssd+DU1234567+{"keys":[…],"fields":[…]}` (docs/protocol.md
    /// §3.7).
    ///
    /// ```
    /// use ibws_proto::{Subscribe, subscribe::Summary};
    ///
    /// let summary = Summary::new("DU1234567").keys(["ExcessLiquidity-S"]).fields(["currency"]);
    /// assert_eq!(Subscribe::try_from(summary).unwrap().key.as_str(), "sd+DU1234567");
    /// ```
    Summary, AccountSummary,
    /// Limits the rows to these keys, for example `ExcessLiquidity-S`.
    ,
    /// Limits each row to these members, for example `monetaryValue`.
}

by_account! {
    /// Balances of an account by currency, every 10 s: `sld+DU1234567+{"keys":[…],"fields":[…]}`
    /// (docs/protocol.md §3.7).
    ///
    /// ```
    /// use ibws_proto::{Subscribe, subscribe::Ledger};
    ///
    /// let ledger = Ledger::new("DU1234567").keys(["LedgerListBASE"]);
    /// assert_eq!(Subscribe::try_from(ledger).unwrap().key.as_str(), "ld+DU1234567");
    /// ```
    Ledger, AccountLedger,
    /// Limits the rows to these keys, for example `LedgerListBASE`.
    ,
    /// Limits each row to these members. The documentation requests `cashBalance`, while rows on
    /// the wire have `cashbalance`. Which of the two the filter knows was not tried.
}

/// Profit and loss of all accounts: `spl+{}` (docs/protocol.md §3.5). It takes neither
/// arguments nor an account. One client sends an account, against the documentation.
///
/// ```
/// use ibws_proto::{Subscribe, subscribe::Pnl};
///
/// assert_eq!(Subscribe::try_from(Pnl::new()).unwrap().key.as_str(), "pl");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use = "a builder does nothing until it is converted and subscribed"]
pub struct Pnl {}

impl Pnl {
    /// Subscribes to the profit and loss of all accounts.
    pub fn new() -> Self {
        Self {}
    }
}

impl TryFrom<Pnl> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(_: Pnl) -> Result<Self, InvalidSubscribe> {
        generic(Key::Pnl, "", Some(&NoArgs {}))
    }
}

/// The BookTrader ladder of a contract: `sbd+DU1234567+265598`, without JSON (docs/protocol.md
/// §3.3). The gateway never confirms it. Unsubscribing names the account and ends all of its
/// ladders.
///
/// ```
/// use ibws_proto::{Subscribe, subscribe::Ladder};
///
/// let ladder = Subscribe::try_from(Ladder::new("DU1234567", 265598).exchange("ARCA")).unwrap();
/// assert_eq!(ladder.key.as_str(), "bd+DU1234567+265598+ARCA");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a builder does nothing until it is converted and subscribed"]
pub struct Ladder {
    account: Discreet<String>,
    conid: i64,
    exchange: Option<String>,
}

impl Ladder {
    /// Subscribes to the ladder of all exchanges that have depth of book.
    pub fn new(account: impl Into<String>, conid: i64) -> Self {
        Self { account: Discreet(account.into()), conid, exchange: None }
    }

    /// Limits the ladder to one exchange.
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.exchange = Some(name.into());
        self
    }
}

impl TryFrom<Ladder> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(request: Ladder) -> Result<Self, InvalidSubscribe> {
        check_account(&request.account)?;
        check_conid(request.conid)?;
        check_exchange(request.exchange.as_deref())?;
        let mut target = format!("{}+{}", *request.account, request.conid);
        if let Some(exchange) = &request.exchange {
            target.push('+');
            target.push_str(exchange);
        }
        generic(Key::PriceLadder, &target, None::<&NoArgs>)
    }
}
