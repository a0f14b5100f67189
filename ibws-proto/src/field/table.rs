//! The table of documented fields, with a constant for each. The descriptions are this project's
//! own.

use super::{Field, RAW};

/// A field of the table.
pub(super) struct Listed {
    pub(super) id: u16,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
}

/// Declares the fields, one a line by ascending number: constant, key on the wire, name, IBKR's
/// title, meaning. The names are those of the Python library IBind, where it has the field.
macro_rules! fields {
    ($( $constant:ident = $key:literal, $name:literal, $title:literal, $description:literal; )*) => {
        impl Field {
            $(
                #[doc = concat!("`", $title, "`: ", $description)]
                ///
                #[doc = concat!("Key `", $key, "`, name `", $name, "`.")]
                #[doc(alias = $key)]
                #[doc(alias = $name)]
                pub const $constant: Self = Self(number($key));
            )*
        }

        /// The fields by ascending number, as the binary search requires.
        pub(super) static TABLE: [Listed; [$($name),*].len()] = [$(
            Listed { id: number($key), name: $name, title: $title, description: $description }
        ),*];
    };
}

/// Returns the number of a key while compiling: that of its digits, with [`RAW`] for `87_raw`.
///
/// # Panics
/// Panics at compile time if the number does not fit.
const fn number(key: &str) -> u16 {
    let (mut rest, mut number) = (key.as_bytes(), 0);
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        number = number * 10 + (*digit - b'0') as u16;
        rest = tail;
    }
    assert!(number < RAW && (rest.is_empty() || matches!(rest, b"_raw")));
    if rest.is_empty() { number } else { number | RAW }
}

fields! {
    LAST = "31", "last_price", "Last Price", "Price of the most recent trade. A `C` before it marks the previous close, an `H` a halt of trading.";
    SYMBOL = "55", "symbol", "Symbol", "Symbol of the contract; `-` for a contract that cannot be quoted.";
    TEXT = "58", "text", "Text", "Text without any documented meaning.";
    HIGH = "70", "high", "High", "The day's highest price.";
    LOW = "71", "low", "Low", "The day's lowest price.";
    MARKET_VALUE = "73", "market_value", "Market Value", "Present value of the user's position, even without market data.";
    AVERAGE_PRICE = "74", "avg_price", "Avg Price", "Average price of the user's position.";
    UNREALIZED_PNL = "75", "unrealized_pnl", "Unrealized PnL", "Open profit or loss of the user's position, even without market data.";
    FORMATTED_POSITION = "76", "formatted_position", "Formatted position", "The user's position as display text.";
    FORMATTED_UNREALIZED_PNL = "77", "formatted_unrealized_pnl", "Formatted Unrealized PnL", "Open profit or loss as display text.";
    DAILY_PNL = "78", "daily_pnl", "Daily PnL", "Profit or loss since yesterday's close, even without market data.";
    REALIZED_PNL = "79", "realized_pnl", "Realized PnL", "Realised profit or loss, even without market data.";
    UNREALIZED_PNL_PERCENT = "80", "unrealized_pnl_percent", "Unrealized PnL %", "Open profit or loss as a percentage.";
    CHANGE = "82", "change", "Change", "Last price minus the close of the previous trading day.";
    CHANGE_PERCENT = "83", "change_percent", "Change %", "Change since the previous close, in percent. Documented as a string; the wire has a number.";
    BID = "84", "bid_price", "Bid Price", "Highest bid price.";
    ASK_SIZE = "85", "ask_size", "Ask Size", "Units offered at the ask, with commas between thousands.";
    ASK = "86", "ask_price", "Ask Price", "Lowest ask price.";
    VOLUME = "87", "volume", "Volume", "The day's volume, shortened with `K` or `M`. Field 7762 has it in full, `87_raw` as a number.";
    BID_SIZE = "88", "bid_size", "Bid Size", "Units bid for, with commas between thousands.";
    RIGHT = "201", "right", "Right", "Whether an option is a put (`P`) or a call (`C`).";
    EXCHANGE = "6004", "exchange", "Exchange", "Exchange of the contract.";
    CONID = "6008", "conid", "Conid", "IBKR's number for the contract.";
    SEC_TYPE = "6070", "sec_type", "SecType", "Asset class of the contract.";
    MONTHS = "6072", "months", "Months", "Months in which the contract expires.";
    REGULAR_EXPIRY = "6073", "regular_expiry", "Regular Expiry", "Regular date of expiry.";
    MARKER = "6119", "market_data_marker", "Marker for market data delivery method", "Id of this stream, the same as `server_id`; new with each subscription.";
    UNDERLYING_CONID = "6457", "underlying_conid", "Underlying Conid", "Contract number of the underlying.";
    SERVICE_PARAMS = "6508", "service_params", "Service Params", "List of services as a query string, sent unrequested with the first change.";
    AVAILABILITY = "6509", "market_data_availability", "Market Data Availability", "Availability of the data in one to three letters, which `Availability` reads.";
    COMPANY_NAME = "7051", "company_name", "Company name", "The company's name.";
    ASK_EXCHANGE = "7057", "ask_codes", "Ask Exch", "Exchanges of the ask, one letter each.";
    LAST_EXCHANGE = "7058", "last_exch_codes", "Last Exch", "Exchange of the last trade, as a letter.";
    LAST_SIZE = "7059", "last_size", "Last Size", "Units of the last trade.";
    BID_EXCHANGE = "7068", "bid_codes", "Bid Exch", "Exchanges of the bid, one letter each.";
    IMPLIED_TO_HISTORICAL_VOLATILITY = "7084", "implied_vol_hist_vol_percent", "Implied Vol./Hist. Vol %", "Implied volatility as a percentage of the historical one.";
    PUT_CALL_INTEREST = "7085", "put_call_interest", "Put/Call Interest", "Open interest of puts divided by that of calls, for underlyings.";
    PUT_CALL_VOLUME = "7086", "put_call_volume", "Put/Call Volume", "The day's volume of puts divided by that of calls.";
    HISTORICAL_VOLATILITY = "7087", "hist_vol_percent", "Hist. Vol. %", "Volatility over 30 days, in real time.";
    HISTORICAL_VOLATILITY_CLOSE = "7088", "hist_vol_close_percent", "Hist. Vol. Close %", "Historical volatility as of the previous close.";
    OPTION_VOLUME = "7089", "opt_volume", "Opt. Volume", "Volume of options.";
    CONID_EXCHANGE = "7094", "conid_exchange", "Conid + Exchange", "The contract's number together with its exchange.";
    CAN_BE_TRADED = "7184", "can_be_traded", "canBeTraded", "Value 1 if the contract can be traded, otherwise 0.";
    CONTRACT_DESCRIPTION_1 = "7219", "contract_description_1", "Contract Description", "Description of the contract, first form.";
    CONTRACT_DESCRIPTION_2 = "7220", "contract_description_2", "Contract Description", "Description of the contract, second form.";
    LISTING_EXCHANGE = "7221", "listing_exchange", "Listing Exchange", "Main exchange on which the contract is listed.";
    INDUSTRY = "7280", "industry", "Industry", "Industry of the company.";
    CATEGORY = "7281", "category", "Category", "Category within the industry.";
    AVERAGE_VOLUME = "7282", "average_volume_90", "Average Volume", "Mean daily volume of the last 90 days.";
    OPTION_IMPLIED_VOLATILITY = "7283", "option_implied_vol_percent", "Option Implied Vol. %", "Volatility over 30 days that the options of the underlying imply. Field 7633 has that of one strike.";
    HISTORICAL_VOLATILITY_OLD = "7284", "historical_volatility_old", "Historical volatility %", "Superseded by 7087.";
    PUT_CALL_RATIO = "7285", "put_call_ratio", "Put/Call Ratio", "Number of puts divided by that of calls.";
    DIVIDEND_AMOUNT = "7286", "dividend_amount", "Dividend Amount", "The next dividend; from older documentation.";
    DIVIDEND_YIELD = "7287", "dividend_yield_percent", "Dividend Yield %", "Dividends expected in a year divided by the price; from older documentation.";
    EX_DATE = "7288", "ex_date_dividend", "Ex-date", "First day on which a buyer no longer receives the dividend; from older documentation.";
    MARKET_CAP = "7289", "market_cap", "Market Cap", "Market capitalisation; from older documentation.";
    PRICE_EARNINGS = "7290", "p_e", "P/E", "Price divided by earnings; from older documentation.";
    EARNINGS_PER_SHARE = "7291", "eps", "EPS", "Earnings of a share; from older documentation.";
    COST_BASIS = "7292", "cost_basis", "Cost Basis", "Cost of the user's position: size times average price times multiplier.";
    HIGH_52_WEEKS = "7293", "52_week_high", "52 Week High", "Highest price in 52 weeks.";
    LOW_52_WEEKS = "7294", "52_week_low", "52 Week Low", "Lowest price in 52 weeks.";
    OPEN = "7295", "open", "Open", "The day's first price.";
    CLOSE = "7296", "close", "Close", "The day's closing price.";
    DELTA = "7308", "delta", "Delta", "Change of the option's price with that of its underlying.";
    GAMMA = "7309", "gamma", "Gamma", "Change of delta with the price of the underlying.";
    THETA = "7310", "theta", "Theta", "Loss of the option's price with time.";
    VEGA = "7311", "vega", "Vega", "Change of the option's price with one percent of volatility.";
    OPTION_VOLUME_CHANGE = "7607", "option_volume_change", "Opt. Volume Change %", "The day's volume of options as a percentage of the usual one.";
    IMPLIED_VOLATILITY = "7633", "implied_vol_percent", "Implied Vol. %", "Volatility that the strike of this option implies. Field 7283 has that of the underlying.";
    MARK = "7635", "mark_price", "Mark", "The last price, kept within bid and ask.";
    SHORTABLE_SHARES = "7636", "shortable_shares", "Shortable Shares", "Number of shares that can be borrowed for a short sale.";
    FEE_RATE = "7637", "fee_rate", "Fee Rate", "Interest on borrowed shares.";
    OPTION_OPEN_INTEREST = "7638", "option_open_interest", "Option Open Interest", "Open interest of the option; of an underlying, that of calls and puts.";
    PERCENT_OF_MARK_VALUE = "7639", "percent_of_mark_value", "% of Mark Value", "Share of the contract in the account's market value, even without market data.";
    SHORTABLE = "7644", "shortable", "Shortable", "Whether the security is easy to sell short.";
    MORNINGSTAR_RATING = "7655", "morningstar_rating", "Morningstar Rating", "Rating by Morningstar; documented as no longer supported.";
    DIVIDENDS = "7671", "dividends", "Dividends", "Dividends of a share expected for the coming twelve months.";
    DIVIDENDS_TTM = "7672", "dividends_ttm", "Dividends TTM", "Dividends of a share in the past twelve months.";
    EMA_200 = "7674", "ema_200", "EMA(200)", "Exponential moving average, 200 periods.";
    EMA_100 = "7675", "ema_100", "EMA(100)", "Exponential moving average, 100 periods.";
    EMA_50 = "7676", "ema_50", "EMA(50)", "Exponential moving average, 50 periods.";
    EMA_20 = "7677", "ema_20", "EMA(20)", "Exponential moving average, 20 periods.";
    PRICE_TO_EMA_200 = "7678", "price_to_ema_200_percent", "Price/EMA(200)", "How far the price lies above its average of 200 periods, in percent.";
    PRICE_TO_EMA_100 = "7679", "price_to_ema_100_percent", "Price/EMA(100)", "How far the price lies above its average of 100 periods, in percent.";
    PRICE_TO_EMA_20 = "7681", "price_to_ema_20_percent", "Price/EMA(20)", "How far the price lies above its average of 20 periods, in percent.";
    CHANGE_SINCE_OPEN = "7682", "change_since_open", "Change Since Open", "Last price minus the day's first price.";
    UPCOMING_EVENT = "7683", "upcoming_event", "Upcoming Event", "Next major event of the company; requires a subscription to Wall Street Horizon.";
    UPCOMING_EVENT_DATE = "7684", "upcoming_event_date", "Upcoming Event Date", "Date of the next major event; requires a subscription to Wall Street Horizon.";
    UPCOMING_ANALYST_MEETING = "7685", "upcoming_analyst_meeting", "Upcoming Analyst Meeting", "Next meeting with analysts; requires a subscription to Wall Street Horizon.";
    UPCOMING_EARNINGS = "7686", "upcoming_earnings", "Upcoming Earnings", "Date of the next earnings report; requires a subscription to Wall Street Horizon.";
    UPCOMING_MISC_EVENT = "7687", "upcoming_misc_event", "Upcoming Misc Event", "Next event of another kind, for example a meeting of shareholders; requires a subscription to Wall Street Horizon.";
    RECENT_ANALYST_MEETING = "7688", "recent_analyst_meeting", "Recent Analyst Meeting", "Last meeting with analysts; requires a subscription to Wall Street Horizon.";
    RECENT_EARNINGS = "7689", "recent_earnings", "Recent Earnings", "Date of the last earnings report; requires a subscription to Wall Street Horizon.";
    RECENT_MISC_EVENT = "7690", "recent_misc_event", "Recent Misc Event", "Last event of another kind; requires a subscription to Wall Street Horizon.";
    PROBABILITY_OF_MAX_RETURN_1 = "7694", "probability_of_max_return", "Probability of Max Return", "Probability of the largest gain, as customers estimate it; field 7700 has the same name.";
    BREAK_EVEN = "7695", "break_even", "Break Even", "Price at which there is neither gain nor loss.";
    SPX_DELTA = "7696", "spx_delta", "SPX Delta", "Delta weighted with beta.";
    FUTURES_OPEN_INTEREST = "7697", "futures_open_interest", "Futures Open Interest", "Futures contracts that are open.";
    LAST_YIELD = "7698", "last_yield", "Last Yield", "Yield of a bond at its last price, the worst over its call dates.";
    BID_YIELD = "7699", "bid_yield", "Bid Yield", "Yield of a bond at the bid, the worst over its call dates; documented as computed from the ask.";
    PROBABILITY_OF_MAX_RETURN_2 = "7700", "probability_of_max_return_2", "Probability of Max Return", "Probability of the largest gain, as customers estimate it; field 7694 has the same name.";
    PROBABILITY_OF_MAX_LOSS = "7702", "probability_of_max_loss", "Probability of Max Loss", "Probability of the largest loss, as customers estimate it.";
    PROFIT_PROBABILITY = "7703", "profit_probability", "Profit Probability", "Probability of any gain, as customers estimate it.";
    ORGANIZATION_TYPE = "7704", "organization_type", "Organization Type", "Kind of organisation that issued the bond.";
    DEBT_CLASS = "7705", "debt_class", "Debt Class", "Class of debt of the bond.";
    RATINGS = "7706", "ratings", "Ratings", "Ratings of the bond.";
    BOND_STATE_CODE = "7707", "bond_state_code", "Bond State Code", "Code of the bond's state.";
    BOND_TYPE = "7708", "bond_type", "Bond Type", "Kind of the bond.";
    LAST_TRADING_DATE = "7714", "last_trading_date", "Last Trading Date", "Last day on which the contract trades.";
    ISSUE_DATE = "7715", "issue_date", "Issue Date", "Day on which the contract was issued.";
    BETA = "7718", "beta", "Beta", "Beta against the usual index; from older documentation.";
    ASK_YIELD = "7720", "ask_yield", "Ask Yield", "Yield of a bond at the ask, the worst over its call dates; documented as computed from the bid.";
    PRICE_TO_EMA_50 = "7724", "price_to_ema_50_percent", "Price/EMA(50)", "How far the price lies above its average of 50 periods, in percent.";
    PRIOR_CLOSE = "7741", "prior_close", "Prior Close", "The closing price of the day before.";
    VOLUME_LONG = "7762", "volume_long", "Volume Long", "The day's volume in full. Field 87 has it shortened.";
    HAS_TRADING_PERMISSIONS = "7768", "has_trading_permissions", "hasTradingPermissions", "Value 1 if the user may trade the contract, otherwise 0.";
    STOCK_TYPE = "7899", "stock_type", "Stock Type", "Kind of the stock; known from the API's description only.";
    DAILY_PNL_RAW = "7920", "daily_pnl_raw", "Daily PnL Raw", "Field 78 without formatting, even without market data.";
    COST_BASIS_RAW = "7921", "cost_basis_raw", "Cost Basis Raw", "Field 7292 without formatting.";
    REBATE_RATE = "7943", "rebate_rate", "Rebate Rate", "Rebate rate; known from the API's description only.";
    VOLUME_RAW = "87_raw", "volume_raw", "Volume (raw)", "Volume as a number beside field 87, in E notation; recorded on the wire and not documented.";
}
