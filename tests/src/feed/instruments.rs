//! The contracts that the seeded feed quotes: five US shares that it also trades, and any other
//! conid.
//!
//! Names and contract ids of the five are public facts; the starting prices are invented. Every
//! other conid is a share with an invented name and a price that follows from the conid.

use std::borrow::Cow;

use crate::prng::Prng;

/// One share.
#[derive(Clone, Debug)]
pub(crate) struct Instrument {
    pub(crate) conid: u64,
    pub(crate) symbol: Cow<'static, str>,
    pub(crate) company: Cow<'static, str>,
    /// The first price of its walk, in cents.
    pub(crate) start: i64,
}

/// The listing exchange of all shares, as orders and executions spell it.
pub(crate) const LISTING: &str = "NASDAQ.NMS";

/// The conid that stands for a wrong one. The feed quotes any other, except 0.
pub(crate) const BAD_CONID: u64 = 999;

/// The shares that the feed trades, in the order of their symbols.
pub(crate) static INSTRUMENTS: [Instrument; 5] = [
    share(265_598, "AAPL", "APPLE INC", 21_000),
    share(266_093, "AMAT", "APPLIED MATERIALS INC", 19_000),
    share(3_691_937, "AMZN", "AMAZON.COM INC", 22_500),
    share(272_093, "MSFT", "MICROSOFT CORP", 48_000),
    share(4_815_747, "NVDA", "NVIDIA CORP", 14_000),
];

const fn share(conid: u64, symbol: &'static str, company: &'static str, start: i64) -> Instrument {
    Instrument { conid, symbol: Cow::Borrowed(symbol), company: Cow::Borrowed(company), start }
}

/// The contract with this conid; `None` for the bad one and for 0, which text without a number
/// becomes.
pub(crate) fn by_conid(conid: u64) -> Option<Instrument> {
    if conid == 0 || conid == BAD_CONID {
        return None;
    }
    let known = INSTRUMENTS.iter().find(|instrument| instrument.conid == conid);
    Some(known.cloned().unwrap_or_else(|| Instrument {
        conid,
        symbol: format!("SIM{conid}").into(),
        company: format!("SIMULATED {conid} INC").into(),
        start: Prng::part(conid, "instrument", 0).between(1_000, 60_000),
    }))
}
