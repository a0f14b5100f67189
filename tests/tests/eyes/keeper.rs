//! The lines of the session keeper, over sockets on loopback.

use ibws_proto::client::Pacing;
use ibws_proto::keeper::{KeeperConfig, KeeperState};
use ibws_testkit::{RestFault, Server, ServerConfig};
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::logs::{assert_no_secret, collect, lines};
use super::*;

#[test]
fn the_states_of_the_keeper_are_lines_of_its_client() {
    let mut span = String::new();
    let all = collect(LevelFilter::INFO, |_| {
        // One thread runs everything, so that its collector sees everything.
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio.block_on(async {
            let server = Server::start(ServerConfig::tls(GatewayConfig::seeded(2))).unwrap();
            server.control().set_rest_fault(Some(RestFault::NotLoggedIn));
            let mut config = KeeperConfig::default();
            (config.retry_min, config.retry_max) = (ms(100), ms(200));
            let builder = ibws_tokio::local_gateway().url(server.ws_url()).trust(server.trust()).keeper(config);
            let builder = builder.pacing(Pacing::separate()).configure(|config| {
                (config.backoff_min, config.backoff_max) = (ms(50), ms(50));
            });
            let client = builder.build().unwrap();
            span = format!("client{{client={} address=\"wss://", client.number());
            let mut states = client.keeper_events().unwrap();
            let start = client.start();
            while states.next().await.unwrap().state != KeeperState::LoggedOut {}
            server.control().set_rest_fault(None);
            start.await.unwrap();
            client.shutdown().await.unwrap();
        });
    });
    assert_no_secret(&all);
    let logged_out = lines(&all, Level::WARN, "session state=\"logged-out\" why=\"");
    assert!(logged_out.len() == 1 && logged_out[0].text.contains("log in at https://"), "{all:#?}");
    let authenticated = lines(&all, Level::INFO, "session state=\"authenticated\"");
    assert_eq!(authenticated.len(), 1, "{all:#?}");
    assert!(!authenticated[0].text.contains("why="), "it has no reason: {}", authenticated[0].text);
    assert!(!lines(&all, Level::WARN, "dial failed state=\"backoff\"").is_empty(), "{all:#?}");
    assert!(all.iter().filter(|line| line.target == "ibws").all(|line| line.spans.starts_with(&span)), "{all:#?}");
}
