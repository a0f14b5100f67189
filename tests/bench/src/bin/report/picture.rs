//! The picture of the costs: a panel of bars for each kind of frame and each column of the
//! loopback, the project's own beside what it is compared with.

use crate::aims::{EVENT, FIELDS, PASS};
use crate::figures::{Figures, number};
use crate::sections::FRAMES;
use crate::svg::Svg;

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 20.0;
/// The width of a panel, two of which are beside each other.
const PANEL: f64 = 445.0;
/// The width of the names in a panel.
const NAMES: f64 = 221.0;
/// The width that the number after the longest bar takes.
const VALUE: f64 = 64.0;
const ROW: f64 = 18.0;
/// The height of a panel without its rows.
const HEAD: f64 = 38.0;
/// The height of the legend.
const LEGEND: f64 = 34.0;

/// A bar: its name, its length in the unit of its panel, and whether it is the project's own.
struct Bar {
    name: String,
    value: f64,
    is_ours: bool,
}

struct Panel {
    title: String,
    bars: Vec<Bar>,
}

impl Panel {
    fn height(&self) -> f64 {
        HEAD + ROW * self.bars.len() as f64
    }
}

/// The bars of a frame: names of benchmarks, and what the picture calls them.
const BARS: [(&str, &str, bool); 6] = [
    (EVENT, "core, to event", true),
    (FIELDS, "scan and every field", true),
    (PASS, "serde_json, one pass", false),
    ("sonic-rs, one pass", "sonic-rs, one pass", false),
    ("serde_json, Value", "serde_json, Value", false),
    ("sonic-rs, Value", "sonic-rs, Value", false),
];

/// Draws the picture. Each panel has a scale of its own, which begins at zero.
pub(crate) fn costs(figures: &Figures) -> String {
    let panels: Vec<Panel> = frames(figures).chain(loopback(figures)).collect();
    let rows: Vec<&[Panel]> = panels.chunks(2).collect();
    let heights = rows.iter().map(|row| row.iter().map(Panel::height).fold(0.0, f64::max));
    let height = LEGEND + MARGIN + heights.clone().sum::<f64>();
    let mut svg = Svg::new((WIDTH, height.max(60.0)), "Costs of ibws beside what it is compared with");
    svg.rect((MARGIN, 14.0), (12.0, 12.0), "ours");
    svg.text((MARGIN + 18.0, 24.0), "name", "start", "ibws");
    svg.rect((MARGIN + 64.0, 14.0), (12.0, 12.0), "other");
    svg.text((MARGIN + 82.0, 24.0), "name", "start", "what it is compared with");
    if panels.is_empty() {
        svg.text((WIDTH / 2.0, 40.0), "dim", "middle", "not measured");
    }
    let mut y = LEGEND;
    for (row, height) in rows.iter().zip(heights) {
        for (panel, x) in row.iter().zip([MARGIN, WIDTH - MARGIN - PANEL]) {
            draw(&mut svg, panel, (x, y));
        }
        y += height;
    }
    svg.end()
}

fn frames(figures: &Figures) -> impl Iterator<Item = Panel> + '_ {
    FRAMES.iter().filter_map(|frame| {
        let bytes = figures.get(frame, "bytes", "")?;
        let bars = BARS.iter().filter_map(|(name, shown, is_ours)| {
            let value = figures.get(frame, name, "")?;
            Some(Bar { name: (*shown).into(), value, is_ours: *is_ours })
        });
        Some(Panel { title: format!("{frame}, {} bytes: ns, less is better", number(bytes)), bars: bars.collect() })
    })
}

/// Returns a name that fits beside its bar: of a longer one, what follows its first comma.
fn fitted(name: &str) -> String {
    match name.split_once(", ") {
        Some((_, rest)) if name.chars().count() > 32 => format!("… {rest}"),
        _ => name.to_owned(),
    }
}

fn loopback(figures: &Figures) -> impl Iterator<Item = Panel> + '_ {
    figures.columns("loopback").into_iter().map(|column| {
        let of_column = ["loopback", "stacks"].into_iter().flat_map(|group| figures.group(group));
        // A reader that looks at nothing is no client, and would make all other bars short.
        let clients = of_column.filter(|figure| figure.column == column && figure.name != "reads bytes only");
        let bars = clients.map(|figure| Bar {
            name: fitted(&figure.name),
            value: figure.median,
            is_ours: figure.name.starts_with("ibws"),
        });
        Panel { title: format!("{column}: messages/s, more is better"), bars: bars.collect() }
    })
}

fn draw(svg: &mut Svg, panel: &Panel, (x, y): (f64, f64)) {
    svg.text((x, y + 20.0), "head", "start", &panel.title);
    let longest = panel.bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    for (at, bar) in panel.bars.iter().enumerate() {
        let top = y + 27.0 + ROW * at as f64;
        let length = (PANEL - NAMES - VALUE) * bar.value / longest;
        svg.text((x + NAMES - 8.0, top + 11.0), "name", "end", &bar.name);
        svg.rect((x + NAMES, top + 1.0), (length, ROW - 5.0), if bar.is_ours { "ours" } else { "other" });
        svg.text((x + NAMES + length + 6.0, top + 11.0), "value", "start", &number(bar.value));
    }
}
