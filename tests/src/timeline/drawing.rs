//! Places the lanes, the marked moments, the axis and the legend of a timeline.

use core::time::Duration;

use ibws_proto::{Instant, SubscriptionKey, excerpt_within};

use super::look::Look;
use super::svg::Svg;
use super::{Lane, MAX_NAME, MAX_NOTE, Span, Timeline, axis};

const WIDTH: f64 = 960.0;
/// Where the time begins; the names of the lanes are on its left.
const BEGIN: f64 = 152.0;
/// Where the time ends.
const END: f64 = WIDTH - 20.0;
/// The height of the labels of the axis.
const AXIS: f64 = 30.0;
/// The height of the marks, and the radius of one.
const MARKS: f64 = 28.0;
const RADIUS: f64 = 8.0;
/// The distance of two lanes, the height of the states in them, and of the messages below those.
const LANE: f64 = 42.0;
const STATES: f64 = 17.0;
const MESSAGES: f64 = 5.0;
const GAPS: f64 = 11.0;
/// The height of a line of notes, and of the legend.
const LINE: f64 = 18.0;
/// The width of a character of a label in a bar, of one of the legend, and of the space beside it.
const LETTER: f64 = 6.2;
const PADDING: f64 = 6.0;
/// The smallest width of what takes no time.
const MIN_WIDTH: f64 = 1.5;

/// The colours of both pages, and the pattern of gaps. The names are those of this document only,
/// because a page may hold it as a part of itself.
const HEAD: &str = r##"<style>
.ibws-timeline{max-width:100%;height:auto;font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif;font-size:12px}
.ibws-timeline .page{fill:#f6f8fa;stroke:#d1d9e0}
.ibws-timeline .name{fill:#1f2328}
.ibws-timeline .dim{fill:#59636e;font-size:11px}
.ibws-timeline .in{fill:#fff;font-size:11px}
.ibws-timeline .cut{fill:#cf222e;font-size:11px}
.ibws-timeline .grid{stroke:#d1d9e0;fill:none}
.ibws-timeline .mark{stroke:#59636e;fill:none}
.ibws-timeline .dot{fill:#59636e}
@media (prefers-color-scheme:dark){
.ibws-timeline .page{fill:#151b23;stroke:#3d444d}
.ibws-timeline .name{fill:#e6edf3}
.ibws-timeline .dim{fill:#9198a1}
.ibws-timeline .cut{fill:#ff7b72}
.ibws-timeline .grid{stroke:#3d444d}
.ibws-timeline .mark{stroke:#9198a1}
}
</style>
<defs><pattern id="ibws-gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#cf222e" fill-opacity="0.25"></rect><rect width="2.5" height="6" fill="#cf222e"></rect></pattern></defs>"##;

/// Draws a timeline.
pub(super) fn draw(timeline: &Timeline) -> String {
    Drawing::new(timeline).draw()
}

struct Drawing<'a> {
    timeline: &'a Timeline,
    first: Instant,
    length: Duration,
    lanes: Vec<(String, &'a Lane)>,
    svg: Svg,
}

impl<'a> Drawing<'a> {
    fn new(timeline: &'a Timeline) -> Self {
        let first = timeline.first.unwrap_or_default();
        let length = timeline.last.since(first).max(Duration::from_secs(1));
        let mut lanes = vec![("connection".to_owned(), &timeline.connection)];
        if !timeline.competing.states.is_empty() {
            lanes.push(("other login".to_owned(), &timeline.competing));
        }
        let named = |key: &SubscriptionKey| excerpt_within(&format!("{key:?}"), MAX_NAME).into();
        lanes.extend(timeline.streams.iter().map(|(key, lane)| (named(key), lane)));
        let mut drawing = Self { timeline, first, length, lanes, svg: Svg::new((0.0, 0.0), "", "") };
        let legend = drawing.legend().len();
        let height = drawing.notes_top() + LINE * (drawing.note_lines() + legend) as f64 + 2.0 * PADDING;
        let title = format!("The timeline of a run of {}", axis::length(drawing.length));
        drawing.svg = Svg::new((WIDTH, height), &title, HEAD);
        drawing.svg.rect((0.5, 0.5), (WIDTH - 1.0, height - 1.0), "class=\"page\"", "");
        drawing
    }

    fn draw(mut self) -> String {
        self.axis();
        self.marks();
        for place in 0..self.lanes.len() {
            self.lane(place);
        }
        self.notes();
        let top = self.notes_top() + LINE * self.note_lines() as f64;
        for (row, (x, look)) in self
            .legend()
            .into_iter()
            .enumerate()
            .flat_map(|(row, looks)| looks.into_iter().map(move |look| (row, look)))
        {
            let y = top + LINE * row as f64;
            self.svg.rect((x, y + 3.0), (12.0, 10.0), &paint(look), "");
            self.svg.text((x + 17.0, y + 12.5), "dim", "start", look.name);
        }
        self.svg.end()
    }

    fn x(&self, at: Instant) -> f64 {
        let part = at.since(self.first).as_secs_f64() / self.length.as_secs_f64();
        BEGIN + (END - BEGIN) * part.min(1.0)
    }

    fn lanes_top() -> f64 {
        AXIS + MARKS
    }

    fn notes_top(&self) -> f64 {
        Self::lanes_top() + LANE * self.lanes.len() as f64 + PADDING
    }

    fn note_lines(&self) -> usize {
        self.timeline.notes.len() + usize::from(self.timeline.unmarked > 0)
    }

    /// Draws the lines of the axis behind everything else, and their labels.
    fn axis(&mut self) {
        let bottom = self.notes_top() - PADDING;
        for (at, label) in axis::ticks(self.length) {
            let x = self.x(self.first + at);
            self.svg.path(&[(x, AXIS - 6.0), (x, bottom)], "grid");
            // A label at the right edge ends there.
            let half = LETTER * label.chars().count() as f64 / 2.0;
            let x = x.min(WIDTH - PADDING - half);
            self.svg.text((x, AXIS - 11.0), "dim", "middle", &label);
        }
    }

    /// Draws the numbers of the notes above the lanes, each with a line to its moment. Numbers
    /// that would overlap move apart.
    fn marks(&mut self) {
        const APART: f64 = 2.0 * RADIUS + 2.0;
        let moments: Vec<f64> = self.timeline.notes.iter().map(|note| self.x(note.at)).collect();
        let mut centres = moments.clone();
        let mut least = BEGIN;
        for centre in &mut centres {
            *centre = centre.max(least);
            least = *centre + APART;
        }
        let mut most = END;
        for centre in centres.iter_mut().rev() {
            *centre = centre.min(most);
            most = *centre - APART;
        }
        let y = AXIS + RADIUS + 1.0;
        for (number, (moment, centre)) in moments.iter().zip(&centres).enumerate() {
            self.svg.path(&[(*centre, y + RADIUS), (*moment, Self::lanes_top() - 1.0)], "mark");
            self.dot((*centre, y), number);
        }
    }

    /// Draws the number of a note.
    fn dot(&mut self, (x, y): (f64, f64), number: usize) {
        self.svg.circle((x, y), RADIUS, "dot");
        self.svg.text((x, y + 4.0), "in", "middle", &(number + 1).to_string());
    }

    fn lane(&mut self, place: usize) {
        let Some((name, lane)) = self.lanes.get(place).map(|(name, lane)| (name.clone(), *lane)) else { return };
        let top = Self::lanes_top() + LANE * place as f64;
        self.svg.text((BEGIN - 10.0, top + 13.0), "name", "end", &name);
        for (span, from, to) in self.placed(&lane.states) {
            self.bar(span, (from, to), (top, STATES));
            if LETTER * span.look.name.len() as f64 + 2.0 * PADDING <= to - from {
                self.svg.text(((from + to) / 2.0, top + STATES - 4.5), "in", "middle", span.look.name);
            }
        }
        let below = top + STATES + 3.0;
        self.svg.strokes(&self.pixels(lane), below + GAPS / 2.0, MESSAGES, Look::MESSAGES.fill);
        let mut free = BEGIN;
        for (span, from, to) in self.placed(&lane.gaps) {
            self.bar(span, (from, to), (below, GAPS));
            let length = self.length(span);
            let half = LETTER * length.chars().count() as f64 / 2.0;
            let middle = ((from + to) / 2.0).clamp(BEGIN + half, END - half);
            if middle - half >= free {
                self.svg.text((middle, below + GAPS + 9.5), "cut", "middle", &length);
                free = middle + half + PADDING;
            }
        }
    }

    /// Returns the spans that can be seen, each with its place. One that takes no time has a width
    /// as well, and what follows begins after it.
    fn placed<'b>(&self, spans: &'b [Span]) -> Vec<(&'b Span, f64, f64)> {
        let mut drawn = BEGIN;
        let mut placed = Vec::new();
        for span in spans {
            let (x, end) = (self.x(span.from), self.x(span.to.unwrap_or(self.timeline.last)));
            let from = x.max(drawn).min(END - MIN_WIDTH);
            let to = end.max(from + MIN_WIDTH);
            // Many short spans at one place cannot all be seen.
            if from - x < 2.0 * MIN_WIDTH || end - from > MIN_WIDTH {
                placed.push((span, from, to));
                drawn = to;
            }
        }
        placed
    }

    fn bar(&mut self, span: &Span, (from, to): (f64, f64), (top, height): (f64, f64)) {
        let why = if span.why.is_empty() { String::new() } else { format!(": {}", span.why) };
        let title = excerpt_within(&format!("{} for {}{why}", span.look.name, self.length(span)), MAX_NOTE);
        self.svg.rect((from, top), (to - from, height), &paint(span.look), &title);
    }

    fn length(&self, span: &Span) -> String {
        axis::length(span.to.unwrap_or(self.timeline.last).since(span.from))
    }

    /// Returns the runs of messages in units of the drawing. Those that touch are joined.
    fn pixels(&self, lane: &Lane) -> Vec<(f64, f64)> {
        let mut pixels: Vec<(f64, f64)> = Vec::new();
        for (from, to) in &lane.runs {
            let (from, to) = (self.x(*from), self.x(*to).max(self.x(*from) + MIN_WIDTH).min(END));
            match pixels.last_mut() {
                Some((_, end)) if from - *end < 0.5 => *end = to.max(*end),
                _ => pixels.push((from, to)),
            }
        }
        pixels
    }

    fn notes(&mut self) {
        let timeline = self.timeline;
        let mut y = self.notes_top() + 13.0;
        for (number, note) in timeline.notes.iter().enumerate() {
            let moment = axis::moment(note.at.since(self.first));
            self.dot((BEGIN - 68.0, y - 4.0), number);
            self.svg.text((BEGIN - 10.0, y), "dim", "end", &moment);
            self.svg.text((BEGIN, y), "name", "start", &note.text);
            y += LINE;
        }
        if timeline.unmarked > 0 {
            self.svg.text((BEGIN, y), "dim", "start", &format!("{} more are not marked", timeline.unmarked));
        }
    }

    /// Returns the looks that occur, in rows, each with its place.
    fn legend(&self) -> Vec<Vec<(f64, Look)>> {
        let mut looks: Vec<Look> = Vec::new();
        let lanes = || self.lanes.iter().map(|(_, lane)| *lane);
        let spans = lanes().flat_map(|lane| lane.states.iter().chain(&lane.gaps)).map(|span| span.look);
        let messages = lanes().any(|lane| !lane.runs.is_empty()).then_some(Look::MESSAGES);
        for look in spans.chain(messages) {
            if !looks.contains(&look) {
                looks.push(look);
            }
        }
        // Gaps and messages, which are drawn below the states, come last.
        looks.sort_by_key(|look| *look == Look::GAP || *look == Look::MESSAGES);
        let mut rows = vec![Vec::new()];
        let mut x = BEGIN;
        for look in looks {
            let width = 17.0 + LETTER * look.name.len() as f64 + 14.0;
            if x + width > END {
                rows.push(Vec::new());
                x = BEGIN;
            }
            if let Some(row) = rows.last_mut() {
                row.push((x, look));
            }
            x += width;
        }
        rows
    }
}

fn paint(look: Look) -> String {
    match look == Look::GAP {
        true => "fill=\"url(#ibws-gap)\" stroke=\"#cf222e\" stroke-width=\"0.8\"".into(),
        false => format!("fill=\"{}\"", look.fill),
    }
}
