//! A property of a strategy: it never has two open orders for one contract, whatever the gateway
//! and the line to it do. Run it with `cargo test --example strategy`, or as a program.

use ibws_proto::subscribe::{MarketData, Orders};
use ibws_proto::{Body, Event, Field, Item, client::Client, message::OrderStatus, transport::Runtime};
use ibws_testkit::world::{Moment, Schedule, secs};
use ibws_testkit::{GatewayConfig, OrderSide, proptest::schedules, runtime::Simulated};
use proptest::prelude::*;

/// The strategy: buys one share at a time, and places the next order when the last one is done.
async fn strategy<R: Runtime>(client: Client<R>, place: impl Fn() -> Option<i64>) {
    let mut events = client.events();
    let quotes = client.subscribe_nowait(MarketData::new(265_598).fields([Field::LAST])).expect("a valid request");
    let orders = client.subscribe_nowait(Orders::new()).expect("a valid request");
    let _held = [quotes.into_guard(), orders.into_guard()];
    let mut open = None;
    while let Some(item) = events.next().await {
        let Item::Event(Event::Message(message)) = item else { continue };
        match message.frame.body() {
            Body::MarketData(_) if open.is_none() => open = place(),
            Body::Orders(orders) => {
                let mut own = orders.rows().flatten().filter(|order| order.order_id() == Ok(open));
                if own.any(|order| matches!(order.status(), Ok(Some(OrderStatus::Filled | OrderStatus::Cancelled)))) {
                    open = None;
                }
            }
            _ => {}
        }
    }
}

/// Runs the strategy for two virtual minutes, in which these faults happen.
fn check(schedule: &Schedule) {
    let runtime = Simulated::new(GatewayConfig::seeded(schedule.seed));
    runtime.gateway(|gateway| gateway.set_invented_orders(false));
    runtime.rule("one open order", (), |(), moment: &Moment<'_>| match moment.open_orders().len() {
        0 | 1 => Ok(()),
        count => Err(format!("{count} orders are open")),
    });
    let (client, exchange) = (runtime.client(), runtime.clone());
    let buy = move || exchange.gateway(|gateway| gateway.place_order(265_598, OrderSide::Buy, 1, 20_000));
    runtime.spawn(strategy(client.clone(), move || i64::try_from(buy()?).ok()));
    runtime.play(schedule);
    let _ = runtime.block_on_for(secs(10), client.start());
    for _ in 0..11 {
        runtime.run(secs(10));
        runtime.gateway(|gateway| gateway.open_orders().iter().all(|order| gateway.fill_order(order.id, 1, 20_000)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[cfg_attr(test, test)]
    fn strategy_never_has_two_open_orders(schedule in schedules(secs(100))) { check(&schedule); }
}

fn main() {
    strategy_never_has_two_open_orders();
}
