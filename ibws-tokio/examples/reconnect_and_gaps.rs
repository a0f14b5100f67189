//! What an outage looks like: each change of the connection, the start and the end of each gap, and
//! the first quote on either side of it. The program causes the outage itself, and ends after it.
//! With a real gateway, log in at `https://localhost:5000` and run
//! `cargo run -p ibws-tokio --example reconnect_and_gaps`. With the simulated one, run
//! `cargo run -p ibws-testkit --features gateway -- --certificate gateway.pem` in another terminal,
//! and put `IBIND_CACERT=gateway.pem` before the command.
#![expect(clippy::print_stdout, reason = "it prints what happens")]

use ibws_tokio::{Event, Field, Item, subscribe::MarketData};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = ibws_tokio::local_gateway().from_env()?.build()?;
    let mut events = client.events();
    client.start().await?;
    let apple = MarketData::new(265598).fields([Field::LAST]);
    let _held = client.subscribe_nowait(apple)?.into_guard(); // dropping it unsubscribes
    let mut connection = None;
    while let Some(item) = events.next().await {
        let event = match item {
            Item::Event(event) => event,
            Item::Lost(lost) => {
                println!("this consumer was too slow: {lost:?}");
                continue;
            }
        };
        let is_over = matches!(event, Event::Resumed(_));
        match event {
            Event::State(change) => {
                let cause = change.cause.map(|cause| format!(", because {cause}")).unwrap_or_default();
                let delay = change.delay.map(|delay| format!(", next dial in {delay:?}")).unwrap_or_default();
                println!("{} {}{cause}{delay}", change.at, change.state.name());
            }
            Event::Subscription(change) => println!("{} {}", change.key, change.state.name()),
            Event::Gap(gap) => println!("{} gap since {}: {}", gap.key, gap.since, gap.cause),
            Event::Resumed(resumed) => {
                let (lasted, recovery) = (resumed.at.since(resumed.since), resumed.recovery.name());
                println!("{} resumed after {lasted:?}, the loss is made up for by {recovery}", resumed.key);
            }
            // The first quote of a connection.
            Event::Message(quote) if quote.subscription.is_some() && connection != Some(quote.conn) => {
                println!("{:?}", quote.frame);
                if connection.replace(quote.conn).is_none() {
                    drop(client.hard_reset(true)); // cuts the line and dials again; nothing waits for it
                }
            }
            _ => {}
        }
        if is_over {
            break;
        }
    }
    Ok(client.drain().await?)
}
