//! What the clients go through: dials that fail, refusals, frames of every kind, errors, closes and
//! a shutdown. The story returns every text that they show.

use std::fmt::Debug;
use std::net::TcpListener;
use std::time::Duration;

use ibws_proto::client::{Builder, EventStream};
use ibws_proto::rest::{RestError, RestReply};
use ibws_proto::transport::{CookieForm, Credentials, DialRequest, Endpoint, Plaintext, Runtime, Secret};
use ibws_proto::{Account, Event, Item, Subscribe, SubscriptionKey};
use ibws_testkit::conformance::{Stage, Trace};
use ibws_testkit::frames::{Kind, frame};
use ibws_testkit::{ClientInfo, PeerInput};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use crate::needles::{ACCOUNTS, COOKIE, SESSION, TOKEN};

/// Credentials with all secrets.
pub(crate) fn credentials() -> Credentials {
    let secret = |text| Secret::new(text).unwrap();
    let credentials = Credentials::default().with_session(secret(SESSION), CookieForm::Gateway);
    credentials
        .with_cookie("x-sess-uuid", secret(COOKIE))
        .and_then(|credentials| credentials.with_query("oauth_token", secret(TOKEN)))
        .unwrap()
}

/// The texts that are shown.
#[derive(Default)]
struct Shown(Trace);

impl Shown {
    fn debug(&mut self, value: impl Debug) {
        self.0.push(format!("{value:?}\n{value:#?}"));
    }

    fn error(&mut self, error: &dyn std::error::Error) {
        self.0.push(format!("{error}\n{error:?}\n{error:#?}"));
        if let Some(source) = error.source() {
            self.error(source);
        }
    }

    fn item(&mut self, item: &Item) {
        self.debug(item);
        if let Item::Event(Event::Message(message)) = item {
            self.debug(message.frame.body());
            message.frame.members().for_each(|(_, value)| self.debug(value));
        }
    }
}

/// The frames that a gateway sends, each with as many secrets as it can hold. The gateway repeats a
/// session where it should not, and an account everywhere.
fn frames() -> Vec<Vec<u8>> {
    let [one, other] = ACCOUNTS;
    let mut frames: Vec<Vec<u8>> = vec![
        format!(r#"{{"topic":"tic","alive":true,"id":"{SESSION}","lastAccessed":1764366452000}}"#).into(),
        format!(r#"{{"topic":"act","args":{{"accounts":["{one}","{other}"],"selectedAccount":"{one}"}}}}"#).into(),
        format!(r#"{{"topic":"sor","args":[{{"acct":"{one}","orderId":1,"text":"of\n{other}","x":"{SESSION}"}},"{one}"]}}"#)
            .into(),
        format!(r#"{{"topic":"spl","args":{{"{one}.Core":{{"dpl":"{other}"}},"{other}":5}}}}"#).into(),
        format!(r#"{{"topic":"ssd","error":"no session {SESSION}\u001b[2J for {one}","code":500}}"#).into(),
        format!(r#"{{"topic":"smh+265598","serverId":"{SESSION}","data":"{one}"}}"#).into(),
        format!(r#"{{"topic":"ntf","args":[{{"orderId":1,"reqId":"{SESSION}","text":"Sell of {one}?","options":["{other}"]}}]}}"#)
            .into(),
        format!(r#"{{"error":"unknown session","session":"{SESSION}","topic":"sor"}}"#).into(),
        // Frames that cannot be read: a key twice, a cut one, two in one, bytes that are not UTF-8.
        format!(r#"{{"topic":"tic","id":"{SESSION}","topic":"tic"}}"#).into(),
        format!(r#"{{"topic":"tic","id":"{SESSION}","acct":"{one}"}} {{"session":"{SESSION}"}}"#).into(),
        [format!(r#"{{"topic":"tic","id":"{SESSION}","acct":"{one}"#).as_bytes(), b"\xff"].concat(),
        format!("{SESSION} {one}").into(),
    ];
    // Another id in `tic` would end the connection.
    let kinds = Kind::ALL.iter().filter(|kind| **kind != Kind::Tic);
    frames.extend(kinds.map(|kind| frame(*kind, 7).into_bytes()));
    // A topic without a subscription, and the end of the messages.
    frames.push(br#"{"topic":"zzz","last":true}"#.to_vec());
    frames
}

/// Responses that repeat the request of the upgrade.
fn refuse(conn: usize, mut client: ClientInfo) -> std::io::Result<()> {
    let head = client.head()?;
    let line = head.lines().next().unwrap_or_default().to_owned();
    let echo = format!("{line} {TOKEN} {SESSION} {COOKIE} {} {}", ACCOUNTS[0], head.replace("\r\n", " "));
    let body = format!("{{\"error\":{:?},\"session\":\"{SESSION}\"}}", &echo);
    let response = match conn {
        1 => echo,
        2 => format!("HTTP/1.1 401 no {SESSION}\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        3 => format!("HTTP/1.1 302 Found\r\nLocation: /{SESSION}/{}?{TOKEN}\r\n\r\n", ACCOUNTS[1]),
        4 => format!(
            "HTTP/1.1 503 {COOKIE}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        ),
        5 => format!(
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX: {echo}\r\nSec-WebSocket-Accept: {SESSION}\r\n\r\n"
        ),
        6 => format!("HTTP/1.1 200 OK\r\nbad header {SESSION}\r\n\r\n{body}"),
        7 => format!("HTTP/1.1 200 {SESSION}"),
        _ => return client.reset(),
    };
    client.put(response.as_bytes())
}

/// Dials that fail. The trace is what their errors show.
async fn failing_dials<R: Runtime + Clone>(stage: &Stage<R>, shown: &mut Shown) {
    let refusing = stage.script(refuse);
    for _ in 0..8 {
        let request = DialRequest { credentials: credentials(), ..stage.request(&refusing) };
        shown.debug(&request);
        let error = stage.runtime.dial(request).await.err().expect("a refusal");
        shown.error(&error);
    }
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port");
    let endpoint = Endpoint::parse(&format!("ws://{free}/?oauth_token={TOKEN}"), Plaintext::OnLoopback);
    let endpoint = endpoint.expect("an address");
    shown.debug(&endpoint);
    shown.0.push(endpoint.to_string());
    let request = DialRequest { credentials: credentials(), ..DialRequest::new(endpoint) };
    shown.error(&stage.runtime.dial(request).await.err().expect("a dead port"));
    if stage.tls {
        let impostor = stage.script(|_, client| client.impostor().and_then(|mut client| client.head()).map(drop));
        let request = DialRequest { credentials: credentials(), ..stage.request(&impostor) };
        shown.error(&stage.runtime.dial(request).await.err().expect("another certificate"));
    }
}

/// Reads events up to the first one that `is_last` accepts.
async fn until<R: Runtime>(events: &mut EventStream<R>, shown: &mut Shown, is_last: impl Fn(&Event) -> bool) {
    loop {
        let item = events.next().await.expect("the stream goes on");
        shown.item(&item);
        if let Item::Event(event) = &item
            && is_last(event)
        {
            return;
        }
    }
}

/// A gateway that asks for the session, sends frames of every kind, and ends each connection in
/// another way.
pub(crate) fn serve(conn: usize, client: ClientInfo) -> std::io::Result<()> {
    let mut peer = client.open(b"")?;
    if conn == 1 {
        peer.text(r#"{"message":"waiting for session"}"#)?;
        peer.expect(r#"{"session":""#)?;
    }
    peer.greet()?;
    peer.expect("sor")?;
    for frame in frames() {
        peer.send(Message::binary(frame))?;
    }
    match conn {
        1 => {
            let reason = format!("{SESSION} of {}", ACCOUNTS[0]);
            peer.send(Message::Close(Some(CloseFrame { code: 1000.into(), reason: reason.into() })))?;
        }
        // A text of an unknown opcode, which violates the protocol.
        2 => peer.raw(&[&[0x83, 32], SESSION.as_bytes()].concat())?,
        3 => {
            // A reset discards what the client has not read, so the pong is awaited.
            peer.send(Message::Ping(Vec::new().into()))?;
            while peer.receive()? != PeerInput::Pong {}
            return peer.reset();
        }
        _ => {}
    }
    peer.until_end()
}

/// The whole story. Its trace is every text that is shown, in no particular order.
pub(crate) async fn clients<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let mut shown = Shown::default();
    failing_dials(&stage, &mut shown).await;
    let script = stage.script(serve);
    let builder = Builder::new(stage.runtime.clone()).url(script.url()).plaintext_on_loopback().trust(script.trust());
    let builder = builder.log_raw_messages(true).credentials(credentials()).configure(|config| {
        config.account = Some(Account::new(ACCOUNTS[0]));
        (config.backoff_min, config.backoff_max) = (Duration::from_millis(5), Duration::from_millis(5));
    });
    let builder = builder.rest_handler(|request| {
        let error = RestError::from_reply("/iserver/x", 400, &format!("{request:?} {SESSION} {}", ACCOUNTS[1]));
        Box::pin(async move { if error.reason.contains("Session") { Ok(RestReply::Complete) } else { Err(error) } })
            as _
    });
    let client = builder.build().expect("a client");
    let mut events = client.events();
    let keys = ["or", "pl", "mh+265598", "sd+DU1234567", "ld+U12345678", "bd+DU1234567+265598"];
    let subscribes = keys.map(|key| Subscribe::parse(key).expect("a channel"));
    subscribes.iter().for_each(|subscribe| shown.debug(subscribe));
    let subscriptions =
        subscribes.map(|subscribe| client.subscribe_nowait(subscribe).expect("a valid request").into_guard());
    client.start().await.expect("a start");
    for conn in 1..=4 {
        until(
            &mut events,
            &mut shown,
            |event| matches!(event, Event::Message(message) if message.frame.topic().as_deref() == Some("zzz")),
        )
        .await;
        shown.debug(client.status());
        shown.debug(client.subscriptions());
        shown.debug(client.server_ids(ibws_proto::Key::MarketHistory).map(|ids| ids.len()));
        shown.debug(client.health());
        shown.debug(client.stats());
        if conn < 4 {
            until(&mut events, &mut shown, |event| matches!(event, Event::State(change) if change.cause.is_some()))
                .await;
        }
    }
    let unknown = SubscriptionKey::parse("sd+U12345678").expect("a key");
    shown.error(&client.unsubscribe(&unknown, false).await.expect_err("no such subscription"));
    let other = Subscribe::parse(r#"sd+DU1234567+{"keys":["DU1234567"]}"#).expect("a channel");
    shown.error(&client.subscribe(other).await.expect_err("other arguments"));
    shown.error(&client.send_text(&format!("{SESSION}\n")).await.expect_err("a line end"));
    client.send_text(&format!(r#"{{"session":"{SESSION}"}}"#)).await.expect("a text");
    client.drain().await.expect("a drain");
    while let Some(item) = events.try_next() {
        shown.item(&item);
    }
    drop(subscriptions);
    shown.0
}
