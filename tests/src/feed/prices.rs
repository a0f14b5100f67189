//! The seeded walk of prices; the last price is always between bid and ask.

use std::collections::BTreeMap;

use ibws_proto::Instant;

use super::instruments::{INSTRUMENTS, Instrument};
use super::target::Target;
use crate::prng::Prng;

/// Largest number of steps that a walk catches up; after a longer pause it continues from the
/// present.
const MAX_STEPS: u32 = 2_000;

/// The prices of one product at one moment, in cents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Quote {
    pub(crate) last: i64,
    pub(crate) bid: i64,
    pub(crate) ask: i64,
    pub(crate) bid_size: u64,
    pub(crate) ask_size: u64,
    pub(crate) last_size: u64,
    pub(crate) volume: u64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) open: i64,
    pub(crate) prior_close: i64,
}

struct Walk {
    chance: Prng,
    next: Instant,
    quote: Quote,
}

impl Walk {
    fn new(seed: u64, instrument: &Instrument) -> Self {
        let mut chance = Prng::part(seed, "prices", instrument.conid);
        let prior_close = instrument.start + chance.between(-instrument.start / 50, instrument.start / 50);
        let open = prior_close + chance.between(-prior_close / 200, prior_close / 200);
        let last = open + chance.between(-80, 80);
        let quote = Quote {
            last,
            bid: last - chance.between(1, 8),
            ask: last + chance.between(1, 8),
            bid_size: lots(&mut chance),
            ask_size: lots(&mut chance),
            last_size: lots(&mut chance),
            volume: 2_000_000 + chance.below(18_000_000),
            high: last.max(open) + chance.between(10, 120),
            low: last.min(open) - chance.between(10, 120),
            open,
            prior_close,
        };
        Self { chance, next: Instant::ORIGIN, quote }
    }

    fn advance(&mut self, now: Instant) {
        for _ in 0..MAX_STEPS {
            if self.next > now {
                return;
            }
            self.step();
            self.next = self.next + self.chance.millis(300, 2_400);
        }
        self.next = now + self.chance.millis(300, 2_400);
    }

    /// Changes either the last price or the quotes, so that a delta seldom holds every field.
    fn step(&mut self) {
        let (chance, quote) = (&mut self.chance, &mut self.quote);
        if chance.chance(1, 2) {
            // The pull towards the open keeps the prices of a long session in a plausible range.
            let pull = (quote.open - quote.last).clamp(-400, 400) / 100;
            quote.last = (quote.last + chance.between(-9, 9) + pull).max(100);
            quote.last_size = lots(chance);
            quote.volume += quote.last_size;
            quote.high = quote.high.max(quote.last);
            quote.low = quote.low.min(quote.last);
        }
        if quote.bid >= quote.last || chance.chance(1, 2) {
            quote.bid = quote.last - chance.between(1, 8);
            quote.bid_size = lots(chance);
        }
        if quote.ask <= quote.last || chance.chance(1, 2) {
            quote.ask = quote.last + chance.between(1, 8);
            quote.ask_size = lots(chance);
        }
    }
}

fn lots(chance: &mut Prng) -> u64 {
    let most = if chance.chance(1, 6) { 60 } else { 9 };
    100 * (1 + chance.below(most))
}

/// The walks of all shares. A query advances the walk it reads to the time of the query.
pub(crate) struct Market {
    walks: BTreeMap<u64, Walk>,
}

impl Market {
    pub(crate) fn new(seed: u64) -> Self {
        Self { walks: INSTRUMENTS.iter().map(|share| (share.conid, Walk::new(seed, share))).collect() }
    }

    /// The present quote of one share; `None` for a conid that the feed does not trade.
    pub(crate) fn share(&mut self, conid: u64, now: Instant) -> Option<Quote> {
        let walk = self.walks.get_mut(&conid)?;
        walk.advance(now);
        Some(walk.quote)
    }

    /// The present quote of a target: a share, or the sum of a combo's legs.
    pub(crate) fn quote(&mut self, target: &Target, now: Instant) -> Option<Quote> {
        if target.legs.is_empty() {
            return self.share(target.conid, now);
        }
        let mut sum: Option<Quote> = None;
        for &(conid, ratio) in &target.legs {
            let leg = scaled(self.share(conid, now)?, ratio);
            sum = Some(sum.map_or(leg, |sum| added(sum, leg)));
        }
        sum
    }
}

/// The prices of one leg times its ratio. A sold leg has the prices of the other side.
fn scaled(leg: Quote, ratio: i64) -> Quote {
    let (bid, ask) = if ratio < 0 { (leg.ask, leg.bid) } else { (leg.bid, leg.ask) };
    let (low, high) = if ratio < 0 { (leg.high, leg.low) } else { (leg.low, leg.high) };
    Quote {
        last: leg.last * ratio,
        bid: bid * ratio,
        ask: ask * ratio,
        high: high * ratio,
        low: low * ratio,
        open: leg.open * ratio,
        prior_close: leg.prior_close * ratio,
        ..leg
    }
}

fn added(sum: Quote, leg: Quote) -> Quote {
    Quote {
        last: sum.last + leg.last,
        bid: sum.bid + leg.bid,
        ask: sum.ask + leg.ask,
        bid_size: sum.bid_size.min(leg.bid_size),
        ask_size: sum.ask_size.min(leg.ask_size),
        last_size: sum.last_size.min(leg.last_size),
        volume: sum.volume.min(leg.volume),
        high: sum.high + leg.high,
        low: sum.low + leg.low,
        open: sum.open + leg.open,
        prior_close: sum.prior_close + leg.prior_close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_price_stays_between_bid_and_ask_for_a_whole_day() {
        for seed in 0..8 {
            let mut market = Market::new(seed);
            for second in (0..86_400).step_by(7) {
                for share in &INSTRUMENTS {
                    let quote = market.share(share.conid, Instant::from_millis(second * 1_000)).unwrap();
                    assert!(quote.bid < quote.last && quote.last < quote.ask, "{} {quote:?}", share.symbol);
                    assert!(quote.low <= quote.last && quote.last <= quote.high, "{} {quote:?}", share.symbol);
                    assert!((share.start / 2..share.start * 2).contains(&quote.last), "{} {quote:?}", share.symbol);
                }
            }
        }
    }

    #[test]
    fn a_pause_of_years_costs_a_bounded_number_of_steps() {
        let mut market = Market::new(1);
        assert!(market.share(265_598, Instant::from_nanos(u64::MAX)).is_some());
    }
}
