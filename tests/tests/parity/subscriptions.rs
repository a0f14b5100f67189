//! `subscribe`, `modify_subscription`, `recreate_subscriptions` and `server_ids`.

use ibws_proto::client::RestFuture;
use ibws_proto::rest::{RestError, RestReply, RestRequest};
use ibws_proto::subscribe::{Args, Processor, ReferenceProcessor};
use ibws_proto::{CommandError, Key, Modify, Renewal, SubscribeOutcome, SubscriptionState};
use ibws_testkit::world::Fault;

use super::*;

fn state(client: &Client<Simulated>, key: &str) -> SubscriptionState {
    let all = client.subscriptions();
    all.iter().find(|info| info.key.as_str() == key).map_or(SubscriptionState::Removed, |info| info.state)
}

#[test]
fn subscribe_channel() {
    let (runtime, client) = ready();
    let first = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    assert_eq!(
        (first.known_outcome(), state(&client, "md+265598")),
        (SubscribeOutcome::Active, SubscriptionState::Active)
    );
    // One that is active already is a success, and nothing is sent.
    let again = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    assert_eq!((again.known_outcome(), texts(&runtime, "smd").len()), (SubscribeOutcome::Active, 1));
    // It is stored: a new connection has it too.
    runtime.inject(&Fault::Cut);
    runtime.run(secs(20));
    assert_eq!((state(&client, "md+265598"), texts(&runtime, "smd").len()), (SubscriptionState::Active, 2));
}

#[test]
fn subscribe_data() {
    let (runtime, client) = ready();
    drop(runtime.block_on(client.subscribe(subscribe(QUOTES))).unwrap());
    drop(runtime.block_on(client.subscribe(subscribe("md+8314").args(Args::empty()))).unwrap());
    drop(runtime.block_on(client.subscribe(subscribe("pl").args(None))).unwrap());
    assert_eq!(texts(&runtime, "smd"), [r#"smd+265598+{"fields":["31"]}"#, "smd+8314+{}"]);
    assert_eq!(texts(&runtime, "spl"), ["spl"]);
}

#[test]
fn subscribe_needs_confirmation() {
    let (runtime, client) = ready();
    runtime.gateway(|gateway| gateway.set_confirmations(false));
    // The reference's default, True, is that of each channel that confirms.
    let outcome = runtime.block_on(client.subscribe(QUOTES)).map(|_| ());
    assert!(matches!(outcome, Err(CommandError::Unconfirmed { attempts: 5, .. })), "{outcome:?}");
    // False: what is sent is a success.
    let sent = runtime.block_on(client.subscribe(subscribe("md+8314").needs_confirmation(false))).unwrap();
    assert_eq!((sent.known_outcome(), texts(&runtime, "smd+8314").len()), (SubscribeOutcome::Quiet, 1));
    // `or` and `bd`, which confirm nothing, do not wait in vain.
    for channel in ["or", "bd+DU1234567+265598"] {
        let began = runtime.now();
        let sent = runtime.block_on(client.subscribe(channel)).unwrap();
        assert_eq!((sent.known_outcome(), runtime.now().since(began) < secs(1)), (SubscribeOutcome::Quiet, true));
        assert!(!sent.key().key().is_confirmed());
    }
}

#[test]
fn subscribe_subscription_processor() {
    let (runtime, client) = ready();
    let processor = Processor::new(ReferenceProcessor);
    let quotes = r#"md+265598+{"fields":["31","84"]}"#;
    let own = runtime.block_on(client.subscribe(subscribe(quotes).processor(processor))).unwrap();
    assert_eq!(texts(&runtime, "smd"), [r#"smd+265598+{"fields": ["31", "84"]}"#]);
    drop(runtime.block_on(client.subscribe("pl")).unwrap());
    assert_eq!(texts(&runtime, "spl"), ["spl+{}"]);
    drop(own);
}

#[test]
fn subscribe_orders_are_primed() {
    for succeeds in [true, false] {
        let runtime = simulated();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (noted, clock) = (calls.clone(), runtime.clone());
        let handler = move |request: RestRequest| -> RestFuture {
            noted.lock().unwrap().push((clock.now(), request));
            let reply = if succeeds { Ok(RestReply::Complete) } else { Err(RestError::new("HTTP 503")) };
            Box::pin(core::future::ready(reply))
        };
        let client = started(&runtime, runtime.builder().rest_handler(handler));
        for channel in ["or", "tr", "pl"] {
            drop(runtime.block_on(client.subscribe(channel)).unwrap());
        }
        let calls = calls.lock().unwrap();
        let primes: Vec<_> = calls.iter().filter(|(_, call)| matches!(call, RestRequest::Prime(_))).collect();
        assert_eq!((primes.len(), &primes[0].1), (1, &RestRequest::Prime(key("or"))));
        // A failure is reported, and the stream is subscribed to all the same.
        assert!(primes[0].0 <= received(&runtime, "sor")[0].0);
    }
}

#[test]
fn modify_subscription_status() {
    let (runtime, client) = ready();
    let quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    let set = |active| Modify { active: Some(active), ..Modify::new(quotes.key().clone()) };
    runtime.block_on(client.modify_subscription(set(false))).unwrap();
    assert_eq!((state(&client, "md+265598"), texts(&runtime, "smd").len()), (SubscriptionState::Pending, 1));
    runtime.block_on(client.modify_subscription(set(true))).unwrap();
    let info = client.subscriptions().remove(0);
    assert_eq!((info.state, info.assumed), (SubscriptionState::Active, true));
}

#[test]
fn modify_subscription_data() {
    let (runtime, client) = ready();
    let quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    let args = Some(Some(Args::from_text(r#"{"fields":["84"]}"#).unwrap()));
    let modify = |apply_now| Modify { args: args.clone(), apply_now, ..Modify::new(quotes.key().clone()) };
    let mut events = client.events();
    // As in the reference, nothing is sent: the change is in the next subscribe.
    runtime.block_on(client.modify_subscription(modify(false))).unwrap();
    runtime.run(secs(1));
    assert_eq!(texts(&runtime, "smd"), [r#"smd+265598+{"fields":["31"]}"#]);
    runtime.block_on(client.recreate_subscriptions()).unwrap();
    runtime.run(secs(1));
    assert_eq!(texts(&runtime, "smd")[1..], [r#"smd+265598+{"fields":["84"]}"#]);
    // What is not given stays, and the change can go out at once, without a gap.
    runtime.block_on(client.modify_subscription(Modify { args: None, ..modify(true) })).unwrap();
    runtime.run(secs(1));
    assert_eq!(texts(&runtime, "smd")[2..], [r#"smd+265598+{"fields":["84"]}"#]);
    runtime.block_on(client.modify_subscription(Modify { args: Some(None), ..modify(true) })).unwrap();
    runtime.run(secs(1));
    assert_eq!(texts(&runtime, "smd")[3..], ["smd+265598"]);
    assert!(std::iter::from_fn(|| events.try_next()).all(|item| !matches!(item, Item::Event(Event::Gap(_)))));
}

#[test]
fn modify_subscription_needs_confirmation() {
    let (runtime, client) = ready();
    let quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    runtime.gateway(|gateway| gateway.set_confirmations(false));
    let modify = Modify { needs_confirmation: Some(Some(false)), apply_now: true, ..Modify::new(quotes.key().clone()) };
    runtime.block_on(client.modify_subscription(modify)).unwrap();
    runtime.run(secs(20));
    assert_eq!((state(&client, "md+265598"), texts(&runtime, "smd").len()), (SubscriptionState::Quiet, 2));
}

#[test]
fn modify_subscription_subscription_processor() {
    let (runtime, client) = ready();
    let quotes = runtime.block_on(client.subscribe(r#"md+265598+{"fields":["31","84"]}"#)).unwrap();
    let modify =
        |processor| Modify { processor: Some(processor), apply_now: true, ..Modify::new(quotes.key().clone()) };
    let reference = Processor::new(ReferenceProcessor);
    runtime.block_on(client.modify_subscription(modify(Some(reference)))).unwrap();
    runtime.run(secs(1));
    runtime.block_on(client.modify_subscription(modify(None))).unwrap();
    runtime.run(secs(1));
    let [compact, spaced] = [r#"smd+265598+{"fields":["31","84"]}"#, r#"smd+265598+{"fields": ["31", "84"]}"#];
    assert_eq!(texts(&runtime, "smd"), [compact, spaced, compact]);
}

#[test]
fn modify_subscription_unknown_channel() {
    let (runtime, client) = ready();
    let error = runtime.block_on(client.modify_subscription(Modify::new(key("md+1")))).unwrap_err();
    assert_eq!(error, CommandError::UnknownSubscription(key("md+1")));
}

#[test]
fn modify_subscription_renewal() {
    let (runtime, client) = ready();
    let quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    let modify = Modify {
        renew_after: Some(Some(secs(60))),
        renewal: Some(Some(Renewal::Resubscribe)),
        ..Modify::new(quotes.key().clone())
    };
    runtime.block_on(client.modify_subscription(modify)).unwrap();
    runtime.run(secs(61));
    assert_eq!((texts(&runtime, "smd").len(), texts(&runtime, "umd").len()), (2, 0));
}

#[test]
fn recreate_subscriptions() {
    let (runtime, client) = ready();
    let _held = ["md+8314", "md+265598", "pl"].map(|text| runtime.block_on(client.subscribe(text)).unwrap());
    assert_eq!(runtime.block_on(client.recreate_subscriptions()), Ok(3));
    runtime.run(secs(5));
    assert_eq!((texts(&runtime, "smd").len(), texts(&runtime, "spl").len()), (4, 2));
    // By default a new connection does it by itself.
    for (recreates, expected) in [(true, 2), (false, 1)] {
        let runtime = simulated();
        let client = started(&runtime, runtime.builder().recreate_on_reconnect(recreates));
        let _quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
        runtime.inject(&Fault::Cut);
        runtime.run(secs(30));
        assert_eq!(texts(&runtime, "smd").len(), expected);
    }
}

#[test]
fn server_ids_key() {
    let (runtime, client) = ready();
    let _history = runtime.block_on(client.subscribe("mh+265598")).unwrap();
    let ids = client.server_ids(Key::MarketHistory).unwrap();
    assert_eq!(ids.values().collect::<Vec<_>>(), [&Some(265_598)]);
    assert_eq!(client.server_ids(Key::MarketData), None);
    // The id of a history whose target names no contract is known, its conid is not.
    let _combo = client.subscribe_nowait("mh+0;;;265598/1,8314/-1").unwrap();
    runtime.run(ms(50));
    gateway_sends(&runtime, r#"{"topic":"smh+0;;;265598/1,8314/-1","serverId":"990099","data":[]}"#);
    assert_eq!(client.server_ids(Key::MarketHistory).unwrap().get("990099"), Some(&None));
}

#[test]
fn subscription_expiry() {
    let (runtime, client) = ready();
    let mut quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    runtime.run(secs(3_600));
    assert!(texts(&runtime, "smd").len() >= 7, "market data is renewed before it ends after 10 min");
    let mut items = std::iter::from_fn(|| quotes.try_next());
    assert!(items.all(|item| !matches!(item, Item::Event(Event::Gap(_)))));
}

#[test]
fn subscription_objects_and_handles() {
    let (runtime, client) = ready();
    let mut quotes = client.subscribe_nowait(QUOTES).unwrap();
    assert_eq!(quotes.known_outcome(), SubscribeOutcome::Pending);
    assert_eq!(runtime.block_on(quotes.outcome()), Ok(SubscribeOutcome::Active));
    assert!(runtime.block_on(quotes.next_within(secs(60))).is_some());
    drop(quotes);
    runtime.run(ms(10));
    assert_eq!(texts(&runtime, "umd"), ["umd+265598+{}"], "the last handle unsubscribes");
}

#[test]
fn subscriptions_wait_for_all() {
    let (runtime, client) = ready();
    let texts = [QUOTES, "mh+265598", "pl", "or"];
    let mut group = client.subscribe_all(texts).unwrap();
    assert_eq!(runtime.block_on(group.confirmed()), Ok(()));
    assert_eq!((group.keys().len(), client.subscriptions().len()), (4, 4));
    // One that fails is named, and the others go on.
    runtime.gateway(|gateway| gateway.refuse("smd", "No accounts", None, ibws_testkit::Recovery::Never));
    let mut group = client.subscribe_all(["md+8314", "tr"]).unwrap();
    let error = runtime.block_on(group.confirmed()).unwrap_err();
    assert_eq!((error.of, error.failed.len(), error.failed[0].0.as_str()), (2, 1, "md+8314"));
}
