//! The overflow that each stream can have of its own, and that every loss is counted.

use super::*;
use ibws_proto::Key;
use ibws_proto::queue::{EventFilter, Overflow, QueueLimits};

/// Takes everything that can be taken, as texts and counts: as received, merged, lost, folded.
fn counts(mut next: impl FnMut() -> Option<Item>) -> (Vec<String>, [u64; 4]) {
    let (mut texts, mut counts) = (Vec::new(), [0; 4]);
    while let Some(item) = next() {
        match item {
            Item::Event(Event::Message(message)) => {
                counts[0] += 1;
                counts[1] += message.merged;
                texts.push(message.frame.text().to_owned());
            }
            Item::Lost(report) => {
                counts[2] += report.messages;
                counts[3] += report.folded;
            }
            Item::Event(_) => {}
        }
    }
    (texts, counts)
}

#[test]
fn streams_of_one_subscription_can_differ_in_their_overflow() {
    let (runtime, client) = ready();
    let limits = QueueLimits { events: 10, bytes: usize::MAX };
    let of = |overflow: Overflow| client.with_queues(limits.overflow(overflow)).subscribe_nowait(shares()).unwrap();
    let mut streams = [Overflow::Merge, Overflow::DropOldest, Overflow::KeepNewest].map(of);
    runtime.block_on(streams[0].outcome()).unwrap();
    streams.iter_mut().for_each(|stream| while stream.try_next().is_some() {});
    let sent = |n| format!(r#"{{"topic":"smd+265598","conid":265598,"31":"{n}"}}"#);
    for n in 0..1_000 {
        gateway_sends(&runtime, &sent(n));
    }
    runtime.run(ms(10));
    let [merging, dropping, newest] = &mut streams;
    assert_eq!([merging.len(), dropping.len(), newest.len()], [10, 10, 1]);
    assert_eq!(counts(|| merging.try_next()).1, [10, 990, 0, 0]);
    let (texts, counted) = counts(|| dropping.try_next());
    assert_eq!(counted, [10, 0, 990, 0]);
    assert_eq!(texts, (990..1_000).map(sent).collect::<Vec<_>>(), "each is a frame of the gateway");
    let (texts, counted) = counts(|| newest.try_next());
    assert_eq!((texts, counted), (vec![sent(999)], [1, 999, 0, 0]));
}

#[test]
fn burst_larger_than_a_queue_is_read_at_the_pace_of_a_consumer_that_is_ready() {
    let (runtime, client) = ready();
    let limits = QueueLimits { events: 200, bytes: usize::MAX };
    let mut stalled = client.with_queues(limits).subscribe_nowait(shares()).unwrap();
    let mut stream = client.with_queues(limits).subscribe_nowait(shares()).unwrap();
    runtime.block_on(stream.outcome()).unwrap();
    let sent = |n| format!(r#"{{"topic":"smd+265598","conid":265598,"31":"{n}"}}"#);
    let mut burst = |from: u64| {
        (from..from + 5_000).for_each(|n| gateway_sends(&runtime, &sent(n)));
        let mut received = [0; 2];
        while received[0] + received[1] < 5_000 {
            let Some(Item::Event(Event::Message(message))) = runtime.block_on(stream.next()) else { continue };
            received[0] += u64::from(message.frame.text().contains("\"31\""));
            received[1] += message.merged;
        }
        received
    };
    // The stalled stream is waited for once, and then no longer.
    let began = runtime.now();
    let [first, _] = burst(0);
    assert!(first > 0 && runtime.now().since(began) <= ms(10), "{first} {:?}", runtime.now().since(began));
    assert_eq!(burst(5_000), [5_000, 0], "nothing is merged for the consumer that is ready");
    assert!(counts(|| stalled.try_next()).1[1] > 9_000);
}

#[test]
fn overflow_of_queues_streams_and_sinks_is_that_of_the_handle() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let by_key = |key| if key == Key::Orders { Overflow::KeepNewest } else { Overflow::Merge };
    let client = runtime.builder().queue_limits_by_key(by_key).build().unwrap();
    runtime.block_on(client.start()).unwrap();
    runtime.run(ms(500));
    let subscription = runtime.block_on(client.subscribe("or")).unwrap();
    runtime.run(ms(20_000));
    let mut queue = client.queue(Key::Orders);
    let mut all = client.events_within(Overflow::DropOldest);
    let (sender, receiver) = std::sync::mpsc::channel();
    client
        .with_queues(Overflow::KeepNewest)
        .attach_filtered(EventFilter::Subscription(subscription.key().clone()), sender);
    let sent = |n| format!(r#"{{"topic":"sor","args":[{{"orderId":1,"remainingQuantity":{n}}}]}}"#);
    for n in 0..40 {
        gateway_sends(&runtime, &sent(n));
    }
    runtime.run(ms(1));
    assert_eq!(counts(|| all.try_next()).1, [40, 0, 0, 0], "below its limits a queue that drops the oldest drops none");
    let (texts, [received, merged, lost, folded]) = counts(|| queue.try_recv());
    assert_eq!((received + merged, lost, folded), (40, 0, 39));
    assert!(texts[0].contains(r#""remainingQuantity":39"#), "{texts:?}");
    let [received, merged, lost, _] = counts(|| receiver.try_recv().ok()).1;
    assert_eq!((received + merged, lost), (40, 0));
}
