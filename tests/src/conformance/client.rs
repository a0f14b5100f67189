//! The client against the simulated gateway: what applications do with it.

use core::future::Future;
use core::task::Poll;
use core::time::Duration;
use std::future::poll_fn;

use ibws_proto::client::{Builder, Client, Subscription};
use ibws_proto::transport::{Limits, Runtime, Trust};
use ibws_proto::{
    CommandError, ConnectionLoss, ConnectionState, Event, GapCause, Item, Key, ReadyGate, Subscribe, SubscribeOutcome,
    SubscriptionKey, SubscriptionState, UnsubscribeOutcome, status::HealthReason,
};

use super::stage::{Stage, Trace};
use crate::{GatewayConfig, Server, ServerConfig};

fn server<R>(stage: &Stage<R>, seed: u64) -> Server {
    let gateway = GatewayConfig::seeded(seed);
    Server::start(if stage.tls { ServerConfig::tls(gateway) } else { ServerConfig::plain(gateway) }).expect("a server")
}

fn builder<R: Runtime + Clone>(stage: &Stage<R>, server: &Server) -> Builder<R> {
    Builder::new(stage.runtime.clone()).url(server.ws_url()).plaintext_on_loopback().trust(server.trust())
}

fn client<R: Runtime + Clone>(stage: &Stage<R>, server: &Server) -> Client<R> {
    builder(stage, server).build().expect("a client")
}

fn shares() -> Subscribe {
    Subscribe::parse(r#"md+265598+{"fields":["31","84","86"]}"#).expect("a channel")
}

/// Waits for an event of a subscription for which `select` returns a value.
async fn event<R: Runtime, T>(subscription: &mut Subscription<R>, select: impl Fn(&Event) -> Option<T>) -> T {
    loop {
        match subscription.next().await.expect("the stream goes on") {
            Item::Event(event) => {
                if let Some(found) = select(&event) {
                    return found;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn frame(event: &Event) -> Option<String> {
    match event {
        Event::Message(message) => Some(message.frame.text().to_owned()),
        _ => None,
    }
}

/// The stream of a subscription continues after the loss of its connection.
pub async fn a_subscription_survives_the_loss_of_its_connection<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let server = server(&stage, 1);
    let client = client(&stage, &server);
    client.start().await.expect("a start");
    let mut quotes = client.subscribe(shares()).await.expect("a subscription");
    assert_eq!(quotes.known_outcome(), SubscribeOutcome::Active);
    assert!(event(&mut quotes, frame).await.contains("smd+265598"));
    let conn = server.control().connections().last().expect("a connection");
    server.control().drop_connection(conn);
    event(&mut quotes, |event| matches!(event, Event::Gap(_)).then_some(())).await;
    event(&mut quotes, |event| matches!(event, Event::Resumed(_)).then_some(())).await;
    assert!(event(&mut quotes, frame).await.contains("smd+265598"));
    client.drain().await.expect("a drain");
    assert_eq!(client.status().state, ConnectionState::Stopped);
    stage.until(|| server.control().connections().count() == 0).await;
    let texts = server.control().take_log();
    texts.iter().map(|received| format!("received {}", received.text)).collect()
}

/// Dropping the last handle of any kind closes the connection.
pub async fn dropping_the_last_handle_closes_the_connection<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let server = server(&stage, 2);
    let client = client(&stage, &server);
    client.start().await.expect("a start");
    let quotes = client.subscribe(shares()).await.expect("a subscription");
    drop(client);
    assert_eq!(server.control().connections().count(), 1, "the subscription holds the client");
    drop(quotes);
    stage.until(|| server.control().connections().count() == 0).await;
    vec!["closed".into()]
}

/// Dropping one handle of a key keeps the subscription; dropping the last one unsubscribes.
pub async fn dropping_one_handle_of_a_key_keeps_the_subscription<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let server = server(&stage, 3);
    let client = client(&stage, &server);
    client.start().await.expect("a start");
    let first = client.subscribe(shares()).await.expect("a subscription");
    let mut second = client.subscribe(shares()).await.expect("a subscription");
    drop(first);
    assert!(event(&mut second, frame).await.contains("smd+265598"));
    assert_eq!(client.subscriptions().len(), 1);
    drop(second);
    stage.until(|| server.control().log().any(|received| received.text == "umd+265598+{}")).await;
    assert_eq!(client.subscriptions().len(), 0);
    server.control().take_log().iter().map(|received| format!("received {}", received.text)).collect()
}

/// Each kind of request gets its specific reply.
pub async fn requests_get_their_specific_replies<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let server = server(&stage, 4);
    let client = client(&stage, &server);
    assert_eq!(client.tic().await, Err(CommandError::NotReady(HealthReason::NotConnected)));
    client.start().await.expect("a start");
    let _quotes = client.subscribe(shares()).await.expect("a subscription");
    let other = Subscribe::parse(r#"md+265598+{"fields":["55"]}"#).expect("a channel");
    let conflict = client.subscribe(other).await.err();
    assert!(matches!(conflict, Some(CommandError::Conflict(_))), "{conflict:?}");
    let key = SubscriptionKey::parse("md+1").expect("a key");
    assert!(matches!(client.unsubscribe(&key, false).await, Err(CommandError::UnknownSubscription(_))));
    assert_eq!((client.tic().await, client.send_text("ech+hb").await), (Ok(()), Ok(())));
    assert_eq!(client.send_text("a\nb").await, Err(CommandError::BadText));
    let summary = Subscribe::parse("sd+DU1234567").expect("a channel");
    let summary = client.subscribe(summary).await.expect("a subscription");
    assert_eq!(client.unsubscribe(summary.key(), true).await, Ok(UnsubscribeOutcome::Confirmed));
    assert_eq!(client.check_health().await, Ok(true));
    assert!(client.health().healthy);
    vec![format!("{conflict:?}")]
}

/// Accessors of a key share its only queue.
pub async fn a_key_has_one_queue_that_its_accessors_share<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let server = server(&stage, 5);
    let client = client(&stage, &server);
    let (mut system, mut same) = (client.queue(Key::System), client.queue(Key::System));
    client.start().await.expect("a start");
    let first = system.recv().await;
    assert!(matches!(first, Some(Item::Event(Event::Message(_)))), "{first:?}");
    // The gateway's next heartbeat is seconds away.
    assert!(same.try_recv().is_none() && same.is_empty());
    assert!(same.recv_timeout(Duration::from_millis(1)).await.is_none());
    vec!["one queue".into()]
}

/// The reader of a stream can reset and shut down the client without a deadlock.
pub async fn reset_and_shutdown_from_inside_a_stream_do_not_deadlock<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let server = server(&stage, 6);
    let client = client(&stage, &server);
    client.start().await.expect("a start");
    let mut quotes = client.subscribe(shares()).await.expect("a subscription");
    event(&mut quotes, frame).await;
    client.hard_reset(true).await.expect("a reset");
    event(&mut quotes, |event| match event {
        Event::Subscription(change) if change.state == SubscriptionState::Active => Some(()),
        _ => None,
    })
    .await;
    assert_eq!((client.shutdown().await, client.shutdown().await), (Ok(()), Ok(())));
    vec!["shut down".into()]
}

/// The stream of a subscription ends when the subscription is removed.
pub async fn the_stream_of_a_removed_subscription_ends<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let server = server(&stage, 10);
    let client = client(&stage, &server);
    client.start().await.expect("a start");
    let mut first = client.subscribe(shares()).await.expect("a subscription");
    client.unsubscribe(first.key(), false).await.expect("an end");
    let mut second = client.subscribe_nowait(shares()).expect("a valid request");
    while first.next().await.is_some() {}
    assert!(event(&mut second, frame).await.contains("smd+265598"), "another handle of the key continues");
    client.shutdown().await.expect("a stop");
    while second.next().await.is_some() {}
    vec!["both ended".into()]
}

/// A future can be dropped after any number of polls, and the client still works.
pub async fn a_future_dropped_after_any_number_of_polls_keeps_the_client_working<R: Runtime + Clone>(
    stage: Stage<R>,
) -> Trace {
    let server = server(&stage, 8);
    let client = client(&stage, &server);
    client.start().await.expect("a start");
    for polls in 0..6 {
        let mut subscribe = Box::pin(client.subscribe(shares()));
        for _ in 0..polls {
            if poll_fn(|cx| Poll::Ready(subscribe.as_mut().poll(cx).is_ready())).await {
                break;
            }
            // Other tasks run here.
            let mut turns = 0..1;
            stage.until(|| turns.next().is_none()).await;
        }
        drop(subscribe);
        stage.until(|| client.subscriptions().is_empty()).await;
    }
    let again = client.subscribe(shares()).await.expect("a subscription");
    assert_eq!(again.known_outcome(), SubscribeOutcome::Active);
    vec!["works".into()]
}

/// A message above the limit ends the connection, and its loss has the limit and the size.
pub async fn a_message_above_the_limit_ends_the_connection<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let server = server(&stage, 9);
    let limits = Limits { max_message_size: 600, max_frame_size: 600, ..Limits::default() };
    let builder = builder(&stage, &server).limits(limits);
    let client = builder.configure(|config| config.ready_gate = ReadyGate::Off).build().expect("a client");
    let mut events = client.events();
    client.start().await.expect("a start");
    loop {
        if let Some(Item::Event(Event::State(change))) = events.next().await
            && change.state == ConnectionState::Backoff
        {
            let Some(GapCause::Connection(ConnectionLoss::TooLarge { limit: 600, size: 601.. })) = change.cause else {
                panic!("{:?}", change.cause)
            };
            return vec!["too large".into()];
        }
    }
}

/// An untrusted certificate ends `start` at once, because a retry cannot succeed. The error has the
/// certificate, so that the user can approve it.
pub async fn an_untrusted_certificate_ends_start_at_once<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let (server, another) = (server(&stage, 7), server(&stage, 7));
    if !stage.tls {
        return Trace::new();
    }
    let mut trace = Trace::new();
    for trust in [Trust::WebPki, another.trust()] {
        let client = builder(&stage, &server).trust(trust).build().expect("a client");
        match client.start().await {
            Err(CommandError::GaveUp { attempts: 1, last }) => {
                trace.push(format!("{:?}", last.kind));
                // The error has what the user must compare, and what a client then trusts.
                let shown = last.certificate.expect("the certificate");
                assert_eq!(Some(&*shown.pem), server.certificate_pem().as_deref());
                let client = builder(&stage, &server).trust(shown.pin()).build().expect("a client");
                client.start().await.expect("a start");
                client.shutdown().await.expect("an end");
            }
            other => panic!("{other:?}"),
        }
    }
    trace
}
