//! The methods that concern the connection.

use ibws_proto::{CommandError, ConnectErrorKind, ConnectionLoss, Key, status::HealthReason};
use ibws_testkit::world::Fault;

use super::*;

/// Returns the number of dials so far.
fn dials(client: &Client<Simulated>) -> u64 {
    client.stats().machine.dials
}

#[test]
fn start() {
    let runtime = simulated();
    let client = runtime.client();
    assert_eq!(client.status().state, ConnectionState::Stopped, "nothing is dialled before");
    assert_eq!(runtime.block_on(client.start()), Ok(()));
    assert_eq!(runtime.block_on(client.start()), Ok(()), "a client that is connected");
    assert_eq!(dials(&client), 1);
    // The reference returns False; here the error states the reason.
    let client = runtime.builder().max_connection_attempts(1).build().unwrap();
    runtime.inject(&Fault::RefuseDials(1));
    let Err(CommandError::GaveUp { attempts: 1, last }) = runtime.block_on(client.start()) else { panic!() };
    assert_eq!(last.kind, ConnectErrorKind::Unreachable);
    // A session that is not authenticated is a state, not an error.
    let runtime = Simulated::new({
        let mut config = GatewayConfig::seeded(1);
        config.authenticated = false;
        config
    });
    let client = runtime.client();
    assert_eq!(runtime.block_on(client.start()), Ok(()));
    runtime.run(secs(2));
    assert_eq!(client.health().reason, HealthReason::NotAuthenticated);
}

#[test]
fn shutdown() {
    let (runtime, client) = ready();
    let mut quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    runtime.gateway(|gateway| gateway.set_replies_to_close(false));
    runtime.inject(&Fault::HalfOpen);
    let began = runtime.now();
    assert_eq!(runtime.block_on(client.shutdown()), Ok(()));
    assert!(runtime.now().since(began) <= secs(1), "bounded, though nobody replies to the Close");
    assert_eq!(runtime.block_on(client.shutdown()), Ok(()), "idempotent");
    assert!(client.subscriptions().is_empty());
    while runtime.block_on(quotes.next()).is_some() {}
    assert_eq!(client.status().state, ConnectionState::Stopped);
    // It can unsubscribe first.
    let (runtime, client) = ready();
    let _quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    assert_eq!(runtime.block_on(client.drain()), Ok(()));
    assert_eq!(texts(&runtime, "umd"), ["umd+265598+{}"]);
}

#[test]
fn disconnect() {
    let (runtime, client) = ready();
    let _quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    assert_eq!(runtime.block_on(client.disconnect()), Ok(()));
    runtime.run(secs(600));
    assert_eq!((client.status().state, dials(&client)), (ConnectionState::Stopped, 1));
    assert_eq!(client.subscriptions().len(), 1, "the subscription is kept");
    assert_eq!(runtime.block_on(client.disconnect()), Ok(()), "without a connection");
    runtime.block_on(client.start()).unwrap();
    runtime.run(secs(5));
    assert_eq!(texts(&runtime, "smd").len(), 2);
}

#[test]
fn hard_reset_restart() {
    let (runtime, client) = ready();
    let _history = runtime.block_on(client.subscribe("mh+265598")).unwrap();
    let before = client.server_ids(Key::MarketHistory).unwrap();
    assert_eq!(runtime.block_on(client.hard_reset(true)), Ok(()));
    assert_eq!(client.server_ids(Key::MarketHistory).unwrap().len(), 0, "what is bound to the connection is cleared");
    runtime.run(secs(5));
    assert_eq!((client.status().state, dials(&client)), (ConnectionState::Ready, 2));
    let after = client.server_ids(Key::MarketHistory).unwrap();
    assert!(after.len() == 1 && after != before, "{after:?}");
    // Default in the reference: False. A connection that closes is then dialled again only by the
    // rule for closes.
    for (restarts, expected) in [(true, 2), (false, 1)] {
        let runtime = simulated();
        let client = started(&runtime, runtime.builder().restart_on_close(restarts));
        assert_eq!(runtime.block_on(client.hard_reset(false)), Ok(()));
        runtime.run(secs(60));
        assert_eq!(dials(&client), expected, "{restarts}");
    }
    // One that cannot be closed is abandoned and dialled again all the same.
    let runtime = simulated();
    let client = started(&runtime, runtime.builder().restart_on_close(false));
    runtime.inject(&Fault::HalfOpen);
    let began = runtime.now();
    assert_eq!(runtime.block_on(client.hard_reset(false)), Ok(()));
    assert_eq!(runtime.now().since(began), secs(5));
    runtime.run(secs(60));
    assert_eq!((client.status().state, dials(&client)), (ConnectionState::Ready, 2));
}

#[test]
fn check_ping() {
    let runtime = simulated();
    let client = runtime.client();
    assert_eq!(runtime.block_on(client.check_ping()), Ok(true), "not connected");
    runtime.block_on(client.start()).unwrap();
    runtime.run(secs(60));
    assert_eq!(runtime.block_on(client.check_ping()), Ok(true));
    assert_eq!(dials(&client), 1);
    // The client checks by itself. A ping has `ping_reply_limit`, 20 s, for its pong.
    let builder = runtime.builder().ping_interval(secs(1)).max_pong_age(secs(3));
    let client = started(&runtime, builder.silence_limit(secs(600)));
    let lost = Arc::new(Mutex::new(Vec::new()));
    let noted = lost.clone();
    client.on(move |change: ibws_proto::StateChange| noted.lock().unwrap().extend(change.cause));
    runtime.inject(&Fault::HalfOpen);
    runtime.run(secs(30));
    assert_eq!(*lost.lock().unwrap(), [ConnectionLoss::PongMissing.into()]);
    assert_eq!(client.status().state, ConnectionState::Ready);
}

#[test]
fn check_health() {
    let runtime = simulated();
    let client = runtime.client();
    assert_eq!(runtime.block_on(client.check_health()), Ok(true), "not connected");
    runtime.block_on(client.start()).unwrap();
    runtime.run(secs(60));
    assert_eq!(runtime.block_on(client.check_health()), Ok(true));
    // The getter changes nothing.
    assert_eq!(client.health().reason, HealthReason::Fine);
    runtime.inject(&Fault::LoseAuthentication);
    runtime.run(secs(1));
    assert_eq!(client.health().reason, HealthReason::NotAuthenticated);
    assert_eq!(dials(&client), 1);
}

#[test]
fn tic() {
    let (runtime, client) = ready();
    assert_eq!(runtime.block_on(client.tic()), Ok(()));
    runtime.run(secs(120));
    assert_eq!(texts(&runtime, "tic").len(), 1 + 4, "one by hand, and one every 30 s");
}
