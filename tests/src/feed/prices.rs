//! The seeded walk of prices; the last price is always between bid and ask.

use std::collections::BTreeMap;

use ibws_proto::Instant;

use super::instruments::{self, Instrument};
use super::target::Target;
use crate::prng::Prng;

/// Largest number of steps that a walk catches up; after a longer pause it continues from the
/// present.
const MAX_STEPS: u32 = 2_000;

/// Largest number of walks; the one that was not read for longest makes room for another. It
/// starts again when it is needed again.
const MAX_WALKS: usize = 1_024;

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
    /// A script set the quote, so it does not move.
    is_set: bool,
    read_at: Instant,
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
        Self { chance, next: Instant::ORIGIN, quote, is_set: false, read_at: Instant::ORIGIN }
    }

    fn advance(&mut self, now: Instant) {
        self.read_at = now;
        if self.is_set {
            return;
        }
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

/// The walks of all contracts that were read. A query advances the walk it reads to the time of
/// the query.
pub(crate) struct Market {
    seed: u64,
    walks: BTreeMap<u64, Walk>,
}

impl Market {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, walks: BTreeMap::new() }
    }

    /// The present quote of one contract; `None` for a bad conid.
    pub(crate) fn share(&mut self, conid: u64, now: Instant) -> Option<Quote> {
        let walk = self.walk(conid)?;
        walk.advance(now);
        Some(walk.quote)
    }

    /// Sets the quote of one contract, in cents, and stops its walk. Does nothing for a bad conid.
    pub(crate) fn set(&mut self, conid: u64, bid: i64, last: i64, ask: i64) {
        let Some(walk) = self.walk(conid) else { return };
        walk.is_set = true;
        let (high, low) = (walk.quote.high.max(last), walk.quote.low.min(last));
        walk.quote = Quote { bid, last, ask, high, low, ..walk.quote };
    }

    /// Lets the walk of one contract go on from its present price.
    pub(crate) fn release(&mut self, conid: u64, now: Instant) {
        if let Some(walk) = self.walk(conid).filter(|walk| walk.is_set) {
            walk.is_set = false;
            walk.next = now;
        }
    }

    fn walk(&mut self, conid: u64) -> Option<&mut Walk> {
        if !self.walks.contains_key(&conid) {
            let walk = Walk::new(self.seed, &instruments::by_conid(conid)?);
            if self.walks.len() >= MAX_WALKS {
                let oldest = self.walks.iter().filter(|(_, walk)| !walk.is_set).min_by_key(|(_, walk)| walk.read_at);
                let oldest = oldest.map_or(conid, |(oldest, _)| *oldest);
                self.walks.remove(&oldest);
            }
            self.walks.insert(conid, walk);
        }
        self.walks.get_mut(&conid)
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
    use crate::feed::instruments::{BAD_CONID, INSTRUMENTS};

    #[test]
    fn any_conid_has_a_walk_of_its_own_except_the_bad_one() {
        let mut market = Market::new(1);
        let quotes: Vec<_> = (1..400).filter_map(|conid| market.share(conid, Instant::ORIGIN)).collect();
        assert_eq!(quotes.len(), 399);
        assert!(quotes.iter().all(|quote| quote.bid < quote.last && quote.last < quote.ask));
        assert!(market.share(BAD_CONID, Instant::ORIGIN).is_none() && market.share(0, Instant::ORIGIN).is_none());
        // The number of walks is bounded.
        for conid in 1_000..4_000 {
            market.share(conid, Instant::from_millis(conid));
        }
        assert_eq!(market.walks.len(), MAX_WALKS);
    }

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
