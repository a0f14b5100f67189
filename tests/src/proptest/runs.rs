//! Whole runs: faults at given times, and steps of a bare machine.

use core::fmt;
use core::time::Duration;

use ::proptest::collection::vec;
use ::proptest::prelude::*;
use ::proptest::sample::select;
use ibws_proto::{Command, Config, ConnId, Input, Instant};

use super::{PRESENT, closes, commands, configs, delays, frames, inputs, keys, subscribes};
use crate::frames::{AUTHENTICATED, SUCCESS, data};
use crate::replay::{Step, Transcript};
use crate::tally::Reach;
use crate::world::{Content, Fault, Moment, Rules, Schedule};

/// Faults of a gateway and of the line to it.
pub fn faults() -> impl Strategy<Value = Fault> {
    let ms = |low: u64, high: u64| (low..high).prop_map(Duration::from_millis);
    let topics = select(vec!["smd", "sor", "spl", "str", "smh", "ssd", "sld"]);
    prop_oneof![
        4 => Just(Fault::Cut),
        2 => select(vec![1000_u16, 1001, 1011, 1012, 4001]).prop_map(Fault::Close),
        1 => Just(Fault::HalfOpen),
        1 => ms(1, 30_000).prop_map(Fault::Stall),
        1 => (200..5_000_u64, ms(1, 20_000))
            .prop_map(|(bytes_per_second, lasting)| Fault::Slow { bytes_per_second, lasting }),
        1 => (ms(1, 5_000), ms(1, 20_000)).prop_map(|(by, lasting)| Fault::Delay { by, lasting }),
        1 => (1..4_u32).prop_map(Fault::RefuseDials),
        1 => (1..3_u32).prop_map(Fault::HangDials),
        1 => (topics, 1..3_u32)
            .prop_map(|(topic, times)| Fault::RefuseSubscribes { topic: topic.to_owned(), times }),
        1 => Just(Fault::LoseAuthentication),
        1 => Just(Fault::RestoreAuthentication),
        1 => Just(Fault::Restart),
        1 => frames::broken_frames().prop_map(|raw| Fault::Send(raw.to_vec())),
    ]
}

/// Up to eight faults within `span`, and the seed of a gateway.
pub fn schedules(span: Duration) -> impl Strategy<Value = Schedule> {
    let most = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
    (0..1_000_u64, vec((0..most, faults()), 0..9)).prop_map(|(seed, faults)| {
        faults
            .into_iter()
            .fold(Schedule::seeded(seed), |schedule, (ms, fault)| schedule.at(Duration::from_millis(ms), fault))
    })
}

/// Settings and steps of a machine without a gateway, which gets any input in any state.
#[derive(Clone)]
#[non_exhaustive]
pub struct MachineRun {
    /// The settings.
    pub config: Config,
    /// The steps, each with the time since the one before it. Inputs about [`PRESENT`] are about
    /// the connection that the machine has then.
    pub steps: Vec<(Duration, Step)>,
}

impl MachineRun {
    /// Takes the steps, and checks all invariants after each, and at the end that replays of the
    /// run agree.
    ///
    /// # Errors
    /// The rule that was broken, with the steps that led there and a test that repeats them.
    pub fn run(&self) -> Result<Reach, String> {
        self.run_with(Rules::new())
    }

    /// Takes the steps as [`run`](Self::run) does, and checks the rules of a test as well.
    ///
    /// ```
    /// use ibws_testkit::proptest::machine_runs;
    /// use ibws_testkit::world::Rules;
    /// use proptest::prelude::*;
    /// use proptest::test_runner::TestRunner;
    ///
    /// let mut runner = TestRunner::deterministic();
    /// let one_text_a_step = machine_runs(40).prop_map(|run| {
    ///     let rules = Rules::new().rule("texts end", (), |(), moment| match moment.written() {
    ///         Some("") => Err("an empty text is written".into()),
    ///         _ => Ok(()),
    ///     });
    ///     run.run_with(rules)
    /// });
    /// runner.run(&one_text_a_step, |outcome| outcome.map(drop).map_err(TestCaseError::fail)).ok();
    /// ```
    ///
    /// # Errors
    /// Like [`run`](Self::run).
    pub fn run_with(&self, mut rules: Rules) -> Result<Reach, String> {
        let mut transcript = Transcript::new(self.config.clone(), Instant::ORIGIN);
        let mut reach = Reach { runs: 1, ..Reach::default() };
        let taken = self.take(&mut transcript, &mut rules, &mut reach);
        let outcome = taken.and_then(|()| transcript.check_replays());
        reach.transitions.clone_from(transcript.checked().checker().transitions());
        outcome.map(|()| reach).map_err(|rule| {
            format!("{rule}\n{}\n{rule}\nA test for it:\n\n{}", transcript.timeline(), transcript.as_test("replayed"))
        })
    }

    fn take(&self, transcript: &mut Transcript, rules: &mut Rules, reach: &mut Reach) -> Result<(), String> {
        for (after, step) in &self.steps {
            let at = transcript.checked().now() + *after;
            let present = transcript.checked().machine().status().conn.unwrap_or(PRESENT);
            let step = match step {
                Step::Input(input) => Step::Input(about(input.clone(), present)),
                command => command.clone(),
            };
            let (id, outputs) = transcript.take(at, step.clone())?;
            let first = match (step, id) {
                (Step::Input(input), _) => Some(Content::Input(input)),
                (Step::Command(command), Some(id)) => Some(Content::Command(id, command)),
                (Step::Command(_), None) => None,
            };
            reach.steps += 1;
            outputs.iter().for_each(|output| reach.see(output));
            for content in first.into_iter().chain(outputs.into_iter().map(Content::Output)) {
                rules.check(&Moment::new(at, &content, None)).map_err(|broken| broken.to_string())?;
            }
        }
        Ok(())
    }
}

/// Writes the settings that differ from the defaults, and the steps, one a line.
impl fmt::Debug for MachineRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, usual) = (format!("{:?}", self.config), format!("{:?}", Config::default()));
        let usual = members(&usual);
        writeln!(f, "MachineRun {{")?;
        for member in members(&own).iter().filter(|member| !usual.contains(member)) {
            writeln!(f, "    config {member}")?;
        }
        for (after, step) in &self.steps {
            writeln!(f, "    after {after:?}: {step:?}")?;
        }
        f.write_str("}")
    }
}

/// The members of a struct in its `Debug` text.
fn members(debug: &str) -> Vec<&str> {
    let inside = debug.split_once("{ ").map_or(debug, |(_, inside)| inside);
    let mut depth = 0_i32;
    let split = |c: char| {
        depth += i32::from(matches!(c, '(' | '[' | '{')) - i32::from(matches!(c, ')' | ']' | '}'));
        c == ',' && depth == 0
    };
    inside.trim_end_matches([' ', '}']).split(split).map(str::trim).collect()
}

/// Replaces [`PRESENT`] by the present connection.
fn about(input: Input, present: ConnId) -> Input {
    let of = |conn| if conn == PRESENT { present } else { conn };
    match input {
        Input::Opened(conn) => Input::Opened(of(conn)),
        Input::ConnectFailed(conn, error) => Input::ConnectFailed(of(conn), error),
        Input::Frame(conn, raw) => Input::Frame(of(conn), raw),
        Input::Pong(conn) => Input::Pong(of(conn)),
        Input::Pinged(conn) => Input::Pinged(of(conn)),
        Input::Closed(conn, cause) => Input::Closed(of(conn), cause),
        Input::Session(conn, news) => Input::Session(of(conn), news),
        other => other,
    }
}

type Steps = Vec<(Duration, Step)>;

/// The steps to a connection that is ready, after this first one.
fn opening(first: Step, after: Duration) -> Steps {
    let frame = |text: &'static str| Step::Input(Input::Frame(PRESENT, text.into()));
    let open = Step::Input(Input::Opened(PRESENT));
    vec![
        (Duration::from_millis(10), first),
        (after, Step::Input(Input::Tick)),
        (Duration::from_millis(10), open),
        (Duration::from_millis(10), frame(SUCCESS)),
        (Duration::from_millis(10), frame(AUTHENTICATED)),
    ]
}

/// One or several steps that belong together: anything; a subscribe with its data; the end of the
/// connection and the next one.
fn moves() -> impl Strategy<Value = Steps> {
    let step = prop_oneof![2 => inputs().prop_map(Step::Input), 1 => commands().prop_map(Step::Command)];
    let confirmed = (delays(), subscribes()).prop_map(|(after, subscribe)| {
        let frame = Input::Frame(PRESENT, data(&subscribe.key));
        vec![(after, Step::Command(Command::Subscribe(subscribe))), (Duration::from_millis(20), Step::Input(frame))]
    });
    let redialled =
        closes().prop_map(|cause| opening(Step::Input(Input::Closed(PRESENT, cause)), Duration::from_secs(9)));
    prop_oneof![
        12 => (delays(), step).prop_map(|step| vec![step]),
        2 => confirmed,
        1 => keys().prop_map(|key| {
            vec![(Duration::from_millis(20), Step::Input(Input::Frame(PRESENT, data(&key))))]
        }),
        1 => redialled,
    ]
}

/// Runs of up to `most` moves of one to five steps; two thirds of them begin with a connection that
/// is ready.
pub fn machine_runs(most: usize) -> impl Strategy<Value = MachineRun> {
    let is_open = prop_oneof![1 => Just(false), 2 => Just(true)];
    (configs(), is_open, vec(moves(), 0..most.max(1))).prop_map(|(config, is_open, moves)| {
        let mut steps = if is_open { opening(Step::Command(Command::Start), Duration::ZERO) } else { Vec::new() };
        steps.extend(moves.into_iter().flatten());
        MachineRun { config, steps }
    })
}
