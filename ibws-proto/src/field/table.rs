//! The table of documented fields, with a constant for each. The descriptions are this project's
//! own.

use super::{Field, RAW};

/// A field of the table.
pub(super) struct Listed {
    pub(super) id: u16,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
}

/// Declares the fields, one a line by ascending number: constant, number, IBKR's name, meaning.
macro_rules! fields {
    ($( $constant:ident = $id:expr, $name:literal, $description:literal; )*) => {
        impl Field {
            $(
                #[doc = concat!("`", $name, "`: ", $description)]
                pub const $constant: Self = Self($id);
            )*
        }

        /// The fields by ascending number, as the binary search requires.
        pub(super) static TABLE: [Listed; [$($name),*].len()] =
            [$( Listed { id: $id, name: $name, description: $description } ),*];
    };
}

fields! {
    LAST = 31, "Last Price", "Price of the most recent trade. A `C` before it marks the previous close, an `H` a halt of trading.";
    SYMBOL = 55, "Symbol", "Symbol of the contract; `-` for a contract that cannot be quoted.";
    TEXT = 58, "Text", "Text without any documented meaning.";
    HIGH = 70, "High", "The day's highest price.";
    LOW = 71, "Low", "The day's lowest price.";
    MARKET_VALUE = 73, "Market Value", "Present value of the user's position, even without market data.";
    AVERAGE_PRICE = 74, "Avg Price", "Average price of the user's position.";
    UNREALIZED_PNL = 75, "Unrealized PnL", "Open profit or loss of the user's position, even without market data.";
    FORMATTED_POSITION = 76, "Formatted position", "The user's position as display text.";
    FORMATTED_UNREALIZED_PNL = 77, "Formatted Unrealized PnL", "Open profit or loss as display text.";
    DAILY_PNL = 78, "Daily PnL", "Profit or loss since yesterday's close, even without market data.";
    REALIZED_PNL = 79, "Realized PnL", "Realised profit or loss, even without market data.";
    UNREALIZED_PNL_PERCENT = 80, "Unrealized PnL %", "Open profit or loss as a percentage.";
    CHANGE = 82, "Change", "Last price minus the close of the previous trading day.";
    CHANGE_PERCENT = 83, "Change %", "Change since the previous close, in percent. Documented as a string; the wire has a number.";
    BID = 84, "Bid Price", "Highest bid price.";
    ASK_SIZE = 85, "Ask Size", "Units offered at the ask, with commas between thousands.";
    ASK = 86, "Ask Price", "Lowest ask price.";
    VOLUME = 87, "Volume", "The day's volume, shortened with `K` or `M`. Field 7762 has it in full, `87_raw` as a number.";
    BID_SIZE = 88, "Bid Size", "Units bid for, with commas between thousands.";
    RIGHT = 201, "Right", "Whether an option is a put (`P`) or a call (`C`).";
    EXCHANGE = 6004, "Exchange", "Exchange of the contract.";
    CONID = 6008, "Conid", "IBKR's number for the contract.";
    SEC_TYPE = 6070, "SecType", "Asset class of the contract.";
    MONTHS = 6072, "Months", "Months in which the contract expires.";
    REGULAR_EXPIRY = 6073, "Regular Expiry", "Regular date of expiry.";
    MARKER = 6119, "Marker for market data delivery method", "Id of this stream, the same as `server_id`; new with each subscription.";
    UNDERLYING_CONID = 6457, "Underlying Conid", "Contract number of the underlying.";
    SERVICE_PARAMS = 6508, "Service Params", "List of services as a query string, sent unrequested with the first change.";
    AVAILABILITY = 6509, "Market Data Availability", "Availability of the data in one to three letters, which `Availability` reads.";
    COMPANY_NAME = 7051, "Company name", "The company's name.";
    ASK_EXCHANGE = 7057, "Ask Exch", "Exchanges of the ask, one letter each.";
    LAST_EXCHANGE = 7058, "Last Exch", "Exchange of the last trade, as a letter.";
    LAST_SIZE = 7059, "Last Size", "Units of the last trade.";
    BID_EXCHANGE = 7068, "Bid Exch", "Exchanges of the bid, one letter each.";
    IMPLIED_TO_HISTORICAL_VOLATILITY = 7084, "Implied Vol./Hist. Vol %", "Implied volatility as a percentage of the historical one.";
    PUT_CALL_INTEREST = 7085, "Put/Call Interest", "Open interest of puts divided by that of calls, for underlyings.";
    PUT_CALL_VOLUME = 7086, "Put/Call Volume", "The day's volume of puts divided by that of calls.";
    HISTORICAL_VOLATILITY = 7087, "Hist. Vol. %", "Volatility over 30 days, in real time.";
    HISTORICAL_VOLATILITY_CLOSE = 7088, "Hist. Vol. Close %", "Historical volatility as of the previous close.";
    OPTION_VOLUME = 7089, "Opt. Volume", "Volume of options.";
    CONID_EXCHANGE = 7094, "Conid + Exchange", "The contract's number together with its exchange.";
    CAN_BE_TRADED = 7184, "canBeTraded", "Value 1 if the contract can be traded, otherwise 0.";
    CONTRACT_DESCRIPTION_1 = 7219, "Contract Description", "Description of the contract, first form.";
    CONTRACT_DESCRIPTION_2 = 7220, "Contract Description", "Description of the contract, second form.";
    LISTING_EXCHANGE = 7221, "Listing Exchange", "Main exchange on which the contract is listed.";
    INDUSTRY = 7280, "Industry", "Industry of the company.";
    CATEGORY = 7281, "Category", "Category within the industry.";
    AVERAGE_VOLUME = 7282, "Average Volume", "Mean daily volume of the last 90 days.";
    OPTION_IMPLIED_VOLATILITY = 7283, "Option Implied Vol. %", "Volatility over 30 days that the options of the underlying imply. Field 7633 has that of one strike.";
    HISTORICAL_VOLATILITY_OLD = 7284, "Historical volatility %", "Superseded by 7087.";
    PUT_CALL_RATIO = 7285, "Put/Call Ratio", "Number of puts divided by that of calls.";
    DIVIDEND_AMOUNT = 7286, "Dividend Amount", "The next dividend; from older documentation.";
    DIVIDEND_YIELD = 7287, "Dividend Yield %", "Dividends expected in a year divided by the price; from older documentation.";
    EX_DATE = 7288, "Ex-date", "First day on which a buyer no longer receives the dividend; from older documentation.";
    MARKET_CAP = 7289, "Market Cap", "Market capitalisation; from older documentation.";
    PRICE_EARNINGS = 7290, "P/E", "Price divided by earnings; from older documentation.";
    EARNINGS_PER_SHARE = 7291, "EPS", "Earnings of a share; from older documentation.";
    COST_BASIS = 7292, "Cost Basis", "Cost of the user's position: size times average price times multiplier.";
    HIGH_52_WEEKS = 7293, "52 Week High", "Highest price in 52 weeks.";
    LOW_52_WEEKS = 7294, "52 Week Low", "Lowest price in 52 weeks.";
    OPEN = 7295, "Open", "The day's first price.";
    CLOSE = 7296, "Close", "The day's closing price.";
    DELTA = 7308, "Delta", "Change of the option's price with that of its underlying.";
    GAMMA = 7309, "Gamma", "Change of delta with the price of the underlying.";
    THETA = 7310, "Theta", "Loss of the option's price with time.";
    VEGA = 7311, "Vega", "Change of the option's price with one percent of volatility.";
    OPTION_VOLUME_CHANGE = 7607, "Opt. Volume Change %", "The day's volume of options as a percentage of the usual one.";
    IMPLIED_VOLATILITY = 7633, "Implied Vol. %", "Volatility that the strike of this option implies. Field 7283 has that of the underlying.";
    MARK = 7635, "Mark", "The last price, kept within bid and ask.";
    SHORTABLE_SHARES = 7636, "Shortable Shares", "Number of shares that can be borrowed for a short sale.";
    FEE_RATE = 7637, "Fee Rate", "Interest on borrowed shares.";
    OPTION_OPEN_INTEREST = 7638, "Option Open Interest", "Open interest of the option; of an underlying, that of calls and puts.";
    PERCENT_OF_MARK_VALUE = 7639, "% of Mark Value", "Share of the contract in the account's market value, even without market data.";
    SHORTABLE = 7644, "Shortable", "Whether the security is easy to sell short.";
    MORNINGSTAR_RATING = 7655, "Morningstar Rating", "Rating by Morningstar; documented as no longer supported.";
    DIVIDENDS = 7671, "Dividends", "Dividends of a share expected for the coming twelve months.";
    DIVIDENDS_TTM = 7672, "Dividends TTM", "Dividends of a share in the past twelve months.";
    EMA_200 = 7674, "EMA(200)", "Exponential moving average, 200 periods.";
    EMA_100 = 7675, "EMA(100)", "Exponential moving average, 100 periods.";
    EMA_50 = 7676, "EMA(50)", "Exponential moving average, 50 periods.";
    EMA_20 = 7677, "EMA(20)", "Exponential moving average, 20 periods.";
    PRICE_TO_EMA_200 = 7678, "Price/EMA(200)", "How far the price lies above its average of 200 periods, in percent.";
    PRICE_TO_EMA_100 = 7679, "Price/EMA(100)", "How far the price lies above its average of 100 periods, in percent.";
    PRICE_TO_EMA_20 = 7681, "Price/EMA(20)", "How far the price lies above its average of 20 periods, in percent.";
    CHANGE_SINCE_OPEN = 7682, "Change Since Open", "Last price minus the day's first price.";
    UPCOMING_EVENT = 7683, "Upcoming Event", "Next major event of the company; requires a subscription to Wall Street Horizon.";
    UPCOMING_EVENT_DATE = 7684, "Upcoming Event Date", "Date of the next major event; requires a subscription to Wall Street Horizon.";
    UPCOMING_ANALYST_MEETING = 7685, "Upcoming Analyst Meeting", "Next meeting with analysts; requires a subscription to Wall Street Horizon.";
    UPCOMING_EARNINGS = 7686, "Upcoming Earnings", "Date of the next earnings report; requires a subscription to Wall Street Horizon.";
    UPCOMING_MISC_EVENT = 7687, "Upcoming Misc Event", "Next event of another kind, for example a meeting of shareholders; requires a subscription to Wall Street Horizon.";
    RECENT_ANALYST_MEETING = 7688, "Recent Analyst Meeting", "Last meeting with analysts; requires a subscription to Wall Street Horizon.";
    RECENT_EARNINGS = 7689, "Recent Earnings", "Date of the last earnings report; requires a subscription to Wall Street Horizon.";
    RECENT_MISC_EVENT = 7690, "Recent Misc Event", "Last event of another kind; requires a subscription to Wall Street Horizon.";
    PROBABILITY_OF_MAX_RETURN_1 = 7694, "Probability of Max Return", "Probability of the largest gain, as customers estimate it; field 7700 has the same name.";
    BREAK_EVEN = 7695, "Break Even", "Price at which there is neither gain nor loss.";
    SPX_DELTA = 7696, "SPX Delta", "Delta weighted with beta.";
    FUTURES_OPEN_INTEREST = 7697, "Futures Open Interest", "Futures contracts that are open.";
    LAST_YIELD = 7698, "Last Yield", "Yield of a bond at its last price, the worst over its call dates.";
    BID_YIELD = 7699, "Bid Yield", "Yield of a bond at the bid, the worst over its call dates; documented as computed from the ask.";
    PROBABILITY_OF_MAX_RETURN_2 = 7700, "Probability of Max Return", "Probability of the largest gain, as customers estimate it; field 7694 has the same name.";
    PROBABILITY_OF_MAX_LOSS = 7702, "Probability of Max Loss", "Probability of the largest loss, as customers estimate it.";
    PROFIT_PROBABILITY = 7703, "Profit Probability", "Probability of any gain, as customers estimate it.";
    ORGANIZATION_TYPE = 7704, "Organization Type", "Kind of organisation that issued the bond.";
    DEBT_CLASS = 7705, "Debt Class", "Class of debt of the bond.";
    RATINGS = 7706, "Ratings", "Ratings of the bond.";
    BOND_STATE_CODE = 7707, "Bond State Code", "Code of the bond's state.";
    BOND_TYPE = 7708, "Bond Type", "Kind of the bond.";
    LAST_TRADING_DATE = 7714, "Last Trading Date", "Last day on which the contract trades.";
    ISSUE_DATE = 7715, "Issue Date", "Day on which the contract was issued.";
    BETA = 7718, "Beta", "Beta against the usual index; from older documentation.";
    ASK_YIELD = 7720, "Ask Yield", "Yield of a bond at the ask, the worst over its call dates; documented as computed from the bid.";
    PRICE_TO_EMA_50 = 7724, "Price/EMA(50)", "How far the price lies above its average of 50 periods, in percent.";
    PRIOR_CLOSE = 7741, "Prior Close", "The closing price of the day before.";
    VOLUME_LONG = 7762, "Volume Long", "The day's volume in full. Field 87 has it shortened.";
    HAS_TRADING_PERMISSIONS = 7768, "hasTradingPermissions", "Value 1 if the user may trade the contract, otherwise 0.";
    STOCK_TYPE = 7899, "Stock Type", "Kind of the stock; known from the API's description only.";
    DAILY_PNL_RAW = 7920, "Daily PnL Raw", "Field 78 without formatting, even without market data.";
    COST_BASIS_RAW = 7921, "Cost Basis Raw", "Field 7292 without formatting.";
    REBATE_RATE = 7943, "Rebate Rate", "Rebate rate; known from the API's description only.";
    VOLUME_RAW = 87 | RAW, "Volume (raw)", "Volume as a number beside field 87, in E notation; recorded on the wire and not documented.";
}
