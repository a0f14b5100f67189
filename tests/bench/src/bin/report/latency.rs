//! The picture of the latencies: a panel for each rate, the percentiles of each client beside each
//! other on a logarithmic scale.

use crate::figures::{Figures, distinct, span};
use crate::svg::Svg;

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 20.0;
/// The width of the percentiles and the names.
const NAMES: f64 = 230.0;
/// The width that the number after the longest bar takes.
const VALUE: f64 = 70.0;
const ROW: f64 = 18.0;
/// The space between two percentiles.
const SPACE: f64 = 8.0;
/// The height of the title of a panel.
const HEAD: f64 = 30.0;
/// The height of the scale.
const SCALE: f64 = 30.0;

/// Draws the picture. The columns of the figures are a rate and a percentile: `1,000/s p50`.
pub(crate) fn picture(figures: &Figures) -> String {
    let columns = figures.columns("latency");
    let split: Vec<(&str, &str)> = columns.iter().filter_map(|column| column.rsplit_once(' ')).collect();
    let rates = distinct(split.iter().map(|(rate, _)| *rate));
    let percentiles = distinct(split.iter().map(|(_, percentile)| *percentile));
    let names = figures.names("latency");
    let title = "Time from the socket to the consumer";
    let Some(scale) = Scale::of(figures.group("latency").map(|figure| figure.median)) else {
        let mut svg = Svg::new((WIDTH, 60.0), title);
        svg.text((WIDTH / 2.0, 34.0), "dim", "middle", &format!("{title}: not measured"));
        return svg.end();
    };
    let panel = HEAD + percentiles.len() as f64 * (names.len() as f64 * ROW + SPACE);
    let mut svg = Svg::new((WIDTH, SCALE + rates.len() as f64 * panel + MARGIN), title);
    for (x, value) in scale.ticks() {
        svg.vertical(x, (SCALE, SCALE + rates.len() as f64 * panel + MARGIN / 2.0));
        svg.text((x, SCALE - 8.0), "dim", "middle", &span(value));
    }
    for (at, rate) in rates.iter().enumerate() {
        let mut y = SCALE + at as f64 * panel;
        svg.text((MARGIN, y + 18.0), "head", "start", &format!("{rate}: less is better"));
        y += HEAD - 4.0;
        for percentile in &percentiles {
            svg.text((MARGIN, y + 11.0), "dim", "start", percentile);
            for name in &names {
                if let Some(value) = figures.get("latency", name, &format!("{rate} {percentile}")) {
                    let end = scale.x(value);
                    let class = if name.starts_with("ibws") { "ours" } else { "other" };
                    svg.text((NAMES - 8.0, y + 11.0), "name", "end", name);
                    svg.rect((NAMES, y + 1.0), (end - NAMES, ROW - 5.0), class);
                    svg.text((end + 6.0, y + 11.0), "value", "start", &span(value));
                }
                y += ROW;
            }
            y += SPACE;
        }
    }
    svg.end()
}

/// A logarithmic scale over whole powers of ten of nanoseconds.
struct Scale {
    first: i32,
    last: i32,
}

impl Scale {
    /// Returns the scale that holds these values; `None` without any.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let logs: Vec<f64> = values.map(|value| value.max(1.0).log10()).collect();
        let (low, high) = (logs.iter().copied().reduce(f64::min)?, logs.iter().copied().reduce(f64::max)?);
        // The smallest value has a bar as well.
        let first = (low - 0.2).floor() as i32;
        Some(Self { first, last: (high.ceil() as i32).max(first + 1) })
    }

    fn x(&self, value: f64) -> f64 {
        let part = (value.max(1.0).log10() - f64::from(self.first)) / f64::from(self.last - self.first);
        NAMES + part * (WIDTH - NAMES - VALUE - MARGIN)
    }

    /// Returns the powers of ten, each with its place.
    fn ticks(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        (self.first..=self.last).map(|power| (self.x(10_f64.powi(power)), 10_f64.powi(power)))
    }
}
