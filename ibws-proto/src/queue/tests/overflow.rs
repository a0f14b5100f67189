//! What the user chooses a queue to do with messages, and that each choice counts exactly.

use alloc::collections::BTreeMap;

use super::*;

fn options(events: usize, overflow: Overflow) -> QueueOptions {
    QueueLimits { events, bytes: ANY }.overflow(overflow)
}

#[test]
fn queue_that_drops_the_oldest_merges_and_folds_nothing() {
    let mut queue = Queue::new(options(4, Overflow::DropOldest));
    queue.push(gap(1, "md+1"));
    for n in 2..6 {
        queue.push(quote(n, 1, &format!("\"31\":\"{n}\"")));
    }
    for n in 6..9 {
        queue.push(orders(n, &format!("{{\"orderId\":{n}}}")));
    }
    assert_eq!(
        all(&mut queue),
        [
            "lost MARKET_DATA 4+0+0 since 0.002s",
            "gap md+1 0.001s",
            r#"1x {"topic":"sor","args":[{"orderId":6}]}"#,
            r#"1x {"topic":"sor","args":[{"orderId":7}]}"#,
            r#"1x {"topic":"sor","args":[{"orderId":8}]}"#,
        ]
    );
}

#[test]
fn queue_that_keeps_the_newest_holds_one_message_of_each_stream_before_it_is_full() {
    let mut queue = Queue::new(options(ANY, Overflow::KeepNewest));
    let pnl = |ms: u64| message(ms, "pl", &format!("{{\"topic\":\"spl\",\"args\":{{\"dpl\":{ms}}}}}"));
    for n in 0..3 {
        queue.push(quote(10 * n + 1, 1, &format!("\"31\":\"{n}\",\"{n}\":\"x\"")));
        queue.push(quote(10 * n + 2, 2, &format!("\"31\":\"{n}\"")));
        queue.push(orders(10 * n + 3, &format!("{{\"orderId\":1,\"filledQuantity\":{n}}}")));
        queue.push(pnl(10 * n + 4));
        // Messages of no subscription are kept.
        queue.push(message(10 * n + 5, "", &format!("{{\"topic\":\"system\",\"hb\":{n}}}")));
    }
    assert_eq!(queue.len(), 7);
    assert_eq!(
        all(&mut queue),
        [
            "lost PNL 2+0+0 since 0.004s",
            r#"3x {"topic":"smd+1","31":"2","0":"x","1":"x","2":"x"}"#,
            r#"3x {"topic":"smd+2","31":"2"}"#,
            "lost ORDERS 0+2+0 since 0.003s",
            r#"3x {"topic":"sor","args":[{"orderId":1,"filledQuantity":2}]}"#,
            r#"1x {"topic":"system","hb":0}"#,
            r#"1x {"topic":"system","hb":1}"#,
            r#"1x {"topic":"spl","args":{"dpl":24}}"#,
            r#"1x {"topic":"system","hb":2}"#,
        ]
    );
}

#[test]
fn queue_that_keeps_the_newest_merges_nothing_across_a_gap() {
    let mut queue = Queue::new(options(ANY, Overflow::KeepNewest));
    queue.push(quote(1, 1, r#""31":"1""#));
    queue.push(quote(2, 1, r#""31":"2""#));
    queue.push(gap(3, "md+1"));
    queue.push(quote(4, 1, r#""31":"4""#));
    queue.push(quote(5, 1, r#""31":"5""#));
    assert_eq!(
        all(&mut queue),
        [r#"2x {"topic":"smd+1","31":"2"}"#, "gap md+1 0.003s", r#"2x {"topic":"smd+1","31":"5"}"#]
    );
}

#[test]
fn queue_of_several_subscriptions_counts_losses_for_each() {
    let mut queues = Queues::default();
    let key = |text: &str| SubscriptionKey::parse(text).unwrap();
    let filter = EventFilter::Subscriptions([key("md+1"), key("md+2"), key("md+1"), key("or")].into());
    let id = queues.open(filter, options(2, Overflow::DropOldest));
    let mut delivered = 0;
    for n in 1..=6 {
        queues.deliver(quote(n, 1 + u32::try_from(n % 3).unwrap(), r#""31":"1""#), |_, _| delivered += 1);
    }
    assert_eq!(delivered, 4, "md+3 is not among them, and a key that is listed twice is delivered once");
    queues.deliver(orders(7, "{\"orderId\":7}"), |_, _| delivered += 1);
    let queue = queues.get_mut(id).unwrap();
    let items = core::iter::from_fn(|| queue.take());
    let lines: Vec<_> = items
        .map(|item| {
            let subscription = item.peek().subscription().map_or("-".into(), SubscriptionKey::to_string);
            format!("{subscription}: {}", line(&item.into_item()))
        })
        .collect();
    assert_eq!(
        lines,
        [
            "md+1: lost MARKET_DATA 1+0+0 since 0.003s",
            "md+2: lost MARKET_DATA 2+0+0 since 0.001s",
            r#"md+1: 1x {"topic":"smd+1","31":"1"}"#,
            r#"or: 1x {"topic":"sor","args":[{"orderId":7}]}"#,
        ]
    );
    assert!(queues.close(id).is_some());
    queues.deliver(quote(9, 1, r#""31":"1""#), |_, _| panic!("the queue is closed"));
}

/// A queue that was full once, and is never empty again, forgets what it has delivered.
#[test]
fn index_of_a_queue_does_not_grow_while_it_is_never_empty() {
    for overflow in [Overflow::Merge, Overflow::DropOldest, Overflow::KeepNewest] {
        let mut queue = Queue::new(options(4, overflow));
        for n in 0..5 {
            queue.push(malformed(n));
        }
        for n in 0..5_000 {
            queue.push(quote(n, 1, r#""31":"1""#));
            queue.pop();
            queue.pop();
            queue.push(orders(n, "{\"orderId\":1}"));
        }
        assert!(!queue.is_empty());
        let entries = queue.index.as_ref().map_or(0, super::super::index::Index::len);
        assert!(entries < 200, "{overflow:?}: {entries} entries for {} events", queue.len());
    }
}

/// For each key: messages put in = messages taken out + their `merged` + those that are reported as
/// lost; notices put in = notices taken out + those that are reported as lost.
#[test]
fn each_overflow_counts_every_event_exactly() {
    let mut random = 1_u64;
    let mut chance = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut dropped = BTreeMap::<&str, u64>::new();
    for round in 0..300_u64 {
        let overflow =
            [Overflow::Merge, Overflow::DropOldest, Overflow::KeepNewest][usize::try_from(round % 3).unwrap()];
        let mut queue = Queue::new(options(usize::try_from(chance(12)).unwrap(), overflow));
        queue.counts_by_subscription = chance(2) == 0;
        let (mut given, mut taken) = (BTreeMap::new(), BTreeMap::new());
        let mut count = |item: Option<Item>| match item {
            None => {}
            Some(Item::Lost(report)) => {
                *taken.entry((report.key, true)).or_insert(0) += report.messages;
                *taken.entry((report.key, false)).or_insert(0) += report.notices;
                *dropped.entry(["merge", "oldest", "newest"][usize::try_from(round % 3).unwrap()]).or_insert(0) +=
                    report.messages + report.folded;
            }
            Some(Item::Event(event)) => {
                let merged = if let Event::Message(message) = &event { message.merged } else { 0 };
                let kind = (super::super::attribution::key(&event), matches!(event, Event::Message(_)));
                *taken.entry(kind).or_insert(0) += 1 + merged;
            }
        };
        for n in 0..200 {
            let event = match chance(10) {
                0 => gap(n, "md+1"),
                1 => resumed(n, n, "md+1"),
                2 => subscription_state(n, "or", SubscriptionState::Active),
                3 => orders(n, &format!("{{\"orderId\":{}}}", chance(3))),
                4 => message(n, "pl", "{\"topic\":\"spl\",\"args\":{}}"),
                5 => message(n, "", "{\"topic\":\"system\",\"hb\":1}"),
                6 => message(n, "tr", &format!("{{\"topic\":\"str\",\"args\":[{{\"execution_id\":\"e{n}\"}}]}}")),
                _ => quote(n, u32::try_from(1 + chance(3)).unwrap(), &format!("\"31\":\"{n}\"")),
            };
            let kind = (super::super::attribution::key(&event), matches!(event, Event::Message(_)));
            *given.entry(kind).or_insert(0) += 1;
            queue.push(event);
            assert!(queue.len() <= queue.limits().events);
            for _ in 0..chance(3) {
                count(queue.pop());
            }
        }
        while !queue.is_empty() {
            count(queue.pop());
        }
        taken.retain(|_, count| *count > 0);
        assert_eq!(taken, given, "round {round}, {overflow:?}");
    }
    assert!(["merge", "oldest", "newest"].iter().all(|overflow| dropped[overflow] > 1_000), "{dropped:?}");
}

#[test]
fn message_that_takes_the_place_of_another_keeps_the_buffer_it_came_in_until_the_next_one() {
    for second in [r#""31":"2.00""#, r#""84":"2.00""#] {
        let mut queue = Queue::new(Overflow::KeepNewest);
        let mut buffers = Vec::new();
        for (ms, fields) in [r#""31":"1.00""#, second, r#""31":"3.00""#].into_iter().enumerate() {
            let text = format!("{{\"topic\":\"smd+1\",{fields}}}");
            let mut buffer = text.clone().into_bytes();
            buffer.resize(10_000, b' ');
            let buffer = Bytes::from(buffer);
            let Event::Message(mut message) = quote(u64::try_from(ms).unwrap(), 1, fields) else { panic!() };
            message.frame = Frame::decode(buffer.slice(..text.len())).unwrap();
            queue.push(Event::Message(message));
            assert!(buffers.iter().all(Bytes::is_unique), "what came before is released");
            buffers.push(buffer);
        }
        queue.push(quote(9, 2, r#""31":"1.00""#));
        assert!(buffers.iter().all(Bytes::is_unique), "what stays has a buffer of its own");
        assert_eq!(queue.len(), 2);
    }
}
