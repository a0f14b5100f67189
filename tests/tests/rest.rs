//! The REST handler behind a whole client: called, awaited, timed out. The runtime is simulated, so
//! all times are exact.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use ibws_proto::client::{Client, RestFuture};
use ibws_proto::transport::{CookieForm, Credentials, CredentialsFuture, Runtime as _, Secret};
use ibws_proto::{
    CommandError, ConnectError, ConnectErrorKind, ConnectionState, Event, Item, Subscribe,
    rest::{RestOutcome, RestReply, RestRequest, RestSnapshot, SessionNeed},
};
use ibws_testkit::GatewayConfig;
use ibws_testkit::runtime::Simulated;

const SESSION: &str = "00112233445566778899aabbccddeeff";

/// The requests that a REST handler received.
type Requests = Arc<Mutex<Vec<RestRequest>>>;

/// Counts its drops.
struct CountsDrops(Arc<Mutex<u32>>);

impl Drop for CountsDrops {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

fn received(requests: &Requests) -> Vec<RestRequest> {
    requests.lock().unwrap().clone()
}

#[test]
fn orders_are_subscribed_once_the_rest_handler_has_primed_them() {
    let runtime = Simulated::new(GatewayConfig::default());
    let requests = Requests::default();
    let (seen, clock) = (requests.clone(), runtime.clone());
    let client = runtime
        .builder()
        .rest_handler(move |request: RestRequest| -> RestFuture {
            seen.lock().unwrap().push(request);
            let clock = clock.clone();
            Box::pin(async move {
                clock.sleep_until(clock.now() + Duration::from_millis(700)).await;
                Ok(RestReply::Complete)
            })
        })
        .build()
        .unwrap();
    runtime.block_on(client.start()).unwrap();
    runtime.run(Duration::from_secs(2));
    let before = runtime.now();
    let orders = runtime.block_on(client.subscribe(Subscribe::parse("or").unwrap())).unwrap();
    let waited = runtime.now().since(before);
    assert_eq!((orders.known_outcome(), waited.as_millis()), (ibws_proto::SubscribeOutcome::Quiet, 700));
    assert_eq!(received(&requests), [RestRequest::Prime(orders.key().clone())]);
}

#[test]
fn rest_future_that_never_completes_is_dropped_and_reported_after_5_s() {
    let runtime = Simulated::new(GatewayConfig::default());
    let dropped = Arc::new(Mutex::new(0));
    let counter = dropped.clone();
    let client = runtime
        .builder()
        .rest_handler(move |_: RestRequest| -> RestFuture {
            let held = CountsDrops(counter.clone());
            Box::pin(async move {
                let _held = held;
                std::future::pending().await
            })
        })
        .build()
        .unwrap();
    let mut events = client.events();
    runtime.block_on(client.start()).unwrap();
    let _orders = client.subscribe_nowait(Subscribe::parse("or").unwrap()).unwrap();
    runtime.run(Duration::from_millis(4_900));
    assert_eq!(*dropped.lock().unwrap(), 0);
    runtime.run(Duration::from_millis(200));
    assert_eq!(*dropped.lock().unwrap(), 1, "the client no longer waits for it");
    let mut reports = Vec::new();
    while let Some(item) = events.try_next() {
        if let Item::Event(Event::Rest(report)) = item {
            reports.push(report.outcome);
        }
    }
    assert_eq!(reports, [RestOutcome::TimedOut]);
}

// The provider has no session at first. After the REST handler made one, the next attempt finds it.
#[test]
fn session_that_the_rest_handler_made_is_taken_from_the_provider_and_sent() {
    let mut gateway = GatewayConfig::default();
    gateway.waiting_for_session = true;
    gateway.session = Some(SESSION.into());
    let runtime = Simulated::new(gateway);
    let has_session = Arc::new(Mutex::new(false));
    let (requests, known, made) = (Requests::default(), has_session.clone(), has_session);
    let seen = requests.clone();
    let client = runtime
        .builder()
        .credentials(move || -> CredentialsFuture {
            let credentials = Credentials::default();
            let ready = *known.lock().unwrap();
            Box::pin(async move {
                let session = Secret::new(SESSION)
                    .map_err(|error| ConnectError::new(ConnectErrorKind::Credentials, error.to_string()))?;
                Ok(if ready { credentials.with_session(session, CookieForm::Gateway) } else { credentials })
            })
        })
        .rest_handler(move |request: RestRequest| -> RestFuture {
            seen.lock().unwrap().push(request);
            *made.lock().unwrap() = true;
            Box::pin(std::future::ready(Ok(RestReply::Complete)))
        })
        .build()
        .unwrap();
    runtime.block_on(client.start()).unwrap();
    runtime.run(Duration::from_secs(2));
    assert_eq!(client.status().state, ConnectionState::Ready);
    assert_eq!(received(&requests), [RestRequest::Session(SessionNeed::Missing)]);
}

// The drop of a REST future is code of the application. It may use the client, and the last clone
// of a client that it holds ends the client.
#[test]
fn rest_future_that_timed_out_may_use_the_client_when_it_is_dropped() {
    struct UsesClient(Client<Simulated>, Arc<Mutex<u32>>);

    impl Drop for UsesClient {
        fn drop(&mut self) {
            let _ = self.0.status();
            *self.1.lock().unwrap() += 1;
        }
    }

    let (done, is_done) = mpsc::channel();
    // On a thread of its own, because a deadlock would never end.
    std::thread::spawn(move || {
        let runtime = Simulated::new(GatewayConfig::default());
        let slot = Arc::new(Mutex::new(None::<Client<Simulated>>));
        let (known, dropped) = (slot.clone(), Arc::new(Mutex::new(0)));
        let counter = dropped.clone();
        let client = runtime
            .builder()
            .rest_handler(move |_: RestRequest| -> RestFuture {
                let held = known.lock().unwrap().clone().map(|client| UsesClient(client, counter.clone()));
                Box::pin(async move {
                    let _held = held;
                    std::future::pending().await
                })
            })
            .build()
            .unwrap();
        *slot.lock().unwrap() = Some(client.clone());
        runtime.block_on(client.start()).unwrap();
        let orders = client.subscribe_nowait(Subscribe::parse("or").unwrap()).unwrap();
        runtime.run(Duration::from_secs(6));
        assert_eq!(*dropped.lock().unwrap(), 1, "it timed out");
        slot.lock().unwrap().take();
        drop((client, orders));
        runtime.run(Duration::from_secs(10));
        done.send(runtime.tasks()).unwrap();
    });
    assert_eq!(is_done.recv_timeout(Duration::from_secs(20)), Ok(0), "tasks at the end");
}

#[test]
fn a_rest_handler_that_panics_has_failed_and_the_client_continues() {
    for in_future in [false, true] {
        let runtime = Simulated::new(GatewayConfig::seeded(1));
        let client = runtime
            .builder()
            .rest_handler(move |_: RestRequest| -> RestFuture {
                assert!(in_future, "a REST handler of the test panics");
                Box::pin(async { panic!("a REST future of the test panics") })
            })
            .build()
            .unwrap();
        runtime.block_on(client.start()).unwrap();
        runtime.run(Duration::from_millis(500));
        let mut events = client.events();
        let mut orders = client.subscribe_nowait(Subscribe::parse("or").unwrap()).unwrap();
        assert!(runtime.block_on(orders.outcome()).is_ok());
        let failed = std::iter::from_fn(|| events.try_next())
            .any(|item| matches!(item, Item::Event(Event::Rest(report)) if report.outcome == RestOutcome::Failed));
        assert!(failed, "the panic is reported");
    }
}

#[test]
fn a_credentials_provider_that_panics_fails_the_dial() {
    for in_future in [false, true] {
        let runtime = Simulated::new(GatewayConfig::seeded(1));
        let client = runtime
            .builder()
            .credentials(move || -> CredentialsFuture {
                assert!(in_future, "a provider of the test panics");
                Box::pin(async { panic!("a credentials future of the test panics") })
            })
            .configure(|config| config.max_connection_attempts = Some(2))
            .build()
            .unwrap();
        let error = runtime.block_on(client.start()).unwrap_err();
        assert!(
            matches!(&error, CommandError::GaveUp { attempts: 2, last } if last.kind == ConnectErrorKind::Credentials),
            "{error:?}"
        );
    }
}

#[test]
fn the_stream_of_a_subscription_delivers_what_a_gap_lost_after_its_end() {
    let runtime = Simulated::new(GatewayConfig::default());
    let calls = Arc::new(Mutex::new(0));
    let client = runtime
        .builder()
        .rest_handler(move |request: RestRequest| -> RestFuture {
            let RestRequest::Reconcile { .. } = request else { return Box::pin(async { Ok(RestReply::Complete) }) };
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            let orders = format!(r#"{{"orders":[{{"orderId":1,"totalSize":{calls}}}],"snapshot":true}}"#);
            let executions = Some(format!(r#"[{{"execution_id":"a"}},{{"execution_id":"b{calls}"}}]"#).into());
            Box::pin(async { Ok(RestReply::Snapshot(RestSnapshot { orders: orders.into(), executions })) })
        })
        .build()
        .unwrap();
    runtime.block_on(client.start()).unwrap();
    // No order of the gateway's own comes between.
    runtime.gateway(|gateway| gateway.set_invented_orders(false));
    let mut orders = runtime.block_on(client.subscribe(Subscribe::parse("or").unwrap())).unwrap();
    runtime.run(Duration::from_secs(8));
    runtime.gateway(|gateway| {
        let conn = gateway.connections().last().unwrap();
        gateway.drop_connection(conn);
    });
    runtime.run(Duration::from_secs(40));
    let mut story = Vec::new();
    while let Some(item) = orders.try_next() {
        match item {
            Item::Event(Event::Gap(_)) => story.push("gap".into()),
            Item::Event(Event::Resumed(_)) => story.push("resumed".into()),
            Item::Event(Event::CaughtUp(caught_up)) => {
                let ids = caught_up.executions().map(|row| row.execution_id().unwrap().unwrap().into_owned());
                let ids: Vec<_> = ids.collect();
                story.push(format!("{} orders, executions {}", caught_up.orders().count(), ids.join(" ")));
            }
            _ => {}
        }
    }
    assert_eq!(story, ["1 orders, executions a b1", "gap", "resumed", "1 orders, executions b2"]);
}
