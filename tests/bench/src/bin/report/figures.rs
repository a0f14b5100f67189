//! All figures of a report, and how a number is written.

use ibws_bench::Figure;

/// The figures that were measured.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds figures, except those that are there: the first of a group, name and column counts.
    pub(crate) fn extend(&mut self, figures: impl IntoIterator<Item = Figure>) {
        for figure in figures {
            if self.figure(&figure.group, &figure.name, &figure.column).is_none() {
                self.0.push(figure);
            }
        }
    }

    /// Returns a figure.
    pub(crate) fn figure(&self, group: &str, name: &str, column: &str) -> Option<&Figure> {
        self.0.iter().find(|figure| (&*figure.group, &*figure.name, &*figure.column) == (group, name, column))
    }

    /// Returns the median of a figure.
    pub(crate) fn get(&self, group: &str, name: &str, column: &str) -> Option<f64> {
        self.figure(group, name, column).map(|figure| figure.median)
    }

    /// Returns how many times the second median of a group the first one is.
    pub(crate) fn ratio(&self, group: &str, column: &str, name: &str, baseline: &str) -> Option<f64> {
        Some(self.get(group, name, column)? / self.get(group, baseline, column)?)
    }

    /// Returns the figures of a group, in the order in which they were saved.
    pub(crate) fn group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Figure> {
        self.0.iter().filter(move |figure| figure.group == group)
    }

    /// Returns the names in a group.
    pub(crate) fn names<'a>(&'a self, group: &'a str) -> Vec<&'a str> {
        distinct(self.group(group).map(|figure| &*figure.name))
    }

    /// Returns the columns of a group.
    pub(crate) fn columns<'a>(&'a self, group: &'a str) -> Vec<&'a str> {
        distinct(self.group(group).map(|figure| &*figure.column))
    }
}

/// Returns each text once, in the order of the first ones.
pub(crate) fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    texts.fold(Vec::new(), |mut once, text| {
        if !once.contains(&text) {
            once.push(text);
        }
        once
    })
}

/// Returns a number with commas between its thousands, and with a digit or two after the point if
/// it is small.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size.fract() == 0.0 && size < 100.0 {
        return format!("{value:.0}");
    }
    if size < 9.995 {
        return format!("{value:.2}");
    }
    if size < 99.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{size:.0}");
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a span of nanoseconds in the unit that suits it.
pub(crate) fn span(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", number(value))
}
