//! `--timeline`: draws what happened when the program ends.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use ibws_proto::Item;

use super::record;
use crate::timeline::Timeline;

/// The file of the drawing, and what it will show.
pub(super) struct Picture {
    file: File,
    path: String,
    timeline: Timeline,
}

impl Picture {
    /// Creates the file at `path`, as that of a recording.
    pub(super) fn create(path: &Path, over: bool) -> Result<Self, String> {
        let (file, path) = record::create("timeline", path, over)?;
        Ok(Self { file, path, timeline: Timeline::new() })
    }

    pub(super) fn note(&mut self, item: &Item) {
        self.timeline.push_item(item);
    }

    /// Writes the drawing.
    pub(super) fn draw(mut self) -> Result<(), String> {
        let written = self.file.write_all(self.timeline.to_svg().as_bytes());
        written.map_err(|error| format!("cannot write the timeline {}: {error}", self.path))
    }
}
