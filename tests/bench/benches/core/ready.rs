//! Machines that are ready: connected, authenticated and subscribed.

use bytes::Bytes;
use ibws_proto::{Command, Config, ConnId, Event, Input, Instant, Machine, Output, Subscribe};

/// The connection of each machine.
pub(crate) const CONN: ConnId = ConnId(1);
/// The time of each machine, which does not pass: what is measured is frames, not timers.
pub(crate) const NOW: Instant = Instant::ORIGIN;

/// Returns a ready machine with these subscriptions, which `first` confirm.
pub(crate) fn machine(subscriptions: impl IntoIterator<Item = (String, Bytes)>) -> Machine {
    let config =
        Config { max_lines: usize::MAX, tic_interval: None, resubscribe_burst: usize::MAX, ..Config::default() };
    let mut machine = Machine::new(config, NOW);
    machine.submit(NOW, Command::Start);
    machine.handle(NOW, Input::Opened(CONN));
    for frame in [r#"{"topic":"system","success":"user"}"#, r#"{"topic":"sts","args":{"authenticated":true}}"#] {
        machine.handle(NOW, Input::Frame(CONN, frame.into()));
    }
    for (text, first) in subscriptions {
        machine.submit(NOW, Command::Subscribe(Subscribe::parse(&text).expect("a channel")));
        machine.handle(NOW, Input::Frame(CONN, first));
        while machine.poll().is_some() {}
    }
    // Without a subscription the outputs of the opening are still there.
    while machine.poll().is_some() {}
    machine
}

/// Returns this many subscriptions to market data, the first of this contract, each with its first
/// frame.
pub(crate) fn quotes(first: usize, count: usize) -> impl Iterator<Item = (String, Bytes)> {
    (first..first + count).map(|conid| {
        (format!(r#"md+{conid}+{{"fields":["31","84","86"]}}"#), format!(r#"{{"topic":"smd+{conid}"}}"#).into())
    })
}

/// Hands a frame in and returns its event.
pub(crate) fn event(machine: &mut Machine, raw: Bytes) -> Event {
    machine.handle(NOW, Input::Frame(CONN, raw));
    match machine.poll() {
        Some(Output::Event(event @ Event::Message(_))) => event,
        other => panic!("no message but {other:?}"),
    }
}
