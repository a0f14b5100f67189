//! `sor` and `str`: live orders and executions (docs/protocol.md §3.4, §3.6).

use alloc::borrow::Cow;
use core::fmt;

use super::macros::{body, row};
use super::rows::Rows;
use crate::frame::{Expected, FromJson, Json, Number, read_number, split_numbers};

body! {
    /// Live orders: rows that say what changed (docs/protocol.md §3.4).
    Orders ["args"] {}
}

impl<'a> Orders<'a> {
    /// The rows, in order. Several may be about the same order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, Order<'a>> {
        Rows::of(self.member("args"))
    }
}

body! {
    /// Executions, one frame for each as a rule, and each several times (docs/protocol.md §3.6). No rows: the subscription is
    /// confirmed.
    Trades ["args"] {}
}

impl<'a> Trades<'a> {
    /// The rows, in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, Execution<'a>> {
        Rows::of(self.member("args"))
    }
}

row! {
    /// What is told about an order: all of it, or the keys that changed beside `acct` and `orderId` (docs/protocol.md §3.4).
    Order [conid, order_id] {
        /// The account that the order belongs to.
        acct: Cow<'a, str> = "acct",
        /// The account again; in full rows only, and undocumented.
        account: Cow<'a, str> = "account",
        /// The contract.
        conid: i64 = "conid",
        /// The contract, with its exchange where the order named one.
        conid_ex: Cow<'a, str> = "conidex" | "conidEx",
        /// The order's number.
        order_id: i64 = "orderId",
        /// Currency of the order.
        currency: Cow<'a, str> = "cashCcy",
        /// What is filled and what remains.
        size_and_fills: Fills<'a> = "sizeAndFills",
        /// The order in words.
        order_desc: Cow<'a, str> = "orderDesc",
        /// The contract in words, first part.
        description1: Cow<'a, str> = "description1",
        /// The contract in words, second part (options).
        description2: Cow<'a, str> = "description2",
        /// Symbol of the contract.
        ticker: Cow<'a, str> = "ticker",
        /// Asset class.
        sec_type: Cow<'a, str> = "secType",
        /// Exchange that lists the contract.
        listing_exchange: Cow<'a, str> = "listingExchange",
        /// Units still to be filled.
        remaining_quantity: Number<'a> = "remainingQuantity",
        /// Units filled.
        filled_quantity: Number<'a> = "filledQuantity",
        /// Units ordered.
        total_size: Number<'a> = "totalSize",
        /// Name of the company.
        company_name: Cow<'a, str> = "companyName",
        /// State of the order.
        status: OrderStatus<'a> = "status",
        /// State of the order at the central system, in its own words; undocumented.
        ccp_status: Cow<'a, str> = "order_ccp_status",
        /// May it fill outside regular hours?
        outside_rth: bool = "outsideRTH",
        /// Type as it was ordered, `LIMIT`.
        orig_order_type: Cow<'a, str> = "origOrderType",
        /// May the tax optimiser change it?
        supports_tax_opt: bool = "supportsTaxOpt",
        /// Time of the last event, `yyMMddHHmmss` in UTC.
        last_execution_time: Cow<'a, str> = "lastExecutionTime",
        /// Time of the last event, in milliseconds since 1970.
        last_execution_millis: i64 = "lastExecutionTime_r",
        /// Type, `Limit`.
        order_type: Cow<'a, str> = "orderType",
        /// The client's own reference.
        order_ref: Cow<'a, str> = "order_ref",
        /// Average price of the fills.
        avg_price: Number<'a> = "avgPrice",
        /// Is it an event contract?
        is_event_trading: bool = "isEventTrading",
        /// How long it stays; `CLOSE` was seen for a day order.
        time_in_force: Cow<'a, str> = "timeInForce",
        /// Limit or stop price; none for a market order, which has `""` there. Documented as a number, seen as a string.
        price: Number<'a> = "price",
        /// What is to be done.
        side: Side<'a> = "side",
        /// Colour that the gateway's own pages show behind the row.
        bg_color: Cow<'a, str> = "bgColor",
        /// Colour that the gateway's own pages show the row in.
        fg_color: Cow<'a, str> = "fgColor",
        /// Reason for which the system cancelled the order; rare.
        system_cancel_reason: Cow<'a, str> = "order_cancellation_by_system_reason",
        /// Size of an order of an amount of cash; rare.
        total_cash_size: Number<'a> = "totalCashSize",
        /// Id of the tax optimiser; rare.
        tax_optimizer_id: Cow<'a, str> = "taxOptimizerId",
        /// Exchange of the order; rare.
        exchange: Cow<'a, str> = "exchange",
    }
}

row! {
    /// One execution, as one of its copies tells it (docs/protocol.md §3.6).
    Execution [execution_id, conid, order_id] {
        /// What names it; copies of it bear the same.
        execution_id: Cow<'a, str> = "execution_id",
        /// Symbol of the contract.
        symbol: Cow<'a, str> = "symbol",
        /// May the tax optimiser change it?
        supports_tax_opt: bool = "supports_tax_opt",
        /// Bought or sold.
        side: Side<'a> = "side",
        /// The execution in words.
        order_description: Cow<'a, str> = "order_description",
        /// Time, `yyyyMMdd-HH:mm:ss` in UTC.
        trade_time: Cow<'a, str> = "trade_time",
        /// Time, in milliseconds since 1970.
        trade_millis: i64 = "trade_time_r",
        /// Units, fractions included.
        size: Number<'a> = "size",
        /// Price of one unit.
        price: Number<'a> = "price",
        /// The client's own reference.
        order_ref: Cow<'a, str> = "order_ref",
        /// Who sent the order.
        submitter: Cow<'a, str> = "submitter",
        /// Exchange of the execution.
        exchange: Cow<'a, str> = "exchange",
        /// Commission; one copy has it, another may not.
        commission: Number<'a> = "commission",
        /// Price by size by multiplier.
        net_amount: Number<'a> = "net_amount",
        /// The account.
        account: Cow<'a, str> = "account",
        /// The account's code.
        account_code: Cow<'a, str> = "accountCode",
        /// The account that it is allocated to.
        account_allocation_name: Cow<'a, str> = "account_allocation_name",
        /// Name of the company.
        company_name: Cow<'a, str> = "company_name",
        /// The contract in words, first part.
        contract_description_1: Cow<'a, str> = "contract_description_1",
        /// The contract in words, second part.
        contract_description_2: Cow<'a, str> = "contract_description_2",
        /// Asset class.
        sec_type: Cow<'a, str> = "sec_type",
        /// Exchange that lists the contract; stocks only.
        listing_exchange: Cow<'a, str> = "listing_exchange",
        /// The contract. A number on the wire, a string in the older documentation.
        conid: i64 = "conid",
        /// The contract, with its exchange in some copies.
        conid_ex: Cow<'a, str> = "conidEx" | "conidex",
        /// Opens or closes a position.
        open_close: Cow<'a, str> = "open_close",
        /// Position after the execution, in some copies.
        position: Number<'a> = "position",
        /// Who clears it.
        clearing_id: Cow<'a, str> = "clearing_id",
        /// Name of who clears it.
        clearing_name: Cow<'a, str> = "clearing_name",
        /// Was it a liquidation?
        liquidation_trade: bool = "liquidation_trade",
        /// Is it an event contract?
        is_event_trading: bool = "is_event_trading",
        /// The order's number, of up to 13 digits.
        order_id: i64 = "order_id",
    }
}

/// An enumeration of texts that keeps those it does not know.
macro_rules! words {
    (
        $(#[$meta:meta])* $name:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal $(| $alias:literal)* ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum $name<'a> {
            $( $(#[$doc])* $variant, )*
            /// Any other, as it came.
            Other(Cow<'a, str>),
        }

        impl<'a> $name<'a> {
            /// Reads the wire's word.
            #[must_use]
            pub fn of(text: impl Into<Cow<'a, str>>) -> Self {
                let text = text.into();
                match &*text {
                    $( $text $(| $alias)* => Self::$variant, )*
                    _ => Self::Other(text),
                }
            }

            /// The wire's word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Other(text) => text,
                }
            }
        }

        impl<'a> FromJson<'a> for $name<'a> {
            fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
                Ok(Cow::from_json(json)?.map(Self::of))
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The state of an order (docs/protocol.md §3.4). `WarnState` is documented only, the others were
    /// recorded.
    OrderStatus {
        /// Not active: rejected, or not sent yet.
        Inactive = "Inactive",
        /// Sent, not accepted yet.
        PendingSubmit = "PendingSubmit",
        /// Accepted, and held until its condition or the exchange lets it in.
        PreSubmitted = "PreSubmitted",
        /// Working at the exchange.
        Submitted = "Submitted",
        /// Its cancellation was asked for.
        PendingCancel = "PendingCancel",
        /// Cancelled.
        Cancelled = "Cancelled",
        /// Completely filled.
        Filled = "Filled",
        /// In a warning state; documented without an explanation.
        WarnState = "WarnState",
    }
}

words! {
    /// What an order is to do, or an execution did. Orders and executions spell it differently; both are read.
    Side {
        /// `BUY`, of an execution `B`.
        Buy = "BUY" | "B",
        /// `SELL`, of an execution `S`.
        Sell = "SELL" | "S",
        /// `EXER`: an option is exercised.
        Exercise = "EXER",
    }
}

/// The value of `sizeAndFills` (docs/protocol.md §3.4).
///
/// `0/3` means that nothing is filled and 3 units remain. Without a slash the value is the size of the
/// order: `722` once the order is done, or the shorthand `2.4K CAD` for an order of an amount of cash. The
/// exact quantities are in [`Order::filled_quantity`] and [`Order::remaining_quantity`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fills<'a> {
    /// The units that are filled, or the size of the order where the text has no slash.
    pub filled: Number<'a>,
    /// The units that remain; `None` where the text has no slash.
    pub remaining: Option<Number<'a>>,
    /// The currency, for an order of an amount of cash.
    pub currency: Option<&'a str>,
}

impl<'a> FromJson<'a> for Fills<'a> {
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        let (text, currency) = match json.quoted().and_then(|text| text.rsplit_once(' ')) {
            Some((size, currency)) if is_currency(currency) => (size, Some(currency)),
            _ => match json.quoted().filter(|text| text.contains('/')) {
                Some(text) => (text, None),
                None => {
                    let filled = read_number(json, Expected::Slashed)?;
                    return Ok(filled.map(|filled| Self { filled, remaining: None, currency: None }));
                }
            },
        };
        let mut parts = split_numbers(text, '/').filter(|parts| parts.len() <= 2).ok_or(Expected::Slashed)?.into_iter();
        let filled = parts.next().ok_or(Expected::Slashed)?;
        Ok(Some(Self { filled, remaining: parts.next(), currency }))
    }
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}
