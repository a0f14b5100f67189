//! The documents of the project, which the crate packs under `docs/`: the guides, the wire
//! protocol, the guarantees, the costs and the design decisions.
//!
//! The documentation of the items cites them: `docs/protocol.md §3.1` is section 3.1 of
//! [`protocol`]. The module exists in the documentation only.

/// Shows a document of `docs/guides`. Its links to other documents become links to their modules,
/// because the first definition of a link counts. `ibws-testkit` compiles the programs in it, which
/// need an adapter and the simulated gateway.
macro_rules! guide {
    ($file:literal) => {
        concat!(
            "[coming-from-ibind]: crate::manual::guides::coming_from_ibind\n",
            "[first-stream]: crate::manual::guides::first_stream\n",
            "[machine-by-hand]: crate::manual::guides::machine_by_hand\n",
            "[orders-without-loss]: crate::manual::guides::orders_without_loss\n",
            "[running-for-days]: crate::manual::guides::running_for_days\n",
            "[slow-consumers]: crate::manual::guides::slow_consumers\n",
            "[surprises]: crate::manual::guides::surprises\n",
            "[testing]: crate::manual::guides::testing\n",
            "[trust]: crate::manual::guides::trust\n",
            "[your-own-runtime]: crate::manual::guides::your_own_runtime\n",
            "[checklist]: ",
            "crate::manual::guides::your_own_runtime#your-transport-a-checklist\n",
            "[events]: crate::manual::events\n",
            "[testing-your-strategy]: ",
            "https://github.com/ibws/ibws/blob/main/tests/docs/testing-your-strategy.md\n",
            "[guarantees]: crate::manual::guarantees\n",
            "[protocol]: crate::manual::protocol\n\n",
            include_str!($file),
        )
    };
}

#[cfg_attr(not(doctest), doc = guide!("../docs/guides/README.md"))]
pub mod guides {
    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/first-stream.md"))]
    pub mod first_stream {}

    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/orders-without-loss.md"))]
    pub mod orders_without_loss {}

    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/slow-consumers.md"))]
    pub mod slow_consumers {}

    // The guide ends with a picture. A page of rustdoc has no file beside it, so it holds the
    // picture itself, in place of the link to it.
    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/running-for-days.md"))]
    #[doc = "\n\n<style>img[src$='timeline.svg']{display:none}</style>\n\n"]
    #[cfg_attr(not(doctest), doc = include_str!("../docs/timeline.svg"))]
    pub mod running_for_days {}

    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/trust.md"))]
    pub mod trust {}

    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/your-own-runtime.md"))]
    pub mod your_own_runtime {}

    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/machine-by-hand.md"))]
    pub mod machine_by_hand {}

    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/testing.md"))]
    pub mod testing {}

    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/coming-from-ibind.md"))]
    pub mod coming_from_ibind {}

    #[cfg_attr(not(doctest), doc = guide!("../docs/guides/surprises.md"))]
    pub mod surprises {}
}

#[doc = include_str!("../docs/protocol.md")]
pub mod protocol {}

#[doc = include_str!("../docs/guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("../docs/events.md")]
pub mod events {}

// A page of rustdoc has no file beside it, so it holds the two pictures itself, after the page, in
// place of the links to them.
#[doc = include_str!("../docs/costs.md")]
#[doc = "\n\n<style>img[src$='costs.svg'],img[src$='latency.svg']{display:none}</style>\n\n"]
#[cfg_attr(not(doctest), doc = include_str!("../docs/costs.svg"))]
#[doc = "\n\n"]
#[cfg_attr(not(doctest), doc = include_str!("../docs/latency.svg"))]
pub mod costs {}

#[doc = include_str!("../docs/dependencies.md")]
pub mod dependencies {}

#[doc = include_str!("../docs/autobahn.md")]
pub mod autobahn {}

/// The design decisions: of each its context, the decision, its consequences, and the alternatives
/// that were considered.
pub mod decisions {
    #[doc = include_str!("../docs/decisions/0001-own-instant.md")]
    pub mod d0001_own_instant {}

    #[doc = include_str!("../docs/decisions/0002-text-filter.md")]
    pub mod d0002_text_filter {}

    #[doc = include_str!("../docs/decisions/0003-own-http-upgrade.md")]
    pub mod d0003_own_http_upgrade {}

    #[doc = include_str!("../docs/decisions/0004-pin-on-loopback-only.md")]
    pub mod d0004_pin_on_loopback_only {}

    #[doc = include_str!("../docs/decisions/0005-eager-outputs-in-one-queue.md")]
    pub mod d0005_eager_outputs_in_one_queue {}

    #[doc = include_str!("../docs/decisions/0006-merging-queues.md")]
    pub mod d0006_merging_queues {}

    #[doc = include_str!("../docs/decisions/0007-own-json-scanner.md")]
    pub mod d0007_own_json_scanner {}

    #[doc = include_str!("../docs/decisions/0008-async-std-adapter.md")]
    pub mod d0008_async_std_adapter {}

    #[doc = include_str!("../docs/decisions/0009-transport-over-net.md")]
    pub mod d0009_transport_over_net {}

    #[doc = include_str!("../docs/decisions/0010-subscription-as-enum.md")]
    pub mod d0010_subscription_as_enum {}

    #[doc = include_str!("../docs/decisions/0011-pin-anywhere.md")]
    pub mod d0011_pin_anywhere {}
    #[doc = include_str!("../docs/decisions/0012-digests-of-delivered-orders.md")]
    pub mod d0012_digests_of_delivered_orders {}
    #[doc = include_str!("../docs/decisions/0013-keeper-over-hyper.md")]
    pub mod d0013_keeper_over_hyper {}
    #[doc = include_str!("../docs/decisions/0014-consumers-read-in-a-flood.md")]
    pub mod d0014_consumers_read_in_a_flood {}
}
