//! A table of thirty quotes, once a second and five times. No quote is queued: each subscription
//! holds its newest value, whatever the table costs. With a real gateway, log in at
//! `https://localhost:5000` and run `cargo run -p ibws-tokio --example quotes_table`. With the
//! simulated one, run `cargo run -p ibws-testkit --features gateway -- --certificate gateway.pem`
//! in another terminal, and put `IBIND_CACERT=gateway.pem` before the command.
#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::time::Duration;

use ibws_tokio::{Field, Latest, Subscription, subscribe::MarketData};

/// The numbers of the contracts. `/trsrv/stocks?symbols=AAPL` of the gateway finds that of a share.
const CONIDS: [i64; 30] = [
    265598, 266093, 272093, 3691937, 4815747, 8314, 756733, 320227571, 76792991, 107113386, 208813719, 208813720, 4391,
    270639, 15124833, 268084, 1520593, 8894, 6459, 13977, 4762, 9579970, 15547841, 51529211, 73128548, 37018770, 13824,
    11017, 5684, 9408,
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = ibws_tokio::local_gateway().from_env()?.build()?;
    client.start().await?;
    let mut quotes = Vec::new();
    for conid in CONIDS {
        let request = MarketData::new(conid).fields([Field::SYMBOL, Field::LAST, Field::BID, Field::ASK]);
        quotes.push(client.subscribe_nowait(request).map(Subscription::into_latest)?);
    }
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("{:>10} {:<10} {:>10} {:>10} {:>10}", "conid", "symbol", "last", "bid", "ask");
        quotes.iter().zip(CONIDS).for_each(|(latest, conid)| print_row(latest, conid));
    }
    Ok(client.drain().await?)
}

fn print_row(latest: &Latest, conid: i64) {
    let value = latest.get();
    let Some(quote) = &value.quote else {
        return println!("{conid:>10} no data yet, the subscription is {}", value.state.name());
    };
    let symbol = quote.get(Field::SYMBOL).map(|symbol| symbol.text().into_owned()).unwrap_or_default();
    // A price that has not come yet, or that is no number, is a dash.
    let [last, bid, offer] = [quote.last(), quote.bid(), quote.ask()]
        .map(|price| price.ok().flatten().map_or_else(|| "-".to_owned(), |price| price.to_string()));
    let note = if value.is_current() { "" } else { "  not current" };
    println!("{conid:>10} {symbol:<10} {last:>10} {bid:>10} {offer:>10}{note}");
}
