//! Queues: which events reach which consumer.

use ibws_proto::client::QueueAccessor;
use ibws_proto::{Item, Key, SubscribeOutcome, SubscriptionState, queue::QueueLimits};

use super::*;

const HEARTBEAT: &str = r#"{"topic":"system","hb":1700000000000}"#;
const BULLETIN: &str = r#"{"topic":"blt","args":[{"id":1,"message":"An early close"}]}"#;

#[test]
fn queue_can_be_tried_awaited_and_awaited_with_a_limit() {
    let (runtime, client) = ready();
    let mut bulletins = client.queue(Key::Bulletins);
    assert_eq!((*bulletins.key(), bulletins.is_empty(), bulletins.len()), (Key::Bulletins, true, 0));
    assert!(bulletins.try_recv().is_none());
    let began = client.stats().machine.frames;
    assert!(runtime.block_on(bulletins.recv_timeout(ms(20_000))).is_none());
    assert!(client.stats().machine.frames > began, "frames of other keys arrived meanwhile");
    gateway_sends(&runtime, BULLETIN);
    assert_eq!(text(runtime.block_on(bulletins.recv())).as_deref(), Some(BULLETIN));
    gateway_sends(&runtime, BULLETIN);
    runtime.run(ms(1));
    assert_eq!((bulletins.is_empty(), bulletins.len()), (false, 1));
    assert_eq!(text(runtime.block_on(bulletins.recv_timeout(ms(0)))).as_deref(), Some(BULLETIN));
    runtime.block_on(client.shutdown()).unwrap();
    assert!(bulletins.try_recv().is_none());
}

#[test]
fn nothing_is_queued_for_a_key_without_an_accessor() {
    let (runtime, client) = ready();
    gateway_sends(&runtime, HEARTBEAT);
    runtime.run(ms(1));
    let mut system = client.queue(Key::System);
    assert!(system.try_recv().is_none());
    gateway_sends(&runtime, HEARTBEAT);
    runtime.run(ms(1));
    drop(system);
    let mut system = client.queue(Key::System);
    assert!(system.try_recv().is_none(), "the queue was closed with its last accessor");
    gateway_sends(&runtime, HEARTBEAT);
    runtime.run(ms(1));
    assert_eq!(text(system.try_recv()).as_deref(), Some(HEARTBEAT));
}

#[test]
fn accessors_of_one_key_share_its_queue() {
    let (runtime, client) = ready();
    let mut accessors = [client.queue(Key::Bulletins), client.queue(Key::Bulletins)];
    for _ in 0..4 {
        gateway_sends(&runtime, BULLETIN);
    }
    runtime.run(ms(1));
    assert_eq!(accessors.each_ref().map(|accessor| accessor.len()), [4, 4]);
    assert!(
        accessors[0].try_recv().is_some() && accessors[1].try_recv().is_some() && accessors[1].try_recv().is_some()
    );
    assert_eq!(accessors.each_ref().map(|accessor| accessor.len()), [1, 1]);
}

#[test]
fn accessor_can_be_created_for_any_stream_under_any_name() {
    let (runtime, client) = ready();
    let mut all = QueueAccessor::new(client.events(), "everything");
    gateway_sends(&runtime, BULLETIN);
    assert_eq!((*all.key(), text(runtime.block_on(all.recv())).as_deref()), ("everything", Some(BULLETIN)));
}

#[test]
fn each_key_can_have_limits_of_its_own() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let narrow = |key| QueueLimits { events: if key == Key::Bulletins { 2 } else { 5 }, bytes: usize::MAX };
    let client = runtime.builder().queue_limits_by_key(narrow).build().unwrap();
    runtime.block_on(client.start()).unwrap();
    let (bulletins, system, all) = (client.queue(Key::Bulletins), client.queue(Key::System), client.events());
    for _ in 0..10 {
        gateway_sends(&runtime, BULLETIN);
        gateway_sends(&runtime, HEARTBEAT);
    }
    runtime.run(ms(1));
    assert_eq!((bulletins.len(), system.len()), (2, 5));
    assert!(all.len() >= 20, "{}", all.len());
}

#[test]
fn stream_of_a_slow_consumer_is_merged_to_the_latest_values() {
    let (runtime, client) = ready();
    let mut quotes = runtime.block_on(client.subscribe(shares())).unwrap();
    let mut all = client.events_within(QueueLimits { events: 4, bytes: usize::MAX });
    while quotes.try_next().is_some() {}
    for n in 0..5_000 {
        gateway_sends(
            &runtime,
            &format!(r#"{{"topic":"smd+265598","conid":265598,"31":"{n}","{}":"{n}"}}"#, 7000 + n % 5),
        );
    }
    runtime.run(ms(10));
    let (mut counted, mut last) = (0, None);
    let items: Vec<_> = std::iter::from_fn(|| quotes.try_next()).collect();
    assert_eq!(items.len(), 1_024);
    for item in items {
        let Item::Event(Event::Message(message)) = item else { panic!("{item:?}") };
        counted += 1 + message.merged;
        last = Some(message.frame);
    }
    assert_eq!(counted, 5_000);
    let last = last.unwrap();
    assert_eq!(last.get("31").unwrap().text(), "\"4999\"");
    assert_eq!(last.get("7001").unwrap().text(), "\"4996\"");
    assert!(all.len() <= 4);
    let counts = std::iter::from_fn(|| all.try_next()).filter_map(|item| match item {
        Item::Event(Event::Message(message)) => Some(1 + message.merged),
        _ => None,
    });
    assert_eq!(counts.sum::<u64>(), 5_000);
}

#[test]
fn subscription_ends_even_if_its_queue_had_no_room_for_its_removal() {
    let runtime = Simulated::new(GatewayConfig::seeded(2));
    let client = runtime.builder().queue_limits(QueueLimits { events: 0, bytes: 0 }).build().unwrap();
    runtime.block_on(client.start()).unwrap();
    let mut quotes = runtime.block_on(client.subscribe(shares())).unwrap();
    runtime.block_on(client.unsubscribe(quotes.key(), false)).unwrap();
    let mut lost = 0;
    while let Some(item) = runtime.block_on(quotes.next()) {
        let Item::Lost(report) = item else { panic!("{item:?}") };
        lost += report.notices;
    }
    assert!(lost >= 3, "pending or subscribing, active, removed: {lost}");
    drop((quotes, client));
    runtime.run(ms(10_000));
    assert_eq!(runtime.tasks(), 0);
}

#[test]
fn reset_and_shutdown_while_a_stream_is_read_never_deadlock() {
    let (runtime, client) = ready();
    let mut quotes = client.subscribe_nowait(shares()).unwrap();
    let story = async {
        let mut resets = 0;
        while let Some(item) = quotes.next().await {
            if subscription_state(&item) == Some(SubscriptionState::Active) {
                resets += 1;
                match resets {
                    1 => client.hard_reset(true).await.unwrap(),
                    2 => drop(client.hard_reset(true)),
                    _ => client.shutdown().await.unwrap(),
                }
            }
        }
        resets
    };
    assert_eq!(runtime.block_on(story), 3);
    assert_eq!(client.status().state, ConnectionState::Stopped);
}

#[test]
fn a_guard_keeps_the_subscription_and_queues_nothing() {
    let (runtime, client) = ready();
    let mut guard = client.subscribe_nowait(shares()).unwrap().into_guard();
    assert_eq!(guard.key().as_str(), "md+265598");
    assert_eq!(guard.known_outcome(), SubscribeOutcome::Pending);
    assert_eq!(runtime.block_on(guard.outcome()), Ok(SubscribeOutcome::Active));
    assert_eq!(guard.known_outcome(), SubscribeOutcome::Active);
    runtime.run(ms(60_000));
    assert_eq!(client.subscriptions().len(), 1);
    // The frames of a minute are stored nowhere: a handle of the same key sees the next one only.
    let mut second = client.subscribe_nowait(shares()).unwrap();
    assert!(second.is_empty());
    drop(guard);
    runtime.run(ms(1_000));
    assert_eq!(client.subscriptions().len(), 1, "the second handle keeps the subscription");
    drop(second.try_next());
    drop(second);
    runtime.run(ms(5_000));
    assert!(client.subscriptions().is_empty());
}

#[test]
fn a_client_has_a_common_limit_of_its_queues_beside_their_own() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let client = runtime.builder().total_queue_bytes(50_000).build().unwrap();
    runtime.block_on(client.start()).unwrap();
    let (mut bulletins, all) = (client.queue(Key::Bulletins), client.events());
    gateway_sends(&runtime, BULLETIN);
    for _ in 0..1_000 {
        gateway_sends(&runtime, HEARTBEAT);
    }
    runtime.run(ms(1));
    assert!(all.len() < 200, "{}", all.len());
    assert_eq!(text(bulletins.try_recv()).as_deref(), Some(BULLETIN), "a small queue keeps what it has");
}
