//! Feeds arbitrary bytes as frames to a machine, and checks all invariants.

use core::time::Duration;

use bytes::Bytes;
use ibws_proto::line::Line;
use ibws_proto::{
    Action, Command, Config, ConnId, ConnectionState, Input, Instant, Output, ReadyGate, Subscribe, rest::RestRequestId,
};

use crate::frames::{AUTHENTICATED, KEYS, SUCCESS, UNAUTHENTICATED, data};
use crate::invariants::Checked;
use crate::schema::read_back;
use crate::walk::ByteSource;
use crate::world::rest_result;

/// The states of the connection in which frames arrive, some of them too late.
const SCENES: [Scene; 8] = [
    Scene::Connecting,
    Scene::Open,
    Scene::Ungated,
    Scene::Ready,
    Scene::Active,
    Scene::Degraded,
    Scene::Draining,
    Scene::Closing,
];

/// How many timers fire after the frames.
const TICKS: [usize; 4] = [2, 4, 8, 16];

/// The number of subscriptions of a run. Every check compares each of them with its model after
/// each step, so a run with all keys takes twenty times as long.
const SUBSCRIPTIONS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scene {
    Connecting,
    Open,
    Ungated,
    Ready,
    Active,
    Degraded,
    Draining,
    Closing,
}

/// Feeds arbitrary bytes as frames, one per line, to a machine, and checks all invariants after
/// each, and that each event is a line of JSON which is read back.
///
/// The first byte decides the state of the connection and how long time goes on afterwards, the
/// next three the subscriptions, of which some may be none.
///
/// # Panics
/// If one of these does not hold.
pub fn frames(data: &[u8]) {
    let (head, body) = data.split_at_checked(1 + SUBSCRIPTIONS).unwrap_or((data, &[]));
    let mut head = ByteSource::new(head);
    let first = usize::from(head.byte());
    let scene = SCENES[first % SCENES.len()];
    let ticks = TICKS[first / SCENES.len() % TICKS.len()];
    // The key behind the last one is none.
    let keys: Vec<_> = (0..SUBSCRIPTIONS).filter_map(|_| KEYS.get(head.below(KEYS.len() + 1)).copied()).collect();
    let lines: Vec<_> = body.split(|byte| *byte == b'\n').map(Bytes::copy_from_slice).take(64).collect();
    if let Err(rule) = run(scene, &keys, &lines, ticks) {
        panic!("{scene:?} with {keys:?}: {rule}");
    }
}

fn run(scene: Scene, keys: &[&str], lines: &[Bytes], ticks: usize) -> Result<(), String> {
    let ready_gate = if scene == Scene::Ungated { ReadyGate::Off } else { Config::default().ready_gate };
    let mut checked = Checked::new(Config { ready_gate, ..Config::default() }, Instant::ORIGIN);
    let mut now = Instant::ORIGIN;
    let conn = ConnId(1);
    for subscribe in keys.iter().filter_map(|key| Subscribe::parse(key).ok()) {
        checked.submit(now, Command::Subscribe(subscribe))?;
    }
    checked.submit(now, Command::Start)?;
    if scene != Scene::Connecting {
        checked.handle(now, Input::Opened(conn))?;
    }
    if !matches!(scene, Scene::Connecting | Scene::Open | Scene::Ungated) {
        for text in [SUCCESS, AUTHENTICATED] {
            checked.handle(now, Input::Frame(conn, text.into()))?;
        }
    }
    if matches!(scene, Scene::Active | Scene::Draining) {
        for info in checked.machine().subscriptions() {
            // The only request to the REST handler here is the priming of orders.
            checked.handle(now, Input::RestDone(RestRequestId(1), rest_result(true)))?;
            checked.handle(now, Input::Frame(conn, data(&info.key)))?;
        }
    }
    match scene {
        Scene::Degraded => drop(checked.handle(now, Input::Frame(conn, UNAUTHENTICATED.into()))?),
        Scene::Draining => drop(checked.submit(now, Command::Shutdown { drain: true })?),
        Scene::Closing => drop(checked.submit(now, Command::Disconnect)?),
        _ => {}
    }
    // Time then goes on from timer to timer, because an effect of the frames can show later.
    for line in lines {
        now = now + Duration::from_millis(7);
        for output in checked.handle(now, Input::Frame(conn, line.clone()))? {
            if let Output::Event(event) = output {
                read_back(&Line::from(&event).to_string())?;
            }
        }
    }
    for _ in 0..ticks {
        let Some((at, _)) = checked.machine().next_wake() else { break };
        now = at;
        let outputs = checked.handle(now, Input::Tick)?;
        let dial = outputs.iter().find_map(|output| match output {
            Output::Action(Action::Connect { conn }) => Some(*conn),
            _ => None,
        });
        if let Some(conn) = dial
            && checked.machine().status().state == ConnectionState::Connecting
        {
            checked.handle(now, Input::Opened(conn))?;
        }
    }
    Ok(())
}
