//! The bodies of the fuzz targets: ordinary functions, so that the tests can run them on the
//! corpora. The targets under `fuzz/` only call them.

mod decode;
mod payload;
mod read;

pub use decode::decode;
pub use payload::payload;

use crate::world::rest_result;
use bytes::Bytes;
use ibws_proto::{
    Action, Command, Config, ConnId, ConnectionState, Input, Instant, Output, ReadyGate, Subscribe, rest::RestRequestId,
};

use crate::frames::{AUTHENTICATED, KEYS, SUCCESS, UNAUTHENTICATED, data};
use crate::invariants::Checked;

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

/// Feeds arbitrary bytes as frames, one per line, to a machine in every connection state, and
/// checks all invariants.
///
/// # Panics
/// If an invariant breaks.
pub fn frames(data: &[u8]) {
    let lines: Vec<_> = data.split(|byte| *byte == b'\n').map(Bytes::copy_from_slice).take(64).collect();
    for scene in SCENES {
        if let Err(rule) = run(scene, &lines) {
            panic!("{scene:?}: {rule}");
        }
    }
}

fn run(scene: Scene, lines: &[Bytes]) -> Result<(), String> {
    let ready_gate = if scene == Scene::Ungated { ReadyGate::Off } else { Config::default().ready_gate };
    let mut checked = Checked::new(Config { ready_gate, ..Config::default() }, Instant::ORIGIN);
    let mut now = Instant::ORIGIN;
    let conn = ConnId(1);
    for key in KEYS.iter().filter(|key| !key.contains(';')) {
        if let Ok(subscribe) = Subscribe::parse(key) {
            checked.submit(now, Command::Subscribe(subscribe))?;
        }
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
        now = now + core::time::Duration::from_millis(7);
        checked.handle(now, Input::Frame(conn, line.clone()))?;
    }
    for _ in 0..16 {
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
