//! Writes the elements of an SVG document, with texts escaped and numbers to a tenth.

use std::fmt::Write as _;

/// The style of every picture. The rules name the class of the picture, because a page of rustdoc
/// holds the picture itself. System fonts only, and colours of its own for a dark page.
const STYLE: &str = "\
.ibws-bars{max-width:100%;height:auto;font-family:system-ui,-apple-system,\"Segoe UI\",Helvetica,Arial,\"DejaVu Sans\",sans-serif;font-size:12px}
.ibws-bars .page{fill:#f6f8fa;stroke:#d1d9e0}
.ibws-bars .head{fill:#1f2328;font-weight:600}
.ibws-bars .name{fill:#1f2328}
.ibws-bars .dim{fill:#59636e;font-size:11px}
.ibws-bars .value{fill:#1f2328;font-size:11px}
.ibws-bars .ours{fill:#0969da}
.ibws-bars .other{fill:#8c959f}
.ibws-bars .grid{stroke:#d1d9e0;fill:none}
@media (prefers-color-scheme:dark){
.ibws-bars .page{fill:#151b23;stroke:#3d444d}
.ibws-bars .head{fill:#e6edf3}
.ibws-bars .name{fill:#e6edf3}
.ibws-bars .dim{fill:#9198a1}
.ibws-bars .value{fill:#e6edf3}
.ibws-bars .ours{fill:#388bfd}
.ibws-bars .other{fill:#6e7681}
.ibws-bars .grid{stroke:#3d444d}
}";

/// A document that grows by elements.
pub(crate) struct Svg(String);

impl Svg {
    /// Begins a document of this size, on a page of its own.
    pub(crate) fn new((width, height): (f64, f64), title: &str) -> Self {
        let mut svg = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ibws-bars\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\">\n<title>{}</title>\n<style>\n{STYLE}\n</style>\n",
            escaped(title)
        ));
        svg.rect((0.5, 0.5), (width - 1.0, height - 1.0), "page");
        svg
    }

    /// Adds a box with rounded corners.
    pub(crate) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
        self.line(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" class=\"{class}\"/>"
        ));
    }

    /// Adds a text whose base line begins, ends or is centred at this point, by `anchor`.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), class: &str, anchor: &str, text: &str) {
        let text = escaped(text);
        self.line(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// Adds a vertical line.
    pub(crate) fn vertical(&mut self, x: f64, (from, to): (f64, f64)) {
        self.line(format_args!("<path d=\"M{x:.1} {from:.1}V{to:.1}\" class=\"grid\"/>"));
    }

    /// Ends the document.
    pub(crate) fn end(self) -> String {
        self.0 + "</svg>\n"
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// Returns the text with the characters that XML reserves as references.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
