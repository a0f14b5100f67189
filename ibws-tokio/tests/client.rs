//! The client on tokio, against the simulated gateway on a real socket.

use std::time::Duration;

use ibws_proto::driver::Limits;
use ibws_proto::{Event, Failure, Item, Key, Phase, ReadyGate, Standing, SubKey, SubStatus, Subscribe, Unsubscribed};
use ibws_testkit::{GatewayConfig, Server, ServerConfig};
use ibws_tokio::{Client, EventStream, Subscription};

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(20);

fn plain(seed: u64) -> Server {
    Server::start(ServerConfig::plain(GatewayConfig::seeded(seed))).unwrap()
}

fn client(server: &Server) -> Client {
    ibws_tokio::builder().url(server.ws_url()).plaintext_on_loopback().trust(server.trust()).build().unwrap()
}

fn shares() -> Subscribe {
    Subscribe::parse(r#"md+265598+{"fields":["31","84","86"]}"#).unwrap()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing came in time")
}

/// The next event of a subscription that `wanted` takes.
async fn event<T>(subscription: &mut Subscription, wanted: impl Fn(&Event) -> Option<T>) -> T {
    within(async {
        loop {
            match subscription.next().await.expect("the stream ended") {
                Item::Event(event) => {
                    if let Some(found) = wanted(&event) {
                        return found;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    })
    .await
}

fn frame(event: &Event) -> Option<String> {
    match event {
        Event::Message(message) => Some(message.frame.text().to_owned()),
        _ => None,
    }
}

async fn connections(server: &Server, count: usize) {
    within(async {
        while server.control().connections().count() != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn handles_can_be_sent_and_shared() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Client>();
    check::<Subscription>();
    check::<EventStream>();
}

#[tokio::test]
async fn a_subscription_is_a_stream_that_survives_the_loss_of_its_connection() {
    for server in [plain(1), Server::start(ServerConfig::tls(GatewayConfig::seeded(1))).unwrap()] {
        let client = client(&server);
        within(client.start()).await.unwrap();
        let mut quotes = within(client.subscribe(shares())).await.unwrap();
        assert_eq!(quotes.standing(), Standing::Active);
        assert!(event(&mut quotes, frame).await.contains("smd+265598"));
        let conn = server.control().connections().last().unwrap();
        server.control().drop_connection(conn);
        event(&mut quotes, |event| matches!(event, Event::Gap(_)).then_some(())).await;
        event(&mut quotes, |event| matches!(event, Event::Resumed(_)).then_some(())).await;
        assert!(event(&mut quotes, frame).await.contains("smd+265598"));
        within(client.drain()).await.unwrap();
        assert_eq!(client.status().phase, Phase::Idle);
        connections(&server, 0).await;
    }
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_connection() {
    let server = plain(2);
    let client = client(&server);
    within(client.start()).await.unwrap();
    let quotes = within(client.subscribe(shares())).await.unwrap();
    drop(client);
    assert_eq!(server.control().connections().count(), 1, "the subscription holds the client");
    drop(quotes);
    connections(&server, 0).await;
}

#[tokio::test]
async fn dropping_one_handle_of_a_key_leaves_the_other_alive() {
    let server = plain(3);
    let client = client(&server);
    within(client.start()).await.unwrap();
    let first = within(client.subscribe(shares())).await.unwrap();
    let mut second = within(client.subscribe(shares())).await.unwrap();
    drop(first);
    assert!(event(&mut second, frame).await.contains("smd+265598"));
    assert_eq!(client.subscriptions().len(), 1);
    drop(second);
    within(async {
        while !server.control().log().any(|received| received.text == "umd+265598+{}") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(client.subscriptions().len(), 0);
}

#[tokio::test]
async fn requests_are_answered_with_what_can_be_done() {
    let server = plain(4);
    let client = client(&server);
    assert_eq!(within(client.tic()).await, Err(Failure::NotReady));
    within(client.start()).await.unwrap();
    let _quotes = within(client.subscribe(shares())).await.unwrap();
    let other = Subscribe::parse(r#"md+265598+{"fields":["55"]}"#).unwrap();
    assert!(matches!(within(client.subscribe(other)).await, Err(Failure::Conflict(_))));
    let key = SubKey::parse("md+1").unwrap();
    assert!(matches!(within(client.unsubscribe(&key, false)).await, Err(Failure::UnknownSubscription(_))));
    within(client.tic()).await.unwrap();
    within(client.send_text("ech+hb")).await.unwrap();
    assert_eq!(within(client.send_text("a\nb")).await, Err(Failure::BadText));
    let summary = within(client.subscribe(Subscribe::parse("sd+DU1234567").unwrap())).await.unwrap();
    assert_eq!(within(client.unsubscribe(summary.key(), true)).await, Ok(Unsubscribed::Confirmed));
    assert_eq!(within(client.check_health()).await, Ok(true));
    assert!(client.health().healthy);
}

#[tokio::test]
async fn a_key_has_one_queue_that_its_accessors_share() {
    let server = plain(5);
    let client = client(&server);
    let mut system = client.queue(Key::System);
    let mut same = client.queue(Key::System);
    within(client.start()).await.unwrap();
    let first = within(system.recv()).await;
    assert!(matches!(first, Some(Item::Event(Event::Message(_)))), "{first:?}");
    assert!(same.try_recv().is_none() && same.is_empty());
    assert_eq!(within(same.recv_timeout(Duration::from_millis(1))).await.is_none(), same.is_empty());
}

#[tokio::test]
async fn hard_reset_and_shutdown_from_inside_a_stream_do_not_deadlock() {
    let server = plain(6);
    let client = client(&server);
    within(client.start()).await.unwrap();
    let mut quotes = within(client.subscribe(shares())).await.unwrap();
    event(&mut quotes, frame).await;
    within(client.hard_reset(true)).await.unwrap();
    event(&mut quotes, |event| match event {
        Event::Subscription(change) if change.status == SubStatus::Active => Some(()),
        _ => None,
    })
    .await;
    within(client.shutdown()).await.unwrap();
    within(client.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_subscription_ends_with_its_stream_when_it_is_gone() {
    let server = plain(10);
    let client = client(&server);
    within(client.start()).await.unwrap();
    let mut first = within(client.subscribe(shares())).await.unwrap();
    within(client.unsubscribe(first.key(), false)).await.unwrap();
    let mut second = client.subscribe_later(shares());
    within(async { while first.next().await.is_some() {} }).await;
    assert!(event(&mut second, frame).await.contains("smd+265598"), "another handle of the key goes on");
    within(client.shutdown()).await.unwrap();
    within(async { while second.next().await.is_some() {} }).await;
}

#[tokio::test]
async fn a_dead_port_ends_start_with_the_reason() {
    let builder = ibws_tokio::builder().url("ws://127.0.0.1:1/v1/api/ws").plaintext_on_loopback();
    let client = builder.configure(|config| config.max_connection_attempts = Some(1)).build().unwrap();
    match within(client.start()).await {
        Err(Failure::GaveUp { attempts: 1, last }) => assert!(last.detail.contains("127.0.0.1:1")),
        other => panic!("{other:?}"),
    }
    assert!(ibws_tokio::builder().url("ws://example.com/").plaintext_on_loopback().build().is_err());
}

#[tokio::test]
async fn an_unpinned_certificate_ends_start_at_once() {
    let server = Server::start(ServerConfig::tls(GatewayConfig::seeded(7))).unwrap();
    let client = ibws_tokio::builder().url(server.ws_url()).build().unwrap();
    assert!(matches!(within(client.start()).await, Err(Failure::GaveUp { attempts: 1, .. })));
    let wrong = Server::start(ServerConfig::tls(GatewayConfig::seeded(7))).unwrap();
    let client = ibws_tokio::builder().url(server.ws_url()).trust(wrong.trust()).build().unwrap();
    assert!(matches!(within(client.start()).await, Err(Failure::GaveUp { attempts: 1, .. })));
}

#[tokio::test]
async fn a_future_dropped_after_any_number_of_polls_leaves_the_client_whole() {
    let server = plain(8);
    let client = client(&server);
    within(client.start()).await.unwrap();
    for polls in 0..6 {
        let mut subscribe = Box::pin(client.subscribe(shares()));
        for _ in 0..polls {
            if std::future::poll_fn(|cx| std::task::Poll::Ready(subscribe.as_mut().poll(cx).is_ready())).await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(subscribe);
        within(async {
            while !client.subscriptions().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert!(within(client.subscribe(shares())).await.is_ok());
}

#[tokio::test]
async fn a_message_above_the_limit_is_a_told_loss() {
    let server = plain(9);
    let mut limits = Limits::default();
    (limits.max_message_size, limits.max_frame_size) = (600, 600);
    let builder = ibws_tokio::builder().url(server.ws_url()).plaintext_on_loopback().limits(limits);
    let client = builder.configure(|config| config.ready_gate = ReadyGate::Off).build().unwrap();
    let mut events = client.events();
    within(client.start()).await.unwrap();
    within(async {
        loop {
            if let Some(Item::Event(Event::State(change))) = events.next().await
                && change.state == Phase::Backoff
            {
                return assert!(change.cause.is_some());
            }
        }
    })
    .await;
}
