//! From a login to quotes: the client of the gateway on this machine with its session keeper, on
//! both adapters, against the simulated gateway over TLS.
#![cfg(feature = "net")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ibws_async_std::AsyncStdRuntime;
use ibws_proto::client::{Builder, KeeperEvents, Pacing, Settings};
use ibws_proto::keeper::{KeeperConfig, KeeperEvent, KeeperState};
use ibws_proto::transport::websocket::Net;
use ibws_proto::transport::{CredentialsFuture, Runtime};
use ibws_proto::{CommandError, ConnectErrorKind, Event, Item, Key, Subscribe};
use ibws_testkit::conformance::{Stage, Trace, play};
use ibws_testkit::{GatewayConfig, RestFault, Server, ServerConfig};
use ibws_tokio::TokioRuntime;

/// Plays a story on both adapters.
macro_rules! stories {
    ($($story:ident),* $(,)?) => {$(
        #[test]
        fn $story() {
            let tokio = tokio::runtime::Runtime::new().unwrap();
            play(TokioRuntime::with_handle(tokio.handle().clone()), true, stories::$story);
            play(AsyncStdRuntime::new(), true, stories::$story);
        }
    )*};
}

stories! {
    a_login_leads_to_quotes_and_primed_orders,
    a_missing_login_is_named_and_found_without_a_restart,
    an_unknown_certificate_is_shown_and_trusted_once_it_is_saved,
    a_stopped_client_makes_no_calls_and_can_be_started_again,
    a_panic_of_the_provider_of_credentials_is_a_failed_dial,
    a_settings_file_configures_the_client,
    a_keeper_takes_nothing_from_the_queue_of_an_application,
}

/// A file that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ibws-gateway-{}-{}.pem", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A gateway that accepts no client without a session, and counts calls that come too often.
fn server(seed: u64) -> Server {
    let mut config = GatewayConfig::seeded(seed);
    config.waiting_for_session = true;
    config.paces_rest = true;
    Server::start(ServerConfig::tls(config)).expect("a server")
}

/// The client of `server`, with a keeper that retries soon.
fn builder<R: Runtime + Net + Clone>(stage: &Stage<R>, server: &Server) -> Builder<R> {
    let mut config = KeeperConfig::default();
    (config.retry_min, config.retry_max) = (Duration::from_millis(100), Duration::from_millis(200));
    let builder = Builder::local_gateway(stage.runtime.clone()).url(server.ws_url()).trust(server.trust());
    // Each server is a gateway of its own, which knows nothing of the others.
    builder.keeper(config).pacing(Pacing::separate())
}

/// Waits for a state of the keeper.
async fn until(events: &mut KeeperEvents, state: KeeperState) -> KeeperEvent {
    loop {
        let event = events.next().await.expect("the client has not ended");
        if event.state == state {
            return event;
        }
    }
}

mod stories {
    use super::*;

    pub(super) async fn a_login_leads_to_quotes_and_primed_orders<R: Runtime + Net + Clone>(stage: Stage<R>) -> Trace {
        let server = server(1);
        let client = builder(&stage, &server).build().expect("a client");
        let mut states = client.keeper_events().expect("a keeper");
        assert_eq!(client.keeper_state(), None, "nothing runs before the start");
        client.start().await.expect("a connection");
        until(&mut states, KeeperState::Authenticated).await;
        assert_eq!(client.keeper_state().map(|event| event.state), Some(KeeperState::Authenticated));
        let mut quotes = client.subscribe(Subscribe::parse("md+265598").unwrap()).await.expect("quotes");
        while !matches!(quotes.next().await, Some(Item::Event(Event::Message(_)))) {}
        // Without priming the gateway refuses orders.
        let mut orders = client.subscribe(Subscribe::parse("or").unwrap()).await.expect("orders");
        while !matches!(orders.next().await, Some(Item::Event(Event::Message(_)))) {}
        assert_eq!(server.control().pacing_violations(), 0);
        // The cookie authorised the socket, so no session was sent as a message.
        assert!(server.control().log().all(|received| !received.text.contains("session")));
        drop((client, quotes, orders));
        while states.next().await.is_some() {}
        Trace::new()
    }

    pub(super) async fn a_keeper_takes_nothing_from_the_queue_of_an_application<R: Runtime + Net + Clone>(
        stage: Stage<R>,
    ) -> Trace {
        let server = server(1);
        let client = builder(&stage, &server).build().expect("a client");
        let mut own = client.queue(Key::AuthenticationStatus);
        let mut events = client.events();
        client.start().await.expect("a connection");
        client.ready().await.expect("a ready connection");
        // The keeper reads the same messages.
        client.tic().await.expect("a reply, by which the keeper has read them too");
        let is_message = |item: &Item| match item {
            Item::Event(Event::Message(message)) => message.key == Some(Key::AuthenticationStatus),
            _ => false,
        };
        let sent = core::iter::from_fn(|| events.try_next()).filter(is_message).count();
        assert!(sent > 0, "the gateway sent one");
        assert_eq!(core::iter::from_fn(|| own.try_recv()).count(), sent);
        Trace::new()
    }

    pub(super) async fn a_missing_login_is_named_and_found_without_a_restart<R: Runtime + Net + Clone>(
        stage: Stage<R>,
    ) -> Trace {
        let server = server(2);
        server.control().set_rest_fault(Some(RestFault::NotLoggedIn));
        let soon = Duration::from_millis(50);
        let builder = builder(&stage, &server).configure(|config| {
            (config.backoff_min, config.backoff_max) = (soon, soon);
        });
        let client = builder.build().expect("a client");
        let mut states = client.keeper_events().expect("a keeper");
        // Without a limit of attempts, the start takes as long as the login.
        let start = client.start();
        let event = until(&mut states, KeeperState::LoggedOut).await;
        let advice = event.advice.as_deref().expect("advice");
        assert!(advice.contains(&format!("https://{}", server.addr())), "{advice}");
        assert!(event.outage_since.is_some() && !event.why.is_empty(), "{event}");
        server.control().set_rest_fault(None);
        until(&mut states, KeeperState::Authenticated).await;
        start.await.expect("a connection");
        assert_eq!(server.control().pacing_violations(), 0);
        Trace::new()
    }

    pub(super) async fn an_unknown_certificate_is_shown_and_trusted_once_it_is_saved<R: Runtime + Net + Clone>(
        stage: Stage<R>,
    ) -> Trace {
        let (server, pin) = (server(3), Scratch::new());
        let builder = || {
            let builder = Builder::local_gateway(stage.runtime.clone()).pacing(Pacing::separate()).url(server.ws_url());
            builder.pin_file(&pin.0).build().expect("a client")
        };
        let error = builder().start().await.expect_err("an unknown certificate");
        let CommandError::GaveUp { last, .. } = error else { panic!("{error:?}") };
        assert_eq!(last.kind, ConnectErrorKind::Trust);
        let certificate = last.certificate.expect("the certificate");
        let expected = server.certificate_sha256().expect("a certificate");
        assert_eq!(*certificate.sha256, *expected);
        for part in ["no certificate is pinned yet", &expected, "`UnknownCertificate::save`"] {
            assert!(last.detail.contains(part), "{}", last.detail);
        }
        assert!(!last.detail.contains("replaced"), "{}", last.detail);
        assert!(!pin.0.exists(), "nothing is saved unless the application does it");
        certificate.save(&pin.0).expect("a saved pin");
        let client = builder();
        client.start().await.expect("a connection");
        Trace::new()
    }

    pub(super) async fn a_stopped_client_makes_no_calls_and_can_be_started_again<R: Runtime + Net + Clone>(
        stage: Stage<R>,
    ) -> Trace {
        let server = server(4);
        let client = builder(&stage, &server).build().expect("a client");
        let mut states = client.keeper_events().expect("a keeper");
        for _ in 0..2 {
            client.start().await.expect("a connection");
            let state = || client.keeper_state().map(|event| event.state);
            stage.until(|| state() == Some(KeeperState::Authenticated)).await;
            client.shutdown().await.expect("a shutdown");
            assert_eq!(client.keeper_state(), None);
        }
        assert_eq!(server.control().pacing_violations(), 0);
        drop(client);
        while states.next().await.is_some() {}
        assert_eq!(states.lost(), 0);
        Trace::new()
    }

    pub(super) async fn a_panic_of_the_provider_of_credentials_is_a_failed_dial<R: Runtime + Net + Clone>(
        stage: Stage<R>,
    ) -> Trace {
        let server = server(5);
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        let provider = move || -> CredentialsFuture {
            counted.fetch_add(1, Ordering::Relaxed);
            panic!("the provider of this test panics");
        };
        let builder = builder(&stage, &server).credentials(provider).configure(|config| {
            config.max_connection_attempts = Some(2);
            (config.backoff_min, config.backoff_max) = (Duration::from_millis(5), Duration::from_millis(5));
        });
        let error = builder.build().expect("a client").start().await.expect_err("no credentials");
        let CommandError::GaveUp { last, .. } = error else { panic!("{error:?}") };
        assert_eq!(last.kind, ConnectErrorKind::Credentials);
        assert!(last.detail.contains("panicked"), "{last}");
        assert!(calls.load(Ordering::Relaxed) >= 2);
        Trace::new()
    }

    pub(super) async fn a_settings_file_configures_the_client<R: Runtime + Net + Clone>(stage: Stage<R>) -> Trace {
        let (server, pin) = (server(6), Scratch::new());
        std::fs::write(&pin.0, server.certificate_pem().expect("a certificate")).expect("a file");
        let text = serde_json::json!({
            "url": server.ws_url(), "trust": format!("pin:{}", pin.0.display()), "account_id": "U12345678",
            "timeout": 20, "log_raw_messages": true,
        });
        let settings = Settings::from_json(&text.to_string()).expect("settings");
        let builder = Builder::local_gateway(stage.runtime.clone()).pacing(Pacing::separate());
        let builder = builder.settings(&settings).expect("settings");
        let client = builder.build().expect("a client");
        let mut events = client.events();
        client.start().await.expect("a connection");
        // The gateway serves another account than the settings name.
        while !matches!(events.next().await, Some(Item::Event(Event::AccountMismatch))) {}
        let missing = Settings::from_json(r#"{"trust": "ca:/no/such/file"}"#).expect("settings");
        let error = Builder::new(stage.runtime.clone()).settings(&missing).expect_err("an error").to_string();
        assert!(error.starts_with("trust takes ") && error.contains("/no/such/file"), "{error}");
        Trace::new()
    }
}
