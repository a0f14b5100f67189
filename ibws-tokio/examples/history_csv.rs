//! The bars of a day as CSV, with the prices and volumes in units and the times in UTC. With a real
//! gateway, log in at `https://localhost:5000` and run
//! `cargo run -p ibws-tokio --example history_csv -- 265598 > bars.csv`. With the simulated one,
//! run `cargo run -p ibws-testkit --features gateway -- --certificate gateway.pem` in another
//! terminal, and put `IBIND_CACERT=gateway.pem` before the command.
#![expect(clippy::print_stdout, reason = "it prints the bars")]

use ibws_tokio::{Body, Event, Item, subscribe::History};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let conid = std::env::args().nth(1).map_or(Ok(265598), |conid| conid.parse())?;
    let client = ibws_tokio::local_gateway().from_env()?.build()?;
    client.start().await?;
    // A period, a bar or a column that the gateway would ignore is an error here.
    let request = History::new(conid).period("1d").bar("5min").format(["%o", "%h", "%l", "%c", "%v"]);
    let mut history = client.subscribe(request).await?;
    while let Some(item) = history.next().await {
        let Item::Event(Event::Message(message)) = item else { continue };
        let Body::History(bars) = message.frame.body() else { continue };
        println!("time,open,high,low,close,volume");
        for bar in bars.bars() {
            let bar = bar?;
            let (time, volume) = (bar.time()?.ok_or("a bar without a time")?, bar.volume()?);
            let prices = [bar.open()?, bar.high()?, bar.low()?, bar.close()?];
            // A value that the bar does not have is an empty cell.
            let cells = prices.map(|price| price.map(|price| price.to_string()).unwrap_or_default());
            println!("{time},{},{}", cells.join(","), volume.map(|volume| volume.to_string()).unwrap_or_default());
        }
        break; // the first frame has all bars; those after it are the bars that change
    }
    Ok(client.drain().await?) // ends the history by its server id: five at most are open at a time
}
