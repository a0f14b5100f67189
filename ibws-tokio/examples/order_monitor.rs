//! The open orders, complete after each outage. It ends after the first outage that it has
//! survived. With a real gateway, log in at `https://localhost:5000` and run
//! `cargo run -p ibws-tokio --example order_monitor`.
//! With the simulated one, run `cargo run -p ibws-testkit --features gateway -- --scenario drops
//! --certificate gateway.pem` in another terminal, which cuts the connection every 20 s, and put
//! `IBIND_CACERT=gateway.pem` before the command. The same program runs on tokio and on async-std,
//! with three lines that differ.
#![expect(clippy::print_stdout, reason = "it prints what it learns")]

use ibws_tokio::{Event, Item, fold, local_gateway, subscribe};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::runtime::Runtime::new()?.block_on(monitor())
}

async fn monitor() -> Result<(), Box<dyn std::error::Error>> {
    let client = local_gateway().from_env()?.build()?;
    // One stream of all events, opened first, keeps the order across both channels.
    let mut events = client.events();
    let _orders = client.subscribe_nowait(subscribe::Orders::new())?.into_guard();
    let _executions = client.subscribe_nowait(subscribe::Trades::new().days(1))?.into_guard();
    client.start().await?;

    let (mut book, mut executions, mut catch_ups) = (fold::OrderBook::new(), fold::Executions::new(), 0);
    while let Some(item) = events.next().await {
        let event = match item {
            Item::Event(event) => event,
            // Orders and executions are folded, never dropped, so the books stay right.
            Item::Lost(lost) => {
                println!("too slow: {lost:?}");
                continue;
            }
        };
        book.apply_event(&event);
        executions.apply_event(&event);
        match event {
            Event::State(change) => println!("{} {}", change.at, change.state.name()),
            Event::Gap(gap) => println!("{} may be incomplete since {}: {}", gap.key, gap.since, gap.cause),
            Event::Resumed(resumed) => println!("{} changes come again since {}", resumed.key, resumed.at),
            Event::CatchUpPending(pending) => println!("what the gap lost is still unknown: {}", pending.why),
            Event::CaughtUp(found) => {
                println!("caught up: {} orders and {} executions", found.orders().count(), found.executions().count());
                println!("{} orders are open, {} executions", book.open_orders().count(), executions.len());
                for order in book.open_orders() {
                    let (number, status) = (order.order_id()?.unwrap_or_default(), order.status()?);
                    let status = status.as_ref().map_or("unknown", |status| status.as_str());
                    println!("  {number} {}: {status}", order.ticker()?.unwrap_or_default());
                }
                catch_ups += 1;
            }
            _ => {}
        }
        if catch_ups == 2 {
            break; // the first one came after the subscribe
        }
    }
    Ok(client.drain().await?)
}
