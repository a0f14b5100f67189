//! Which events go into which queue.

use core::ops::Range;

use super::*;

#[test]
fn each_event_goes_into_the_queues_whose_filter_includes_it() {
    let mut queues = Queues::default();
    let filters = [
        EventFilter::Subscription(SubscriptionKey::parse("md+1").unwrap()),
        EventFilter::Key(Key::MarketData),
        EventFilter::All,
        EventFilter::Key(Key::System),
    ];
    let ids = filters.map(|filter| queues.open(filter, QueueLimits::default()));
    let mut delivered = Vec::new();
    for event in [
        quote(1, 1, r#""31":"1.00""#),
        quote(2, 2, r#""31":"1.00""#),
        gap(3, "md+1"),
        subscription_state(4, "md+1", SubscriptionState::Active),
        message(5, "", r#"{"topic":"system","hb":1}"#),
        message(6, "", r#"{"topic":"news"}"#),
    ] {
        queues.deliver(event, |id, _| delivered.push(id));
    }
    assert_eq!(ids.map(|id| queues.get(id).unwrap().len()), [3, 3, 6, 1]);
    assert_eq!(delivered.len(), 13);
    assert_eq!(queues.of_key(Key::System), Some(ids[3]));
    assert_eq!(queues.close(ids[3]).unwrap().len(), 1);
    assert!(queues.of_key(Key::System).is_none() && queues.get(ids[3]).is_none());
}

#[test]
fn queues_above_their_common_limit_share_it_fairly_and_report_what_they_drop() {
    let mut queues = Queues::with_total_bytes(100_000);
    let filters = [EventFilter::Key(Key::System), EventFilter::All, EventFilter::All];
    let ids = filters.map(|filter| queues.open(filter, QueueLimits::default()));
    for n in 0..3 {
        queues.deliver(message(n, "", r#"{"topic":"system","hb":1}"#), |_, _| {});
    }
    for n in 3..1_000 {
        queues.deliver(message(n, "", &format!("{{\"topic\":\"news\",\"n\":{n}}}")), |_, _| {});
        assert!(queues.bytes() <= 100_000);
    }
    let [system, one, other] = ids.map(|id| queues.get(id).unwrap());
    // The small queue keeps everything, and the large ones hold the same.
    assert_eq!(system.len(), 3);
    assert_eq!((one.len(), one.bytes()), (other.len(), other.bytes()));
    assert!(queues.bytes() > 95_000, "{}", queues.bytes());
    let kept = one.len();
    let items = all(queues.get_mut(ids[1]).unwrap());
    let expected = [format!("lost - {}+0+0 since 0.003s", 997 - kept), "lost SYSTEM 3+0+0 since 0.000s".into()];
    assert_eq!(items[..2], expected);
    assert_eq!(all(queues.get_mut(ids[0]).unwrap()).len(), 3);
}

#[test]
fn quotes_are_merged_before_anything_is_dropped_for_the_common_limit() {
    let mut queues = Queues::with_total_bytes(50_000);
    let id = queues.open(EventFilter::All, QueueLimits::default());
    for n in 0..1_000 {
        queues.deliver(quote(n, 1, &format!("\"31\":\"{n}\"")), |_, _| {});
    }
    let items = all(queues.get_mut(id).unwrap());
    assert!(items.iter().all(|item| !item.starts_with("lost")), "{items:?}");
    let merged: u64 = items.iter().map(|item| item.split('x').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(merged, 1_000);
}

/// Returns the number of buffers, in each of which a quote was received, that a queue holds.
fn held(buffers: &[Bytes]) -> usize {
    buffers.iter().filter(|buffer| !buffer.is_unique()).count()
}

/// Delivers quotes of other contracts, each received in a large buffer, which is returned.
fn receive(queues: &mut Queues, conids: Range<u32>) -> Vec<Bytes> {
    let deliver = |conid| {
        let Event::Message(mut message) = quote(u64::from(conid), conid, r#""31":"1.00""#) else { panic!() };
        let mut buffer = message.frame.raw().to_vec();
        buffer.resize(10_000, b' ');
        let buffer = Bytes::from(buffer);
        message.frame = Frame::decode(buffer.slice(..message.frame.raw().len())).unwrap();
        queues.deliver(Event::Message(message), |_, _| {});
        buffer
    };
    conids.map(deliver).collect()
}

#[test]
fn events_of_a_round_share_their_buffers_until_the_next_one_begins() {
    let mut queues = Queues::default();
    let id = queues.open(EventFilter::Key(Key::MarketData), QueueLimits::default());
    let before = receive(&mut queues, 0..3);
    assert_eq!(held(&before), 1, "without rounds, the last one shares its buffer");
    queues.begin_round();
    assert_eq!(held(&before), 0, "the first round ends that");
    let first = receive(&mut queues, 3..8);
    assert_eq!(held(&first), 5);
    // The consumer takes some of them, and their buffers with them.
    let taken: Vec<_> = (0..5).map(|_| queues.get_mut(id).unwrap().pop().unwrap()).collect();
    queues.begin_round();
    assert_eq!(held(&first), 2, "the consumer holds two");
    drop(taken);
    assert_eq!(held(&first), 0);
    let second = receive(&mut queues, 8..10);
    assert_eq!((held(&first), held(&second)), (0, 2));
    queues.begin_round();
    queues.begin_round();
    assert_eq!(held(&second), 0, "whatever comes next");
    assert_eq!(all(queues.get_mut(id).unwrap()).len(), 5);
}

#[test]
fn events_of_several_queues_and_of_full_ones_share_no_buffers_beyond_the_last() {
    let mut queues = Queues::default();
    queues.begin_round();
    let full = queues.open(EventFilter::Key(Key::MarketData), QueueLimits { events: 3, bytes: ANY });
    let buffers = receive(&mut queues, 0..5);
    assert_eq!(held(&buffers), 0, "a full queue keeps what it holds for a while");
    drop(queues.close(full));
    let ids = [0; 2].map(|_| queues.open(EventFilter::All, QueueLimits::default()));
    let buffers = receive(&mut queues, 5..9);
    assert_eq!(held(&buffers), 1);
    queues.begin_round();
    assert_eq!(held(&buffers), 0);
    for id in ids {
        assert_eq!(all(queues.get_mut(id).unwrap()).len(), 4);
    }
}
