//! `ssd`, `sld`, `spl`, `sbd`: what belongs to an account (docs/protocol.md §3.3, §3.5, §3.7).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{InvalidSubscribe, NoArgs, check_account, check_conid, check_exchange, check_names, request};
use crate::key::Key;
use crate::payload::Subscribe;

#[derive(Serialize)]
struct Arguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<String>>,
}

/// Declares the two channels that take an account, keys and fields.
macro_rules! by_account {
    ($(#[$meta:meta])* $name:ident, $key:ident, $(#[$keys:meta])*, $(#[$fields:meta])*) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[must_use = "a request does nothing until it is subscribed with"]
        pub struct $name {
            account: String,
            keys: Option<Vec<String>>,
            fields: Option<Vec<String>>,
        }

        impl $name {
            /// Subscribes to all values of this account. The account is required; the reply without one is not known.
            pub fn new(account: impl Into<String>) -> Self {
                Self { account: account.into(), keys: None, fields: None }
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

            fn try_from(wanted: $name) -> Result<Self, InvalidSubscribe> {
                check_account(&wanted.account)?;
                check_names(wanted.keys.as_deref().unwrap_or_default())?;
                check_names(wanted.fields.as_deref().unwrap_or_default())?;
                let args = Arguments { keys: wanted.keys, fields: wanted.fields };
                request(Key::$key, &wanted.account, Some(&args))
            }
        }
    };
}

by_account! {
    /// Values of an account, by key: `ssd+DU1234567+{"keys":[…],"fields":[…]}` (docs/protocol.md §3.7).
    Summary, AccountSummary,
    /// Only these rows, `ExcessLiquidity-S` for instance.
    ,
    /// Only these members of each row, `monetaryValue` for instance.
}

by_account! {
    /// Balances of an account, by currency, every 10 seconds: `sld+DU1234567+{"keys":[…],"fields":[…]}` (docs/protocol.md §3.7).
    Ledger, AccountLedger,
    /// Only these rows, `LedgerListBASE` for instance.
    ,
    /// Only these members of each row. The documentation asks for `cashBalance`, while the wire's rows spell it
    /// `cashbalance`; which one the filter knows was not tried.
}

/// Profit and loss of all accounts: `spl+{}` (docs/protocol.md §3.5). It takes no arguments, and no account: one client that names
/// one is against the documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use = "a request does nothing until it is subscribed with"]
pub struct Pnl {}

impl Pnl {
    /// Profit and loss.
    pub fn new() -> Self {
        Self {}
    }
}

impl TryFrom<Pnl> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(_: Pnl) -> Result<Self, InvalidSubscribe> {
        request(Key::Pnl, "", Some(&NoArgs {}))
    }
}

/// The BookTrader ladder of a contract: `sbd+DU1234567+265598`, without JSON (docs/protocol.md §3.3). It is never confirmed, and is
/// unsubscribed by account, with all other ladders of it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a request does nothing until it is subscribed with"]
pub struct Ladder {
    account: String,
    conid: i64,
    exchange: Option<String>,
}

impl Ladder {
    /// The ladder over all deep exchanges.
    pub fn new(account: impl Into<String>, conid: i64) -> Self {
        Self { account: account.into(), conid, exchange: None }
    }

    /// The ladder of one exchange.
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.exchange = Some(name.into());
        self
    }
}

impl TryFrom<Ladder> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(wanted: Ladder) -> Result<Self, InvalidSubscribe> {
        check_account(&wanted.account)?;
        check_conid(wanted.conid)?;
        check_exchange(wanted.exchange.as_deref())?;
        let mut target = format!("{}+{}", wanted.account, wanted.conid);
        if let Some(exchange) = &wanted.exchange {
            target.push('+');
            target.push_str(exchange);
        }
        request(Key::PriceLadder, &target, None::<&NoArgs>)
    }
}
