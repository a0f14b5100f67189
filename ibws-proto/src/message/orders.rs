//! Live orders and executions: `sor` and `str` (docs/protocol.md §3.4, §3.6).

use alloc::borrow::Cow;
use core::fmt;

use super::macros::{body, row};
use super::rows::{Row as _, Rows};
use crate::frame::{Expected, FieldResult, FromJson, Json, Number, lookup, read_number};
use crate::mask::Discreet;
use crate::time::{CivilTime, UnixMillis};

body! {
    /// Live orders, as rows of what changed (docs/protocol.md §3.4). An
    /// [`OrderBook`](crate::fold::OrderBook) adds them up.
    ///
    /// ```
    /// use ibws_proto::{Body, Frame};
    ///
    /// let text = r#"{"topic":"sor","args":[{"orderId":7,"status":"Submitted","side":"BUY",
    ///     "totalSize":3.0,"price":"120.00"}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Orders(orders) = frame.body() else { panic!() };
    /// for row in orders.rows() {
    ///     let order = row.unwrap();
    ///     assert!(order.status().unwrap().unwrap().is_open());
    ///     assert!(order.side().unwrap().unwrap().is_buy());
    ///     assert_eq!(order.total_size().unwrap().unwrap().to_i64(), Some(3));
    /// }
    /// ```
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
    /// [`Executions`](crate::fold::Executions) holds each once.
    ///
    /// ```
    /// use ibws_proto::{Body, Frame};
    ///
    /// let text = r#"{"topic":"str","args":[{"execution_id":"a.1","side":"B","size":3.0,
    ///     "price":"181.90","trade_time_r":1767623710000}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Trades(trades) = frame.body() else { panic!() };
    /// let execution = trades.rows().next().unwrap().unwrap();
    /// assert!(execution.side().unwrap().unwrap().is_buy());
    /// let time = execution.traded_at().unwrap().unwrap();
    /// assert_eq!(time.to_string(), "2026-01-05T14:35:10.000Z");
    /// ```
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
        acct: Cow<'a, str>,
        /// Same account again; undocumented, in full rows only.
        account: Cow<'a, str>,
        /// Number of the contract.
        conid: i64,
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
        description1: Cow<'a, str>,
        /// Description of the contract, second part; options only.
        description2: Cow<'a, str>,
        /// Symbol of the contract.
        ticker: Cow<'a, str>,
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
        status: OrderStatus<'a>,
        /// State of the order at the central system; undocumented.
        ccp_status: Cow<'a, str> = "order_ccp_status",
        /// Whether the order may fill outside regular hours.
        outside_rth: bool = "outsideRTH",
        /// Type of the order as it was placed, `LIMIT`.
        orig_order_type: Cow<'a, str> = "origOrderType",
        /// Whether the tax optimiser may change the order.
        supports_tax_opt: bool = "supportsTaxOpt",
        /// Time of the last execution or change, `yyMMddHHmmss` in UTC.
        /// [`last_execution`](Self::last_execution) reads it.
        last_execution_time: Cow<'a, str> = "lastExecutionTime",
        /// Time of the last execution or change, as a number.
        last_execution_millis: UnixMillis = "lastExecutionTime_r",
        /// Type of the order, `Limit`.
        order_type: Cow<'a, str> = "orderType",
        /// Reference that the client gave the order.
        order_ref: Cow<'a, str>,
        /// Average price of the fills.
        avg_price: Number<'a> = "avgPrice",
        /// Whether the contract is an event contract.
        is_event_trading: bool = "isEventTrading",
        /// Time in force; `CLOSE` was recorded for a day order.
        time_in_force: Cow<'a, str> = "timeInForce",
        /// Limit or stop price; `None` for a market order, which has `""`. Documented as a number,
        /// recorded as a string.
        price: Number<'a>,
        /// Side of the order.
        side: Side<'a>,
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
        exchange: Cow<'a, str>,
        /// Number of the order that this one is attached to; rows of REST only.
        parent_id: Cow<'a, str> = "parentId",
        /// Group of orders of which one cancels the others; rows of REST only.
        oca_group_id: Cow<'a, str> = "ocaGroupId",
    }
}

impl Order<'_> {
    /// Returns the time of the last execution or change in UTC: `lastExecutionTime_r`, or
    /// `lastExecutionTime` where the row lacks that. Both are in UTC (docs/protocol.md §3.4).
    ///
    /// ```
    /// use ibws_proto::{Body, Frame};
    ///
    /// let text = r#"{"topic":"sor","args":[{"orderId":7,"lastExecutionTime":"260105143101"}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Orders(orders) = frame.body() else { panic!() };
    /// let order = orders.rows().next().unwrap().unwrap();
    /// let time = order.last_execution().unwrap().unwrap();
    /// assert_eq!(time.to_string(), "2026-01-05T14:31:01.000Z");
    /// ```
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if the one that counts cannot be read.
    #[doc(alias = "lastExecutionTime")]
    #[doc(alias = "lastExecutionTime_r")]
    pub fn last_execution(&self) -> FieldResult<UnixMillis> {
        utc(self.last_execution_millis()?, "lastExecutionTime", self.member("lastExecutionTime"))
    }
}

impl Execution<'_> {
    /// Returns the time of the execution in UTC: `trade_time_r`, or `trade_time` where the row
    /// lacks that. Both are in UTC (docs/protocol.md §3.6).
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if the one that counts cannot be read.
    #[doc(alias = "trade_time")]
    #[doc(alias = "trade_time_r")]
    pub fn traded_at(&self) -> FieldResult<UnixMillis> {
        utc(self.trade_millis()?, "trade_time", self.member("trade_time"))
    }
}

/// Returns `millis`, or the time of a member that is documented as being in UTC.
fn utc(millis: Option<UnixMillis>, key: &'static str, text: Option<Json<'_>>) -> FieldResult<UnixMillis> {
    match millis {
        Some(millis) => Ok(Some(millis)),
        None => Ok(lookup::<CivilTime>(key, text)?.map(CivilTime::assume_utc)),
    }
}

row! {
    /// A copy of an execution (docs/protocol.md §3.6).
    Execution [execution_id, conid, order_id] {
        /// Id of the execution, equal in all of its copies.
        execution_id: Cow<'a, str>,
        /// Symbol of the contract.
        symbol: Cow<'a, str>,
        /// Whether the tax optimiser may change the execution.
        supports_tax_opt: bool,
        /// Side of the execution.
        side: Side<'a>,
        /// Description of the execution.
        order_description: Cow<'a, str>,
        /// Time of the execution, `yyyyMMdd-HH:mm:ss` in UTC. [`traded_at`](Self::traded_at) reads
        /// it.
        trade_time: Cow<'a, str>,
        /// Time of the execution, as a number.
        trade_millis: UnixMillis = "trade_time_r",
        /// Number of units, which may have a fraction.
        size: Number<'a>,
        /// Price of one unit.
        price: Number<'a>,
        /// Reference that the client gave the order.
        order_ref: Cow<'a, str>,
        /// User who sent the order.
        submitter: Cow<'a, str>,
        /// Exchange of the execution.
        exchange: Cow<'a, str>,
        /// Commission of the execution; only some of the copies have it.
        commission: Number<'a>,
        /// Price times size times multiplier.
        net_amount: Number<'a>,
        /// Account of the execution.
        account: Cow<'a, str>,
        /// Code of the account.
        account_code: Cow<'a, str> = "accountCode",
        /// Account that the execution is allocated to.
        account_allocation_name: Cow<'a, str>,
        /// Name of the company.
        company_name: Cow<'a, str>,
        /// Description of the contract, first part.
        contract_description_1: Cow<'a, str>,
        /// Description of the contract, second part.
        contract_description_2: Cow<'a, str>,
        /// Asset class of the contract.
        sec_type: Cow<'a, str>,
        /// Exchange that lists the contract; shares only.
        listing_exchange: Cow<'a, str>,
        /// Number of the contract; a number on the wire, a string in the older documentation.
        conid: i64,
        /// Number of the contract, with the exchange in some copies.
        conid_ex: Cow<'a, str> = "conidEx" | "conidex",
        /// Whether the execution opens or closes a position, as the gateway writes it.
        open_close: Cow<'a, str>,
        /// Position after the execution; only some of the copies have it.
        position: Number<'a>,
        /// Id of the clearing firm.
        clearing_id: Cow<'a, str>,
        /// Name of the clearing firm.
        clearing_name: Cow<'a, str>,
        /// Whether the execution is a liquidation.
        liquidation_trade: bool,
        /// Whether the contract is an event contract.
        is_event_trading: bool,
        /// Number of the order, of up to 13 digits.
        order_id: i64,
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

        /// Reads the text of the wire.
        impl<'a> From<&'a str> for $name<'a> {
            fn from(text: &'a str) -> Self {
                Self::from_text(text)
            }
        }

        impl<'a> FromJson<'a> for $name<'a> {
            fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
                Ok(Cow::from_json(json)?.map(Self::from_text))
            }

            #[inline]
            fn from_plain(json: Json<'a>) -> Result<Option<Self>, Expected> {
                Ok(Cow::from_plain(json)?.map(Self::from_text))
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

impl OrderStatus<'_> {
    /// Returns `true` for an order that may still be filled: `PendingSubmit`, `PreSubmitted`,
    /// `Submitted`, or `PendingCancel`, whose cancellation may come too late.
    ///
    /// `Inactive` is neither open nor [done](Self::is_done), because it is the first state of an
    /// order that is sent later and the last one of an order that was rejected. Neither are
    /// `WarnState`, which no source explains, and a text that is not listed. A program that must
    /// not miss an open order looks for those that are not done.
    ///
    /// ```
    /// use ibws_proto::message::OrderStatus;
    ///
    /// assert!(OrderStatus::from("PreSubmitted").is_open());
    /// assert!(OrderStatus::Filled.is_done() && !OrderStatus::Filled.is_open());
    /// assert!(!OrderStatus::Inactive.is_open() && !OrderStatus::Inactive.is_done());
    /// ```
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::PendingSubmit | Self::PreSubmitted | Self::Submitted | Self::PendingCancel)
    }

    /// Returns `true` for an order that ended: it is filled or cancelled.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_filled() || self.is_cancelled()
    }

    /// Returns `true` for an order that is filled completely.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        matches!(self, Self::Filled)
    }

    /// Returns `true` for an order that was cancelled. It may be filled in part.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// Returns `true` for an order whose cancellation was requested and is not confirmed.
    #[must_use]
    pub fn is_pending_cancel(&self) -> bool {
        matches!(self, Self::PendingCancel)
    }
}

impl Side<'_> {
    /// Returns `true` for a purchase.
    #[must_use]
    pub fn is_buy(&self) -> bool {
        matches!(self, Self::Buy)
    }

    /// Returns `true` for a sale.
    #[must_use]
    pub fn is_sell(&self) -> bool {
        matches!(self, Self::Sell)
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
        let Some(text) = json.quoted() else { return Self::size(json) };
        let (text, currency) = match text.rsplit_once(' ') {
            Some((size, currency)) if is_currency(currency) => (size, Some(currency)),
            _ => (text, None),
        };
        let (filled, remaining) = match text.split_once('/') {
            Some((filled, remaining)) => (filled, Some(remaining)),
            None if currency.is_none() => return Self::size(json),
            None => (text, None),
        };
        let number = |text| Number::parse(text).ok_or(Expected::Slashed);
        Ok(Some(Self { filled: number(filled)?, remaining: remaining.map(number).transpose()?, currency }))
    }
}

impl<'a> Fills<'a> {
    /// Reads a size alone, which may be absent.
    fn size(json: Json<'a>) -> Result<Option<Self>, Expected> {
        let filled = read_number(json, Expected::Slashed)?;
        Ok(filled.map(|filled| Self { filled, remaining: None, currency: None }))
    }
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}
