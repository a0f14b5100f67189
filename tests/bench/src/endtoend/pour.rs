//! Writes the flood: as fast as the client reads, or at a rate.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::frames::{ON_WIRE, clock, encoded, stamp};
use super::process::thread_cpu;

/// The number of different frames, which are written again and again. They fit into the cache of a
/// core.
const FRAMES: usize = 500;
/// The part of a pause that the writer waits awake, because a sleep ends late by up to this.
const AWAKE: u64 = 150_000;

/// What the server writes once its client has subscribed.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// The number of frames; 0 for a server without a flood.
    pub messages: usize,
    /// The number of subscriptions that the flood waits for, and over which its frames are spread.
    pub subscriptions: usize,
    /// Frames a second; `None` for as many as the client reads.
    pub rate: Option<u64>,
}

/// What writing a flood took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Poured {
    /// Nanoseconds from the first write to the last.
    pub nanoseconds: u64,
    /// Nanoseconds that the writing thread ran, in the kernel too.
    pub cpu: u64,
}

impl Flood {
    /// Writes all frames.
    ///
    /// # Errors
    ///
    /// If the client ends the connection first.
    pub fn pour(self, wire: &mut impl Write) -> io::Result<Poured> {
        let mut chunk = encoded(FRAMES, self.subscriptions);
        let (began, cpu) = (clock(), thread_cpu());
        match self.rate {
            None => self.at_once(wire, &chunk)?,
            Some(rate) => self.paced(wire, &mut chunk, rate)?,
        }
        Ok(Poured { nanoseconds: clock() - began, cpu: thread_cpu() - cpu })
    }

    fn at_once(self, wire: &mut impl Write, chunk: &[u8]) -> io::Result<()> {
        let mut rest = self.messages * ON_WIRE;
        while rest > 0 {
            let part = &chunk[..rest.min(chunk.len())];
            wire.write_all(part)?;
            rest -= part.len();
        }
        wire.flush()
    }

    /// Writes each frame when it is due, with the time at which it is written. A writer that is
    /// late writes all that are due at once, so that the rate holds.
    fn paced(self, wire: &mut impl Write, chunk: &mut [u8], rate: u64) -> io::Result<()> {
        let (began, mut sent) = (clock(), 0);
        while sent < self.messages {
            let due = began + sent as u64 * 1_000_000_000 / rate;
            let now = loop {
                let now = clock();
                match due.saturating_sub(now) {
                    0 => break now,
                    wait if wait > AWAKE => thread::sleep(Duration::from_nanos(wait - AWAKE)),
                    _ => std::hint::spin_loop(),
                }
            };
            let are_due = ((now - began) * rate / 1_000_000_000) as usize + 1;
            let first = sent % FRAMES;
            let count = (are_due - sent).min(self.messages - sent).min(FRAMES - first);
            let part = &mut chunk[first * ON_WIRE..][..count * ON_WIRE];
            part.chunks_mut(ON_WIRE).for_each(|frame| stamp(frame, now));
            wire.write_all(part)?;
            wire.flush()?;
            sent += count;
        }
        Ok(())
    }
}
