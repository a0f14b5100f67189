//! `unsubscribe` and its parameters.

use ibws_proto::subscribe::{Args, Processor, ReferenceProcessor};
use ibws_proto::{CommandError, Unsubscribe, UnsubscribeOutcome};

use super::*;

#[test]
fn unsubscribe_channel() {
    let (runtime, client) = ready();
    let quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    assert_eq!(runtime.block_on(client.unsubscribe(quotes.key(), false)), Ok(UnsubscribeOutcome::Sent));
    // A success forgets the subscription.
    assert!(client.subscriptions().is_empty());
    let unknown = CommandError::UnknownSubscription(quotes.key().clone());
    assert_eq!(runtime.block_on(client.unsubscribe(quotes.key(), false)), Err(unknown));
    assert_eq!(texts(&runtime, "umd"), ["umd+265598+{}"]);
}

#[test]
fn unsubscribe_needs_confirmation() {
    // Default of the reference and of the generic form: False.
    assert!(!Unsubscribe::new(key("sd+DU1234567")).needs_confirmation);
    for channel in ["sd+DU1234567", "ld+DU1234567", "mh+265598"] {
        let (runtime, client) = ready();
        let held = runtime.block_on(client.subscribe(channel)).unwrap();
        assert!(held.key().key().is_unsubscribe_confirmed());
        assert_eq!(runtime.block_on(client.unsubscribe(held.key(), true)), Ok(UnsubscribeOutcome::Confirmed));
        // Unconfirmed, it is repeated, five times 2 s by default.
        let held = runtime.block_on(client.subscribe(channel)).unwrap();
        runtime.gateway(|gateway| gateway.set_confirmations(false));
        let (before, began) = (texts(&runtime, "u").len(), runtime.now());
        let error = runtime.block_on(client.unsubscribe(held.key(), true)).unwrap_err();
        assert!(matches!(error, CommandError::Unconfirmed { attempts: 5, .. }), "{error}");
        assert_eq!((texts(&runtime, "u").len() - before, runtime.now().since(began)), (5, secs(10)));
    }
}

#[test]
fn unsubscribe_needs_confirmation_on_a_channel_that_never_confirms() {
    for channel in ["md+265598", "bd+DU1234567+265598", "or", "pl", "tr"] {
        let (runtime, client) = ready();
        let held = runtime.block_on(client.subscribe(channel)).unwrap();
        assert!(!held.key().key().is_unsubscribe_confirmed());
        let began = runtime.now();
        let outcome = runtime.block_on(client.unsubscribe(held.key(), true));
        assert_eq!((outcome, runtime.now()), (Ok(UnsubscribeOutcome::NeverConfirmed), began), "{channel}");
        assert!(client.subscriptions().is_empty());
        runtime.run(secs(30));
        assert_eq!(texts(&runtime, "u").len(), 1);
    }
}

#[test]
fn unsubscribe_data() {
    let (runtime, client) = ready();
    let quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    let args = Args::from_text(r#"{"a":[1,2]}"#).unwrap();
    let unsubscribe = Unsubscribe::new(quotes.key().clone()).args(args);
    assert_eq!(runtime.block_on(client.unsubscribe_with(unsubscribe)), Ok(UnsubscribeOutcome::Sent));
    runtime.run(ms(10));
    assert_eq!(texts(&runtime, "umd"), [r#"umd+265598+{"a":[1,2]}"#]);
}

#[test]
fn unsubscribe_subscription_processor() {
    let (runtime, client) = ready();
    let quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    let args = Args::from_text(r#"{"a":[1,2]}"#).unwrap();
    let unsubscribe = Unsubscribe::new(quotes.key().clone()).args(args).processor(Processor::new(ReferenceProcessor));
    runtime.block_on(client.unsubscribe_with(unsubscribe)).unwrap();
    runtime.run(ms(10));
    assert_eq!(texts(&runtime, "umd"), [r#"umd+265598+{"a": [1, 2]}"#]);
}
