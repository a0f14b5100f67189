//! The end of a chaos run. Either the faults stop, and every request must get its reply and every
//! requested subscription must flow within a bound; or the client is shut down while they last.

use core::time::Duration;

use ibws_proto::{Command, ConnectionState, Event, Input, SessionUpdate, SubscriptionKey, SubscriptionState};

use super::fault::faults;
use crate::world::{Dial, World, sub};

/// Longest time of the recovery, in addition to the longest delay between dials.
const PATIENCE: Duration = Duration::from_secs(30);
/// A subscription of another account, which the gateway never confirms.
const FOREIGN: &str = "sd+U12345678";

/// Ends all faults.
fn heal(world: &mut World) {
    world.note("all faults end");
    for heal in faults().filter_map(|fault| fault.heal) {
        heal(world);
    }
    world.thaw();
    world.link.dials.clear();
    world.link.dials_to = Dial::Opens;
    world.link.latency = Duration::from_millis(10);
    world.link.replies_to_pings = true;
    world.link.rest = Some((Duration::from_millis(50), true));
    world.clear_line();
    world.rescue_dial();
}

/// Does what the application and the REST handler must do for the recovery.
fn help(world: &mut World) {
    let status = world.machine().status();
    if status.state == ConnectionState::Stopped {
        world.start();
    }
    // A REST handler checks the session every minute; here the check comes at once.
    let dead = |conn: &ibws_proto::ConnId| !world.gateway.is_of_this_session(conn.0);
    if let Some(conn) = world.conn().filter(dead) {
        world.input(Input::Session(conn, SessionUpdate::Changed));
    }
    if status.state == ConnectionState::Open && status.greeted && status.authenticated == Some(false) {
        // The client missed a change between an early status and a late `success`, so it is sent
        // again.
        world.gateway.set_authenticated(true);
    }
    let pending =
        |world: &World| world.machine().subscriptions().iter().any(|info| info.state == SubscriptionState::Pending);
    if !world.machine().config().recreate_on_reconnect && status.state == ConnectionState::Ready && pending(world) {
        world.submit(Command::Recreate);
    }
}

fn flows(state: SubscriptionState) -> bool {
    // A stream flows while it is renewed.
    matches!(state, SubscriptionState::Active | SubscriptionState::Quiet | SubscriptionState::Expiring)
}

/// What has not recovered yet; `None` if everything has.
fn trouble(world: &World) -> Option<String> {
    let machine = world.machine();
    let status = machine.status();
    if status.state != ConnectionState::Ready {
        return Some(format!("the connection is {:?}", status.state));
    }
    if status.requests > 0 {
        return Some(format!("{} requests wait", status.requests));
    }
    let infos = machine.subscriptions();
    let idle = infos.iter().find(|info| !flows(info.state) || info.gap_since.is_some());
    idle.map(|info| format!("{} is {:?}, gap {:?}", info.key, info.state, info.gap_since))
}

/// The time until the next dial; `None` outside of a backoff.
fn pause(world: &World) -> Option<Duration> {
    let last =
        world.events().filter_map(|(_, event)| if let Event::State(change) = event { Some(change) } else { None });
    let last = last.last().filter(|change| change.state == ConnectionState::Backoff)?;
    Some((last.at + last.delay?).since(world.now()))
}

pub(super) fn run(world: &mut World) -> Result<(), String> {
    heal(world);
    let foreign: SubscriptionKey = sub(FOREIGN);
    // A Retry-After pause of the peer is a fault that lasts until its end.
    let patience = world.machine().config().backoff_max + PATIENCE;
    let pause = pause(world).filter(|pause| *pause > world.machine().config().backoff_max).unwrap_or_default();
    let end = world.now() + pause + patience;
    while world.now() < end {
        help(world);
        if world.machine().subscription(&foreign).is_some() {
            world.unsubscribe(FOREIGN, false);
        }
        world.run(Duration::from_millis(250));
        if trouble(world).is_none() {
            return Ok(());
        }
    }
    let trouble = trouble(world).unwrap_or_default();
    Err(format!("not recovered {:?} after the faults ended: {trouble}", pause + patience))
}

/// Shuts the client down while faults last: this must always work, and every request must get its
/// reply.
pub(super) fn stop(world: &mut World, drain: bool) -> Result<(), String> {
    let id = world.submit(Command::Shutdown { drain });
    let config = world.machine().config();
    // The close can have its own limit of a second.
    let limit = config.drain_timeout + Duration::from_secs(1) + Duration::from_millis(100);
    let began = world.now();
    world.run(limit);
    let status = world.machine().status();
    match world.reply(id) {
        Some(_) if status.requests == 0 && status.state == ConnectionState::Stopped && status.subscriptions == 0 => {
            Ok(())
        }
        other => Err(format!("{other:?} and {status:?} {limit:?} after a shutdown at {began:?}")),
    }
}
