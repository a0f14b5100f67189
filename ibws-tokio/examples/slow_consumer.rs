//! Three consumers of the same quotes that look away for ten seconds, each with another overflow
//! policy, and the exact account of what they missed. With a real gateway, log in at
//! `https://localhost:5000` and run `cargo run -p ibws-tokio --example slow_consumer`. With the
//! simulated one, run `cargo run -p ibws-testkit --features gateway -- --certificate gateway.pem`
//! in another terminal, and put `IBIND_CACERT=gateway.pem` before the command.
#![expect(clippy::print_stdout, reason = "it prints the account")]

use std::time::Duration;

use ibws_tokio::proto::queue::Overflow;
use ibws_tokio::{Event, Field, Item, QueueLimits, SubscriptionGroup, subscribe::MarketData};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = ibws_tokio::local_gateway().from_env()?.build()?;
    client.start().await?;
    let quotes = [265598, 272093, 3691937, 4815747, 266093];
    let quotes = quotes.map(|conid| MarketData::new(conid).fields([Field::LAST, Field::BID, Field::ASK]));
    // Room for six events, so that the difference shows at once. The default has 1,024.
    let small = QueueLimits { events: 6, ..QueueLimits::default() };
    let mut consumers = Vec::new();
    for overflow in [Overflow::Merge, Overflow::DropOldest, Overflow::KeepNewest] {
        // The policy belongs to the queue, so each consumer of a subscription can have its own.
        let mut group = client.with_queues(small.overflow(overflow)).subscribe_all(quotes.clone())?;
        group.confirmed().await?;
        account_of(&mut group); // the queue is empty now
        consumers.push((overflow, group));
    }
    tokio::time::sleep(Duration::from_secs(10)).await; // the consumers are busy with something else
    for (overflow, group) in &mut consumers {
        println!("{overflow:?}: {}", account_of(group));
    }
    Ok(client.drain().await?)
}

/// Takes what the queue holds. The gateway sent what was taken, merged and dropped together.
fn account_of(group: &mut SubscriptionGroup) -> String {
    let (mut taken, mut merged, mut dropped, mut notices) = (0, 0, 0, 0);
    while let Some((_key, item)) = group.try_next() {
        match item {
            Item::Event(Event::Message(message)) => {
                taken += 1;
                merged += message.merged; // the values are the newest ones; `message.since` is the oldest
            }
            Item::Lost(lost) => {
                dropped += lost.messages;
                notices += lost.notices;
            }
            Item::Event(_) => {} // states, gaps
        }
    }
    format!("{taken} messages with {merged} merged into them, {dropped} dropped, {notices} notices superseded")
}
