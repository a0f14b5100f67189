//! The table of the memory of floods in `docs/guarantees.md`.

use std::fs;
use std::path::Path;

/// The document with the table.
const DOCUMENT: &str = "../ibws-proto/docs/guarantees.md";
const BEGIN: &str = "<!-- memory: begin -->\n";
const END: &str = "<!-- memory: end -->";

/// What one flood cost on one adapter, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// The most that was allocated.
    pub(crate) allocated: usize,
    /// The peak of the process above its start; `None` where the system does not tell.
    pub(crate) process: Option<usize>,
}

/// What one flood cost on both adapters.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) max_message: usize,
    pub(crate) figures: [Figures; 2],
}

impl Figures {
    /// Returns the larger of the two.
    pub(crate) fn max(&self) -> usize {
        self.allocated.max(self.process.unwrap_or(0))
    }
}

impl Row {
    /// Returns the largest of its figures.
    pub(crate) fn max(&self) -> usize {
        self.figures.iter().map(Figures::max).max().unwrap_or(0)
    }

    /// Returns its line of the table.
    pub(crate) fn to_line(&self) -> String {
        let mut line = format!("| {} | {} |", self.name, self.max_message >> 20);
        for figures in &self.figures {
            let cells = [Some(figures.allocated), figures.process].map(mib);
            line += &format!(" {} |", cells.join(" | "));
        }
        line
    }
}

fn mib(bytes: Option<usize>) -> String {
    bytes.map_or("-".into(), |bytes| format!("{:.1}", bytes as f64 / f64::from(1 << 20)))
}

/// Returns `true` if the table is to be written.
fn is_written() -> bool {
    std::env::var("IBWS_BLESS").is_ok_and(|bless| bless == "1")
}

/// With `IBWS_BLESS=1`, writes the table of `rows` into the document. Otherwise checks that the
/// table there has the same floods.
pub(crate) fn check(rows: &[Row], seconds: u64) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let text = fs::read_to_string(&path).expect("the document");
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    if is_written() {
        let mut table = format!(
            "| flood, {seconds} s | message limit | tokio: allocated | process | async-std: allocated | process |\n\
             |---|---|---|---|---|---|\n"
        );
        rows.iter().for_each(|row| table += &format!("{}\n", row.to_line()));
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("a document that can be written");
        return;
    }
    let of_document: Vec<_> = table.lines().skip(2).map(first_cells).collect();
    let lines: Vec<_> = rows.iter().map(Row::to_line).collect();
    let measured: Vec<_> = lines.iter().map(|line| first_cells(line)).collect();
    assert_eq!(of_document, measured, "the floods of {DOCUMENT}; IBWS_BLESS=1 writes them");
}

/// Returns the first two cells of a line: the flood and the limit of a message.
fn first_cells(line: &str) -> (&str, &str) {
    let mut cells = line.split('|').skip(1).map(str::trim);
    (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
}
