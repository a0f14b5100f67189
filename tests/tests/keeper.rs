//! Stories of the session keeper before the simulated gateway: one for each state and each kind of
//! request, on virtual time. A judge checks every output besides.

use std::time::Duration;

use ibws_proto::Instant;
use ibws_proto::keeper::{Call, KeeperConfig, KeeperInput, KeeperState, Ticket};
use ibws_proto::rest::{RestReply, RestRequest, RestResult, RestSnapshot, SessionNeed};
use ibws_testkit::keeper::KeeperWorld;
use ibws_testkit::world::{at, ms, secs, sub};
use ibws_testkit::{GatewayConfig, RestFault};

/// A gateway without a brokerage session.
fn unauthenticated() -> GatewayConfig {
    let mut config = GatewayConfig::default();
    config.authenticated = false;
    config
}

/// A keeper whose session is authenticated, one second after its start.
fn settled() -> KeeperWorld {
    let mut world = KeeperWorld::one(GatewayConfig::default());
    world.run(secs(1));
    assert_eq!(world.state(0), KeeperState::Authenticated);
    world
}

/// The times and the texts of the calls since `from`.
fn calls(world: &KeeperWorld, from: Instant) -> Vec<(u64, String)> {
    let recent = world.calls(0).iter().filter(|(at, _)| *at >= from);
    recent.map(|(at, call)| (at.as_nanos() / 1_000_000, call.to_string())).collect()
}

fn states(world: &KeeperWorld) -> Vec<KeeperState> {
    world.events(0).iter().map(|(_, event)| event.state).collect()
}

fn result(world: &KeeperWorld, ticket: Ticket) -> Option<&RestResult> {
    world.results(0).iter().find(|(_, of, _)| *of == ticket).map(|(_, _, result)| result)
}

fn reason(world: &KeeperWorld, ticket: Ticket) -> &str {
    result(world, ticket).unwrap().as_ref().map_err(|error| &*error.reason).unwrap_err()
}

/// The pauses between calls of this path.
fn pauses(world: &KeeperWorld, path: &str) -> Vec<Duration> {
    let times: Vec<_> = world.calls(0).iter().filter(|(_, call)| call.path() == path).map(|(at, _)| *at).collect();
    times.windows(2).map(|pair| pair[1].since(pair[0])).collect()
}

const TICKLE: &str = "POST /tickle";
const LOOK: &str = "POST /iserver/auth/status";
const INIT: &str = "POST /iserver/auth/ssodh/init";
const ACCOUNTS: &str = "GET /iserver/accounts";
const FORCED: &str = "GET /iserver/account/orders?force=true";
const ORDERS: &str = "GET /iserver/account/orders";

#[test]
fn a_session_that_is_open_costs_one_tickle_a_minute_and_nothing_else() {
    let mut world = KeeperWorld::one(GatewayConfig::default());
    world.run(secs(3_600));
    let events = world.events(0);
    assert_eq!(events.len(), 1, "{events:?}");
    let (when, event) = &events[0];
    assert_eq!(
        (*when, event.state, event.since, event.outage_since),
        (at(20), KeeperState::Authenticated, at(20), None)
    );
    assert_eq!((event.next_try, event.advice.as_deref(), &*event.why), (None, None, ""));
    assert!(world.calls(0).iter().all(|(_, call)| *call == Call::Tickle));
    let pauses = pauses(&world, "/tickle");
    assert!((63..=71).contains(&pauses.len()), "{}", pauses.len());
    assert!(pauses.iter().all(|pause| (secs(51)..=secs(57)).contains(pause)), "{pauses:?}");
    assert_eq!(world.sessions(0), 1);
}

#[test]
fn a_brokerage_session_that_is_not_open_is_opened_without_competing() {
    let mut world = KeeperWorld::one(unauthenticated());
    world.run(secs(10));
    let mut expected = vec![(0, TICKLE), (20, INIT), (1_040, LOOK), (3_060, LOOK)];
    // The gateway takes one to three seconds.
    expected.truncate(calls(&world, at(0)).len());
    assert!(expected.len() >= 3);
    assert_eq!(calls(&world, at(0)), expected.iter().map(|(ms, call)| (*ms, (*call).into())).collect::<Vec<_>>());
    assert!(world.calls(0).contains(&(at(20), Call::Init { compete: false })));
    assert_eq!(states(&world), [KeeperState::Opening, KeeperState::Opening, KeeperState::Authenticated]);
    let outages: Vec<_> = world.events(0).iter().map(|(_, event)| event.outage_since).collect();
    assert_eq!(outages, [Some(at(0)), Some(at(0)), None]);
}

#[test]
fn without_a_login_the_keeper_retries_for_days_and_reports_where_to_log_in() {
    let mut world = KeeperWorld::one(GatewayConfig::default());
    world.gateway.set_rest_fault(Some(RestFault::NotLoggedIn));
    world.run(secs(2 * 86_400));
    assert_eq!(states(&world), [KeeperState::LoggedOut]);
    let state = world.keeper(0).state();
    assert_eq!((state.since, state.outage_since), (at(20), Some(at(0))));
    assert!(state.why.starts_with("/tickle: HTTP 401"), "{}", state.why);
    assert_eq!(state.advice.as_deref(), Some("log in at https://localhost:5000"));
    assert!(world.calls(0).iter().all(|(_, call)| *call == Call::Tickle));
    let pauses = pauses(&world, "/tickle");
    // 1, 2, 4, 8, 16, 32 s and then 60 s, each with a jitter of a fifth and never above 60 s.
    for (pause, base) in pauses.iter().zip([1_000, 2_000, 4_000, 8_000, 16_000, 32_000]) {
        let (least, most) = (ms(base * 4 / 5), ms(base * 6 / 5).max(ms(1_020)));
        assert!((least..=most).contains(pause), "{pauses:?}");
    }
    assert!(pauses.iter().skip(6).all(|pause| (secs(48)..=secs(60)).contains(pause)), "{pauses:?}");
    let logged_in = world.now();
    world.gateway.set_rest_fault(None);
    world.run(secs(61));
    assert_eq!(world.state(0), KeeperState::Authenticated);
    let (when, event) = world.events(0).last().unwrap();
    assert!(when.since(logged_in) <= secs(60) && event.outage_since.is_none());
}

#[test]
fn a_competing_login_is_reported_and_waited_for_with_growing_pauses() {
    let mut world = settled();
    world.run(secs(99));
    world.gateway.set_competing(true);
    world.gateway.set_authenticated(false);
    world.run(secs(3_600));
    assert_eq!(states(&world), [KeeperState::Authenticated, KeeperState::Competing]);
    let state = world.keeper(0).state().clone();
    assert!(state.since <= at(100_000) + secs(58) && state.next_try.is_some(), "{state:?}");
    assert!(state.advice.unwrap().contains("KeeperConfig::compete"));
    assert!(world.calls(0).iter().all(|(_, call)| *call != Call::Init { compete: true }));
    let pauses = pauses(&world, "/iserver/auth/ssodh/init");
    for (pause, base) in pauses.iter().zip([60, 120, 240, 300, 300, 300]) {
        assert!((secs(base * 9 / 10)..=secs(base * 11 / 10 + 1).min(secs(301))).contains(pause), "{pauses:?}");
    }
    assert!(pauses.len() >= 10, "{pauses:?}");
    // The tickle shows the end, and ends the pause.
    world.gateway.set_competing(false);
    world.run(secs(64));
    assert_eq!(world.state(0), KeeperState::Authenticated);
}

#[test]
fn a_login_elsewhere_is_ended_only_if_the_settings_require_it() {
    let config = KeeperConfig { compete: true, ..KeeperConfig::default() };
    let mut gateway = unauthenticated();
    gateway.competing = true;
    let mut world = KeeperWorld::new(vec![config], gateway);
    world.run(secs(10));
    assert_eq!(calls(&world, at(0))[..2], [(0, TICKLE.into()), (20, INIT.into())]);
    assert!(world.calls(0).contains(&(at(20), Call::Init { compete: true })));
    assert_eq!(world.state(0), KeeperState::Authenticated);
    assert_eq!(states(&world)[0], KeeperState::Competing);
}

#[test]
fn an_address_that_the_gateway_denies_gets_the_advice_how_to_allow_it() {
    for fault in [RestFault::AccessDenied, RestFault::Forbidden] {
        let mut world = KeeperWorld::one(GatewayConfig::default());
        world.gateway.set_rest_fault(Some(fault));
        world.run(secs(600));
        assert_eq!(states(&world), [KeeperState::AccessDenied]);
        let advice = world.keeper(0).state().advice.clone().unwrap();
        assert!(advice.contains("`ips` setting of the gateway's conf.yaml"), "{advice}");
    }
}

#[test]
fn a_failing_init_is_retried_with_growing_pauses_while_the_tickles_go_on() {
    for (fault, state) in [
        (RestFault::NoBridge, KeeperState::NotReady),
        (RestFault::Unavailable, KeeperState::NotReady),
        (RestFault::NotLoggedIn, KeeperState::LoggedOut),
    ] {
        let mut world = KeeperWorld::one(unauthenticated());
        world.gateway.set_init_fault(Some(fault));
        world.run(secs(1_200));
        assert_eq!(states(&world), [KeeperState::Opening, state]);
        let inits = pauses(&world, "/iserver/auth/ssodh/init");
        assert!(
            inits.len() > 20 && inits.iter().skip(6).all(|pause| *pause >= secs(48) && *pause <= secs(60)),
            "{inits:?}"
        );
        assert!(pauses(&world, "/tickle").iter().all(|pause| *pause <= secs(57)));
        world.gateway.set_init_fault(None);
        world.run(secs(64));
        assert_eq!(world.state(0), KeeperState::Authenticated);
    }
}

#[test]
fn in_the_penalty_box_nothing_is_called_and_every_request_fails_at_once_but_dials_get_the_known_session() {
    let mut world = settled();
    world.gateway.put_in_penalty_box();
    world.run(secs(60));
    assert_eq!(world.state(0), KeeperState::PenaltyBox);
    let state = world.keeper(0).state().clone();
    assert_eq!(state.next_try, Some(state.since + secs(900)));
    assert!(state.why.contains("429"), "{}", state.why);
    let before = world.calls(0).len();
    let ticket = world.serve(0, RestRequest::Prime(sub("or")));
    world.dial(0);
    assert!(reason(&world, ticket).contains("HTTP 429"), "{}", reason(&world, ticket));
    assert_eq!(world.dials(0).last().map(|(_, _, done)| *done), Some(true));
    world.run_until(state.since + secs(899));
    world.dial(0);
    assert_eq!(world.dials(0).last().map(|(_, _, done)| *done), Some(true));
    assert_eq!(world.calls(0).len(), before);
    world.run(secs(2));
    assert_eq!(world.state(0), KeeperState::Authenticated);
    assert_eq!(world.calls(0).len(), before + 1);
    assert_eq!(world.gateway.pacing_violations(), 0);
}

#[test]
fn a_dial_that_waits_when_the_penalty_box_begins_gets_the_known_session() {
    let mut world = settled();
    world.run(secs(10)); // the session of the last tickle is no longer fresh
    world.gateway.put_in_penalty_box();
    let before = world.calls(0).len();
    world.dial(0);
    world.run(secs(5));
    assert_eq!(world.state(0), KeeperState::PenaltyBox);
    assert_eq!(world.calls(0).len(), before + 1, "the tickle for the dial");
    assert_eq!(world.dials(0).last().map(|(_, _, done)| *done), Some(true));
}

#[test]
fn a_dial_without_a_known_session_fails_in_the_penalty_box() {
    let mut world = KeeperWorld::one(GatewayConfig::default());
    world.gateway.put_in_penalty_box();
    world.dial(0);
    world.run(secs(5));
    assert_eq!(world.state(0), KeeperState::PenaltyBox);
    assert_eq!(world.dials(0).last().map(|(_, _, done)| *done), Some(false));
}

#[test]
fn a_call_that_hangs_is_abandoned_after_10_s_and_its_pause_counts_from_its_start() {
    let mut world = settled();
    world.line.hangs_one_in = 1;
    world.run(secs(600));
    assert_eq!(states(&world), [KeeperState::Authenticated, KeeperState::Unavailable]);
    let why = world.keeper(0).state().why.clone();
    assert!(why.starts_with("/tickle: the gateway did not reply within 10s"), "{why}");
    let pauses = pauses(&world, "/tickle");
    // 11 s, as long as the pause is shorter than the 10 s that the call has taken, plus 1 s.
    assert!(pauses[1..4].iter().all(|pause| *pause == secs(11)), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= secs(60)), "{pauses:?}");
    world.line.heal();
    world.run(secs(61));
    assert_eq!(world.state(0), KeeperState::Authenticated);
}

#[test]
fn half_replies_are_failures_with_reasons() {
    let mut world = settled();
    world.line.halves_one_in = 1;
    world.run(secs(3_600));
    let reasons: Vec<_> = world.events(0).iter().map(|(_, event)| &*event.why).collect();
    for part in ["is not complete JSON", "has no member `session`", "larger than 1024 bytes", "ended before the reply"]
    {
        assert!(reasons.iter().any(|reason| reason.contains(part)), "{part}: {reasons:?}");
    }
    world.line.heal();
    world.run(secs(61));
    assert_eq!(world.state(0), KeeperState::Authenticated);
}

#[test]
fn a_gateway_that_restarts_has_another_session_which_is_reported() {
    let mut world = settled();
    world.line.refuses = true;
    world.gateway.set_authenticated(false);
    world.gateway.relogin("0123456789abcdef0123456789abcdef");
    world.run(secs(120));
    assert_eq!(world.state(0), KeeperState::Unavailable);
    assert!(world.keeper(0).state().why.contains("refused"));
    world.line.refuses = false;
    world.run(secs(64));
    assert_eq!((world.state(0), world.sessions(0)), (KeeperState::Authenticated, 2));
}

#[test]
fn priming_calls_accounts_and_for_orders_the_forced_list() {
    let mut world = settled();
    let from = world.now();
    let quotes = world.serve(0, RestRequest::Prime(sub("md+265598")));
    let orders = world.serve(0, RestRequest::Prime(sub("or")));
    world.run(secs(1));
    for ticket in [quotes, orders] {
        assert_eq!(result(&world, ticket), Some(&Ok(RestReply::Complete)));
    }
    let expected = [(1_000, ACCOUNTS), (1_000, ACCOUNTS), (1_020, FORCED)];
    assert_eq!(calls(&world, from), expected.map(|(ms, call)| (ms, call.to_owned())));
    // The next call for orders waits 5 s from the end of the last one.
    world.serve(0, RestRequest::Prime(sub("or")));
    world.run(secs(10));
    let expected = [(2_000, ACCOUNTS), (6_040, FORCED)];
    assert_eq!(calls(&world, at(2_000)), expected.map(|(ms, call)| (ms, call.to_owned())));
}

#[test]
fn reconciling_returns_a_complete_list_and_the_executions_since_the_gap() {
    let mut world = settled();
    let request = RestRequest::Reconcile { key: sub("or"), since: at(500) };
    let first = world.serve(0, request.clone());
    world.run(secs(1));
    assert_eq!(result(&world, first), Some(&Ok(RestReply::Incomplete)));
    let second = world.serve(0, request);
    world.run(secs(10));
    let Some(Ok(RestReply::Snapshot(RestSnapshot { orders, executions: Some(executions) }))) = result(&world, second)
    else {
        panic!("{:?}", result(&world, second));
    };
    assert!(std::str::from_utf8(orders).unwrap().contains(r#""snapshot":true"#));
    assert!(executions.starts_with(b"["));
    let expected = [(1_000, ORDERS), (6_020, ORDERS), (6_040, "GET /iserver/account/trades?days=2")];
    assert_eq!(calls(&world, at(1_000)), expected.map(|(ms, call)| (ms, call.to_owned())));
}

#[test]
fn a_cancelled_request_makes_no_further_call_and_has_no_result() {
    let mut world = settled();
    world.serve(0, RestRequest::Prime(sub("or")));
    world.run(secs(1));
    let ticket = world.serve(0, RestRequest::Prime(sub("or")));
    world.run(secs(2));
    world.input(0, KeeperInput::Cancel(ticket));
    world.run(secs(20));
    assert_eq!(result(&world, ticket), None);
    assert_eq!(calls(&world, at(2_000)), [(2_000, ACCOUNTS.to_owned())]);
}

#[test]
fn requests_wait_for_a_session_that_opens_and_fail_with_advice_where_none_can() {
    let mut world = KeeperWorld::one(unauthenticated());
    let early = world.serve(0, RestRequest::Prime(sub("md+265598")));
    let session = world.serve(0, RestRequest::Session(SessionNeed::Unauthenticated));
    world.run(secs(10));
    assert_eq!(
        (result(&world, early), result(&world, session)),
        (Some(&Ok(RestReply::Complete)), Some(&Ok(RestReply::Complete)))
    );
    world.gateway.set_rest_fault(Some(RestFault::NotLoggedIn));
    let requested_at = world.now();
    let late = world.serve(0, RestRequest::Session(SessionNeed::Unauthenticated));
    world.run(secs(1));
    assert!(reason(&world, late).ends_with(": log in at https://localhost:5000"), "{}", reason(&world, late));
    assert_eq!(calls(&world, requested_at)[0], (10_000, TICKLE.into()));
    // What has just failed is not called again for each request.
    let before = world.calls(0).len();
    let again = world.serve(0, RestRequest::Prime(sub("or")));
    assert!(reason(&world, again).contains("HTTP 401"));
    assert_eq!(world.calls(0).len(), before);
}

#[test]
fn a_dial_gets_the_session_of_a_fresh_tickle() {
    let mut world = settled();
    let before = world.calls(0).len();
    world.dial(0);
    assert_eq!(world.dials(0).len(), 1, "the first tickle is a second old");
    assert_eq!(world.calls(0).len(), before);
    world.run(secs(9));
    world.dial(0);
    assert_eq!(world.dials(0).len(), 1);
    world.run(ms(20));
    assert_eq!(world.dials(0).last(), Some(&(at(10_020), Ticket(2), true)));
    let missing = world.serve(0, RestRequest::Session(SessionNeed::Missing));
    world.run(secs(2));
    assert_eq!(result(&world, missing), Some(&Ok(RestReply::Complete)));
    assert_eq!(calls(&world, at(10_000)), [(10_000, TICKLE.into()), (11_020, TICKLE.into())]);
}

#[test]
fn what_the_stream_shows_makes_a_tickle_early_but_not_more_than_one_in_5_s() {
    let mut world = settled();
    world.run(secs(1));
    world.gateway.set_authenticated(false);
    for _ in 0..10 {
        world.input(0, KeeperInput::Stream { authenticated: false });
        world.run(ms(300));
    }
    assert_eq!(calls(&world, at(1_000)), [(5_000, TICKLE.to_owned())]);
    world.run(secs(6));
    let seen = calls(&world, at(1_000));
    assert_eq!(seen[..2], [(5_000, TICKLE.into()), (5_020, INIT.into())]);
    assert_eq!(world.state(0), KeeperState::Authenticated);
}

#[test]
fn three_keepers_share_one_pacer_and_none_starves() {
    let configs = (0..3).map(|seed| KeeperConfig { seed, ..KeeperConfig::default() }).collect();
    let mut world = KeeperWorld::new(configs, GatewayConfig::default());
    world.run(secs(5));
    let mut served = [0; 3];
    for _ in 0..60 {
        for index in 0..3 {
            world.serve(index, RestRequest::Prime(sub("or")));
            world.dial(index);
        }
        world.run(secs(20));
    }
    for (index, served) in served.iter_mut().enumerate() {
        *served = world.results(index).iter().filter(|(_, _, result)| result.is_ok()).count();
    }
    // 60 requests each, one call in 5 s: 20 s for three.
    assert!(served.iter().all(|served| *served >= 59), "{served:?}");
    assert_eq!(world.gateway.pacing_violations(), 0);
    let all = (0..3).flat_map(|index| world.calls(index)).filter(|(_, call)| call.path() == "/iserver/account/orders");
    let mut times: Vec<_> = all.map(|(at, _)| *at).collect();
    times.sort();
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= secs(5)), "{times:?}");
}
