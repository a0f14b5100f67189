//! Accounts: `spl`, `ssd`, `sld` and `act` (docs/protocol.md §3.5, §3.7, §4.2).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::macros::{body, row};
use super::rows::{Row, Rows, one, row_error};
use crate::frame::{Expected, FieldError, FieldResult, Json, Kind, Number, RowError, RowReason, field_error, lookup};
use crate::time::UnixMillis;

body! {
    /// Profit and loss, one row per account and model (docs/protocol.md §3.5).
    ///
    /// ```
    /// use ibws_proto::{Body, Frame};
    ///
    /// let text = r#"{"topic":"spl","args":{"DU1234567.Core":{"dpl":-41.5,"upl":1820.0}}}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Pnl(pnl) = frame.body() else { panic!() };
    /// let (name, row) = pnl.rows().next().unwrap();
    /// assert_eq!(name, "DU1234567.Core");
    /// assert_eq!(row.unwrap().daily_pnl().unwrap().unwrap().to_f64(), Some(-41.5));
    /// ```
    Pnl ["args"] {}
}

impl<'a> Pnl<'a> {
    /// Returns the rows with their names, `DU1234567.Core`. An `args` that is not an object is one
    /// bad row without a name.
    pub fn rows(&self) -> impl Iterator<Item = (Cow<'a, str>, Result<PnlRow<'a>, RowError>)> + use<'a> {
        entries(self.member("args"), PnlRow::from_json, |args| row_error(args, RowReason::NotAnObject))
    }
}

/// Returns the target of a topic; `None` if it has none.
fn target(topic: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    let target = match topic? {
        Cow::Borrowed(topic) => Cow::Borrowed(topic.split_once('+')?.1),
        Cow::Owned(topic) => Cow::Owned(topic.split_once('+')?.1.into()),
    };
    (!target.is_empty()).then_some(target)
}

/// Returns the moment of a number of seconds.
fn moment(row: Json<'_>, seconds: Option<i64>) -> FieldResult<UnixMillis> {
    let Some(seconds) = seconds else { return Ok(None) };
    let out_of_range = || field_error("timestamp", row.get("timestamp").unwrap_or(row), Expected::Whole);
    UnixMillis::from_secs(seconds).map(Some).ok_or_else(out_of_range)
}

/// Reads each member of a map, by its key. A map that is absent or `null` has none. One that is not
/// an object is a single error without a key, so that it is not lost.
fn entries<'a, T, E>(
    map: Option<Json<'a>>,
    read: impl Fn(Json<'a>) -> Result<T, E>,
    not_an_object: impl FnOnce(Json<'a>) -> E,
) -> impl Iterator<Item = (Cow<'a, str>, Result<T, E>)> {
    let map = map.unwrap_or(Json("null"));
    let bad = !matches!(map.kind(), Kind::Object | Kind::Null);
    let error = bad.then(|| (Cow::Borrowed(""), Err(not_an_object(map))));
    error.into_iter().chain(map.members().map(move |(key, value)| (key, read(value))))
}

row! {
    /// Profit and loss of one account and model. Older documentation has `rowType`, `dpl` and `upl`
    /// only.
    PnlRow [] {
        /// Kind of the row, as the gateway numbers it.
        row_type: i64 = "rowType",
        /// Profit or loss of the day.
        daily_pnl: Number<'a> = "dpl",
        /// Net liquidation value.
        net_liquidation: Number<'a> = "nl",
        /// Unrealised profit or loss.
        unrealized_pnl: Number<'a> = "upl",
        /// Excess liquidity; undocumented. How it differs from [`uel`](Self::uel) is not known.
        excess_liquidity: Number<'a> = "el",
        /// Excess liquidity under the documented key. How it differs from
        /// [`excess_liquidity`](Self::excess_liquidity) is not known.
        uel: Number<'a>,
        /// Market value of the positions.
        market_value: Number<'a> = "mv",
    }
}

body! {
    /// Values of an account by key (docs/protocol.md §3.7).
    ///
    /// ```
    /// use ibws_proto::{Body, Frame};
    ///
    /// let text = r#"{"topic":"ssd+DU1234567","result":[{"key":"ExcessLiquidity-S",
    ///     "currency":"USD","monetaryValue":240100.5}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Summary(summary) = frame.body() else { panic!() };
    /// assert_eq!(summary.account().unwrap(), "DU1234567");
    /// let row = summary.rows().next().unwrap().unwrap();
    /// assert_eq!(row.monetary_value().unwrap().unwrap().to_f64(), Some(240_100.5));
    /// ```
    Summary ["result"] {}
}

impl<'a> Summary<'a> {
    /// Returns the account: the target of the topic, or where the topic has none the value of the
    /// row `AccountCode` (docs/protocol.md §3.7).
    #[must_use]
    pub fn account(&self) -> Option<Cow<'a, str>> {
        target(self.topic()).or_else(|| {
            let is_code = |row: &SummaryRow<'a>| row.key().ok().flatten().is_some_and(|key| key == "AccountCode");
            self.rows().flatten().find(is_code)?.value().ok().flatten()
        })
    }

    /// Returns the rows in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, SummaryRow<'a>> {
        Rows::of(self.member("result"))
    }
}

row! {
    /// A value of an account.
    SummaryRow [key] {
        /// Name of the value, `ExcessLiquidity-S`.
        key: Cow<'a, str>,
        /// Currency of a monetary value.
        currency: Cow<'a, str>,
        /// The value, if it is an amount of money.
        monetary_value: Number<'a> = "monetaryValue",
        /// The value, if it is text.
        value: Cow<'a, str>,
        /// Severity, as the gateway numbers it.
        severity: i64,
        /// Time of the value, in seconds since 1970; [`time`](Self::time) is the moment.
        timestamp: i64,
    }
}

impl SummaryRow<'_> {
    /// Returns the time of the value, which the wire has in seconds.
    ///
    /// # Errors
    /// [`FieldError`] if `timestamp` is no whole number, or too large.
    #[doc(alias = "timestamp")]
    pub fn time(&self) -> FieldResult<UnixMillis> {
        moment(self.json(), self.timestamp()?)
    }
}

body! {
    /// Balances of an account by currency (docs/protocol.md §3.7).
    Ledger ["result"] {}
}

impl<'a> Ledger<'a> {
    /// Returns the account: the target of the topic, or where the topic has none that of the first
    /// row that names one. Recorded frames have it in the topic (docs/protocol.md §3.7).
    ///
    /// ```
    /// use ibws_proto::{Body, Frame};
    ///
    /// let text = r#"{"topic":"sld+DU1234567","result":[
    ///     {"key":"LedgerListUSD","cashbalance":1.5E3}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Ledger(ledger) = frame.body() else { panic!() };
    /// assert_eq!(ledger.account().unwrap(), "DU1234567");
    /// let row = ledger.rows().next().unwrap().unwrap();
    /// assert_eq!(row.cash_balance().unwrap().unwrap().to_i64(), Some(1_500));
    /// ```
    #[must_use]
    pub fn account(&self) -> Option<Cow<'a, str>> {
        target(self.topic()).or_else(|| self.rows().flatten().find_map(|row| row.acct_code().ok().flatten()))
    }

    /// Returns the rows in order. The row of a currency without a change is blank: it has its key
    /// and a timestamp only.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, LedgerRow<'a>> {
        Rows::of(self.member("result"))
    }
}

row! {
    /// Balances of one currency.
    LedgerRow [key] {
        /// Name of the row, `LedgerListUSD` or `LedgerListBASE`.
        key: Cow<'a, str>,
        /// The currency alone, `USD` or `BASE`.
        second_key: Cow<'a, str> = "secondKey",
        /// Code of the account.
        acct_code: Cow<'a, str> = "acctCode",
        /// Balance of cash. The filter for it is documented as `cashBalance`; the key on the wire
        /// is `cashbalance`.
        cash_balance: Number<'a> = "cashbalance" | "cashBalance",
        /// Balance of cash in the segment for foreign exchange.
        cash_balance_fx_segment: Number<'a> = "cashBalanceFXSegment",
        /// Market value of commodities.
        commodity_market_value: Number<'a> = "commodityMarketValue",
        /// Market value of corporate bonds.
        corporate_bonds_market_value: Number<'a> = "corporateBondsMarketValue",
        /// Dividends that have accrued.
        dividends: Number<'a>,
        /// Exchange rate to the base currency.
        exchange_rate: Number<'a> = "exchangeRate",
        /// Market value of mutual funds.
        funds: Number<'a>,
        /// Market value of all positions.
        market_value: Number<'a> = "marketValue",
        /// Market value of options.
        option_market_value: Number<'a> = "optionMarketValue",
        /// Interest that has accrued.
        interest: Number<'a>,
        /// Market value of options issued by companies.
        issue_options_market_value: Number<'a> = "issueOptionsMarketValue",
        /// Market value of money market funds.
        money_funds: Number<'a> = "moneyFunds",
        /// Net liquidation value.
        net_liquidation_value: Number<'a> = "netLiquidationValue",
        /// Realised profit or loss.
        realized_pnl: Number<'a> = "realizedPnl",
        /// Unrealised profit or loss.
        unrealized_pnl: Number<'a> = "unrealizedPnl",
        /// Cash that is settled.
        settled_cash: Number<'a> = "settledCash",
        /// Severity, as the gateway numbers it.
        severity: i64,
        /// Market value of stocks.
        stock_market_value: Number<'a> = "stockMarketValue",
        /// Market value of treasury bills.
        t_bills_market_value: Number<'a> = "tBillsMarketValue",
        /// Market value of treasury bonds.
        t_bonds_market_value: Number<'a> = "tBondsMarketValue",
        /// Market value of warrants.
        warrants_market_value: Number<'a> = "warrantsMarketValue",
        /// Time of the row, in seconds since 1970; [`time`](Self::time) is the moment.
        timestamp: i64,
    }
}

impl LedgerRow<'_> {
    /// Returns the time of the row, which the wire has in seconds.
    ///
    /// # Errors
    /// [`FieldError`] if `timestamp` is no whole number, or too large.
    #[doc(alias = "timestamp")]
    pub fn time(&self) -> FieldResult<UnixMillis> {
        moment(self.json(), self.timestamp()?)
    }

    /// Returns `true` for a row without balances, which the gateway sends for a currency without a
    /// change.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.json().members().all(|(key, _)| matches!(&*key, "key" | "timestamp"))
    }
}

body! {
    /// The accounts of the session, sent once after connecting and on changes (docs/protocol.md
    /// §4.2). Partial frames occur; an absent key is unchanged.
    Accounts ["args"] {}
}

impl<'a> Accounts<'a> {
    /// Returns the accounts and their properties; without members if the message has no `args`.
    ///
    /// # Errors
    /// [`RowError`] if `args` is not an object.
    pub fn args(&self) -> Result<AccountState<'a>, RowError> {
        one(self.member("args"))
    }
}

row! {
    /// The accounts of the session and what they may do.
    AccountState [] {
        /// Ids of the accounts.
        accounts: Vec<Cow<'a, str>>,
        /// Properties by account (under `All` in the documentation);
        /// [`properties`](Self::properties) reads them.
        acct_props: Json<'a> = "acctProps",
        /// Names that the user gave to accounts; [`alias_names`](Self::alias_names) reads them.
        aliases: Json<'a>,
        /// Features of the session; [`features`](Self::features) reads them.
        allow_features: Json<'a> = "allowFeatures",
        /// Periods of charts by asset class; [`periods`](Self::periods) reads them.
        chart_periods: Json<'a> = "chartPeriods",
        /// Groups of accounts, as the gateway sends them.
        groups: Json<'a>,
        /// Profiles of allocation, as the gateway sends them.
        profiles: Json<'a>,
        /// Id of the selected account.
        selected_account: Cow<'a, str> = "selectedAccount",
        /// The server; [`server`](Self::server) reads it.
        server_info: Json<'a> = "serverInfo",
        /// A session id of another form than that of `/tickle`.
        session_id: Cow<'a, str> = "sessionId",
        /// Whether the account is a free trial.
        is_ft: bool = "isFT",
        /// Whether the account is a paper account.
        is_paper: bool = "isPaper",
    }
}

impl<'a> AccountState<'a> {
    /// Returns the properties of each account. An `acctProps` that is not an object is one error
    /// without an account.
    pub fn properties(
        &self,
    ) -> impl Iterator<Item = (Cow<'a, str>, Result<AccountProperties<'a>, RowError>)> + use<'a> {
        let not_an_object = |all| row_error(all, RowReason::NotAnObject);
        entries(self.acct_props().ok().flatten(), AccountProperties::from_json, not_an_object)
    }

    /// Returns the names that the user gave to accounts. An `aliases` that is not an object is one
    /// error without an account.
    pub fn alias_names(&self) -> impl Iterator<Item = (Cow<'a, str>, FieldResult<Cow<'a, str>>)> + use<'a> {
        let not_an_object = |all| field_error("aliases", all, Expected::Object);
        entries(self.aliases().ok().flatten(), |alias| lookup("aliases", Some(alias)), not_an_object)
    }

    /// Returns the features of the session; without members if the frame has none.
    ///
    /// # Errors
    /// [`RowError`] if `allowFeatures` is not an object.
    pub fn features(&self) -> Result<Features<'a>, RowError> {
        one(self.allow_features().ok().flatten())
    }

    /// Returns the periods of charts by asset class. A `chartPeriods` that is not an object is one
    /// error without a class.
    pub fn periods(&self) -> impl Iterator<Item = (Cow<'a, str>, FieldResult<Vec<Cow<'a, str>>>)> + use<'a> {
        let not_an_object = |all| field_error("chartPeriods", all, Expected::Object);
        entries(self.chart_periods().ok().flatten(), |periods| lookup("chartPeriods", Some(periods)), not_an_object)
    }

    /// Returns the server; without members if the frame has none.
    ///
    /// # Errors
    /// [`FieldError`] if `serverInfo` is not an object.
    pub fn server(&self) -> Result<ServerInfo<'a>, FieldError> {
        let info = self.server_info()?;
        one(info).map_err(|_| field_error("serverInfo", info.unwrap_or(Json("null")), Expected::Object))
    }
}

row! {
    /// The properties of an account.
    AccountProperties [] {
        /// Whether the account has child accounts.
        has_child_accounts: bool = "hasChildAccounts",
        /// Whether orders may state an amount of cash.
        supports_cash_qty: bool = "supportsCashQty",
        /// The undocumented flag `liteUnderPro`.
        lite_under_pro: bool = "liteUnderPro",
        /// Whether currencies are not converted.
        no_fx_conv: bool = "noFXConv",
        /// Whether the account is a proprietary account.
        is_prop: bool = "isProp",
        /// Whether orders may have a fraction of a share.
        supports_fractions: bool = "supportsFractions",
        /// Whether orders may state a time of the customer's.
        allow_customer_time: bool = "allowCustomerTime",
        /// The undocumented flag `autoFx`.
        auto_fx: bool = "autoFx",
    }
}

row! {
    /// The features of the session. Of most flags nothing but the gateway's name is known.
    Features [] {
        /// The flag `showGFIS`.
        show_gfis: bool = "showGFIS",
        /// The flag `showEUCostReport`.
        show_eu_cost_report: bool = "showEUCostReport",
        /// The flag `allowEventContract`.
        allow_event_contract: bool = "allowEventContract",
        /// The flag `allowFXConv`.
        allow_fx_conv: bool = "allowFXConv",
        /// The flag `allowFinancialLens`.
        allow_financial_lens: bool = "allowFinancialLens",
        /// The flag `allowMTA`, for mobile trading alerts.
        allow_mta: bool = "allowMTA",
        /// The flag `allowTypeAhead`.
        allow_type_ahead: bool = "allowTypeAhead",
        /// The flag `allowEventTrading`.
        allow_event_trading: bool = "allowEventTrading",
        /// Interval in seconds after which a snapshot is requested again.
        snapshot_refresh_timeout: i64 = "snapshotRefreshTimeout",
        /// Whether the user is on the Lite plan.
        lite_user: bool = "liteUser",
        /// The flag `showWebNews`.
        show_web_news: bool = "showWebNews",
        /// The flag `research`.
        research: bool,
        /// The flag `debugPnl`.
        debug_pnl: bool = "debugPnl",
        /// The flag `showTaxOpt`.
        show_tax_opt: bool = "showTaxOpt",
        /// The flag `showImpactDashboard`.
        show_impact_dashboard: bool = "showImpactDashboard",
        /// The flag `allowDynAccount`.
        allow_dyn_account: bool = "allowDynAccount",
        /// The flag `allowCrypto`.
        allow_crypto: bool = "allowCrypto",
        /// The undocumented flag `allowFA`, for the tools of a financial adviser.
        allow_fa: bool = "allowFA",
        /// The undocumented flag `allowLiteUnderPro`.
        allow_lite_under_pro: bool = "allowLiteUnderPro",
        /// Asset classes that are allowed, joined by commas.
        allowed_asset_types: Cow<'a, str> = "allowedAssetTypes",
        /// The undocumented flag `restrictTradeSubscription`.
        restrict_trade_subscription: bool = "restrictTradeSubscription",
        /// The undocumented flag `showUkUserLabels`.
        show_uk_user_labels: bool = "showUkUserLabels",
        /// The undocumented flag `sideBySide`.
        side_by_side: bool = "sideBySide",
    }
}

row! {
    /// The server that the session runs on.
    ServerInfo [] {
        /// Name of the server.
        name: Cow<'a, str> = "serverName",
        /// Version of the server.
        version: Cow<'a, str> = "serverVersion",
    }
}
