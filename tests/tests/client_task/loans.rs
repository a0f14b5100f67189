//! Consumers that read the connection in the place of the client's task.

use std::ops::Range;
use std::sync::mpsc;
use std::time::Duration;

use ibws_proto::client::{Client, EventStream};
use ibws_proto::queue::QueueLimits;
use ibws_proto::{Event, Item, Key};

use crate::scripted::{MAX_WAIT, Scripted, Wire, assert_returns, ready, within};

/// A flood that no round reads at once.
const FLOOD: usize = 64 * 40;
/// How many messages of a flood a consumer takes before it stops: in and between the rounds of the
/// task and its own.
const STOPS: [usize; 8] = [1, 63, 64, 65, 128, 129, 500, 1500];
const NOTIFICATION: &str = r#"{"topic":"ntf","args":[]}"#;

/// Opens a stream that holds a whole flood and is not half full with it.
fn events(client: &Client<Scripted>) -> EventStream<Scripted> {
    client.events_within(QueueLimits { events: 8 * FLOOD, bytes: 1 << 24 })
}

/// Pushes the numbers from 0 on as heartbeats, all at once.
fn pour(wire: &Wire, count: usize) {
    wire.push_all((0..count).map(|number| format!(r#"{{"topic":"system","hb":{number}}}"#)));
}

/// Returns the number of a heartbeat of [`pour`].
fn number(item: &Item) -> Option<usize> {
    let Item::Event(Event::Message(message)) = item else { return None };
    let text = std::str::from_utf8(message.frame.raw()).ok()?;
    text.strip_prefix(r#"{"topic":"system","hb":"#)?.strip_suffix('}')?.parse().ok()
}

/// Takes items of `events` until it has taken the heartbeats of `numbers`, in order.
async fn take(events: &mut EventStream<Scripted>, numbers: Range<usize>) {
    for expected in numbers {
        let taken = loop {
            let item = within(events.next()).await.expect("the client lives");
            assert!(!matches!(item, Item::Lost(_)), "{item:?}");
            if let Some(taken) = number(&item) {
                break taken;
            }
        };
        assert_eq!(taken, expected);
    }
}

#[tokio::test]
async fn a_consumer_that_keeps_up_reads_a_flood_in_the_place_of_the_task() {
    let (client, wire) = ready().await;
    let mut events = events(&client);
    let polls = wire.lock().polls;
    let consumer = tokio::spawn(async move {
        take(&mut events, 0..FLOOD).await;
        events
    });
    tokio::task::yield_now().await;
    pour(&wire, FLOOD);
    let mut events = within(consumer).await.unwrap();
    // Without loans, the task is polled for each of the 40 rounds.
    let polls = wire.lock().polls - polls;
    assert!(polls <= 10, "{polls} polls of the client's task");
    // The link wakes the task again.
    pour(&wire, 1);
    take(&mut events, 0..1).await;
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_stops_in_a_flood_delays_others_by_milliseconds_at_most() {
    let (client, wire) = ready().await;
    for taken in STOPS {
        let (mut busy, mut other) = (events(&client), client.queue(Key::Notifications));
        let (done, other_is_done) = tokio::sync::oneshot::channel();
        let busy = tokio::spawn(async move {
            take(&mut busy, 0..taken).await;
            // It holds its stream, and does not read it.
            other_is_done.await.unwrap();
            take(&mut busy, taken..FLOOD).await;
        });
        let other = tokio::spawn(async move {
            within(other.recv()).await.expect("the client lives");
            done.send(()).unwrap();
        });
        tokio::task::yield_now().await;
        let began = tokio::time::Instant::now();
        pour(&wire, FLOOD);
        wire.push(NOTIFICATION);
        within(other).await.unwrap();
        let took = began.elapsed();
        assert!(took <= Duration::from_millis(20), "{took:?} with a consumer that takes {taken}");
        within(busy).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_task_reads_on_when_the_consumer_that_it_woke_is_dropped() {
    let (client, wire) = ready().await;
    let mut kept = events(&client);
    for taken in STOPS {
        let mut dropped = events(&client);
        let consumer = tokio::spawn(async move { take(&mut dropped, 0..taken).await });
        tokio::task::yield_now().await;
        pour(&wire, FLOOD);
        within(consumer).await.unwrap();
        take(&mut kept, 0..FLOOD).await;
    }
}

#[test]
fn a_consumer_that_blocks_a_thread_holds_up_no_consumer_on_another_one() {
    assert_returns(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        for taken in STOPS {
            runtime.block_on(async {
                let (client, wire) = ready().await;
                let (mut blocked, mut other) = (events(&client), client.queue(Key::Notifications));
                let (done, other_is_done) = mpsc::channel();
                let blocked = tokio::spawn(async move {
                    take(&mut blocked, 0..taken).await;
                    other_is_done.recv_timeout(MAX_WAIT).expect("nobody else is served");
                    take(&mut blocked, taken..FLOOD).await;
                });
                let other = tokio::spawn(async move {
                    within(other.recv()).await.expect("the client lives");
                    done.send(()).unwrap();
                });
                pour(&wire, FLOOD);
                wire.push(NOTIFICATION);
                within(other).await.unwrap();
                within(blocked).await.unwrap();
            });
        }
    });
}

#[tokio::test]
async fn a_request_in_a_flood_is_written_while_a_consumer_reads() {
    let (client, wire) = ready().await;
    let mut events = events(&client);
    let consumer = tokio::spawn(async move { take(&mut events, 0..FLOOD).await });
    tokio::task::yield_now().await;
    pour(&wire, FLOOD);
    let accepted = wire.lock().accepted;
    within(client.send_text("tic")).await.unwrap();
    within(async {
        while wire.lock().accepted == accepted {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within(consumer).await.unwrap();
}

#[test]
fn a_client_whose_runtime_ends_in_a_loan_drops_its_connection() {
    assert_returns(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, wire) = runtime.block_on(ready());
        let mut events = events(&client);
        runtime.block_on(async {
            tokio::task::yield_now().await;
            pour(&wire, FLOOD);
            take(&mut events, 0..200).await;
        });
        drop(runtime);
        let holders = wire.holders();
        while let Some(item) = events.try_next() {
            drop(item);
        }
        drop((events, client));
        assert_eq!(holders, 2, "holders of the wire: the test and the runtime of the client");
    });
}
