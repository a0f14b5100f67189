//! Walks: a string of bytes decides what a machine gets, and all invariants are checked after every
//! step.
//!
//! A walk has neither gateway nor link: it gives the machine any input in any state. It is the
//! harness for the rules of the machine alone; chaos runs add a gateway and a link.
//!
//! ```
//! let bytes: Vec<u8> = (0..400_u32).map(|n| (n * 37 % 251) as u8).collect();
//! let reach = ibws_testkit::walk::walk(&bytes, 64)?;
//! assert!(reach.steps > 10);
//! # Ok::<(), String>(())
//! ```
//!
//! The feature `proptest` has the same with typed steps, which shrink to a case that a person
//! reads: `proptest::machine_runs`.

mod byte_source;
mod recovery;
pub(crate) mod step;

use ibws_proto::Instant;

pub use crate::replay::Step;
use crate::replay::Transcript;
use crate::tally::Reach;
pub use byte_source::ByteSource;

/// Takes at most `most` steps that `bytes` decide. The first byte decides whether the steps are
/// blind or guided by the machine's state.
///
/// # Errors
/// The rule that was broken, with every step that led there and a test that repeats it.
pub fn walk(bytes: &[u8], most: usize) -> Result<Reach, String> {
    let mut bytes = ByteSource::new(bytes);
    let blind = bytes.chance(128);
    let config = step::config(&mut bytes);
    let start = Instant::from_millis(u64::from(bytes.byte()) * 1_000);
    let mut transcript = Transcript::new(config, start);
    let mut requests = Vec::new();
    let mut reach = Reach { runs: 1, ..Reach::default() };
    let walked = (|| {
        while !bytes.is_empty() && transcript.taken().len() < most {
            let (now, machine) = (transcript.checked().now(), transcript.checked().machine());
            let at = step::time(&mut bytes, now, machine);
            let step = if blind {
                step::blind(&mut bytes, machine, &requests)
            } else {
                step::guided(&mut bytes, machine, &requests)
            };
            let (request, outputs) = transcript.take(at, step)?;
            requests.extend(request);
            reach.steps += 1;
            outputs.iter().for_each(|output| reach.see(output));
        }
        reach.transitions.clone_from(transcript.checked().checker().transitions());
        transcript.check_replays()?;
        recovery::run(transcript.checked_mut(), &mut |_| {})
    })();
    walked
        .map(|()| reach)
        .map_err(|rule: String| format!("{rule}\n{}\n{}", transcript.timeline(), transcript.as_test("walked")))
}
