//! The newest value of a subscription, without a queue.

use std::sync::Arc;

use ibws_proto::subscribe::{MarketData, Staleness};
use ibws_proto::{Field, Instant, SubscriptionKey};

use super::*;

fn last(value: &ibws_proto::fold::LatestValue) -> Option<String> {
    value.quote.as_ref()?.get(Field::LAST).map(|last| last.text().into_owned())
}

#[test]
fn latest_value_is_the_quote_that_all_messages_add_up_to() {
    let (runtime, client) = ready();
    let fields = MarketData::new(265_598).fields([Field::LAST, Field::BID]);
    let mut latest = client.subscribe_nowait(fields).unwrap().into_latest();
    assert!(!latest.get().is_current() && latest.get().quote.is_none());
    while !latest.get().is_current() {
        assert!(runtime.block_on(latest.changed()));
    }
    assert!(last(&latest.get()).is_some(), "the first frame is part of it");
    let before = latest.get();
    for n in 0..5_000 {
        gateway_sends(&runtime, &format!(r#"{{"topic":"smd+265598","conid":265598,"31":"{n}"}}"#));
    }
    runtime.run(ms(1));
    let now = latest.get();
    assert_eq!((last(&now).as_deref(), now.messages), (Some("4999"), before.messages + 5_000));
    let bid = |value: &ibws_proto::fold::LatestValue| {
        value.quote.as_ref().unwrap().get(Field::BID).map(|bid| bid.text().into_owned())
    };
    assert_eq!(bid(&now), bid(&before), "a field that no message has is unchanged");
    assert_ne!(last(&before), last(&now), "a value that was taken does not change");
    // All changes since the last wait are one.
    assert!(runtime.block_on(latest.changed()));
    let again = latest.get();
    assert!(Arc::ptr_eq(&again, &now), "nothing is copied");
    drop(latest);
    runtime.run(ms(5_000));
    assert!(client.subscriptions().is_empty(), "it kept the subscription");
}

#[test]
fn a_gap_and_the_end_are_part_of_the_latest_value() {
    let (runtime, client) = ready();
    let pnl = runtime.block_on(client.subscribe("pl")).unwrap();
    let mut latest = client.latest(pnl.key());
    while !latest.get().is_current() {
        assert!(runtime.block_on(latest.changed()));
    }
    assert!(latest.get().message.as_ref().is_some_and(|message| message.frame.text().contains("spl")));
    let cut_at = client.now();
    runtime.gateway(|gateway| {
        let conn = gateway.connections().last().unwrap();
        gateway.drop_connection(conn);
    });
    while latest.get().gap_since.is_none() {
        assert!(runtime.block_on(latest.changed()));
    }
    let in_gap = latest.get();
    assert!(!in_gap.is_current() && in_gap.message.is_some());
    assert!(in_gap.gap_since.unwrap() <= cut_at && in_gap.gap_since.unwrap() > Instant::ORIGIN);
    runtime.run(ms(10_000));
    assert!(latest.get().is_current());
    assert!(latest.get().at.unwrap() > cut_at);
    runtime.block_on(client.unsubscribe(pnl.key(), false)).unwrap();
    assert_eq!(latest.get().state, SubscriptionState::Removed);
    assert!(!latest.get().is_current());
}

#[test]
fn a_silence_is_part_of_the_latest_value() {
    let (runtime, client) = ready();
    // Frames of a contract are at least 500 ms apart.
    let quotes = shares().staleness(Staleness::After(ms(300)));
    let mut latest = client.subscribe_nowait(quotes).unwrap().into_latest();
    let (mut stale, mut fresh) = (0, 0);
    while fresh < 2 {
        assert!(runtime.block_on(latest.changed()));
        let value = latest.get();
        match value.stale_since {
            Some(since) => {
                assert!(!value.is_current() && since <= client.now());
                stale = fresh + 1;
            }
            None => fresh = stale,
        }
    }
}

#[test]
fn a_latest_value_begins_with_the_state_that_the_subscription_has() {
    let (runtime, client) = ready();
    let absent = client.latest(&SubscriptionKey::parse("md+8314").unwrap());
    assert_eq!((absent.get().state, absent.key().as_str()), (SubscriptionState::Removed, "md+8314"));
    let quotes = runtime.block_on(client.subscribe(shares())).unwrap();
    let first = client.latest(quotes.key());
    assert_eq!((first.get().state, first.get().messages), (SubscriptionState::Active, 0));
    runtime.run(ms(30_000));
    // The values of one key are one value.
    let second = client.latest(quotes.key());
    assert!(Arc::ptr_eq(&first.get(), &second.get()) && second.get().messages > 0);
    // It does not keep the subscription.
    drop(quotes);
    runtime.run(ms(5_000));
    assert!(client.subscriptions().is_empty());
    assert_eq!(first.get().state, SubscriptionState::Removed);
    assert_eq!(absent.get().messages, 0);
}

#[test]
fn a_wait_for_a_change_ends_with_the_client_and_can_be_dropped() {
    let (runtime, client) = ready();
    let mut quotes = runtime.block_on(client.subscribe(shares())).unwrap().into_latest();
    // Dropping a wait loses no change.
    for _ in 0..3 {
        runtime.block_on(async {
            let mut wait = Box::pin(quotes.changed());
            std::future::poll_fn(|cx| {
                let _ = wait.as_mut().poll(cx);
                std::task::Poll::Ready(())
            })
            .await;
        });
    }
    gateway_sends(&runtime, r#"{"topic":"smd+265598","conid":265598,"31":"1"}"#);
    runtime.run(ms(1));
    assert!(runtime.block_on(quotes.changed()));
    assert_eq!(last(&quotes.get()).as_deref(), Some("1"));
    let (mut beside, mut absent) = (client.latest(quotes.key()), client.latest(&SubscriptionKey::parse("pl").unwrap()));
    runtime.block_on(client.shutdown()).unwrap();
    drop((client, quotes));
    assert!(runtime.block_on(beside.changed()), "the removal");
    assert_eq!(beside.get().state, SubscriptionState::Removed);
    // As a handle it keeps the client, which can be started again; the last handles end it.
    let waits = runtime.block_on(async {
        let mut wait = Box::pin(absent.changed());
        std::future::poll_fn(|cx| std::task::Poll::Ready(wait.as_mut().poll(cx).is_pending())).await
    });
    assert!(waits);
    drop((beside, absent));
    runtime.run(ms(10_000));
    assert_eq!(runtime.tasks(), 0);
}
