//! A consumer of one item per second under a flood, in real time and over a real socket.

use core::time::Duration;
use std::io;
use std::sync::mpsc;
use std::time::Instant as Clock;

use ibws_proto::fold::OrderBook;
use ibws_proto::transport::Runtime;
use ibws_proto::{Body, ConnectionState, Event, Frame, Item, Key, Subscribe};
use tungstenite::Message;

use super::stage::{SHARE, Stage, Trace};
use crate::{PeerInput, ScriptedPeer};

/// Messages per second. A debug build is ten times slower.
pub const RATE: u64 = if cfg!(debug_assertions) { 2_000 } else { 20_000 };
/// Longest time that a read of the gateway waits; it sets the pace of the flood.
const PACE: Duration = Duration::from_millis(2);

/// What the gateway counted during the flood.
struct Seen {
    sent: u64,
    pings: u64,
    pongs: u64,
    tics: u64,
}

/// Floods a client for `seconds`. Each of its consumers takes one item per second, and the rest
/// after the flood.
///
/// # Panics
/// If a heartbeat of either side is missed, a queue holds more than its limit, or the items of the
/// order queue do not add up to what was sent.
pub async fn consumer<R: Runtime + Clone>(stage: Stage<R>, seconds: u64) -> Trace {
    let (done, when_done) = mpsc::sync_channel(1);
    let script = stage.script(move |_, client| {
        let mut peer = client.greet()?;
        peer.stop_recording();
        peer.expect("smd")?;
        peer.quote(0)?;
        let seen = flood(&mut peer, seconds)?;
        let _ = done.send(seen);
        peer.text(r#"{"topic":"system","hb":1}"#)?;
        peer.until_end()
    });
    let builder = stage.builder(&script).configure(|config| config.tic_interval = Some(Duration::from_secs(1)));
    let mut player = stage.player(builder);
    let order_subscription =
        player.client.subscribe_nowait(Subscribe::parse("or").expect("a channel")).expect("a valid request");
    player.start().await;
    let client = player.client.clone();
    let mut share = client.subscribe_nowait(Subscribe::parse(SHARE).expect("a channel")).expect("a valid request");
    drop(player);
    let (mut orders, mut events) = (client.queue(Key::Orders), client.events());
    let mut heartbeats = client.queue(Key::System);
    let (mut book, mut messages, mut lost) = (OrderBook::new(), 0, 0);
    let mut take = |item: Item| match item {
        Item::Event(Event::Message(message)) => {
            messages += 1 + message.merged;
            if let Body::Orders(rows) = message.frame.body() {
                book.apply(&rows);
            }
        }
        Item::Lost(count) => lost += count.messages,
        Item::Event(_) => {}
    };
    let began = stage.runtime.now();
    loop {
        // The consumer works for a second on each item. A heartbeat marks the end of the flood.
        let over = stage.within(Duration::from_secs(1), heartbeats.recv()).await;
        orders.try_recv().into_iter().for_each(&mut take);
        let _ = (share.try_next(), events.try_next());
        assert!(orders.len() <= 1_024 && share.len() <= 1_024 + 64 && events.len() <= 1_024 + 64);
        if let Some(Some(Item::Event(Event::Message(message)))) = over
            && message.frame.text().contains("\"hb\"")
        {
            break;
        }
    }
    let took = stage.runtime.now().since(began);
    assert!(took < Duration::from_secs(2 * seconds + 5), "the flood of {seconds} s took {took:?}");
    assert_eq!(
        (client.status().state, client.stats().machine.dials, client.health().healthy),
        (ConnectionState::Ready, 1, true)
    );
    while let Some(item) = orders.try_recv() {
        take(item);
    }
    let seen = when_done.recv().expect("the flood is over");
    assert_eq!(seen.pings, seen.pongs, "each ping gets a pong");
    assert!(seen.tics + 2 >= seconds, "{} `tic` texts of the client in {seconds} s", seen.tics);
    assert!(seen.sent >= seconds * RATE, "{} messages", seen.sent);
    let (mut all, mut count) = (OrderBook::new(), 0);
    for text in (0..seen.sent).map(message).filter(|text| text.contains("\"sor\"")) {
        count += 1;
        if let Ok(frame) = Frame::decode(text.into_bytes().into())
            && let Body::Orders(rows) = frame.body()
        {
            all.apply(&rows);
        }
    }
    assert_eq!((messages, lost), (count, 0), "order messages, delivered and lost");
    let rows = |book: &OrderBook| book.rows().map(|(_, row)| row.json().text().to_owned()).collect::<Vec<_>>();
    assert_eq!(rows(&book), rows(&all));
    assert_eq!(book.len(), 50);
    client.shutdown().await.expect("a stop");
    drop(order_subscription);
    vec![format!("{} orders, nothing lost", book.len())]
}

/// Sends the messages that are due and a ping per second, and receives in between.
fn flood(peer: &mut ScriptedPeer, seconds: u64) -> io::Result<Seen> {
    let mut seen = Seen { sent: 0, pings: 0, pongs: 0, tics: 0 };
    peer.tcp().set_read_timeout(Some(PACE))?;
    let began = Clock::now();
    while seen.sent < seconds * RATE || seen.pongs < seen.pings {
        let due = began.elapsed().as_nanos() * u128::from(RATE) / 1_000_000_000;
        let due = u64::try_from(due).unwrap_or(u64::MAX).min(seconds * RATE);
        for number in seen.sent..due {
            peer.write(Message::text(message(number)))?;
        }
        seen.sent = seen.sent.max(due);
        if seen.sent / RATE > seen.pings {
            seen.pings += 1;
            peer.write(Message::Ping(Vec::new().into()))?;
        }
        match peer.receive() {
            Ok(PeerInput::Pong) => seen.pongs += 1,
            Ok(PeerInput::Text(text)) => seen.tics += u64::from(text == "tic"),
            Ok(PeerInput::Ping) => {}
            Ok(PeerInput::Close(_) | PeerInput::End) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    peer.tcp().set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(seen)
}

/// One message of the flood: a change of one of fifty orders, a quote of the subscribed share or of
/// another one, or an unknown topic.
fn message(number: u64) -> String {
    match number % 4 {
        0 => {
            let (order, filled) = (number / 4 % 50, number / 200);
            format!(r#"{{"topic":"sor","args":[{{"acct":"DU1234567","orderId":{order},"filledQuantity":{filled}}}]}}"#)
        }
        1 => ScriptedPeer::quote_text(number),
        2 => format!(r#"{{"topic":"smd+{}","31":"{number}","_updated":{number}}}"#, 1 + number / 4 % 100),
        _ => format!(r#"{{"topic":"weather","number":{number}}}"#),
    }
}
