//! The builder: each setting that has a method of its own equals its field.

use ibws_proto::subscribe::{Processor, ReferenceProcessor};
use ibws_proto::{Account, CommandError, Config, ReadyGate, Renewal, client::Builder};

use super::*;

/// A method of the builder, and the change of the settings that equals it.
type Pair = (fn(Builder<Simulated>) -> Builder<Simulated>, fn(&mut Config));

#[test]
fn each_method_of_the_builder_equals_the_change_of_its_field() {
    let pairs: &[Pair] = &[
        (|builder| builder.ready_gate(ReadyGate::Strict), |config| config.ready_gate = ReadyGate::Strict),
        (|builder| builder.first_frame_timeout(ms(7)), |config| config.first_frame_timeout = ms(7)),
        (|builder| builder.connect_timeout(ms(7)), |config| config.connect_timeout = ms(7)),
        (|builder| builder.close_timeout(ms(7)), |config| config.close_timeout = ms(7)),
        (|builder| builder.drain_timeout(ms(7)), |config| config.drain_timeout = ms(7)),
        (|builder| builder.backoff(ms(7), ms(9)), |config| (config.backoff_min, config.backoff_max) = (ms(7), ms(9))),
        (|builder| builder.max_connection_attempts(3), |config| config.max_connection_attempts = Some(3)),
        (|builder| builder.max_reconnect_attempts(3), |config| config.max_reconnect_attempts = Some(3)),
        (|builder| builder.restart_on_close(false), |config| config.restart_on_close = false),
        (|builder| builder.restart_on_critical(false), |config| config.restart_on_critical = false),
        (|builder| builder.silence_limit(ms(7)), |config| config.silence_limit = ms(7)),
        (|builder| builder.tic_interval(ms(7)), |config| config.tic_interval = Some(ms(7))),
        (|builder| builder.ping_interval(ms(7)), |config| config.ping_interval = Some(ms(7))),
        (|builder| builder.max_pong_age(ms(7)), |config| config.max_pong_age = Some(ms(7))),
        (|builder| builder.subscription_retries(3), |config| config.subscription_retries = 3),
        (|builder| builder.subscription_timeout(ms(7)), |config| config.subscription_timeout = ms(7)),
        (
            |builder| builder.slow_channel_timeouts(ms(7), ms(9)),
            |config| (config.history_timeout, config.ledger_timeout) = (ms(7), ms(9)),
        ),
        (
            |builder| builder.refusal_backoff(ms(7), ms(9)),
            |config| (config.refusal_min, config.refusal_max) = (ms(7), ms(9)),
        ),
        (|builder| builder.renew_market_data(ms(7)), |config| config.renew_market_data = Some(ms(7))),
        (|builder| builder.renewal(Renewal::Resubscribe), |config| config.renewal = Renewal::Resubscribe),
        (
            |builder| builder.resubscribe_pace(3, ms(9)),
            |config| (config.resubscribe_burst, config.resubscribe_pause) = (3, ms(9)),
        ),
        (|builder| builder.recreate_on_reconnect(false), |config| config.recreate_on_reconnect = false),
        (|builder| builder.max_lines(3), |config| config.max_lines = 3),
        (|builder| builder.max_histories(3), |config| config.max_histories = 3),
    ];
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let shown = |builder: &Builder<Simulated>| format!("{:?}", builder.config());
    let default = shown(&runtime.builder());
    for (number, (method, change)) in pairs.iter().enumerate() {
        let set = shown(&method(runtime.builder()));
        assert_eq!(set, shown(&runtime.builder().configure(change)), "method {number}");
        assert_ne!(set, default, "method {number} changes nothing");
    }
    // These two have no text that tells them apart.
    let builder = runtime.builder().account("DU1234567");
    assert_eq!(builder.config().account, Some(Account::new("DU1234567")));
    let processor = Processor::new(ReferenceProcessor);
    let builder = builder.processor(processor.clone());
    assert!(builder.config().processor.is(&processor));
    assert_eq!(runtime.builder().max_connection_attempts(None).config().max_connection_attempts, None);
}

#[test]
fn an_account_that_the_session_does_not_serve_is_reported() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let client = runtime.builder().account("U12345678").build().unwrap();
    let mut events = client.events();
    runtime.block_on(client.start()).unwrap();
    runtime.run(ms(500));
    let items = std::iter::from_fn(|| events.try_next());
    assert_eq!(items.filter(|item| matches!(item, Item::Event(Event::AccountMismatch))).count(), 1);
}

#[test]
fn an_application_can_run_the_client_and_its_consumer_in_one_task() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let (client, task) = runtime.builder().build_with_task().unwrap();
    assert_eq!(runtime.tasks(), 0, "nothing is spawned");
    let mut start = Box::pin(client.start());
    assert!(runtime.block_on_for(ms(60_000), start.as_mut()).is_err(), "nothing happens without the task");
    let consumer = async move {
        start.await.unwrap();
        let mut quotes = client.subscribe(shares()).await.unwrap();
        let mut items = Vec::new();
        while !items.iter().any(|item| matches!(item, Item::Event(Event::Message(_)))) {
            items.extend(quotes.next_batch().await.unwrap());
        }
        client.unsubscribe(quotes.key(), false).await.unwrap();
        while let Some(batch) = quotes.next_batch().await {
            items.extend(batch);
        }
        items
    };
    let (mut task, mut consumer) = (Box::pin(task), Box::pin(consumer));
    let both = std::future::poll_fn(|cx| {
        assert!(task.as_mut().poll(cx).is_pending(), "it ends after the last handle");
        consumer.as_mut().poll(cx)
    });
    let items = runtime.block_on(both);
    assert_eq!(items.last().and_then(subscription_state), Some(SubscriptionState::Removed));
    drop(consumer);
    runtime.block_on(task);
    assert_eq!((runtime.tasks(), runtime.gateway(|gateway| gateway.connections().count())), (0, 0));
}

#[test]
fn requests_fail_and_streams_end_once_the_task_is_dropped() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let (client, task) = runtime.builder().build_with_task().unwrap();
    let mut events = client.events();
    let start = client.start();
    drop(task);
    assert_eq!(runtime.block_on(start), Err(CommandError::ShutDown));
    assert_eq!(runtime.block_on(client.ready()), Err(CommandError::ShutDown));
    while let Some(batch) = runtime.block_on(events.next_batch()) {
        assert!(batch.count() > 0);
    }
}
