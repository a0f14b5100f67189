//! The five US shares that the seeded feed trades.
//!
//! Names and contract ids are public facts; the starting prices are invented.

/// One share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instrument {
    pub(crate) conid: u64,
    pub(crate) symbol: &'static str,
    pub(crate) company: &'static str,
    /// The first price of its walk, in cents.
    pub(crate) start: i64,
}

/// The listing exchange of all five, as orders and executions spell it.
pub(crate) const LISTING: &str = "NASDAQ.NMS";

/// The shares, in the order of their symbols.
pub(crate) const INSTRUMENTS: [Instrument; 5] = [
    Instrument { conid: 265_598, symbol: "AAPL", company: "APPLE INC", start: 21_000 },
    Instrument { conid: 266_093, symbol: "AMAT", company: "APPLIED MATERIALS INC", start: 19_000 },
    Instrument { conid: 3_691_937, symbol: "AMZN", company: "AMAZON.COM INC", start: 22_500 },
    Instrument { conid: 272_093, symbol: "MSFT", company: "MICROSOFT CORP", start: 48_000 },
    Instrument { conid: 4_815_747, symbol: "NVDA", company: "NVIDIA CORP", start: 14_000 },
];

pub(crate) fn by_conid(conid: u64) -> Option<&'static Instrument> {
    INSTRUMENTS.iter().find(|instrument| instrument.conid == conid)
}
