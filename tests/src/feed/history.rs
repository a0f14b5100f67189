//! Historical bars: one reply per request, in the shape that the documentation prints
//! (docs/protocol.md §3.2).

use serde_json::Value;

use super::instruments;
use super::prices::Quote;
use super::target::Target;
use crate::calendar;
use crate::json::{Json, members};
use crate::prng::Prng;

/// Largest number of bars in a reply.
const MAX_BARS: u64 = 1_000;

/// Units of a period, each with its seconds and its largest count.
const PERIODS: [(&str, u64, u64); 6] = [
    ("min", 60, 30),
    ("h", 3_600, 8),
    ("d", 86_400, 1_000),
    ("w", 7 * 86_400, 792),
    ("m", 30 * 86_400, 182),
    ("y", 365 * 86_400, 15),
];

const BARS: [(&str, u64); 15] = [
    ("1min", 60),
    ("2min", 120),
    ("3min", 180),
    ("5min", 300),
    ("10min", 600),
    ("15min", 900),
    ("30min", 1_800),
    ("1h", 3_600),
    ("2h", 7_200),
    ("3h", 10_800),
    ("4h", 14_400),
    ("8h", 28_800),
    ("1d", 86_400),
    ("1w", 7 * 86_400),
    ("1m", 30 * 86_400),
];

/// The arguments of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HistoryRequest {
    period: u64,
    bar: u64,
    outside_rth: bool,
    columns: String,
    /// An argument is wrong, so the reply has no bars (docs/protocol.md §3.2).
    is_wrong: bool,
}

impl HistoryRequest {
    pub(crate) fn parse(args: &Value) -> Self {
        let mut is_wrong = false;
        let mut text = |name: &str, or: &str| match args.get(name) {
            None => or.to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => {
                is_wrong = true;
                or.to_owned()
            }
        };
        let (period, bar, format) = (text("period", "2h"), text("bar", "5min"), text("format", "%o/%c/%h/%l/%v"));
        let seconds = period_seconds(&period);
        let bar = BARS.iter().find(|(name, _)| *name == bar).map(|(_, seconds)| *seconds);
        let columns: String = "oclhv".chars().filter(|column| format.contains(&format!("%{column}"))).collect();
        is_wrong |= seconds.is_none() || bar.is_none() || columns.is_empty();
        let outside_rth = args.get("outsideRth").and_then(Value::as_bool).unwrap_or(false);
        Self { period: seconds.unwrap_or(7_200), bar: bar.unwrap_or(300), outside_rth, columns, is_wrong }
    }
}

fn period_seconds(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let count: u64 = text[..split].parse().ok()?;
    let (_, seconds, most) = PERIODS.iter().find(|(unit, _, _)| *unit == &text[split..])?;
    (1..=*most).contains(&count).then_some(count * seconds)
}

/// The reply. It has no `conid`: the topic names the contract.
pub(crate) fn frame(
    target: &Target,
    request: &HistoryRequest,
    server_id: u64,
    quote: Option<Quote>,
    now_ms: u64,
    chance: &mut Prng,
) -> String {
    let share = instruments::by_conid(target.conid);
    let share = share.as_ref();
    let count = if request.is_wrong { 0 } else { (request.period / request.bar).clamp(1, MAX_BARS) };
    let bars = quote.map_or_else(Vec::new, |quote| bars(&quote, count, request.bar, now_ms, chance));
    let points = bars.len();
    let extreme = |bar: Option<(usize, &Bar)>, price: fn(&Bar) -> i64| {
        bar.map_or_else(String::new, |(index, bar)| {
            // Price, volume, minutes from the start: the interpretation that fits both printed
            // samples.
            format!("{}/{}/{}", price(bar), bar.volume, index as u64 * request.bar / 60)
        })
    };
    let high = extreme(bars.iter().enumerate().max_by_key(|(_, bar)| bar.high), |bar| bar.high);
    let low = extreme(bars.iter().enumerate().min_by_key(|(_, bar)| bar.low), |bar| bar.low);
    let start_ms = bars.first().map_or(now_ms, |bar| bar.at_ms);
    let reply = Json::Object(members([
        ("serverId", Json::text(server_id.to_string())),
        ("symbol", Json::text(share.map_or("-", |share| &share.symbol))),
        ("text", Json::text(share.map_or("", |share| &share.company))),
        ("priceFactor", Json::int(100)),
        ("startTime", Json::text(calendar::dashed(start_ms))),
        ("high", Json::text(high)),
        ("low", Json::text(low)),
        ("timePeriod", Json::text(format!("{}s", request.period))),
        ("barLength", Json::int(request.bar)),
        ("mdAvailability", Json::text("S")),
        ("mktDataDelay", Json::int(0)),
        ("outsideRth", Json::bool(request.outside_rth)),
        ("volumeFactor", Json::int(1)),
        ("priceDisplayRule", Json::int(1)),
        ("priceDisplayValue", Json::text("2")),
        ("negativeCapable", Json::bool(!target.legs.is_empty())),
        ("messageVersion", Json::int(2)),
        ("data", Json::List(bars.iter().map(|bar| bar.row(&request.columns)).collect())),
        ("points", Json::int(points)),
        ("topic", Json::text(format!("smh+{}", target.text))),
    ]));
    reply.to_string()
}

struct Bar {
    open: i64,
    close: i64,
    low: i64,
    high: i64,
    volume: u64,
    at_ms: u64,
}

impl Bar {
    fn row(&self, columns: &str) -> Json {
        let mut row = members([]);
        for column in columns.chars() {
            let value = match column {
                'o' => Json::hundredths(self.open),
                'c' => Json::hundredths(self.close),
                'l' => Json::hundredths(self.low),
                'h' => Json::hundredths(self.high),
                _ => Json::double(self.volume as f64),
            };
            row.push((column.to_string(), value));
        }
        row.push(("t".into(), Json::int(self.at_ms)));
        Json::Object(row)
    }
}

/// Bars, made backwards from the present price, so that the last one closes at it.
fn bars(quote: &Quote, count: u64, seconds: u64, now_ms: u64, chance: &mut Prng) -> Vec<Bar> {
    let length_ms = seconds * 1_000;
    let newest = now_ms / length_ms * length_ms;
    let step = (quote.last.abs() / 800).max(4);
    let mut close = quote.last;
    let mut bars: Vec<Bar> = (0..count)
        .map(|age| {
            let open = close + chance.between(-step, step);
            let bar = Bar {
                open,
                close,
                low: open.min(close) - chance.between(0, step / 2),
                high: open.max(close) + chance.between(0, step / 2),
                volume: 100 * (10 + chance.below(900)),
                at_ms: newest.saturating_sub(age * length_ms),
            };
            close = open;
            bar
        })
        .collect();
    bars.reverse();
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_outside_the_documented_range_are_wrong() {
        assert_eq!(period_seconds("2h"), Some(7_200));
        assert_eq!(period_seconds("30min"), Some(1_800));
        assert_eq!(
            [period_seconds("31min"), period_seconds("0d"), period_seconds("2x"), period_seconds("h")],
            [None; 4]
        );
        assert_eq!(period_seconds("99999999999999999999d"), None);
    }
}
