//! Live orders and executions: `sor` and `str` (docs/protocol.md §3.4, §3.6).

use alloc::borrow::Cow;
use core::fmt;

use super::macros::{body, row};
use super::rows::Rows;
use crate::frame::{Expected, FromJson, Json, Number, read_number, split_numbers};
use crate::mask::Discreet;

body! {
    /// Live orders, as rows of what changed (docs/protocol.md §3.4).
    Orders ["args"] {}
}

impl<'a> Orders<'a> {
    /// Returns the rows in order. Several may be about the same order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, Order<'a>> {
        Rows::of(self.member("args"))
    }
}

body! {
    /// Executions (docs/protocol.md §3.6). As a rule a frame has one execution, and the gateway
    /// sends each several times. A frame without rows confirms the subscription.
    Trades ["args"] {}
}

impl<'a> Trades<'a> {
    /// Returns the rows in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, Execution<'a>> {
        Rows::of(self.member("args"))
    }
}

row! {
    /// A row of an order: most of its keys, or `acct`, `orderId` and those that changed
    /// (docs/protocol.md §3.4).
    Order [conid, order_id] {
        /// Account that the order belongs to.
        acct: Cow<'a, str> = "acct",
        /// Same account again; undocumented, in full rows only.
        account: Cow<'a, str> = "account",
        /// Number of the contract.
        conid: i64 = "conid",
        /// Number of the contract, with the exchange if the order named one.
        conid_ex: Cow<'a, str> = "conidex" | "conidEx",
        /// Number of the order.
        order_id: i64 = "orderId",
        /// Currency of the order.
        currency: Cow<'a, str> = "cashCcy",
        /// Size of the order and how much of it is filled.
        size_and_fills: Fills<'a> = "sizeAndFills",
        /// Description of the order.
        order_desc: Cow<'a, str> = "orderDesc",
        /// Description of the contract, first part.
        description1: Cow<'a, str> = "description1",
        /// Description of the contract, second part; options only.
        description2: Cow<'a, str> = "description2",
        /// Symbol of the contract.
        ticker: Cow<'a, str> = "ticker",
        /// Asset class of the contract.
        sec_type: Cow<'a, str> = "secType",
        /// Exchange that lists the contract.
        listing_exchange: Cow<'a, str> = "listingExchange",
        /// Units that remain to be filled.
        remaining_quantity: Number<'a> = "remainingQuantity",
        /// Units that are filled.
        filled_quantity: Number<'a> = "filledQuantity",
        /// Units that were ordered.
        total_size: Number<'a> = "totalSize",
        /// Name of the company.
        company_name: Cow<'a, str> = "companyName",
        /// State of the order.
        status: OrderStatus<'a> = "status",
        /// State of the order at the central system; undocumented.
        ccp_status: Cow<'a, str> = "order_ccp_status",
        /// Whether the order may fill outside regular hours.
        outside_rth: bool = "outsideRTH",
        /// Type of the order as it was placed, `LIMIT`.
        orig_order_type: Cow<'a, str> = "origOrderType",
        /// Whether the tax optimiser may change the order.
        supports_tax_opt: bool = "supportsTaxOpt",
        /// Time of the last execution or change, `yyMMddHHmmss` in UTC.
        last_execution_time: Cow<'a, str> = "lastExecutionTime",
        /// Time of the last execution or change, in milliseconds since 1970.
        last_execution_millis: i64 = "lastExecutionTime_r",
        /// Type of the order, `Limit`.
        order_type: Cow<'a, str> = "orderType",
        /// Reference that the client gave the order.
        order_ref: Cow<'a, str> = "order_ref",
        /// Average price of the fills.
        avg_price: Number<'a> = "avgPrice",
        /// Whether the contract is an event contract.
        is_event_trading: bool = "isEventTrading",
        /// Time in force; `CLOSE` was recorded for a day order.
        time_in_force: Cow<'a, str> = "timeInForce",
        /// Limit or stop price; `None` for a market order, which has `""`. Documented as a number,
        /// recorded as a string.
        price: Number<'a> = "price",
        /// Side of the order.
        side: Side<'a> = "side",
        /// Background colour of the row on the gateway's own pages.
        bg_color: Cow<'a, str> = "bgColor",
        /// Text colour of the row on the gateway's own pages.
        fg_color: Cow<'a, str> = "fgColor",
        /// Reason for which the system cancelled the order; rare.
        system_cancel_reason: Cow<'a, str> = "order_cancellation_by_system_reason",
        /// Size of an order of an amount of cash; rare.
        total_cash_size: Number<'a> = "totalCashSize",
        /// Id of the tax optimiser; rare.
        tax_optimizer_id: Cow<'a, str> = "taxOptimizerId",
        /// Exchange of the order; rare.
        exchange: Cow<'a, str> = "exchange",
        /// Number of the order that this one is attached to; rows of REST only.
        parent_id: Cow<'a, str> = "parentId",
        /// Group of orders of which one cancels the others; rows of REST only.
        oca_group_id: Cow<'a, str> = "ocaGroupId",
    }
}

row! {
    /// A copy of an execution (docs/protocol.md §3.6).
    Execution [execution_id, conid, order_id] {
        /// Id of the execution, equal in all of its copies.
        execution_id: Cow<'a, str> = "execution_id",
        /// Symbol of the contract.
        symbol: Cow<'a, str> = "symbol",
        /// Whether the tax optimiser may change the execution.
        supports_tax_opt: bool = "supports_tax_opt",
        /// Side of the execution.
        side: Side<'a> = "side",
        /// Description of the execution.
        order_description: Cow<'a, str> = "order_description",
        /// Time of the execution, `yyyyMMdd-HH:mm:ss` in UTC.
        trade_time: Cow<'a, str> = "trade_time",
        /// Time of the execution, in milliseconds since 1970.
        trade_millis: i64 = "trade_time_r",
        /// Number of units, which may have a fraction.
        size: Number<'a> = "size",
        /// Price of one unit.
        price: Number<'a> = "price",
        /// Reference that the client gave the order.
        order_ref: Cow<'a, str> = "order_ref",
        /// User who sent the order.
        submitter: Cow<'a, str> = "submitter",
        /// Exchange of the execution.
        exchange: Cow<'a, str> = "exchange",
        /// Commission of the execution; only some of the copies have it.
        commission: Number<'a> = "commission",
        /// Price times size times multiplier.
        net_amount: Number<'a> = "net_amount",
        /// Account of the execution.
        account: Cow<'a, str> = "account",
        /// Code of the account.
        account_code: Cow<'a, str> = "accountCode",
        /// Account that the execution is allocated to.
        account_allocation_name: Cow<'a, str> = "account_allocation_name",
        /// Name of the company.
        company_name: Cow<'a, str> = "company_name",
        /// Description of the contract, first part.
        contract_description_1: Cow<'a, str> = "contract_description_1",
        /// Description of the contract, second part.
        contract_description_2: Cow<'a, str> = "contract_description_2",
        /// Asset class of the contract.
        sec_type: Cow<'a, str> = "sec_type",
        /// Exchange that lists the contract; shares only.
        listing_exchange: Cow<'a, str> = "listing_exchange",
        /// Number of the contract; a number on the wire, a string in the older documentation.
        conid: i64 = "conid",
        /// Number of the contract, with the exchange in some copies.
        conid_ex: Cow<'a, str> = "conidEx" | "conidex",
        /// Whether the execution opens or closes a position, as the gateway writes it.
        open_close: Cow<'a, str> = "open_close",
        /// Position after the execution; only some of the copies have it.
        position: Number<'a> = "position",
        /// Id of the clearing firm.
        clearing_id: Cow<'a, str> = "clearing_id",
        /// Name of the clearing firm.
        clearing_name: Cow<'a, str> = "clearing_name",
        /// Whether the execution is a liquidation.
        liquidation_trade: bool = "liquidation_trade",
        /// Whether the contract is an event contract.
        is_event_trading: bool = "is_event_trading",
        /// Number of the order, of up to 13 digits.
        order_id: i64 = "order_id",
    }
}

/// Declares an enumeration of texts that keeps the texts it does not know.
macro_rules! wire_texts {
    (
        $(#[$meta:meta])* $name:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal $(| $alias:literal)* ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name<'a> {
            $( $(#[$doc])* $variant, )*
            /// Any other text, as it was received.
            Other(Cow<'a, str>),
        }

        impl<'a> $name<'a> {
            /// Reads the text of the wire.
            #[must_use]
            pub fn from_text(text: impl Into<Cow<'a, str>>) -> Self {
                let text = text.into();
                match &*text {
                    $( $text $(| $alias)* => Self::$variant, )*
                    _ => Self::Other(text),
                }
            }

            /// Returns the text of the wire.
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
                Ok(Cow::from_json(json)?.map(Self::from_text))
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $( Self::$variant => f.write_str(stringify!($variant)), )*
                    Self::Other(text) => f.debug_tuple("Other").field(&Discreet(&**text)).finish(),
                }
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

wire_texts! {
    /// The state of an order (docs/protocol.md §3.4). `WarnState` is documented only, the others
    /// were recorded.
    OrderStatus {
        /// Not active: rejected, or not yet sent.
        Inactive = "Inactive",
        /// Sent and not yet accepted.
        PendingSubmit = "PendingSubmit",
        /// Accepted, and held until its condition is met or the exchange accepts it.
        PreSubmitted = "PreSubmitted",
        /// Working at the exchange.
        Submitted = "Submitted",
        /// A cancellation was requested.
        PendingCancel = "PendingCancel",
        /// Cancelled by the user or the system.
        Cancelled = "Cancelled",
        /// Completely filled.
        Filled = "Filled",
        /// In a warning state; documented without an explanation.
        WarnState = "WarnState",
    }
}

wire_texts! {
    /// The side of an order or an execution. The two spell it differently; both spellings are read.
    Side {
        /// `BUY`, or `B` of an execution.
        Buy = "BUY" | "B",
        /// `SELL`, or `S` of an execution.
        Sell = "SELL" | "S",
        /// `EXER`: the exercise of an option.
        Exercise = "EXER",
    }
}

/// The value of `sizeAndFills` (docs/protocol.md §3.4).
///
/// `0/3` means that nothing is filled and 3 units remain. Without a slash the value is the size of
/// the order: `722` once the order is done, or the shorthand `2.4K CAD` for an order of an amount
/// of cash. The exact quantities are in [`Order::filled_quantity`] and
/// [`Order::remaining_quantity`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
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
