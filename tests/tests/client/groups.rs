//! Groups: many subscriptions, one stream, an outcome for each.

use std::collections::{BTreeMap, BTreeSet};

use ibws_proto::client::SubscriptionGroup;
use ibws_proto::queue::{Overflow, QueueLimits};
use ibws_proto::subscribe::{InvalidSubscribe, MarketData};
use ibws_proto::{CommandError, Field, SubscribeOutcome};

use super::*;

const SHARES: [i64; 3] = [265_598, 8_314, 756_733];

fn quotes() -> [MarketData; 3] {
    SHARES.map(|conid| MarketData::new(conid).fields([Field::LAST, Field::BID, Field::ASK]))
}

/// Returns the subscriptions that the client keeps.
fn kept(client: &SimulatedClient) -> Vec<String> {
    client.subscriptions().into_iter().map(|info| info.key.to_string()).collect()
}

/// Takes everything that can be taken now, as keys and items.
fn taken(group: &mut SubscriptionGroup<Simulated>) -> Vec<(String, Item)> {
    std::iter::from_fn(|| group.try_next()).map(|(key, item)| (key.to_string(), item)).collect()
}

#[test]
fn a_group_is_one_stream_of_keys_and_items_in_the_order_of_the_wire() {
    let (runtime, client) = ready();
    let mut events = client.events();
    let mut group = client.subscribe_all(quotes()).unwrap();
    assert_eq!(group.keys().map(ToString::to_string).collect::<Vec<_>>(), ["md+265598", "md+8314", "md+756733"]);
    assert_eq!(runtime.block_on(group.confirmed()), Ok(()));
    let other = runtime.block_on(client.subscribe("pl")).unwrap();
    runtime.run(ms(30_000));
    let items = taken(&mut group);
    let with_data: BTreeSet<_> =
        items.iter().filter(|(_, item)| matches!(item, Item::Event(Event::Message(_)))).map(|(key, _)| key).collect();
    assert_eq!(with_data.len(), 3);
    for (key, item) in &items {
        match item {
            Item::Event(Event::Message(message)) => assert_eq!(message.subscription.as_ref().unwrap().as_str(), key),
            Item::Event(Event::Subscription(change)) => assert_eq!(change.key.as_str(), key),
            other => panic!("{other:?}"),
        }
    }
    // The same as the stream of all events, without those of other subscriptions.
    let about = |item: &Item| match item {
        Item::Event(Event::Message(message)) => message.subscription.clone(),
        Item::Event(Event::Subscription(change)) => Some(change.key.clone()),
        _ => None,
    };
    let all = std::iter::from_fn(|| events.try_next());
    let same = all.filter(|item| about(item).is_some_and(|key| key.as_str().starts_with("md")));
    let shown = |item: &Item| format!("{item:?}");
    assert_eq!(
        items.iter().map(|(_, item)| shown(item)).collect::<Vec<_>>(),
        same.map(|i| shown(&i)).collect::<Vec<_>>()
    );
    drop((group, other));
    runtime.run(ms(5_000));
    assert_eq!(kept(&client), Vec::<String>::new(), "the dropped group unsubscribed all");
}

#[test]
fn a_group_reports_which_of_its_subscriptions_failed_and_the_others_go_on() {
    let (runtime, client) = ready();
    let _conflicting = runtime.block_on(client.subscribe(r#"md+8314+{"fields":["70"]}"#)).unwrap();
    runtime.gateway(|gateway| gateway.refuse("smh", "No accounts", None, ibws_testkit::Recovery::Never));
    let texts = [r#"md+265598+{"fields":["31"]}"#, r#"md+8314+{"fields":["31"]}"#, "mh+265598", "or"];
    let mut group = client.subscribe_all(texts).unwrap();
    let error = runtime.block_on(group.confirmed()).unwrap_err();
    let failed: BTreeMap<_, _> = error.failed.iter().map(|(key, error)| (key.as_str(), error)).collect();
    assert_eq!((error.of, failed.len(), error.pending.len()), (4, 2, 0));
    assert!(matches!(failed["md+8314"], CommandError::Conflict(_)), "{failed:?}");
    assert!(matches!(failed["mh+265598"], CommandError::Refused { .. }), "{failed:?}");
    assert!(
        error.to_string().starts_with("2 of 4 subscriptions failed and 0 are pending; the first error: "),
        "{error}"
    );
    let outcomes = runtime.block_on(group.outcomes());
    let outcomes: Vec<_> = outcomes.into_iter().map(|(_, outcome)| outcome.ok()).collect();
    assert_eq!(outcomes, [Some(SubscribeOutcome::Active), None, None, Some(SubscribeOutcome::Quiet)]);
    assert!(taken(&mut group).iter().any(|(key, item)| key == "md+265598" && text(Some(item.clone())).is_some()));
}

#[test]
fn a_group_reports_what_is_pending_at_a_gateway_that_is_not_ready() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let client = runtime.client();
    let mut group = client.subscribe_all(quotes()).unwrap();
    let error = runtime.block_on(group.confirmed()).unwrap_err();
    assert_eq!((error.failed.len(), error.pending.len()), (0, 3));
    runtime.block_on(client.start()).unwrap();
    runtime.run(ms(5_000));
    let active =
        taken(&mut group).into_iter().filter(|(_, item)| subscription_state(item) == Some(SubscriptionState::Active));
    assert_eq!(active.count(), 3);
}

#[test]
fn a_dropped_wait_of_a_group_loses_neither_an_outcome_nor_an_item() {
    let (runtime, client) = ready();
    let mut group = client.subscribe_all(quotes()).unwrap();
    for polls in 0..20 {
        let waits = runtime.block_on(async {
            let mut wait = Box::pin(group.confirmed());
            let mut next = 0;
            std::future::poll_fn(|cx| {
                next += 1;
                let is_done = wait.as_mut().poll(cx).is_ready();
                if is_done || next > polls { std::task::Poll::Ready(!is_done) } else { std::task::Poll::Pending }
            })
            .await
        });
        if !waits {
            break;
        }
    }
    assert_eq!(runtime.block_on(group.outcomes()).into_iter().filter(|(_, outcome)| outcome.is_ok()).count(), 3);
    let first = runtime.block_on(group.next_within(ms(0))).unwrap();
    assert_eq!(subscription_state(&first.1), Some(SubscriptionState::Subscribing));
    // The guards keep the subscriptions without the stream.
    let guards = group.into_guards();
    runtime.run(ms(5_000));
    assert_eq!(kept(&client).len(), 3);
    drop(guards);
    runtime.run(ms(5_000));
    assert_eq!(kept(&client).len(), 0);
}

#[test]
fn the_stream_of_a_group_ends_with_its_last_subscription() {
    let (runtime, client) = ready();
    let mut group = client.subscribe_all(quotes()).unwrap();
    runtime.block_on(group.confirmed()).unwrap();
    let keys: Vec<_> = group.keys().cloned().collect();
    let removed = runtime.block_on(async {
        let mut removed = Vec::new();
        client.unsubscribe(&keys[1], false).await.unwrap();
        while let Some((key, item)) = group.next().await {
            if subscription_state(&item) == Some(SubscriptionState::Removed) {
                removed.push(key);
                // The others go on until they are unsubscribed as well.
                let next = [&keys[0], &keys[2]].into_iter().find(|key| !removed.contains(key));
                if let Some(next) = next {
                    client.unsubscribe(next, false).await.unwrap();
                }
            }
        }
        removed
    });
    assert_eq!(removed, [keys[1].clone(), keys[0].clone(), keys[2].clone()]);
    assert!(runtime.block_on(group.next()).is_none());
    // A group of nothing, and one of which nothing was accepted, has an end as well.
    let mut empty = client.subscribe_all(Vec::<MarketData>::new()).unwrap();
    assert!(runtime.block_on(empty.next()).is_none());
}

#[test]
fn a_slow_consumer_of_a_group_receives_a_count_of_what_each_subscription_lost() {
    let (runtime, client) = ready();
    let narrow = QueueLimits { events: 4, bytes: usize::MAX }.overflow(Overflow::DropOldest);
    let mut group = client.with_queues(narrow).subscribe_all(quotes()).unwrap();
    runtime.block_on(group.confirmed()).unwrap();
    taken(&mut group);
    let mut sent = BTreeMap::new();
    for n in 0..300 {
        let conid = SHARES[n % 2];
        gateway_sends(&runtime, &format!(r#"{{"topic":"smd+{conid}","conid":{conid},"31":"{n}"}}"#));
        *sent.entry(format!("md+{conid}")).or_insert(0) += 1;
    }
    runtime.run(ms(10));
    let mut counted = BTreeMap::new();
    let mut lost = 0;
    for (key, item) in taken(&mut group) {
        let count = match item {
            Item::Lost(report) => {
                lost += 1;
                report.messages
            }
            Item::Event(Event::Message(message)) => 1 + message.merged,
            other => panic!("{other:?}"),
        };
        *counted.entry(key).or_insert(0) += count;
    }
    assert_eq!((counted, lost), (sent, 2));
}

#[test]
fn a_bad_request_in_a_group_is_an_error_before_anything_is_sent() {
    let (runtime, client) = ready();
    let requests = [MarketData::new(265_598), MarketData::new(0), MarketData::new(8_314)];
    assert_eq!(client.subscribe_all(requests).err(), Some(InvalidSubscribe::Conid(0)));
    runtime.run(ms(1_000));
    assert_eq!(kept(&client).len(), 0);
    assert_eq!(runtime.gateway(|gateway| gateway.log().filter(|received| received.text.starts_with('s')).count()), 0);
}
