//! The end of a walk: a link and a gateway that do everything right. Then every request gets its
//! reply and every requested subscription flows, within the longest pause then in force plus 60 s.

use crate::world::rest_result;
use core::time::Duration;

use ibws_proto::{
    Action, CloseCause, Command, Config, ConnId, ConnectionState, Input, Output, SubscriptionKey, SubscriptionState,
};

use crate::frames;
use crate::invariants::Checked;

/// A recovery that takes more steps makes no progress.
const STEPS: u32 = 20_000;

/// How long all may take, beside the longest pause.
const PATIENCE: Duration = Duration::from_secs(60);

/// The limit of a recovery. It begins with a hard reset, so no pause for a session that is not
/// authenticated is in force.
fn bound(config: &Config) -> Duration {
    let pauses = [config.backoff_max, config.refusal_max, config.close_timeout, config.drain_timeout];
    pauses.into_iter().max().unwrap_or_default() + PATIENCE
}

/// Runs until everything works.
pub(super) fn run(checked: &mut Checked, seen: &mut impl FnMut(&Output)) -> Result<(), String> {
    let config = checked.machine().config().clone();
    let mut now = checked.now();
    let end = now + bound(&config);
    let mut queue: Vec<Output> = Vec::new();
    // A connection that was open before may have been sent anything.
    let (_, outputs) = checked.submit(now, Command::HardReset { restart: true })?;
    queue.extend(outputs);
    let (_, outputs) = checked.submit(now, Command::Start)?;
    queue.extend(outputs);
    let pulse = (config.silence_limit / 2).min(Duration::from_secs(10));
    for _ in 0..STEPS {
        for output in core::mem::take(&mut queue) {
            seen(&output);
            for input in peer(&output) {
                queue.extend(checked.handle(now, input)?);
            }
        }
        if !queue.is_empty() {
            continue;
        }
        let status = checked.machine().status();
        let fine = |state: SubscriptionState| {
            matches!(state, SubscriptionState::Active | SubscriptionState::Quiet | SubscriptionState::Unsubscribing)
        };
        let flows = checked.machine().subscriptions().iter().all(|info| fine(info.state));
        if checked.checker().check_all_replied().is_ok()
            && (status.state == ConnectionState::Stopped || status.state == ConnectionState::Ready)
            && (flows || !config.recreate_on_reconnect)
        {
            return Ok(());
        }
        if now > end {
            checked.checker().check_all_replied()?;
            return Err(format!(
                "no recovery within {:?}: {status:?} {:?}",
                bound(&config),
                checked.machine().subscriptions()
            ));
        }
        let wake = checked.machine().next_wake().map_or(end + pulse, |(at, _)| at);
        now = wake.min(now + pulse).max(now);
        let beat = match status.conn {
            Some(conn) if status.state.has_socket() => Input::Frame(conn, frames::HEARTBEAT.into()),
            _ => Input::Tick,
        };
        queue.extend(checked.handle(now, beat)?);
    }
    Err("no recovery: the machine keeps itself busy".into())
}

/// The reaction of a correct peer and a successful REST handler.
fn peer(output: &Output) -> Vec<Input> {
    let Output::Action(action) = output else { return Vec::new() };
    let frame = |conn: ConnId, text: String| Input::Frame(conn, text.into());
    match action {
        Action::Connect { conn } => {
            vec![Input::Opened(*conn), frame(*conn, frames::SUCCESS.into()), frame(*conn, frames::AUTHENTICATED.into())]
        }
        Action::Close { conn, code } => vec![Input::Closed(*conn, CloseCause::Close(Some(*code)))],
        Action::Ping { conn } => vec![Input::Pong(*conn)],
        Action::Rest { id, .. } => vec![Input::RestDone(*id, rest_result(true))],
        Action::SendText { conn, text } if text == "tic" => {
            vec![frame(*conn, r#"{"topic":"tic","alive":true,"id":"steady","lastAccessed":1}"#.into())]
        }
        Action::SendText { conn, text } => {
            let name = text.split("+{").next().unwrap_or_default();
            match (name.get(..1), name.get(1..)) {
                (Some("s"), Some(key)) => {
                    SubscriptionKey::parse(key).map_or(Vec::new(), |key| vec![Input::Frame(*conn, frames::data(&key))])
                }
                (Some("u"), Some(key)) if key.starts_with("sd") => {
                    vec![frame(*conn, r#"{"result":"unsubscribed from summary"}"#.into())]
                }
                (Some("u"), Some(key)) if key.starts_with("ld") => {
                    vec![frame(*conn, r#"{"result":"unsubscribed from ledger"}"#.into())]
                }
                (Some("u"), Some(key)) if key.starts_with("mh+") => {
                    vec![frame(*conn, format!("{{\"message\":\"Unsubscribed {}\"}}", &key[3..]))]
                }
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}
