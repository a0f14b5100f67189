//! From a login to quotes, without an end. With a real gateway, log in at
//! `https://localhost:5000` and run `cargo run -p ibws-tokio --example quotes`. With the
//! simulated one, run `cargo run -p ibws-testkit --features gateway -- --certificate gateway.pem`
//! in another terminal, and put `IBIND_CACERT=gateway.pem` before the command. The README shows the
//! same code.
#![expect(clippy::print_stdout, reason = "it prints quotes")]

use ibws_tokio::{Field, StateChange, subscribe::MarketData};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = ibws_tokio::local_gateway().from_env()?.build()?;
    client.on(|change: StateChange| println!("{change}")); // why nothing comes, if so
    client.start().await?;
    let apple = MarketData::new(265598).fields([Field::LAST, Field::BID, Field::ASK]);
    let mut apple = client.subscribe(apple).await?;
    while let Some(item) = apple.next().await {
        println!("{item:?}"); // quotes, states, gaps, and reports of losses
    }
    Ok(())
}
