//! Stories of messages in pieces: the gateway hands on a message that its backend fragmented as
//! separate messages. The client joins them, or reports what it cannot join and which streams may
//! lack it. All times are virtual and exact, and the invariants check every step.

use std::time::Duration;

use bytes::Bytes;
use ibws_proto::{
    Action, Body, Command, Config, ConnId, ConnectionLoss, ConnectionState, Event, Gap, GapCause, GapRecovery, Input,
    Instant, Key, Message, Output, Resumed, Subscribe, SubscriptionState,
    rest::{RestOutcome, RestReply, RestRequest},
    status::{Timer, WakeReason},
};
use ibws_testkit::invariants::Checked;
use ibws_testkit::world::{QUOTES, at, ms, secs, sub, world};
use proptest::prelude::*;

const GREETING: &str = r#"{"topic":"system","success":"user"}"#;
const STS: &str = r#"{"topic":"sts","args":{"authenticated":true}}"#;
const HEARTBEAT: &str = r#"{"topic":"system","hb":1}"#;
const ORDER: &str = r#"{"topic":"sor","args":[{"orderId":7,"status":"Submitted"}]}"#;
const QUOTE: &str = r#"{"topic":"smd+265598","conid":265598,"31":"1.5"}"#;
const OTHER_QUOTE: &str = r#"{"topic":"smd+8314","conid":8314,"31":"2.5"}"#;
const TRADES: &str = r#"{"topic":"str","args":[]}"#;

/// A machine on one connection, without a gateway, so that a test controls every frame.
struct Line {
    machine: Checked,
    now: Instant,
    conn: ConnId,
    outputs: Vec<(Instant, Output)>,
}

impl Line {
    /// Opens a connection that has sent nothing.
    fn open(config: Config) -> Self {
        let machine = Checked::new(config, Instant::ORIGIN);
        let mut line = Self { machine, now: Instant::ORIGIN, conn: ConnId(1), outputs: Vec::new() };
        line.submit(Command::Start);
        line.input(Input::Opened(ConnId(1)));
        line
    }

    /// Opens a ready connection on which these streams flow, at 1 s.
    fn ready(streams: &[(&str, Option<&str>)]) -> Self {
        let mut line = Self::open(Config::default());
        line.receive(GREETING);
        line.receive(STS);
        for (channel, first) in streams {
            line.submit(Command::Subscribe(Subscribe::parse(channel).unwrap()));
            line.finish_rest();
            if let Some(first) = first {
                line.receive(first);
            }
        }
        line.pass(secs(1));
        line.finish_rest();
        line
    }

    /// The REST handler succeeds at whatever is requested.
    fn finish_rest(&mut self) {
        for _ in 0..3 {
            let pending: Vec<_> = self
                .outputs
                .iter()
                .filter_map(|(_, output)| match output {
                    Output::Action(Action::Rest { id, .. }) => Some(*id),
                    _ => None,
                })
                .filter(|id| self.machine.machine().is_rest_pending(*id))
                .collect();
            for id in pending {
                self.input(Input::RestDone(id, Ok(RestReply::Complete)));
            }
        }
    }

    fn submit(&mut self, command: Command) {
        let (_, outputs) = self.machine.submit(self.now, command).unwrap();
        self.outputs.extend(outputs.into_iter().map(|output| (self.now, output)));
    }

    fn input(&mut self, input: Input) {
        let outputs = self.machine.handle(self.now, input).unwrap();
        self.outputs.extend(outputs.into_iter().map(|output| (self.now, output)));
    }

    fn receive(&mut self, frame: impl AsRef<[u8]>) {
        self.input(Input::Frame(self.conn, Bytes::copy_from_slice(frame.as_ref())));
    }

    /// Lets time pass, and wakes the machine whenever it asks for that.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.machine.machine().poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.input(Input::Tick);
        }
        self.now = end;
    }

    /// Forgets the outputs until now.
    fn forget(&mut self) {
        self.outputs.clear();
    }

    /// What was emitted, in order: frames and gaps, each with its time in milliseconds.
    fn emitted(&self) -> Vec<(u64, String)> {
        let text = |output: &Output| match output {
            Output::Event(Event::Message(message)) => {
                let joined = if message.frame.is_joined() { "joined " } else { "" };
                Some(format!("{joined}{}", message.frame.text()))
            }
            Output::Event(Event::Malformed(malformed)) => {
                Some(format!("malformed {}", String::from_utf8_lossy(&malformed.raw)))
            }
            Output::Event(Event::Gap(gap)) => Some(format!("gap {} {:?}", gap.key.as_str(), gap.cause)),
            Output::Event(Event::Resumed(end)) => Some(format!("resumed {}", end.key.as_str())),
            _ => None,
        };
        let of = |(at, output): &(Instant, Output)| Some((at.as_nanos() / 1_000_000, text(output)?));
        self.outputs.iter().filter_map(of).collect()
    }

    fn gaps(&self) -> Vec<Gap> {
        let gap = |(_, output): &(Instant, Output)| match output {
            Output::Event(Event::Gap(gap)) => Some(gap.clone()),
            _ => None,
        };
        self.outputs.iter().filter_map(gap).collect()
    }

    fn resumed(&self) -> Vec<Resumed> {
        let resumed = |(_, output): &(Instant, Output)| match output {
            Output::Event(Event::Resumed(resumed)) => Some(resumed.clone()),
            _ => None,
        };
        self.outputs.iter().filter_map(resumed).collect()
    }

    fn messages(&self) -> impl Iterator<Item = &Message> {
        self.outputs.iter().filter_map(|(_, output)| match output {
            Output::Event(Event::Message(message)) => Some(message),
            _ => None,
        })
    }

    /// Requests for a snapshot of the orders, with their times.
    fn reconciliations(&self) -> Vec<(Instant, Instant)> {
        let request = |(at, output): &(Instant, Output)| match output {
            Output::Action(Action::Rest { request: RestRequest::Reconcile { since, .. }, .. }) => Some((*at, *since)),
            _ => None,
        };
        self.outputs.iter().filter_map(request).collect()
    }
}

fn lines(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
    lines.iter().map(|(at, text)| (*at, (*text).to_owned())).collect()
}

#[test]
fn a_message_cut_anywhere_is_one_event_of_its_stream() {
    for one in 1..ORDER.len() {
        for two in [one, (one + ORDER.len()) / 2] {
            let mut line = Line::ready(&[("or", None)]);
            line.forget();
            let parts = [&ORDER[..one], &ORDER[one..two], &ORDER[two..]];
            parts.iter().filter(|part| !part.is_empty()).for_each(|part| line.receive(part));
            let messages: Vec<_> = line.messages().collect();
            let [message] = messages[..] else { panic!("{:?}", line.emitted()) };
            assert_eq!(message.frame.raw(), ORDER.as_bytes());
            assert!(message.frame.is_joined());
            assert_eq!((message.key, message.subscription.as_ref()), (Some(Key::Orders), Some(&sub("or"))));
            let Body::Orders(orders) = message.frame.body() else { panic!() };
            assert_eq!(orders.rows().next().unwrap().unwrap().order_id(), Ok(Some(7)));
            assert_eq!(line.machine.machine().subscription(&sub("or")), Some(SubscriptionState::Active));
            assert_eq!(line.machine.machine().stats().malformed, 0);
            assert!(line.gaps().is_empty());
            let next_wake = line.machine.machine().next_wake();
            assert!(next_wake.is_none_or(|(_, why)| why != WakeReason::Timer(Timer::Pieces)));
        }
    }
}

#[test]
fn a_character_that_is_cut_is_whole_again() {
    let whole = "{\"topic\":\"sor\",\"args\":[{\"orderId\":7,\"companyName\":\"ACME\u{2122}\"}]}";
    let cut = whole.find('\u{2122}').unwrap() + 1;
    let mut line = Line::ready(&[("or", None)]);
    line.receive(&whole.as_bytes()[..cut]);
    line.receive(&whole.as_bytes()[cut..]);
    let message = line.messages().last().unwrap();
    assert!(message.frame.is_joined() && !message.frame.is_lossy());
    let Body::Orders(orders) = message.frame.body() else { panic!() };
    assert_eq!(orders.rows().next().unwrap().unwrap().company_name().unwrap().unwrap(), "ACME\u{2122}");
}

#[test]
fn a_greeting_in_pieces_greets() {
    let mut line = Line::open(Config::default());
    line.receive(&GREETING[..20]);
    assert_eq!(line.machine.machine().status().state, ConnectionState::Open);
    line.receive(&GREETING[20..]);
    assert!(line.machine.machine().status().greeted);
    line.receive(&STS[..9]);
    line.receive(&STS[9..]);
    assert_eq!(line.machine.machine().status().state, ConnectionState::Ready);
}

#[test]
fn a_message_whose_rest_never_comes_is_reported_after_a_second_with_a_gap_of_its_stream() {
    let streams = [(QUOTES, Some(QUOTE)), ("md+8314", Some(OTHER_QUOTE)), ("or", Some(ORDER)), ("tr", Some(TRADES))];
    let mut line = Line::ready(&streams);
    line.receive(HEARTBEAT);
    line.pass(ms(200));
    line.forget();
    let first = r#"{"topic":"smd+265598","31":"#;
    line.receive(first);
    assert_eq!(line.emitted(), [], "the rest may follow");
    assert_eq!(line.machine.machine().next_wake(), Some((at(2_200), WakeReason::Timer(Timer::Pieces))));
    line.pass(secs(2));
    let malformed = format!("malformed {first}");
    assert_eq!(line.emitted(), lines(&[(2_200, &malformed), (2_200, "gap md+265598 Malformed")]));
    assert_eq!(line.gaps()[0].since, at(1_000), "the last frame before the first piece");
    assert_eq!(line.machine.machine().subscription(&sub("md+265598")), Some(SubscriptionState::Active));
    // No other frame ends the gap of a stream that frames confirm.
    line.receive(OTHER_QUOTE);
    line.receive(HEARTBEAT);
    assert!(line.resumed().is_empty());
    line.receive(QUOTE);
    let [end] = &line.resumed()[..] else { panic!("{:?}", line.emitted()) };
    assert_eq!((end.key.as_str(), end.since, end.at, end.attempts), ("md+265598", at(1_000), at(3_200), 0));
    assert_eq!(end.recovery, GapRecovery::Nothing, "nothing was sent again, so no snapshot follows");
    assert!(line.reconciliations().is_empty());
    // The stream flows again, and can have another gap.
    line.receive(first);
    line.receive(HEARTBEAT);
    assert_eq!(line.gaps().len(), 2);
}

#[test]
fn a_frame_that_stands_alone_is_not_held_back_and_comes_after_the_pieces() {
    let mut line = Line::ready(&[(QUOTES, Some(QUOTE)), ("or", Some(ORDER))]);
    line.forget();
    line.receive(r#"{"topic":"sor","args":["#);
    line.pass(ms(30));
    line.receive(r#"{"orderId":7}"#);
    line.receive(",");
    line.pass(ms(30));
    assert_eq!(line.emitted(), []);
    line.receive(HEARTBEAT);
    let expected = [
        (1_060, r#"malformed {"topic":"sor","args":["#),
        (1_060, "gap or Malformed"),
        (1_060, r#"{"orderId":7}"#),
        (1_060, "malformed ,"),
        (1_060, HEARTBEAT),
    ];
    assert_eq!(line.emitted(), lines(&expected));
    assert_eq!(line.machine.machine().stats().malformed, 2);
    let wake = line.machine.machine().next_wake();
    assert!(wake.is_none_or(|(_, why)| why != WakeReason::Timer(Timer::Pieces)));
}

#[test]
fn orders_go_on_with_the_next_frame_of_the_connection_and_are_reconciled() {
    let mut line = Line::ready(&[("or", Some(ORDER))]);
    line.pass(secs(9));
    line.receive(HEARTBEAT);
    line.finish_rest();
    line.pass(secs(9));
    line.forget();
    line.receive(r#"{"topic":"sor","args":[{"orderId":7,"#);
    line.pass(secs(5));
    assert_eq!(
        line.gaps().iter().map(|gap| (gap.since, gap.cause.clone())).collect::<Vec<_>>(),
        [(at(10_000), GapCause::Malformed)]
    );
    assert!(line.resumed().is_empty(), "no frame has come since");
    line.receive(HEARTBEAT);
    let [end] = &line.resumed()[..] else { panic!("{:?}", line.emitted()) };
    assert_eq!((end.key.as_str(), end.at, end.recovery), ("or", at(24_000), GapRecovery::Rest));
    assert_eq!(line.reconciliations(), [(at(24_000), at(10_000))]);
    line.finish_rest();
    let done = |(_, output): &(Instant, Output)| matches!(output, Output::Event(Event::Rest(report)) if report.outcome == RestOutcome::Done);
    assert_eq!(line.outputs.iter().filter(|output| done(output)).count(), 1);
    assert!(line.machine.machine().subscriptions().iter().all(|info| info.gap_since.is_none()));
}

#[test]
fn orders_that_were_just_sent_go_on_five_seconds_after_that() {
    let mut line = Line::ready(&[("or", None)]);
    line.forget();
    line.receive(r#"{"topic":"sor","#);
    line.receive(HEARTBEAT);
    assert_eq!((line.gaps().len(), line.resumed().len()), (1, 0), "they may yet be refused");
    line.pass(ms(3_999));
    line.receive(HEARTBEAT);
    assert!(line.resumed().is_empty());
    line.pass(ms(1));
    line.receive(HEARTBEAT);
    assert_eq!(line.resumed().iter().map(|end| end.at).collect::<Vec<_>>(), [at(5_000)]);
}

#[test]
fn a_message_without_a_readable_topic_may_be_of_any_stream_that_flows() {
    let streams = [(QUOTES, Some(QUOTE)), ("md+8314", Some(OTHER_QUOTE)), ("tr", Some(TRADES)), ("pl", None)];
    for (first, expected) in [
        ("{", &["md+265598", "md+8314", "tr"][..]),
        (r#"{"31":"1.5","conid"#, &["md+265598", "md+8314", "tr"]),
        (r#"{"31":"1.5","topic":"smd+8314","#, &["md+8314"]),
        (r#"{"topic":"smd+83"#, &["md+265598", "md+8314"]),
        (r#"{"topic":"smd","#, &["md+265598", "md+8314"]),
        (r#"{"topic":"str","args":[{"#, &["tr"]),
        (r#"{"topic":"spl","#, &[]),
        (r#"{"topic":"system","#, &[]),
        (r#"{"topic":"tic","#, &[]),
    ] {
        let mut line = Line::ready(&streams);
        line.forget();
        line.receive(first);
        line.pass(secs(1));
        let gaps = line.gaps();
        assert_eq!(gaps.iter().map(|gap| gap.key.as_str()).collect::<Vec<_>>(), expected, "{first}");
        assert_eq!(line.machine.machine().stats().malformed, 1);
    }
}

#[test]
fn the_end_of_the_connection_reports_the_pieces_and_its_gap_reaches_back_before_them() {
    let mut line = Line::ready(&[(QUOTES, Some(QUOTE)), ("or", Some(ORDER))]);
    line.receive(HEARTBEAT);
    line.pass(ms(500));
    line.forget();
    line.receive(r#"{"topic":"sor","args":["#);
    line.receive(r#"{"message":"x"}"#);
    line.pass(ms(300));
    line.input(Input::Closed(ConnId(1), ibws_proto::CloseCause::Eof));
    let gaps = line.gaps();
    let cut = GapCause::Connection(ConnectionLoss::Cut);
    assert_eq!(
        gaps.iter().map(|gap| (gap.key.as_str(), gap.since, &gap.cause)).collect::<Vec<_>>(),
        [("md+265598", at(1_000), &cut), ("or", at(1_000), &cut),]
    );
    let expected = [(1_800, r#"malformed {"topic":"sor","args":["#), (1_800, r#"{"message":"x"}"#)];
    assert_eq!(line.emitted()[..2], lines(&expected));
    assert_eq!(line.emitted().len(), 4);
}

#[test]
fn a_gap_of_a_message_in_part_and_the_outage_after_it_are_one() {
    let mut line = Line::ready(&[(QUOTES, Some(QUOTE))]);
    line.forget();
    line.receive(r#"{"topic":"smd+265598","#);
    line.pass(secs(2));
    line.input(Input::Closed(ConnId(1), ibws_proto::CloseCause::Eof));
    line.pass(secs(3));
    line.conn = ConnId(2);
    line.input(Input::Opened(ConnId(2)));
    line.receive(GREETING);
    line.receive(STS);
    line.receive(QUOTE);
    assert_eq!(line.gaps().len(), 1);
    let [end] = &line.resumed()[..] else { panic!("{:?}", line.emitted()) };
    assert_eq!((end.attempts, end.recovery), (1, GapRecovery::Snapshot), "it was sent again");
}

#[test]
fn pieces_beyond_the_limits_are_reported() {
    // 64 pieces are held; the 65th exceeds the limit, whatever it is.
    let mut line = Line::ready(&[("or", Some(ORDER))]);
    line.forget();
    line.receive(r#"{"topic":"sor","x":""#);
    for _ in 0..63 {
        line.receive("x");
    }
    assert_eq!(line.emitted(), []);
    line.receive(r#""}"#);
    let emitted = line.emitted();
    assert_eq!(emitted.iter().filter(|(_, text)| text.starts_with("malformed")).count(), 65);
    assert_eq!(line.gaps().len(), 1);
    // A first piece of more than 1 MiB is not held at all.
    line.forget();
    line.receive(ORDER);
    line.receive(format!(r#"{{"topic":"sor","x":"{}"#, "x".repeat(1 << 20)));
    assert_eq!((line.gaps().len(), line.machine.machine().stats().malformed), (1, 66));
    // Up to 1 MiB together.
    line.receive(r#"{"topic":"sor","x":""#);
    line.receive("x".repeat((1 << 20) - 22));
    line.receive(r#""}"#);
    assert!(line.messages().last().unwrap().frame.is_joined());
    line.receive(r#"{"topic":"sor","x":""#);
    line.receive("x".repeat((1 << 20) - 21));
    line.receive(r#""}"#);
    assert_eq!(line.machine.machine().stats().malformed, 69);
}

#[test]
fn a_peer_that_sends_nothing_but_beginnings_costs_one_event_each() {
    let mut line = Line::ready(&[(QUOTES, Some(QUOTE)), ("or", Some(ORDER)), ("tr", Some(TRADES))]);
    line.pass(secs(9));
    line.finish_rest();
    line.forget();
    let entries = line.machine.machine().entries();
    for _ in 0..5_000 {
        line.receive("{");
        assert!(line.machine.machine().entries() <= entries + 8);
    }
    line.pass(secs(1));
    let stats = line.machine.machine().stats();
    assert_eq!(stats.malformed, 5_000);
    // Streams that frames confirm have one gap. That of the orders ends with each frame, and begins
    // anew; the snapshot is requested once.
    let gaps = |key: &str| line.gaps().iter().filter(|gap| gap.key.as_str() == key).count();
    assert_eq!((gaps("md+265598"), gaps("tr")), (1, 1));
    assert!(gaps("or") <= 5_000);
    assert_eq!(line.reconciliations().len(), 1);
}

#[test]
fn frames_of_other_shapes_are_reported_at_once_and_open_no_gap() {
    let mut line = Line::ready(&[(QUOTES, Some(QUOTE))]);
    line.forget();
    for frame in ["", "x", "[1,", r#"{"topic":"smd+265598","31":x}"#, "{}}", r#"{"topic":"a","topic":"b"}"#] {
        line.receive(frame);
    }
    assert_eq!(line.emitted().len(), 6);
    assert!(line.gaps().is_empty());
}

#[test]
fn a_gateway_whose_backend_fragments_everything_loses_nothing() {
    let mut world = world();
    world.settle(&[QUOTES, "or", "tr", "pl"]);
    world.run(secs(30));
    for n in 0..200_usize {
        let text = format!(r#"{{"topic":"smd+265598","conid":265598,"31":"{n}","55":"ACME\u2122"}}"#);
        let (one, two) = (1 + n % (text.len() - 2), 1 + n * 7 % (text.len() - 2));
        let (one, two) = (one.min(two), one.max(two));
        for part in [&text[..one], &text[one..two], &text[two..]] {
            if !part.is_empty() {
                world.gateway_sends(part);
            }
        }
        world.run(ms(250));
    }
    assert_eq!(world.machine().stats().malformed, 0);
    assert_eq!(world.messages().filter(|message| message.frame.is_joined()).count(), 200);
    assert!(world.gaps().is_empty());
}

/// Messages of which one is cut at two places, one is lost in part, or one is whole.
fn traffic() -> impl Strategy<Value = Vec<(u8, usize, usize, u16)>> {
    proptest::collection::vec((0..7_u8, any::<usize>(), any::<usize>(), 0..400_u16), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_frame_is_emitted_once_in_order_and_every_whole_message_arrives(traffic in traffic()) {
        const WHOLE: [&str; 6] =
            [ORDER, QUOTE, TRADES, HEARTBEAT, r#"{"message":"x"}"#, r#"{"topic":"sor","args":[{"a":[1,{"b":"\"{"}]},"x"]}"#];
        let mut line = Line::ready(&[(QUOTES, Some(QUOTE)), ("or", Some(ORDER)), ("tr", Some(TRADES))]);
        line.forget();
        let (mut given, mut expected) = (Vec::new(), Vec::new());
        for (kind, one, two, pause) in traffic {
            let whole = WHOLE[one % WHOLE.len()];
            let (one, two) = (1 + one / 7 % (whole.len() - 2), 1 + two % (whole.len() - 2));
            let (one, two) = (one.min(two), one.max(two));
            let parts = match kind {
                0 | 1 => vec![whole],
                2 | 3 => vec![&whole[..one], &whole[one..two], &whole[two..]],
                // A piece is lost.
                4 => vec![&whole[..one], &whole[two..]],
                5 => vec![&whole[..one]],
                _ => vec![&whole[two..]],
            };
            // A message with a topic at its beginning is joined or read, whatever came before it.
            if kind <= 3 && whole.starts_with(r#"{"topic""#) && (kind <= 1 || one > 8) {
                expected.push(whole);
            }
            for part in parts.into_iter().filter(|part| !part.is_empty()) {
                given.extend_from_slice(part.as_bytes());
                line.receive(part);
            }
            line.pass(ms(u64::from(pause)));
        }
        line.pass(secs(2));
        let mut emitted = Vec::new();
        let mut messages = Vec::new();
        for (_, output) in &line.outputs {
            match output {
                Output::Event(Event::Message(message)) => {
                    emitted.extend_from_slice(message.frame.raw());
                    messages.push(message.frame.text());
                }
                Output::Event(Event::Malformed(malformed)) => emitted.extend_from_slice(&malformed.raw),
                _ => {}
            }
        }
        prop_assert_eq!(String::from_utf8_lossy(&emitted), String::from_utf8_lossy(&given));
        let mut messages = messages.into_iter();
        for whole in expected {
            prop_assert!(messages.any(|message| message == whole), "{} did not arrive", whole);
        }
    }
}
