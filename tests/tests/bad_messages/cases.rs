//! The table of bad messages by name, with the cost of each.

use ibws_proto::message::{
    AccountState, Ended, Execution, LadderRow, LedgerRow, Notification, Order, Row, SummaryRow, System,
};
use ibws_proto::{Body, Field, Frame, frame::Shape};

/// The cost of a bad message.
pub(crate) enum Cost {
    /// The whole message: it is not JSON, or a routing key occurs twice.
    Message,
    /// Less than the message; the function returns `true` for the frame.
    Less(fn(&Frame) -> bool),
}
pub(crate) use Cost::{Less, Message};

pub(crate) fn order(frame: &Frame) -> Order<'_> {
    let Body::Orders(orders) = frame.body() else { panic!("{frame:?}") };
    orders.rows().next().unwrap().unwrap()
}

fn execution(frame: &Frame) -> Execution<'_> {
    let Body::Trades(trades) = frame.body() else { panic!("{frame:?}") };
    trades.rows().next().unwrap().unwrap()
}

fn ledger(frame: &Frame) -> LedgerRow<'_> {
    let Body::Ledger(ledger) = frame.body() else { panic!("{frame:?}") };
    ledger.rows().next().unwrap().unwrap()
}

fn summary(frame: &Frame) -> SummaryRow<'_> {
    let Body::Summary(summary) = frame.body() else { panic!("{frame:?}") };
    summary.rows().next().unwrap().unwrap()
}

fn ladder(frame: &Frame) -> LadderRow<'_> {
    let Body::Ladder(ladder) = frame.body() else { panic!("{frame:?}") };
    ladder.rows().next().unwrap().unwrap()
}

fn accounts(frame: &Frame) -> AccountState<'_> {
    let Body::Accounts(accounts) = frame.body() else { panic!("{frame:?}") };
    accounts.args().unwrap()
}

/// Returns the number of rows that are errors, and of all rows.
pub(crate) fn bad_rows(frame: &Frame) -> (usize, usize) {
    fn count<'a, R: Row<'a>>(rows: impl Iterator<Item = Result<R, ibws_proto::frame::RowError>>) -> (usize, usize) {
        rows.fold((0, 0), |(bad, all), row| (bad + usize::from(row.is_err()), all + 1))
    }
    match frame.body() {
        Body::Orders(body) => count(body.rows()),
        Body::Trades(body) => count(body.rows()),
        Body::Summary(body) => count(body.rows()),
        Body::Ledger(body) => count(body.rows()),
        Body::Ladder(body) => count(body.rows()),
        Body::History(body) => count(body.rows()),
        Body::Notifications(body) => count(body.rows()),
        Body::Bulletins(body) => count(body.rows()),
        Body::Pnl(body) => count(body.rows().map(|(_, row)| row)),
        _ => panic!("{frame:?}"),
    }
}

macro_rules! data {
    ($frame:expr) => {{
        let Body::MarketData(data) = $frame.body() else { panic!("{:?}", $frame) };
        data
    }};
}
pub(crate) use data;

/// Returns `true` if the last price is an error and the bid beside it is not.
fn bad_last(frame: &Frame) -> bool {
    let data = data!(frame);
    data.get(Field::LAST).unwrap().price().is_err() && data.get(Field::BID).unwrap().price().is_ok()
}

pub(crate) const CASES: &[(&str, &[u8], Cost)] = &[
    // Texts that are not JSON.
    ("empty", b"", Message),
    ("white space alone", b" \n\t ", Message),
    ("NUL alone", b"\0", Message),
    ("a word", b"hello", Message),
    ("truncated in a key", b"{\"topic", Message),
    ("truncated after a key", b"{\"topic\"", Message),
    ("truncated after a colon", b"{\"topic\":", Message),
    ("truncated in a string", b"{\"topic\":\"smd+7", Message),
    ("truncated after a member", b"{\"topic\":\"smd+7\"", Message),
    ("truncated after a comma", b"{\"topic\":\"smd+7\",", Message),
    ("truncated in a number", b"{\"topic\":\"smd+7\",\"83\":-", Message),
    ("truncated in an exponent", b"{\"topic\":\"smd+7\",\"83\":1e", Message),
    ("truncated in an escape", b"{\"topic\":\"smd\\u00", Message),
    ("truncated in a row", b"{\"topic\":\"sor\",\"args\":[{\"orderId\":1", Message),
    ("trailing comma", b"{\"topic\":\"smd+7\",}", Message),
    ("trailing bytes", b"{\"topic\":\"smd+7\"}x", Message),
    ("two objects", b"{\"topic\":\"smd+7\"}{\"topic\":\"smd+7\"}", Message),
    ("two objects on two lines", b"{\"topic\":\"smd+7\"}\n{}", Message),
    ("BOM before the object", b"\xef\xbb\xbf{\"topic\":\"smd+7\"}", Message),
    ("NUL after the object", b"{\"topic\":\"smd+7\"}\0", Message),
    ("NUL in a string", b"{\"topic\":\"smd+7\",\"55\":\"A\0B\"}", Message),
    ("line break in a string", b"{\"topic\":\"smd+7\",\"55\":\"A\nB\"}", Message),
    ("unquoted key", b"{topic:\"smd+7\"}", Message),
    ("single quotes", b"{'topic':'smd+7'}", Message),
    ("number as key", b"{1:2}", Message),
    ("NaN", b"{\"topic\":\"smd+7\",\"83\":NaN}", Message),
    ("Infinity", b"{\"topic\":\"smd+7\",\"83\":-Infinity}", Message),
    ("leading zero", b"{\"topic\":\"smd+7\",\"83\":01}", Message),
    ("leading plus", b"{\"topic\":\"smd+7\",\"83\":+1}", Message),
    ("point without digits", b"{\"topic\":\"smd+7\",\"83\":1.}", Message),
    ("hexadecimal", b"{\"topic\":\"smd+7\",\"83\":0x1F}", Message),
    ("bad escape", b"{\"topic\":\"smd+7\",\"55\":\"\\x41\"}", Message),
    ("comment", b"{\"topic\":\"smd+7\"/* */}", Message),
    ("brackets crossed", b"{\"topic\":\"sor\",\"args\":[{]}}", Message),
    ("closing bracket alone", b"]", Message),
    ("nearly an echo", b"ech+hbx", Message),
    ("capital true", b"{\"topic\":\"tic\",\"alive\":True}", Message),
    // Keys that occur twice.
    ("duplicate topic", b"{\"topic\":\"smd+7\",\"topic\":\"smd+8\"}", Message),
    ("duplicate topic, escaped", b"{\"topic\":\"smd+7\",\"\\u0074opic\":\"smd+8\"}", Message),
    ("duplicate conid", b"{\"topic\":\"smd+7\",\"conid\":7,\"conid\":8}", Message),
    ("duplicate conid of one value", b"{\"topic\":\"smd+7\",\"conid\":7,\"conid\":7}", Message),
    ("duplicate orderId", b"{\"topic\":\"sor\",\"orderId\":7,\"orderId\":8}", Message),
    (
        "duplicate orderId in a row",
        b"{\"topic\":\"sor\",\"args\":[{\"orderId\":1,\"orderId\":2},{\"orderId\":3}]}",
        Less(|f| bad_rows(f) == (1, 2)),
    ),
    (
        "duplicate conid in a row",
        b"{\"topic\":\"sor\",\"args\":[{\"orderId\":1,\"conid\":2,\"conid\":2}]}",
        Less(|f| bad_rows(f) == (1, 1)),
    ),
    (
        "duplicate conid in a row, escaped",
        b"{\"topic\":\"sor\",\"args\":[{\"conid\":2,\"\\u0063onid\":3}]}",
        Less(|f| bad_rows(f) == (1, 1)),
    ),
    (
        "duplicate execution_id",
        b"{\"topic\":\"str\",\"args\":[{\"execution_id\":\"a\",\"execution_id\":\"b\"}]}",
        Less(|f| bad_rows(f) == (1, 1)),
    ),
    (
        "duplicate conid of an execution",
        b"{\"topic\":\"str\",\"args\":[{\"conid\":1,\"conid\":\"2\"}]}",
        Less(|f| bad_rows(f) == (1, 1)),
    ),
    (
        "duplicate order_id of an execution",
        b"{\"topic\":\"str\",\"args\":[{\"execution_id\":\"a\",\"order_id\":1,\"order_id\":2}]}",
        Less(|f| bad_rows(f) == (1, 1)),
    ),
    (
        "duplicate key of a ledger row",
        b"{\"topic\":\"sld+U12345678\",\"result\":[{\"key\":\"a\",\"key\":\"b\"},{\"key\":\"c\"}]}",
        Less(|f| bad_rows(f) == (1, 2)),
    ),
    (
        "duplicate of a key that does not identify the row",
        b"{\"topic\":\"sor\",\"args\":[{\"orderId\":1,\"price\":1,\"price\":2}]}",
        Less(|f| order(f).price().unwrap().unwrap().to_i64() == Some(1) && order(f).unknown().count() == 1),
    ),
    (
        "duplicate field of market data",
        b"{\"topic\":\"smd+7\",\"31\":\"1\",\"31\":\"2\",\"server_id\":\"q1\",\"server_id\":\"q2\"}",
        Less(|f| {
            let data = data!(f);
            let unknown: Vec<_> = data.others().map(|(key, json)| (key.into_owned(), json.text().to_owned())).collect();
            data.get(Field::LAST).unwrap().text() == "1"
                && data.server_id().unwrap().unwrap() == "q1"
                && unknown == [(String::from("server_id"), String::from("\"q2\""))]
        }),
    ),
    (
        "duplicate documented key of a message",
        b"{\"error\":\"x\",\"code\":1,\"code\":2}",
        Less(|f| {
            let Body::Error(error) = f.body() else { panic!("{f:?}") };
            let unknown: Vec<_> =
                error.unknown().map(|(key, json)| (key.into_owned(), json.text().to_owned())).collect();
            error.code() == Ok(Some(1)) && unknown == [(String::from("code"), String::from("2"))]
        }),
    ),
    // Bytes and escapes.
    (
        "bad byte in a string",
        b"{\"topic\":\"smd+7\",\"55\":\"A\x99\"}",
        Less(|f| f.is_lossy() && data!(f).get(Field::SYMBOL).unwrap().text() == "A\u{fffd}"),
    ),
    (
        "bad byte in a key",
        b"{\"topic\":\"smd+7\",\"\xff\":1,\"31\":\"1\"}",
        Less(|f| f.is_lossy() && data!(f).fields().count() == 1),
    ),
    ("bad byte outside strings", b"{\"topic\":\"smd+7\"\xff}", Message),
    ("cut character", b"{\"topic\":\"smd+7\",\"55\":\"\xe2\x84\"}", Less(Frame::is_lossy)),
    (
        "lone surrogate in a value",
        br#"{"topic":"sor","args":[{"orderId":1,"ticker":"\ud800","side":"BUY"}]}"#,
        Less(|f| order(f).ticker().is_err() && order(f).side().is_ok()),
    ),
    ("lone surrogate in a key", br#"{"topic":"smd+7","\udc00":1,"31":"1"}"#, Less(|f| data!(f).fields().count() == 1)),
    ("lone surrogate in the topic", br#"{"topic":"\ud800","31":"1"}"#, Less(|f| matches!(f.body(), Body::Unknown(_)))),
    (
        "escaped NUL",
        br#"{"topic":"sor","args":[{"orderId":1,"ticker":"\u0000"}]}"#,
        Less(|f| order(f).ticker().unwrap().unwrap() == "\0"),
    ),
    (
        "escaped field key",
        br#"{"topic":"smd+7","\u0033\u0031":"1.5"}"#,
        Less(|f| data!(f).get(Field::LAST).is_some() && data!(f).fields().count() == 1),
    ),
    (
        "escaped digit",
        br#"{"topic":"smd+7","31":"\u0031","84":"1"}"#,
        Less(|f| bad_last(f) && data!(f).get(Field::LAST).unwrap().text() == "1"),
    ),
    // Numbers.
    (
        "1e400",
        b"{\"topic\":\"smd+7\",\"83\":1e400}",
        Less(|f| {
            let n = data!(f).get(Field::CHANGE_PERCENT).unwrap().percent().unwrap().unwrap();
            n.to_f64().is_none() && n.text() == "1e400"
        }),
    ),
    (
        "minus zero",
        b"{\"topic\":\"smd+7\",\"83\":-0}",
        Less(|f| data!(f).get(Field::CHANGE_PERCENT).unwrap().number().unwrap().unwrap().to_i64() == Some(0)),
    ),
    (
        "40 digits",
        b"{\"topic\":\"smd+7\",\"31\":\"1234567890123456789012345678901234567890\"}",
        Less(|f| {
            let n = data!(f).get(Field::LAST).unwrap().number().unwrap().unwrap();
            n.to_i64().is_none() && n.to_f64().is_some()
        }),
    ),
    (
        "conid of 40 digits",
        b"{\"topic\":\"smd+7\",\"conid\":1234567890123456789012345678901234567890,\"31\":\"1\"}",
        Less(|f| data!(f).conid().is_err() && data!(f).get(Field::LAST).is_some()),
    ),
    ("conid with a fraction", b"{\"topic\":\"smd+7\",\"conid\":7.5}", Less(|f| data!(f).conid().is_err())),
    ("NaN as a string", b"{\"topic\":\"smd+7\",\"31\":\"NaN\",\"84\":\"1\"}", Less(bad_last)),
    ("a comma that is no separator", b"{\"topic\":\"smd+7\",\"31\":\"1,5\",\"84\":\"1\"}", Less(bad_last)),
    // Market data with members missing or of another kind.
    (
        "smd without conid",
        b"{\"topic\":\"smd+7\",\"_updated\":1}",
        Less(|f| data!(f).conid() == Ok(None) && data!(f).target() == "7"),
    ),
    ("smd without anything", b"{\"topic\":\"smd+7\"}", Less(|f| data!(f).fields().count() == 0)),
    ("smd of a bare topic", b"{\"topic\":\"smd\",\"31\":\"1\"}", Less(|f| data!(f).target() == "")),
    ("smd without a topic", b"{\"conid\":7,\"31\":\"1\"}", Less(|f| f.shape() == Shape::Unknown)),
    ("price an object", b"{\"topic\":\"smd+7\",\"31\":{},\"84\":\"1\"}", Less(bad_last)),
    ("price an array", b"{\"topic\":\"smd+7\",\"31\":[\"1\"],\"84\":\"1\"}", Less(bad_last)),
    ("price true", b"{\"topic\":\"smd+7\",\"31\":true,\"84\":\"1\"}", Less(bad_last)),
    ("price a mark alone", b"{\"topic\":\"smd+7\",\"31\":\"C\",\"84\":\"1\"}", Less(bad_last)),
    (
        "price null",
        b"{\"topic\":\"smd+7\",\"31\":null}",
        Less(|f| data!(f).get(Field::LAST).unwrap().price() == Ok(None)),
    ),
    ("conid a word", b"{\"topic\":\"smd+7\",\"conid\":\"x\",\"31\":\"1\"}", Less(|f| data!(f).conid().is_err())),
    ("conid a string", b"{\"topic\":\"smd+7\",\"conid\":\"7\"}", Less(|f| data!(f).conid() == Ok(Some(7)))),
    ("_updated a list", b"{\"topic\":\"smd+7\",\"_updated\":[]}", Less(|f| data!(f).updated().is_err())),
    ("server_id an object", b"{\"topic\":\"smd+7\",\"server_id\":{}}", Less(|f| data!(f).server_id().is_err())),
    (
        "availability a number",
        b"{\"topic\":\"smd+7\",\"6509\":1}",
        Less(|f| data!(f).get(Field::AVAILABILITY).unwrap().availability().is_err()),
    ),
    // Topics and shapes.
    ("topic a number", b"{\"topic\":5}", Less(|f| matches!(f.body(), Body::Unknown(_)))),
    ("topic null", b"{\"topic\":null}", Less(|f| matches!(f.body(), Body::Unknown(_)))),
    ("topic an object", b"{\"topic\":{\"topic\":\"smd\"}}", Less(|f| matches!(f.body(), Body::Unknown(_)))),
    ("topic of another", b"{\"topic\":\"smdx+7\"}", Less(|f| matches!(f.body(), Body::Unknown(_)))),
    (
        "error an object",
        b"{\"error\":{\"why\":1},\"topic\":\"smd\"}",
        Less(|f| matches!(f.body(), Body::Error(e) if e.error().is_err() && e.code() == Ok(None))),
    ),
    (
        "error with a code of text",
        b"{\"error\":\"x\",\"code\":\"y\"}",
        Less(|f| matches!(f.body(), Body::Error(e) if e.error().is_ok() && e.code().is_err())),
    ),
    (
        "message a number",
        b"{\"message\":5}",
        Less(|f| matches!(f.body(), Body::Message(m) if m.message().unwrap().unwrap() == "5")),
    ),
    ("result a number", b"{\"result\":5}", Less(|f| matches!(f.body(), Body::Unknown(_)))),
    (
        "result of another thing",
        b"{\"result\":\"unsubscribed from x\"}",
        Less(|f| matches!(f.body(), Body::Unsubscribed(u) if u.ended() == Ended::Other("x".into()))),
    ),
    // Messages of the session.
    (
        "heartbeat not a number",
        b"{\"topic\":\"system\",\"hb\":\"now\"}",
        Less(|f| matches!(f.body(), Body::System(System::Heartbeat(h)) if h.hb().is_err())),
    ),
    (
        "success an object",
        b"{\"topic\":\"system\",\"success\":{}}",
        Less(|f| matches!(f.body(), Body::System(System::Greeting(g)) if g.success().is_err())),
    ),
    (
        "sts args text",
        b"{\"topic\":\"sts\",\"args\":\"x\"}",
        Less(|f| matches!(f.body(), Body::Status(s) if s.args().is_err())),
    ),
    (
        "sts authenticated a word",
        b"{\"topic\":\"sts\",\"args\":{\"authenticated\":\"maybe\",\"competing\":\"true\"}}",
        Less(
            |f| matches!(f.body(), Body::Status(s) if s.args().is_ok_and(|s| s.authenticated().is_err() && s.competing() == Ok(Some(true)))),
        ),
    ),
    (
        "act args a list",
        b"{\"topic\":\"act\",\"args\":[]}",
        Less(|f| matches!(f.body(), Body::Accounts(a) if a.args().is_err())),
    ),
    (
        "act accounts an object",
        b"{\"topic\":\"act\",\"args\":{\"accounts\":{},\"isPaper\":1}}",
        Less(
            |f| matches!(f.body(), Body::Accounts(a) if a.args().is_ok_and(|a| a.accounts().is_err() && a.is_paper() == Ok(Some(true)))),
        ),
    ),
    (
        "act serverInfo text",
        b"{\"topic\":\"act\",\"args\":{\"serverInfo\":\"x\"}}",
        Less(|f| matches!(f.body(), Body::Accounts(a) if a.args().unwrap().server().is_err())),
    ),
    (
        "act acctProps a list",
        b"{\"topic\":\"act\",\"args\":{\"acctProps\":[],\"aliases\":{\"DU1234567\":\"a\"}}}",
        Less(|f| {
            let args = accounts(f);
            let properties: Vec<_> = args.properties().collect();
            let aliases: Vec<_> = args.alias_names().collect();
            matches!(&properties[..], [(account, Err(_))] if account.is_empty())
                && matches!(&aliases[..], [(account, Ok(Some(_)))] if account == "DU1234567")
        }),
    ),
    (
        "act aliases text",
        b"{\"topic\":\"act\",\"args\":{\"aliases\":\"x\",\"acctProps\":null}}",
        Less(|f| {
            let args = accounts(f);
            let aliases: Vec<_> = args.alias_names().collect();
            matches!(&aliases[..], [(_, Err(error))] if error.key() == "aliases" && error.text() == "\"x\"")
                && args.properties().count() == 0
        }),
    ),
    (
        "act chartPeriods a number",
        b"{\"topic\":\"act\",\"args\":{\"chartPeriods\":7}}",
        Less(|f| {
            let periods: Vec<_> = accounts(f).periods().collect();
            matches!(&periods[..], [(_, Err(error))] if error.key() == "chartPeriods")
        }),
    ),
    (
        "act allowFeatures a list",
        b"{\"topic\":\"act\",\"args\":{\"allowFeatures\":[]}}",
        Less(|f| accounts(f).features().is_err()),
    ),
    (
        "tic alive a word",
        b"{\"topic\":\"tic\",\"alive\":\"yes\",\"id\":\"x\"}",
        Less(|f| matches!(f.body(), Body::Tic(t) if t.alive().is_err() && t.id().is_ok())),
    ),
    // Rows of messages.
    ("sor args text", b"{\"topic\":\"sor\",\"args\":\"x\"}", Less(|f| bad_rows(f) == (1, 1))),
    (
        "sor args mixed",
        b"{\"topic\":\"sor\",\"args\":[null,1,\"x\",[],{\"orderId\":1}]}",
        Less(|f| bad_rows(f) == (4, 5)),
    ),
    ("sor args null", b"{\"topic\":\"sor\",\"args\":null}", Less(|f| bad_rows(f) == (0, 0))),
    (
        "orderId an object",
        b"{\"topic\":\"sor\",\"args\":[{\"orderId\":{},\"side\":\"BUY\"}]}",
        Less(|f| order(f).order_id().is_err() && order(f).side().is_ok()),
    ),
    (
        "order price a list",
        b"{\"topic\":\"sor\",\"args\":[{\"orderId\":1,\"price\":[]}]}",
        Less(|f| order(f).price().is_err() && order(f).order_id() == Ok(Some(1))),
    ),
    (
        "order status a number",
        b"{\"topic\":\"sor\",\"args\":[{\"orderId\":1,\"status\":true}]}",
        Less(|f| order(f).status().is_err()),
    ),
    (
        "sizeAndFills of three parts",
        b"{\"topic\":\"sor\",\"args\":[{\"sizeAndFills\":\"1/2/3\"}]}",
        Less(|f| order(f).size_and_fills().is_err()),
    ),
    (
        "sizeAndFills in shorthand",
        b"{\"topic\":\"sor\",\"args\":[{\"sizeAndFills\":\"2.4K CAD\"}]}",
        Less(|f| {
            let fills = order(f).size_and_fills().unwrap().unwrap();
            fills.filled.to_i64() == Some(2_400) && fills.remaining.is_none() && fills.currency == Some("CAD")
        }),
    ),
    (
        "sizeAndFills of words",
        b"{\"topic\":\"sor\",\"args\":[{\"sizeAndFills\":\"some CAD\"}]}",
        Less(|f| order(f).size_and_fills().is_err()),
    ),
    (
        "outsideRTH a number",
        b"{\"topic\":\"sor\",\"args\":[{\"outsideRTH\":7}]}",
        Less(|f| order(f).outside_rth().is_err()),
    ),
    (
        "execution size text",
        b"{\"topic\":\"str\",\"args\":[{\"execution_id\":\"a\",\"size\":\"many\"}]}",
        Less(|f| execution(f).size().is_err() && execution(f).execution_id().is_ok()),
    ),
    (
        "execution side unknown",
        b"{\"topic\":\"str\",\"args\":[{\"execution_id\":\"a\",\"side\":\"X\"}]}",
        Less(|f| execution(f).side().unwrap().unwrap().as_str() == "X"),
    ),
    (
        "ssd value a list",
        b"{\"topic\":\"ssd+U12345678\",\"result\":[{\"key\":\"a\",\"value\":[],\"monetaryValue\":\"x\"}]}",
        Less(|f| summary(f).value().is_err() && summary(f).monetary_value().is_err() && summary(f).key().is_ok()),
    ),
    ("ssd rows of numbers", b"{\"topic\":\"ssd+U12345678\",\"result\":[1,2]}", Less(|f| bad_rows(f) == (2, 2))),
    (
        "sld balance true",
        b"{\"topic\":\"sld+U12345678\",\"result\":[{\"key\":\"a\",\"cashbalance\":true,\"funds\":0.0}]}",
        Less(|f| ledger(f).cash_balance().is_err() && ledger(f).funds().is_ok()),
    ),
    (
        "spl row a number",
        b"{\"topic\":\"spl\",\"args\":{\"DU1234567.Core\":1,\"U12345678.Core\":{\"dpl\":1.5}}}",
        Less(|f| bad_rows(f) == (1, 2)),
    ),
    ("spl args a list", b"{\"topic\":\"spl\",\"args\":[1]}", Less(|f| bad_rows(f) == (1, 1))),
    ("spl args text", b"{\"topic\":\"spl\",\"args\":\"x\"}", Less(|f| bad_rows(f) == (1, 1))),
    ("spl args null", b"{\"topic\":\"spl\",\"args\":null}", Less(|f| bad_rows(f) == (0, 0))),
    (
        "smh data text",
        b"{\"topic\":\"smh+7\",\"data\":\"value\",\"serverId\":7}",
        Less(|f| {
            bad_rows(f) == (1, 1) && matches!(f.body(), Body::History(h) if h.server_id().unwrap().unwrap() == "7")
        }),
    ),
    (
        "smh high of words",
        b"{\"topic\":\"smh+7\",\"high\":\"a/b\",\"low\":\"1/2/3\"}",
        Less(|f| matches!(f.body(), Body::History(h) if h.high().is_err() && h.low().unwrap().is_some())),
    ),
    (
        "sbd price of words",
        b"{\"topic\":\"sbd\",\"data\":[{\"row\":0,\"price\":\"a @ b\",\"bid\":\"5\"}]}",
        Less(|f| ladder(f).price().is_err() && ladder(f).bid().is_ok()),
    ),
    (
        "sbd price of two at signs",
        b"{\"topic\":\"sbd\",\"data\":[{\"row\":0,\"price\":\"1 @ 2 @ 3\"}]}",
        Less(|f| ladder(f).price().is_err()),
    ),
    ("ntf of a number", b"{\"topic\":\"ntf\",\"args\":[5,{\"id\":1,\"text\":\"a\"}]}", Less(|f| bad_rows(f) == (1, 2))),
    (
        "ntf prompt without orderId",
        b"{\"topic\":\"ntf\",\"args\":{\"reqId\":\"1\",\"options\":\"Yes\"}}",
        Less(
            |f| matches!(f.body(), Body::Notifications(n) if matches!(n.rows().next(), Some(Ok(Notification::Prompt(p))) if p.order_id() == Ok(None) && p.options().is_err())),
        ),
    ),
    (
        "blt message a number",
        b"{\"topic\":\"blt\",\"args\":[{\"id\":[],\"message\":\"m\"}]}",
        Less(
            |f| matches!(f.body(), Body::Bulletins(b) if b.rows().next().unwrap().is_ok_and(|b| b.id().is_err() && b.message().is_ok())),
        ),
    ),
    (
        "exercise data text",
        b"{\"topic\":\"shs+exercise\",\"data\":\"x\"}",
        Less(|f| matches!(f.body(), Body::Exercise(e) if e.user_actions().count() == 0 && e.id() == Ok(None))),
    ),
];
