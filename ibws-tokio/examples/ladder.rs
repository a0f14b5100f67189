//! A price ladder, as it stands after each of its first five frames. A frame holds the rows that
//! changed, and the book adds them up. The ladder belongs to an account, which the variable
//! `IBIND_ACCOUNT_ID` names. With a real gateway, log in at `https://localhost:5000` and run
//! `IBIND_ACCOUNT_ID=DU1234567 cargo run -p ibws-tokio --example ladder` with your account. With
//! the simulated one, run `cargo run -p ibws-testkit --features gateway -- --certificate
//! gateway.pem` in another terminal, and put `IBIND_CACERT=gateway.pem` before the command.
#![expect(clippy::print_stdout, reason = "it prints the ladder")]

use ibws_tokio::{Body, Event, Item, Settings, fold::LadderBook, message::LadderRow, subscribe::Ladder};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::from_env()?;
    let account = settings.account_id.clone().ok_or("set IBIND_ACCOUNT_ID to your account")?;
    let client = ibws_tokio::local_gateway().settings(&settings)?.build()?;
    client.start().await?;
    let mut ladder = client.subscribe(Ladder::new(account, 265598)).await?;
    let (mut book, mut frames) = (LadderBook::new(), 0);
    while let Some(item) = ladder.next().await {
        match item {
            Item::Event(Event::Message(message)) => {
                let Body::Ladder(rows) = message.frame.body() else { continue };
                book.apply(&rows);
                println!("{:>8} {:>10} {:>8}", "bid", "price", "ask");
                book.iter().for_each(|row| print_row(&row));
                frames += 1;
            }
            // Nothing makes up for a gap of a ladder: a row is right again once it has changed.
            Item::Event(Event::Gap(gap)) => {
                println!("incomplete since {}: {}", gap.since, gap.cause);
                book.clear();
            }
            _ => {}
        }
        if frames == 5 {
            break;
        }
    }
    Ok(client.drain().await?)
}

fn print_row(row: &LadderRow<'_>) {
    let [bid, price, offer] = [row.bid(), row.price_number(), row.ask()]
        .map(|number| number.ok().flatten().map(|number| number.to_string()).unwrap_or_default());
    let last = if row.focus().ok().flatten() == Some(true) { "  last" } else { "" };
    println!("{bid:>8} {price:>10} {offer:>8}{last}");
}
