//! What is counted. Each case prepares, then repeats one step.

use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use ibws_proto::client::Client;
use ibws_proto::{
    Body, Command, Config, ConnId, Event, Field, Frame, Input, Instant, Item, Key, Machine, Output, Subscribe,
    fold::{Executions, OrderBook},
    message::{Execution, LedgerRow, Order},
    queue::{EventFilter, Queue, QueueLimits, Queues},
};
use ibws_testkit::runtime::Simulated;
use ibws_testkit::{GatewayConfig, GatewayOutput};

use crate::observer::Observer;

/// A first market data frame of 16 members in 266 bytes, with invented values.
const QUOTE: &str = r#"{"6509":"RpB","conidEx":"265598","topic":"smd+265598","conid":265598,"_updated":1790000000143,"6119":"q2","83":0.41,"server_id":"q2","84":"181.20","31":"181.27","86":"181.31","85":"1,200","88":"300","7059":"100","55":"AAPL","6508":"&serviceID1=122&serviceID2=12333"}"#;
/// A row of an order, with invented values.
const ORDER: &str = r##"{"topic":"sor","args":[{"acct":"DU1234567","conidex":"700123","conid":700123,"account":"DU1234567","orderId":70000001,"cashCcy":"USD","sizeAndFills":"0/4","orderDesc":"Buy 4 ZQXW Limit 99.50, Day","description1":"ZQXW","ticker":"ZQXW","secType":"STK","listingExchange":"NYSE","remainingQuantity":4.0,"filledQuantity":0.0,"totalSize":4.0,"companyName":"ZQXW HOLDINGS","status":"Submitted","order_ccp_status":"Submitted","origOrderType":"LIMIT","supportsTaxOpt":"1","lastExecutionTime":"300102153045","orderType":"Limit","bgColor":"#000000","fgColor":"#00F000","isEventTrading":"0","price":"99.50","timeInForce":"CLOSE","lastExecutionTime_r":1893598245000,"side":"BUY"}]}"##;
/// A row of an execution, with invented values.
const TRADE: &str = r#"{"topic":"str","args":[{"execution_id":"0000aaaa.70000001.01.01","symbol":"ZQXW","supports_tax_opt":"1","side":"B","order_description":"Bot 4 @ 101.27 on XNYS","trade_time":"20300102-15:30:45","trade_time_r":1893598245000,"size":4.0,"price":"101.27","exchange":"XNYS","commission":"1.05","net_amount":405.08,"account":"DU1234567","accountCode":"DU1234567","company_name":"ZQXW HOLDINGS","sec_type":"STK","listing_exchange":"NYSE","conid":700123,"conidEx":"700123","position":"4","clearing_id":"IB","clearing_name":"IB","order_id":70000001}]}"#;
/// The rows of a ledger, with invented values.
const LEDGER: &str = r#"{"result":[{"acctCode":"DU1234567","cashbalance":5.123456789012345E5,"cashBalanceFXSegment":0.0,"commodityMarketValue":0.0,"corporateBondsMarketValue":0.0,"key":"LedgerListBASE","dividends":0.0,"exchangeRate":1.0,"funds":0.0,"marketValue":0.0,"optionMarketValue":0.0,"interest":1234.5678901234567,"issueOptionsMarketValue":0.0,"moneyFunds":0.0,"netLiquidationValue":6.0123456789012345E5,"realizedPnl":0.0,"unrealizedPnl":4321.987654321,"secondKey":"BASE","settledCash":5.123456789012345E5,"severity":0,"stockMarketValue":87654.32109876543,"tBillsMarketValue":0.0,"tBondsMarketValue":0.0,"warrantsMarketValue":0.0,"timestamp":1893598245},{"key":"LedgerListUSD","timestamp":1893598245},{"key":"LedgerListEUR","timestamp":1893598245}],"topic":"sld+DU1234567"}"#;

/// Changes of the quote, each with other members.
const CHANGES: [&str; 4] = [
    r#"{"server_id":"q2","conidEx":"265598","conid":265598,"_updated":1790000000623,"6119":"q2","84":"181.21","86":"181.32","88":"200","topic":"smd+265598"}"#,
    r#"{"server_id":"q2","conidEx":"265598","conid":265598,"_updated":1790000001123,"6119":"q2","31":"181.28","7059":"300","topic":"smd+265598"}"#,
    r#"{"server_id":"q2","conidEx":"265598","conid":265598,"_updated":1790000001631,"6119":"q2","85":"1,100","topic":"smd+265598"}"#,
    r#"{"server_id":"q2","conidEx":"265598","conid":265598,"_updated":1790000002123,"6119":"q2","31":"181.30","83":0.43,"84":"181.22","85":"900","86":"181.31","88":"1,400","7059":"100","topic":"smd+265598"}"#,
];

/// The names of the cases, in the order of the table.
pub(crate) const NAMES: [&str; 23] = [
    "scan a quote",
    "read 16 fields of a quote",
    "scan an order",
    "read every field of an order",
    "scan an execution",
    "read every field of an execution",
    "scan a ledger",
    "read every field of a ledger",
    "fold an order",
    "fold an execution",
    "bytes to event, 10 subscriptions",
    "bytes to event, 10000 subscriptions",
    "subscribe and confirm, 10 subscriptions",
    "subscribe and confirm, 10000 subscriptions",
    "tick, 10 subscriptions",
    "tick, 10000 subscriptions",
    "event through a queue",
    "quote merged in a full queue",
    "change of a quote merged in a full queue",
    "order folded in a full queue",
    "execution folded in a full queue",
    "whole client, message to consumer",
    "whole client, seen by tracing at INFO and metrics",
];

/// Runs a case so many times.
pub(crate) fn run(name: &str, count: u64) {
    let quote = Bytes::from_static(QUOTE.as_bytes());
    match name {
        "scan a quote" => repeat(count, || drop(black_box(decode(QUOTE)))),
        "read 16 fields of a quote" => {
            let frame = decode(QUOTE);
            repeat(count, || read_quote(&frame));
        }
        "scan an order" => repeat(count, || drop(black_box(decode(ORDER)))),
        "scan an execution" => repeat(count, || drop(black_box(decode(TRADE)))),
        "scan a ledger" => repeat(count, || drop(black_box(decode(LEDGER)))),
        "read every field of an order" => fields(count, ORDER),
        "read every field of an execution" => fields(count, TRADE),
        "read every field of a ledger" => fields(count, LEDGER),
        "fold an order" => {
            let (mut book, frame) = (OrderBook::new(), decode(ORDER));
            let Body::Orders(orders) = frame.body() else { panic!("an order") };
            repeat(count, || assert_eq!(book.apply(black_box(&orders)), 1));
        }
        "fold an execution" => {
            let (mut executions, frame) = (Executions::new(), decode(TRADE));
            let Body::Trades(trades) = frame.body() else { panic!("an execution") };
            repeat(count, || assert_eq!(executions.apply(black_box(&trades)), 1));
        }
        "bytes to event, 10 subscriptions" => events(10, count, &quote),
        "bytes to event, 10000 subscriptions" => events(10_000, count, &quote),
        "subscribe and confirm, 10 subscriptions" => subscribes(10, count),
        "subscribe and confirm, 10000 subscriptions" => subscribes(10_000, count),
        "tick, 10 subscriptions" => ticks(10, count),
        "tick, 10000 subscriptions" => ticks(10_000, count),
        "event through a queue" => queue(count, &quote),
        "quote merged in a full queue" => full(count, "md+265598", &[QUOTE.into(), QUOTE.replace("181.2", "180.9")]),
        "change of a quote merged in a full queue" => full(count, "md+265598", &CHANGES.map(Into::into)),
        "order folded in a full queue" => {
            full(
                count,
                "or",
                &[
                    ORDER.into(),
                    ORDER.replace("0/4", "3/4").replace("\"remainingQuantity\":4", "\"remainingQuantity\":1"),
                ],
            );
        }
        "execution folded in a full queue" => {
            let execution =
                |n| TRADE.replace("0000aaaa", &format!("0000{n:04x}")).replace("101.27", &format!("101.{n:02}"));
            full(count, "tr", &(0..64).map(execution).collect::<Vec<_>>());
        }
        "whole client, message to consumer" => client(count, |_| {}),
        "whole client, seen by tracing at INFO and metrics" => observed(count),
        other => panic!("there is no case {other:?}"),
    }
}

fn repeat(count: u64, mut step: impl FnMut()) {
    (0..count).for_each(|_| step());
}

fn decode(text: &'static str) -> Frame {
    Frame::decode(Bytes::from_static(black_box(text).as_bytes())).expect("a frame")
}

fn read_quote(frame: &Frame) {
    let Body::MarketData(data) = frame.body() else { panic!("a quote") };
    black_box((data.conid().ok(), data.conid_ex().ok(), data.server_id().ok(), data.updated().ok()));
    for (field, value) in data.fields() {
        match field {
            Field::AVAILABILITY => drop(black_box(value.availability())),
            Field::CHANGE_PERCENT => drop(black_box(value.percent())),
            Field::BID_SIZE | Field::ASK_SIZE | Field::LAST_SIZE => drop(black_box(value.size())),
            Field::BID | Field::ASK | Field::LAST => drop(black_box(value.price())),
            _ => drop(black_box(value.string())),
        }
    }
}

/// Reads every field of every row of a frame as its type, as `tests/bench` does.
fn fields(count: u64, text: &'static str) {
    let frame = decode(text);
    repeat(count, || match black_box(&frame).body() {
        Body::Orders(orders) => orders.rows().flatten().for_each(|row| order(&row)),
        Body::Trades(trades) => trades.rows().flatten().for_each(|row| execution(&row)),
        Body::Ledger(ledger) => ledger.rows().flatten().for_each(|row| balance(&row)),
        other => panic!("a frame without rows: {other:?}"),
    });
}

macro_rules! read {
    ($row:ident: $($field:ident)*) => {
        $( black_box($row.$field().ok()); )*
    };
}

fn order(row: &Order<'_>) {
    read!(row: acct account conid conid_ex order_id currency size_and_fills order_desc description1 description2 ticker
        sec_type listing_exchange company_name status ccp_status outside_rth orig_order_type supports_tax_opt
        last_execution_time last_execution_millis order_type order_ref is_event_trading time_in_force side bg_color
        fg_color remaining_quantity filled_quantity total_size avg_price price);
}

fn execution(row: &Execution<'_>) {
    read!(row: execution_id symbol supports_tax_opt side order_description trade_time trade_millis order_ref submitter
        exchange account account_code account_allocation_name company_name contract_description_1
        contract_description_2 sec_type listing_exchange conid conid_ex open_close clearing_id clearing_name
        liquidation_trade is_event_trading order_id size price commission net_amount position);
}

fn balance(row: &LedgerRow<'_>) {
    read!(row: key second_key acct_code severity timestamp cash_balance cash_balance_fx_segment commodity_market_value
        corporate_bonds_market_value dividends exchange_rate funds market_value option_market_value interest
        issue_options_market_value money_funds net_liquidation_value realized_pnl unrealized_pnl settled_cash
        stock_market_value t_bills_market_value t_bonds_market_value warrants_market_value);
}

/// A machine that is ready, with `count` active subscriptions.
fn ready(count: usize) -> (Machine, ConnId, Instant) {
    let now = Instant::ORIGIN;
    let config = Config { max_lines: usize::MAX, renew_market_data: None, tic_interval: None, ..Config::default() };
    let mut machine = Machine::new(config, now);
    machine.submit(now, Command::Start);
    let conn = ConnId(1);
    machine.handle(now, Input::Opened(conn));
    for frame in [r#"{"topic":"system","success":"user"}"#, r#"{"topic":"sts","args":{"authenticated":true}}"#] {
        machine.handle(now, Input::Frame(conn, frame.into()));
    }
    (0..count).for_each(|n| subscribe(&mut machine, conn, now, 265_598 + n));
    (machine, conn, now)
}

fn subscribe(machine: &mut Machine, conn: ConnId, now: Instant, conid: usize) {
    machine.submit(now, Command::Subscribe(Subscribe::parse(&format!("md+{conid}")).expect("a channel")));
    machine.handle(now, Input::Frame(conn, format!(r#"{{"topic":"smd+{conid}"}}"#).into()));
    while machine.poll().is_some() {}
}

fn event(machine: &mut Machine, conn: ConnId, now: Instant, quote: &Bytes) -> Event {
    machine.handle(now, Input::Frame(conn, quote.clone()));
    match machine.poll() {
        Some(Output::Event(event @ Event::Message(_))) => event,
        other => panic!("no message but {other:?}"),
    }
}

fn events(subscriptions: usize, count: u64, quote: &Bytes) {
    let (mut machine, conn, now) = ready(subscriptions);
    repeat(count, || drop(black_box(event(&mut machine, conn, now, quote))));
}

fn subscribes(subscriptions: usize, count: u64) {
    let (mut machine, conn, now) = ready(subscriptions);
    // The table keeps its size: each subscription that is added is removed as well.
    repeat(count, || {
        let conid = 9_000_000;
        subscribe(&mut machine, conn, now, conid);
        let key = Subscribe::parse(&format!("md+{conid}")).expect("a channel").key;
        machine.submit(now, Command::Unsubscribe(key.into()));
        while machine.poll().is_some() {}
    });
}

fn ticks(subscriptions: usize, count: u64) {
    let (mut machine, _, mut now) = ready(subscriptions);
    repeat(count, || {
        now = now + Duration::from_micros(1);
        machine.handle(now, Input::Tick);
    });
}

fn queue(count: u64, quote: &Bytes) {
    let (mut machine, conn, now) = ready(1);
    let mut queues = Queues::default();
    let queue = queues.open(EventFilter::Key(Key::MarketData), QueueLimits::default());
    let event = event(&mut machine, conn, now, quote);
    repeat(count, || {
        queues.deliver(black_box(event.clone()), |_, _| {});
        black_box(queues.get_mut(queue).and_then(Queue::pop));
    });
}

/// Delivers frames in turn to a queue that nobody reads and that is full from the start.
fn full(count: u64, subscription: &str, frames: &[String]) {
    let (mut machine, conn, now) = ready(0);
    let subscribe = Subscribe::parse(subscription).expect("a channel");
    let mut queues = Queues::default();
    let limits = QueueLimits { events: 16, ..QueueLimits::default() };
    let queue = queues.open(EventFilter::Subscription(subscribe.key.clone()), limits);
    machine.submit(now, Command::Subscribe(subscribe));
    while machine.poll().is_some() {}
    let mut events = Vec::new();
    for frame in frames {
        machine.handle(now, Input::Frame(conn, Bytes::from(frame.clone())));
        let outputs = std::iter::from_fn(|| machine.poll());
        events.extend(outputs.filter_map(|output| match output {
            Output::Event(event @ Event::Message(_)) => Some(event),
            _ => None,
        }));
    }
    assert_eq!(events.len(), frames.len());
    let mut in_turn = events.iter().cycle();
    let mut deliver = || queues.deliver(black_box(in_turn.next().expect("an event").clone()), |_, _| {});
    repeat(80, &mut deliver);
    repeat(count, deliver);
    assert_eq!(queues.get(queue).map(Queue::len), Some(16));
}

/// The messages between two exports of metrics. At 500,000 messages a second this is an export each
/// 2 ms, far more often than anybody reads metrics: an export a second costs 500 times less.
const EXPORT_EVERY: u64 = 1_000;

fn observed(count: u64) {
    let observer = Observer::default();
    tracing::subscriber::with_default(observer.clone(), || {
        client(count, |client| metrics::with_local_recorder(&observer, || client.export_metrics()));
    });
    assert!(observer.lines.load(Ordering::Relaxed) >= 3, "the states of the connection are logged");
}

/// Runs a client, and calls `export` at an interval.
fn client(count: u64, export: impl Fn(&Client<Simulated>)) {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let client = runtime.client();
    runtime.block_on(client.start()).expect("a start");
    let subscribe = Subscribe::parse("md+265598").expect("a channel");
    let mut stream = runtime.block_on(client.subscribe(subscribe)).expect("a subscription");
    // The first export registers the metrics.
    export(&client);
    let batch = 100;
    for round in 1..=count / batch {
        runtime.gateway(|gateway| {
            let conn = gateway.connections().last().expect("a connection");
            (0..batch).for_each(|_| gateway.inject(conn, GatewayOutput::Text(QUOTE.into())));
        });
        let mut received = 0;
        while received < batch {
            let item = runtime.block_on(stream.next());
            let quote = |item: &Item| matches!(item, Item::Event(Event::Message(quote)) if quote.frame.text() == QUOTE);
            received += u64::from(item.as_ref().is_some_and(quote));
        }
        if round * batch % EXPORT_EVERY == 0 {
            export(&client);
        }
    }
}
