//! The documents of the project, which the crate packs under `docs/`: the wire protocol, the
//! guarantees, the costs and the design decisions.
//!
//! The documentation of the items cites them: `docs/protocol.md §3.1` is section 3.1 of
//! [`protocol`]. The module exists in the documentation only.

#[doc = include_str!("../docs/protocol.md")]
pub mod protocol {}

#[doc = include_str!("../docs/guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("../docs/events.md")]
pub mod events {}

#[doc = include_str!("../docs/costs.md")]
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
}
