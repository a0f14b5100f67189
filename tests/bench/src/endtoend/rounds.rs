//! Medians of rounds, and the table of a measurement.

use crate::Figure;

/// Returns the median, the lowest and the highest of the rounds.
///
/// # Panics
///
/// Without a round.
#[must_use]
pub fn median(mut rounds: Vec<f64>) -> (f64, (f64, f64)) {
    rounds.sort_by(f64::total_cmp);
    let (low, high) = (rounds[0], rounds[rounds.len() - 1]);
    let upper = rounds.len() / 2;
    let lower = (rounds.len() - 1) / 2;
    (f64::midpoint(rounds[lower], rounds[upper]), (low, high))
}

/// Makes a figure of the rounds.
#[must_use]
pub fn figure(group: &str, name: &str, column: &str, unit: &str, rounds: Vec<f64>) -> Figure {
    let (median, range) = median(rounds);
    Figure { group: group.into(), name: name.into(), column: column.into(), unit: unit.into(), median, range }
}

/// Returns a number with commas between its thousands; with decimals if it is small.
#[must_use]
pub fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints figures, a line each: median, range, and the ratio to the first of the same group, column
/// and unit.
pub fn print(figures: &[Figure]) {
    println!("\n{:<47} {:<26} {:>12} {:>27} {:>6}  unit", "name", "column", "median", "range", "ratio");
    for figure in figures {
        let is_beside = |other: &&Figure| {
            (&other.group, &other.column, &other.unit) == (&figure.group, &figure.column, &figure.unit)
        };
        let first = figures.iter().find(is_beside).map_or(figure.median, |first| first.median);
        let range = format!("{} to {}", number(figure.range.0), number(figure.range.1));
        let (median, ratio) = (number(figure.median), figure.median / first);
        println!("{:<47} {:<26} {median:>12} {range:>27} {ratio:>6.2}  {}", figure.name, figure.column, figure.unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_even_number_of_rounds_is_between_the_middle_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), (2.0, (1.0, 3.0)));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), (2.5, (1.0, 4.0)));
    }

    #[test]
    fn numbers_have_commas_between_thousands() {
        assert_eq!([number(1_234_567.4), number(999.6), number(0.125)], ["1,234,567", "1,000", "0.12"]);
    }
}
