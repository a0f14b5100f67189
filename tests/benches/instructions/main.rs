//! Counts the machine instructions of each stage of a frame. Counts repeat where times do not, so
//! they can be compared between commits.
//!
//! `cargo bench -p ibws-testkit --bench instructions` runs each case under valgrind, compares it
//! with `counts.txt` beside this file, and fails if a count has risen by more than 5 %. Counts of
//! another compiler, valgrind or kind of processor than the recorded ones are shown and not
//! compared. `IBWS_BLESS=1` records the counts.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod cases;
mod counts;
mod observer;

use std::process::{Command, ExitCode};

use counts::Counts;

/// The largest rise that is accepted, in per cent.
const MAX_RISE: f64 = 5.0;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [case, count] = args.as_slice() {
        cases::run(case, count.parse().expect("a number of repetitions"));
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: counting instructions needs valgrind");
        return ExitCode::SUCCESS;
    }
    let measured = Counts::measured(cases::NAMES.iter().map(|name| (*name, per_repetition(name))));
    if std::env::var_os("IBWS_BLESS").is_some() {
        measured.record();
    }
    let recorded = Counts::recorded();
    print!("{}", measured.beside(&recorded));
    if recorded.place != measured.place {
        println!("measured with {}, recorded with {}, so nothing is compared", measured.place, recorded.place);
        return ExitCode::SUCCESS;
    }
    let risen = measured.risen(&recorded, MAX_RISE);
    if risen.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("above the recorded counts by more than {MAX_RISE} %: {}", risen.join(", "));
    eprintln!("mend what costs more, or record it with IBWS_BLESS=1 and give the reason in the commit");
    ExitCode::FAILURE
}

/// The instructions of one repetition of a case: the difference of two runs of different lengths,
/// so that start, preparation and end do not count.
fn per_repetition(case: &str) -> u64 {
    let (few, many) = (200, 1_200);
    (total(case, many).saturating_sub(total(case, few)) + (many - few) / 2) / (many - few)
}

fn total(case: &str, count: u64) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(program)
        .args([case, &count.to_string()])
        // Nothing of the environment reaches the stack, whose size would change the counts.
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .output()
        .expect("valgrind");
    let report = String::from_utf8_lossy(&output.stderr);
    let refs = report.lines().find_map(|line| line.split_once("I   refs:").or_else(|| line.split_once("I refs:")));
    let number = refs.map(|(_, number)| number.trim().replace(',', ""));
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{case} under valgrind: {report}"))
}
