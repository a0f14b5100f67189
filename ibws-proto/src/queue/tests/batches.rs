//! What a consumer takes at once.

use super::*;
use crate::queue::Batch;

/// Takes batches until there is nothing more; returns the events of each as they were counted, and
/// its items.
fn batches(queue: &mut Queue, max: usize, max_bytes: usize) -> Vec<(usize, usize)> {
    let (mut batch, mut sizes) = (Batch::default(), Vec::new());
    loop {
        queue.take_batch(&mut batch, max, max_bytes);
        if batch.is_empty() {
            return sizes;
        }
        let mut items = 0;
        let events = batch.events();
        while batch.pop_item().is_some() {
            items += 1;
            assert!(batch.events() + items >= events);
        }
        sizes.push((events, items));
    }
}

fn filled(count: u64, limits: QueueLimits) -> Queue {
    let mut queue = Queue::new(limits);
    (0..count).for_each(|n| queue.push(quote(n, u32::try_from(n).unwrap(), r#""31":"1.00""#)));
    queue
}

#[test]
fn a_batch_ends_with_its_number_or_its_bytes() {
    let limits = QueueLimits::default();
    assert_eq!(batches(&mut filled(50, limits), 64, 1 << 20), [(50, 50)], "the whole list");
    assert_eq!(batches(&mut filled(150, limits), 64, 1 << 20), [(64, 64), (64, 64), (22, 22)]);
    let cost = filled(1, limits).bytes();
    assert_eq!(batches(&mut filled(5, limits), 64, 2 * cost), [(3, 3), (2, 2)], "its bytes and one item");
}

#[test]
fn the_items_of_a_list_that_changed_hands_come_in_order_and_cost_the_queue_nothing() {
    let mut queue = filled(3, QueueLimits::default());
    let mut batch = Batch::default();
    queue.take_batch(&mut batch, 64, 1 << 20);
    assert_eq!((queue.len(), queue.bytes(), batch.events()), (0, 0, 3));
    queue.push(quote(9, 9, r#""31":"9.00""#));
    let at = |item: Option<Item>| match item {
        Some(Item::Event(Event::Message(message))) => message.at,
        other => panic!("{other:?}"),
    };
    let first = at(batch.pop_item());
    assert_eq!((batch.events(), at(batch.pop_item()) > first), (2, true));
    assert!(at(batch.pop_item()) > first && batch.is_empty() && batch.pop_item().is_none());
    queue.take_batch(&mut batch, 64, 1 << 20);
    assert_eq!((batch.events(), queue.len()), (1, 0), "the queue goes on with the list that it got");
    assert!(at(batch.pop_item()) > first);
}

#[test]
fn loss_reports_are_part_of_a_batch_and_no_events() {
    let limits = QueueLimits { events: 2, bytes: usize::MAX };
    let mut queue = Queue::new(limits);
    (0..5).for_each(|n| queue.push(malformed(n)));
    assert_eq!(batches(&mut queue, 64, 1 << 20), [(2, 3)]);
    (0..5).for_each(|n| queue.push(malformed(n)));
    assert_eq!(batches(&mut queue, 2, 1 << 20), [(1, 2), (1, 1)]);
}
