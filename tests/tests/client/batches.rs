//! Batches: what a consumer takes at once, and what stays for the next call.

use super::*;

fn quote(n: u32) -> String {
    format!(r#"{{"topic":"smd+265598","conid":265598,"31":"{n}"}}"#)
}

/// Has the gateway send these quotes at once.
fn receive(runtime: &Simulated, numbers: std::ops::Range<u32>) {
    numbers.for_each(|n| gateway_sends(runtime, &quote(n)));
    runtime.run(ms(10));
}

fn texts(items: impl Iterator<Item = Item>) -> Vec<String> {
    items.filter_map(|item| text(Some(item))).collect()
}

fn quotes(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(quote).collect()
}

/// Returns a confirmed subscription of which everything was taken.
fn subscribed(runtime: &Simulated, client: &SimulatedClient) -> ibws_proto::client::Subscription<Simulated> {
    let mut stream = runtime.block_on(client.subscribe(shares())).unwrap();
    while stream.try_next().is_some() {}
    stream
}

#[test]
fn a_batch_is_what_can_be_taken_at_once_and_the_next_one_goes_on_after_it() {
    let (runtime, client) = ready();
    let mut stream = subscribed(&runtime, &client);
    receive(&runtime, 0..100);
    let batch = texts(runtime.block_on(stream.next_batch()).unwrap());
    assert_eq!(batch, quotes(0..64), "at most 64 events");
    assert_eq!(texts(runtime.block_on(stream.next_batch()).unwrap()), quotes(64..100));
    assert!(stream.is_empty());
    // It waits for the next item.
    let waits = runtime.block_on(async {
        let mut next = std::pin::pin!(stream.next_batch());
        std::future::poll_fn(|cx| std::task::Poll::Ready(next.as_mut().poll(cx).is_pending())).await
    });
    assert!(waits);
    receive(&runtime, 100..101);
    assert_eq!(texts(runtime.block_on(stream.next_batch()).unwrap()), quotes(100..101));
}

#[test]
fn what_is_not_taken_out_of_a_batch_stays_in_the_stream() {
    let (runtime, client) = ready();
    let mut stream = subscribed(&runtime, &client);
    receive(&runtime, 0..10);
    let two = texts(runtime.block_on(stream.next_batch()).unwrap().take(2));
    assert_eq!((two, stream.len()), (quotes(0..2), 8));
    assert_eq!(text(runtime.block_on(stream.next())), Some(quote(2)));
    drop(runtime.block_on(stream.next_batch()));
    assert_eq!(text(stream.try_next()), Some(quote(3)));
    assert_eq!(texts(runtime.block_on(stream.next_batch()).unwrap()), quotes(4..10));
}

#[test]
fn the_batches_of_a_subscription_end_with_its_removal() {
    let (runtime, client) = ready();
    let mut stream = subscribed(&runtime, &client);
    let key = stream.key().clone();
    receive(&runtime, 0..3);
    runtime.block_on(client.unsubscribe(&key, true)).unwrap();
    let mut items = Vec::new();
    while let Some(batch) = runtime.block_on(stream.next_batch()) {
        items.extend(batch);
    }
    assert_eq!(items.last().and_then(subscription_state), Some(SubscriptionState::Removed));
    assert_eq!(texts(items.into_iter()), quotes(0..3));
    assert!(runtime.block_on(stream.next_batch()).is_none(), "it has ended for good");
}

#[test]
fn the_batches_of_a_group_name_the_subscription_of_each_item_and_end_with_the_last_one() {
    let (runtime, client) = ready();
    let mut group = client.subscribe_all([shares()]).unwrap();
    runtime.block_on(group.confirmed()).unwrap();
    let key = group.keys().next().unwrap().clone();
    while group.try_next().is_some() {}
    receive(&runtime, 0..70);
    runtime.block_on(client.unsubscribe(&key, true)).unwrap();
    let mut items = Vec::new();
    while let Some(batch) = runtime.block_on(group.next_batch()) {
        for (of, item) in batch {
            assert_eq!(of, key);
            items.push(item);
        }
    }
    assert_eq!(items.last().and_then(subscription_state), Some(SubscriptionState::Removed));
    assert_eq!(texts(items.into_iter()), quotes(0..70));
}
