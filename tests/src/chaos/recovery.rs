//! When the faults stop: every request gets its reply and every requested subscription flows,
//! within the longest pause then in force plus 60 s.

use core::time::Duration;

use ibws_proto::{
    Command, ConnectionState, Event, Input, SessionUpdate, SubscriptionKey, SubscriptionState, status::HealthReason,
};

use super::fault::faults;
use crate::world::{Dial, World, sub};

/// How long all may take, beside the longest pause that is in force when the faults stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest pause before a dial for a session that is not authenticated, or a gateway that does
/// not greet.
const REDIAL: Duration = Duration::from_secs(300);
/// The same while streams flow that need no brokerage session.
const REDIAL_FLOWING: Duration = Duration::from_secs(900);
/// A subscription that no gateway of these worlds would ever take: it has another account.
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

/// The remaining delay before the next dial.
fn backoff(world: &World) -> Option<Duration> {
    let last =
        world.events().filter_map(|(_, event)| if let Event::State(change) = event { Some(change) } else { None });
    let last = last.last().filter(|change| change.state == ConnectionState::Backoff)?;
    Some((last.at + last.delay?).since(world.now()))
}

/// The longest pause that is in force now. The connection is not known to be good: a silent one
/// must be noticed, and one without a session is dialled anew on its schedule.
fn longest_pause(world: &World) -> Duration {
    let machine = world.machine();
    let config = machine.config();
    let silence = config.silence_limit + config.ping_reply_limit;
    let own = config.backoff_max.max(config.refusal_max).max(silence);
    let ungated = machine.subscriptions().iter().any(|info| !info.key.key().needs_brokerage_session());
    let reason = match machine.health(world.now()).reason {
        HealthReason::NothingReceived => config.first_frame_timeout * 3,
        HealthReason::WaitingForSession | HealthReason::NotGreeted => REDIAL,
        HealthReason::NotAuthenticated | HealthReason::Competing if ungated => REDIAL_FLOWING,
        HealthReason::NotAuthenticated | HealthReason::Competing => REDIAL,
        _ => Duration::ZERO,
    };
    own.max(reason).max(backoff(world).unwrap_or_default())
}

pub(super) fn run(world: &mut World) -> Result<(), String> {
    heal(world);
    let foreign: SubscriptionKey = sub(FOREIGN);
    let limit = longest_pause(world) + PATIENCE;
    let end = world.now() + limit;
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
    Err(format!("not well {limit:?} after the faults stopped: {trouble}"))
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
