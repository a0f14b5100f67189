//! Decoding and routing a frame costs at most one allocation.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::alloc::System;

use bytes::Bytes;
use ibws_proto::{Body, Frame, Key};
use ibws_testkit::frames::{Kind, frame};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// This file has one test, because the allocations of others running beside it would be counted.
#[test]
fn a_routed_frame_costs_at_most_one_allocation() {
    for kind in [Kind::SmdFull, Kind::SmdDelta, Kind::SmdEmpty, Kind::SmdCombo, Kind::StrFull, Kind::SorFull, Kind::Sld]
    {
        for seed in 0..10 {
            let bytes = Bytes::from(frame(kind, seed));
            let region = Region::new(COUNTED);
            let frame = Frame::decode(bytes).unwrap();
            let key = frame.topic().and_then(|topic| Key::from_topic(&topic));
            let body = frame.body();
            let (allocations, grown) = (region.change().allocations, region.change().reallocations);
            assert!(key.is_some() && !matches!(body, Body::Unknown(_)));
            assert!(allocations <= 1 && grown == 0, "{kind:?}: {allocations} allocations, {grown} grown");
            // Reading the fields of market data costs none.
            if let Body::MarketData(data) = body {
                let region = Region::new(COUNTED);
                let read = data.fields().filter(|(_, value)| value.price().is_ok() | value.string().is_ok()).count();
                // Text that is read as a number is an error, and an error is allocated.
                let texts = data.fields().filter(|(_, value)| value.number().is_err()).count();
                let allocations = region.change().allocations;
                assert!(read > 0 || kind == Kind::SmdEmpty);
                assert!(allocations <= 10 * (texts + 2), "{allocations}");
            }
        }
    }
}
