//! The division of the time: which moments get a line and a label.

use core::time::Duration;

/// The greatest number of steps of an axis.
const MAX_STEPS: u64 = 12;
/// The steps between two lines, in seconds. Longer ones are whole days.
const STEPS: [u64; 19] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800];
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// Returns the moments of the lines of an axis of this length, each with its label.
pub(super) fn ticks(length: Duration) -> Vec<(Duration, String)> {
    let seconds = length.as_secs();
    let fits = |step: &u64| seconds / step <= MAX_STEPS;
    let step = STEPS.into_iter().find(fits).unwrap_or_else(|| (seconds / MAX_STEPS).div_ceil(DAY) * DAY);
    let count = seconds / step;
    (0..=count).map(|n| n * step).map(|at| (Duration::from_secs(at), label(at, step))).collect()
}

/// Returns the label of a line: `0`, `30 s`, `1:30`, `5 min`, `2 h`, `1:30 h`, `3 d`.
fn label(at: u64, step: u64) -> String {
    match at {
        0 => "0".into(),
        _ if step.is_multiple_of(DAY) => format!("{} d", at / DAY),
        _ if at >= DAY => format!("{} d {} h", at / DAY, at % DAY / HOUR),
        _ if step.is_multiple_of(HOUR) => format!("{} h", at / HOUR),
        _ if at >= HOUR => format!("{}:{:02} h", at / HOUR, at % HOUR / MINUTE),
        _ if step.is_multiple_of(MINUTE) => format!("{} min", at / MINUTE),
        _ if at >= MINUTE => format!("{}:{:02}", at / MINUTE, at % MINUTE),
        _ => format!("{at} s"),
    }
}

/// Returns a moment as `0:07.4`, in minutes and seconds, or with hours as `1:02:03`.
pub(super) fn moment(at: Duration) -> String {
    let (seconds, tenths) = (at.as_secs(), at.subsec_millis() / 100);
    match seconds / HOUR {
        0 => format!("{}:{:02}.{tenths}", seconds / MINUTE, seconds % MINUTE),
        hours => format!("{hours}:{:02}:{:02}", seconds % HOUR / MINUTE, seconds % MINUTE),
    }
}

/// Returns a length of time in the largest unit that gives it two digits or more: `0.4 s`, `23 s`,
/// `12 min`.
pub(super) fn length(span: Duration) -> String {
    match span.as_secs() {
        0..10 => format!("{:.1} s", span.as_secs_f64()),
        seconds @ 10..600 => format!("{seconds} s"),
        seconds @ 600..36_000 => format!("{} min", seconds / MINUTE),
        seconds => format!("{} h", seconds / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_any_length_has_few_lines_within_it_and_different_labels() {
        let mut lengths: Vec<u64> = (0..4_000).collect();
        lengths.extend((1..4_000).map(|n| n * 3_457));
        for seconds in lengths {
            let ticks = ticks(Duration::from_secs(seconds));
            assert!(ticks.len() <= 13 && (seconds < 12 || ticks.len() >= 5), "{seconds} s: {ticks:?}");
            assert!(ticks.last().is_some_and(|(at, _)| at.as_secs() <= seconds), "{seconds} s: {ticks:?}");
            let labels: std::collections::BTreeSet<_> = ticks.iter().map(|(_, label)| label).collect();
            assert_eq!(labels.len(), ticks.len(), "{seconds} s: {ticks:?}");
        }
    }

    #[test]
    fn moments_and_lengths_are_written_in_units_that_fit() {
        assert_eq!(moment(Duration::from_millis(7_460)), "0:07.4");
        assert_eq!(moment(Duration::from_secs(3_723)), "1:02:03");
        let lengths = [400, 23_900, 754_000, 40_000_000].map(|ms| length(Duration::from_millis(ms)));
        assert_eq!(lengths, ["0.4 s", "23 s", "12 min", "11 h"]);
    }
}
