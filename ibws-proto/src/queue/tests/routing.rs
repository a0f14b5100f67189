//! Which events go into which queue.

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
        queues.deliver(event, |id| delivered.push(id));
    }
    assert_eq!(ids.map(|id| queues.get(id).unwrap().len()), [3, 3, 6, 1]);
    assert_eq!(delivered.len(), 13);
    assert_eq!(queues.of_key(Key::System), Some(ids[3]));
    assert_eq!(queues.close(ids[3]).unwrap().len(), 1);
    assert!(queues.of_key(Key::System).is_none() && queues.get(ids[3]).is_none());
}
