//! From a login to quotes, without an end. With a real gateway, log in at
//! `https://localhost:5000` and run `cargo run -p ibws-async-std --example quotes_async_std`. With the
//! simulated one, run `cargo run -p ibws-testkit --features gateway -- --certificate gateway.pem`
//! in another terminal, and put `IBIND_CACERT=gateway.pem` before the command. The README shows the
//! same code.
#![expect(clippy::print_stdout, reason = "it prints quotes")]

use ibws_async_std::{Field, StateChange, subscribe::MarketData};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    async_std::task::block_on(async {
        let client = ibws_async_std::local_gateway().from_env()?.build()?;
        client.on(|change: StateChange| println!("{change}")); // why nothing comes, if so
        client.start().await?;
        let apple = MarketData::new(265598).fields([Field::LAST, Field::BID, Field::ASK]);
        let mut apple = client.subscribe(apple).await?;
        while let Some(item) = apple.next().await {
            println!("{item:?}"); // quotes, states, gaps, and reports of losses
        }
        Ok(())
    })
}
