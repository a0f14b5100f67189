//! `spl`, `ssd`, `sld` and `act`: what is told about accounts (docs/protocol.md §3.5, §3.7, §4.2).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::macros::{body, row};
use super::rows::{Row, Rows, one, row_error};
use crate::frame::{Expected, FieldError, FieldResult, Json, Kind, Number, RowError, RowReason, field_error, lookup};

body! {
    /// Profit and loss, one row per account and model (docs/protocol.md §3.5).
    Pnl ["args"] {}
}

impl<'a> Pnl<'a> {
    /// Returns the rows with their names, `DU1234567.Core`. An `args` that is not an object is one bad row
    /// without a name.
    pub fn rows(&self) -> impl Iterator<Item = (Cow<'a, str>, Result<PnlRow<'a>, RowError>)> + use<'a> {
        entries(self.member("args"), |row| PnlRow::from_json(row), |args| row_error(args, RowReason::NotAnObject))
    }
}

/// Reads each member of a map, by its key. A map that is absent or `null` has none. One that is not an
/// object is a single error without a key, so that it is not lost.
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
    /// Profit and loss of one account. Older documentation knows `rowType`, `dpl` and `upl` alone.
    PnlRow [] {
        /// Kind of row.
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
        uel: Number<'a> = "uel",
        /// Market value of the positions.
        market_value: Number<'a> = "mv",
    }
}

body! {
    /// Values of an account, by key (docs/protocol.md §3.7).
    Summary ["result"] {}
}

impl<'a> Summary<'a> {
    /// The rows, in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, SummaryRow<'a>> {
        Rows::of(self.member("result"))
    }
}

row! {
    /// One value of an account.
    SummaryRow [key] {
        /// What the value is, `ExcessLiquidity-S`.
        key: Cow<'a, str> = "key",
        /// Currency of a monetary value.
        currency: Cow<'a, str> = "currency",
        /// The value, where it is money.
        monetary_value: Number<'a> = "monetaryValue",
        /// The value, where it is text.
        value: Cow<'a, str> = "value",
        /// Number of the severity.
        severity: i64 = "severity",
        /// Seconds since 1970.
        timestamp: i64 = "timestamp",
    }
}

body! {
    /// Balances of an account, by currency (docs/protocol.md §3.7).
    Ledger ["result"] {}
}

impl<'a> Ledger<'a> {
    /// The rows, in order. One for a currency without a change is blank: its key and a timestamp.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, LedgerRow<'a>> {
        Rows::of(self.member("result"))
    }
}

row! {
    /// Balances of one currency.
    LedgerRow [key] {
        /// Which currency: `LedgerListUSD`, `LedgerListBASE`.
        key: Cow<'a, str> = "key",
        /// The currency alone, `USD` or `BASE`.
        second_key: Cow<'a, str> = "secondKey",
        /// The account.
        acct_code: Cow<'a, str> = "acctCode",
        /// Cash. The filter that asks for it is documented as `cashBalance`; the wire's key is `cashbalance`.
        cash_balance: Number<'a> = "cashbalance" | "cashBalance",
        /// Cash in the segment for foreign exchange.
        cash_balance_fx_segment: Number<'a> = "cashBalanceFXSegment",
        /// Market value of commodities.
        commodity_market_value: Number<'a> = "commodityMarketValue",
        /// Market value of corporate bonds.
        corporate_bonds_market_value: Number<'a> = "corporateBondsMarketValue",
        /// Dividends accrued.
        dividends: Number<'a> = "dividends",
        /// Rate against the base currency.
        exchange_rate: Number<'a> = "exchangeRate",
        /// Mutual funds.
        funds: Number<'a> = "funds",
        /// Market value altogether.
        market_value: Number<'a> = "marketValue",
        /// Market value of options.
        option_market_value: Number<'a> = "optionMarketValue",
        /// Interest accrued.
        interest: Number<'a> = "interest",
        /// Market value of issuers' options.
        issue_options_market_value: Number<'a> = "issueOptionsMarketValue",
        /// Money market funds.
        money_funds: Number<'a> = "moneyFunds",
        /// Net liquidation value.
        net_liquidation_value: Number<'a> = "netLiquidationValue",
        /// Realised profit or loss.
        realized_pnl: Number<'a> = "realizedPnl",
        /// Unrealised profit or loss.
        unrealized_pnl: Number<'a> = "unrealizedPnl",
        /// Cash that is settled.
        settled_cash: Number<'a> = "settledCash",
        /// Number of the severity.
        severity: i64 = "severity",
        /// Market value of stocks.
        stock_market_value: Number<'a> = "stockMarketValue",
        /// Market value of treasury bills.
        t_bills_market_value: Number<'a> = "tBillsMarketValue",
        /// Market value of treasury bonds.
        t_bonds_market_value: Number<'a> = "tBondsMarketValue",
        /// Market value of warrants.
        warrants_market_value: Number<'a> = "warrantsMarketValue",
        /// Seconds since 1970.
        timestamp: i64 = "timestamp",
    }
}

impl LedgerRow<'_> {
    /// Is it blank, that is, without any change to tell of?
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.json().members().all(|(key, _)| matches!(&*key, "key" | "timestamp"))
    }
}

body! {
    /// The accounts of the session, once after connecting and on changes (docs/protocol.md §4.2). Partial frames occur: what is
    /// absent has not changed.
    Accounts ["args"] {}
}

impl<'a> Accounts<'a> {
    /// What is told; empty where the message has no `args`.
    ///
    /// # Errors
    /// [`RowError`] if `args` is no object.
    pub fn args(&self) -> Result<AccountState<'a>, RowError> {
        one(self.member("args"))
    }
}

row! {
    /// The accounts of the session and what they may do.
    AccountState [] {
        /// The accounts.
        accounts: Vec<Cow<'a, str>> = "accounts",
        /// What each account may do, by account (`All` in the documentation); see [`properties`](Self::properties).
        acct_props: Json<'a> = "acctProps",
        /// Names that the user gave to accounts.
        aliases: Json<'a> = "aliases",
        /// What the session may do; see [`features`](Self::features).
        allow_features: Json<'a> = "allowFeatures",
        /// Periods of charts by asset class; see [`periods`](Self::periods).
        chart_periods: Json<'a> = "chartPeriods",
        /// Groups of accounts.
        groups: Json<'a> = "groups",
        /// Profiles of allocation.
        profiles: Json<'a> = "profiles",
        /// The account that is selected.
        selected_account: Cow<'a, str> = "selectedAccount",
        /// The server; see [`server`](Self::server).
        server_info: Json<'a> = "serverInfo",
        /// A session id, and not that of `tickle`.
        session_id: Cow<'a, str> = "sessionId",
        /// Is it a free trial?
        is_ft: bool = "isFT",
        /// Is it a paper account?
        is_paper: bool = "isPaper",
    }
}

impl<'a> AccountState<'a> {
    /// Returns what each account may do. An `acctProps` that is not an object is one error without an
    /// account.
    pub fn properties(
        &self,
    ) -> impl Iterator<Item = (Cow<'a, str>, Result<AccountProperties<'a>, RowError>)> + use<'a> {
        let not_an_object = |all| row_error(all, RowReason::NotAnObject);
        entries(self.acct_props().ok().flatten(), |row| AccountProperties::from_json(row), not_an_object)
    }

    /// Returns the names that the user gave to accounts. An `aliases` that is not an object is one error
    /// without an account.
    pub fn alias_names(&self) -> impl Iterator<Item = (Cow<'a, str>, FieldResult<Cow<'a, str>>)> + use<'a> {
        let not_an_object = |all| field_error("aliases", all, Expected::Object);
        entries(self.aliases().ok().flatten(), |alias| lookup("aliases", Some(alias)), not_an_object)
    }

    /// What the session may do; empty where it is not told.
    ///
    /// # Errors
    /// [`RowError`] if `allowFeatures` is no object.
    pub fn features(&self) -> Result<Features<'a>, RowError> {
        one(self.allow_features().ok().flatten())
    }

    /// Returns the periods of charts by asset class. A `chartPeriods` that is not an object is one error
    /// without a class.
    pub fn periods(&self) -> impl Iterator<Item = (Cow<'a, str>, FieldResult<Vec<Cow<'a, str>>>)> + use<'a> {
        let not_an_object = |all| field_error("chartPeriods", all, Expected::Object);
        entries(self.chart_periods().ok().flatten(), |periods| lookup("chartPeriods", Some(periods)), not_an_object)
    }

    /// The server.
    ///
    /// # Errors
    /// [`FieldError`] if `serverInfo` is no object.
    pub fn server(&self) -> Result<ServerInfo<'a>, FieldError> {
        let info = self.server_info()?;
        one(info).map_err(|_| field_error("serverInfo", info.unwrap_or(Json("null")), Expected::Object))
    }
}

row! {
    /// What an account may do.
    AccountProperties [] {
        /// Are there accounts below it?
        has_child_accounts: bool = "hasChildAccounts",
        /// May orders name an amount of cash?
        supports_cash_qty: bool = "supportsCashQty",
        /// Undocumented.
        lite_under_pro: bool = "liteUnderPro",
        /// Is foreign exchange not converted?
        no_fx_conv: bool = "noFXConv",
        /// Is it a proprietary account?
        is_prop: bool = "isProp",
        /// May orders name fractions of a share?
        supports_fractions: bool = "supportsFractions",
        /// May orders name a time of their own?
        allow_customer_time: bool = "allowCustomerTime",
        /// Undocumented.
        auto_fx: bool = "autoFx",
    }
}

row! {
    /// What the session may do. The gateway's names say all that is known of most of them.
    Features [] {
        /// `showGFIS`
        show_gfis: bool = "showGFIS",
        /// `showEUCostReport`
        show_eu_cost_report: bool = "showEUCostReport",
        /// `allowEventContract`
        allow_event_contract: bool = "allowEventContract",
        /// `allowFXConv`
        allow_fx_conv: bool = "allowFXConv",
        /// `allowFinancialLens`
        allow_financial_lens: bool = "allowFinancialLens",
        /// `allowMTA`: mobile trading alerts.
        allow_mta: bool = "allowMTA",
        /// `allowTypeAhead`
        allow_type_ahead: bool = "allowTypeAhead",
        /// `allowEventTrading`
        allow_event_trading: bool = "allowEventTrading",
        /// Seconds after which a snapshot is asked for anew.
        snapshot_refresh_timeout: i64 = "snapshotRefreshTimeout",
        /// Is the user on the Lite plan?
        lite_user: bool = "liteUser",
        /// `showWebNews`
        show_web_news: bool = "showWebNews",
        /// `research`
        research: bool = "research",
        /// `debugPnl`
        debug_pnl: bool = "debugPnl",
        /// `showTaxOpt`
        show_tax_opt: bool = "showTaxOpt",
        /// `showImpactDashboard`
        show_impact_dashboard: bool = "showImpactDashboard",
        /// `allowDynAccount`
        allow_dyn_account: bool = "allowDynAccount",
        /// `allowCrypto`
        allow_crypto: bool = "allowCrypto",
        /// `allowFA`, undocumented: a financial adviser's tools.
        allow_fa: bool = "allowFA",
        /// `allowLiteUnderPro`, undocumented.
        allow_lite_under_pro: bool = "allowLiteUnderPro",
        /// Asset classes, joined by commas.
        allowed_asset_types: Cow<'a, str> = "allowedAssetTypes",
        /// `restrictTradeSubscription`, undocumented.
        restrict_trade_subscription: bool = "restrictTradeSubscription",
        /// `showUkUserLabels`, undocumented.
        show_uk_user_labels: bool = "showUkUserLabels",
        /// `sideBySide`, undocumented.
        side_by_side: bool = "sideBySide",
    }
}

row! {
    /// The server.
    ServerInfo [] {
        /// Its name.
        name: Cow<'a, str> = "serverName",
        /// Its version.
        version: Cow<'a, str> = "serverVersion",
    }
}
