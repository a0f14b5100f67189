#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "suites")]
pub mod accounting;
#[cfg(feature = "suites")]
mod balance;
mod calendar;
pub mod chaos;
#[cfg(feature = "suites")]
pub mod conflation;
#[cfg(all(feature = "net", feature = "suites"))]
pub mod conformance;
mod feed;
pub mod frames;
pub mod fuzz;
mod gateway;
#[cfg(all(doctest, feature = "gateway"))]
mod guides;
pub mod invariants;
mod json;
#[cfg(feature = "session")]
pub mod keeper;
#[cfg(feature = "net")]
mod net;
mod opaque;
mod prng;
#[cfg(feature = "proptest")]
pub mod proptest;
mod recording;
pub mod replay;
#[cfg(feature = "client")]
pub mod runtime;
pub mod schema;
pub mod scripted;
#[cfg(any(feature = "watch", all(feature = "net", feature = "suites")))]
mod signal;
pub mod tally;
pub mod timeline;
pub mod walk;
#[cfg(feature = "watch")]
mod watch;
pub mod world;

#[cfg(all(feature = "client", feature = "proptest"))]
#[doc = include_str!("../docs/testing-your-strategy.md")]
pub mod guide {}

pub use gateway::{
    FrameKind, Gateway, GatewayConfig, GatewayOutput, OpenOrder, OpeningOrder, OrderSide, PromptReply, Received,
    Recovery, RestFault, RestReply, Scenario, Source, Success, UnknownScenario,
};
#[cfg(feature = "net")]
pub use net::{
    Authority, ClientInfo, Flood, LinkFaults, PeerInput, Presented, Relay, Script, ScriptedPeer, Server, ServerConfig,
    StartError, other_address,
};
pub use prng::Prng;
pub use recording::{Recording, RecordingError};
#[cfg(feature = "watch")]
pub use watch::watch;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every suite and module that the README names exists, and every random suite reads the
    /// variables that it names.
    #[test]
    fn the_readme_names_suites_modules_and_settings_that_exist() {
        const README: &str = include_str!("../README.md");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let suites = README.split("--test ").skip(1).filter_map(|rest| rest.split_whitespace().next());
        let mut count = 0;
        for suite in suites {
            let file = root.join("tests").join(format!("{suite}.rs"));
            assert!(file.exists() || root.join("tests").join(suite).join("main.rs").exists(), "{suite}");
            count += 1;
        }
        assert!(count >= 8, "{count}");
        for row in README.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == 5) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            for name in cells[3].split(", ").filter(|name| name.starts_with('`')).map(|name| name.trim_matches('`')) {
                let src = root.join("src");
                assert!(src.join(format!("{name}.rs")).exists() || src.join(name).join("mod.rs").exists(), "{name}");
            }
            for name in cells[4].split(", ").filter(|name| name.starts_with('`')).map(|name| name.trim_matches('`')) {
                assert!(name.contains('*') || root.join("tests").join(name).exists(), "{name}");
            }
        }
        let read = ["walk", "chaos", "accounting", "conflation", "corpus", "keeper_chaos"]
            .map(|suite| std::fs::read_to_string(root.join("tests").join(format!("{suite}.rs"))).unwrap_or_default());
        let named = README.split("IBWS_").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_uppercase()).next());
        for name in named.map(|name| format!("IBWS_{}", name.unwrap_or_default())) {
            assert!(read.iter().any(|text| text.contains(&format!("\"{name}\""))), "{name}");
        }
    }
}
