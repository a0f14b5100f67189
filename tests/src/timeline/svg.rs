//! Writes the elements of an SVG document, with texts escaped and numbers to a tenth.

use core::fmt::Write as _;

/// A document that grows by elements.
pub(super) struct Svg(String);

impl Svg {
    /// Begins a document of this size, with this title and style.
    pub(super) fn new((width, height): (f64, f64), title: &str, head: &str) -> Self {
        let mut svg = Self(String::new());
        svg.line(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ibws-timeline\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\">"
        ));
        svg.line(format_args!("<title>{}</title>", escaped(title)));
        for line in head.lines() {
            svg.line(format_args!("{line}"));
        }
        svg
    }

    /// Adds a box with rounded corners, filled with a colour, or shaped by a class.
    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), paint: &str, title: &str) {
        let title = if title.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(title)) };
        self.line(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" {paint}>{title}</rect>"
        ));
    }

    /// Adds a text whose base line begins, ends or is centred at this point, by `anchor`.
    pub(super) fn text(&mut self, (x, y): (f64, f64), class: &str, anchor: &str, text: &str) {
        let text = escaped(text);
        self.line(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// Adds a line through these points.
    pub(super) fn path(&mut self, points: &[(f64, f64)], class: &str) {
        let mut steps = String::new();
        for (at, (x, y)) in points.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(steps, "{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" });
        }
        self.line(format_args!("<path d=\"{steps}\" class=\"{class}\"/>"));
    }

    /// Adds strokes of this width along a line, from and to these places on it.
    pub(super) fn strokes(&mut self, strokes: &[(f64, f64)], y: f64, width: f64, colour: &str) {
        if strokes.is_empty() {
            return;
        }
        let mut steps = String::new();
        for (from, to) in strokes {
            // Writing to a String cannot fail.
            let _ = write!(steps, "M{from:.1} {y:.1}H{to:.1}");
        }
        self.line(format_args!("<path d=\"{steps}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"));
    }

    /// Adds a circle of this radius.
    pub(super) fn circle(&mut self, (x, y): (f64, f64), radius: f64, class: &str) {
        self.line(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" class=\"{class}\"/>"));
    }

    /// Ends the document.
    pub(super) fn end(mut self) -> String {
        self.line(format_args!("</svg>"));
        self.0
    }

    fn line(&mut self, line: core::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// Returns the text with the characters that XML reserves as references, and without those that XML
/// does not permit.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn reserved_and_forbidden_characters_never_reach_the_document() {
        assert_eq!(escaped("a<b>&\"c\"\n\u{1}\u{ffff}é"), "a&lt;b&gt;&amp;&quot;c&quot;   é");
    }
}
