//! Decoding and routing a frame costs at most one allocation.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::alloc::System;

use bytes::Bytes;
use ibws_proto::{Body, Frame, Key};
use ibws_testkit::frames::{Kind, frame};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The least allocations and reallocations of three runs, which all do the same: the thread of the
/// test harness may allocate during one of them.
fn allocations(mut run: impl FnMut()) -> [usize; 2] {
    let counts = [(); 3].map(|()| {
        let region = Region::new(COUNTED);
        run();
        let change = region.change();
        [change.allocations, change.reallocations]
    });
    [0, 1].map(|kind| counts.iter().map(|count| count[kind]).min().unwrap())
}

/// This file has one test, because the allocations of others running beside it would be counted.
#[test]
fn a_routed_frame_costs_at_most_one_allocation() {
    for kind in [Kind::SmdFull, Kind::SmdDelta, Kind::SmdEmpty, Kind::SmdCombo, Kind::StrFull, Kind::SorFull, Kind::Sld]
    {
        for seed in 0..10 {
            let bytes = frame(kind, seed);
            // The buffer of each run is allocated before it is counted.
            let mut buffers = [(); 3].map(|()| Bytes::from(bytes.clone())).into_iter();
            let [allocated, grown] = allocations(|| {
                let frame = Frame::decode(buffers.next().unwrap()).unwrap();
                let key = frame.topic().and_then(|topic| Key::from_topic(&topic));
                assert!(key.is_some() && !matches!(frame.body(), Body::Unknown(_)));
            });
            assert!(allocated <= 1 && grown == 0, "{kind:?}: {allocated} allocations, {grown} grown");
            let frame = Frame::decode(Bytes::from(bytes)).unwrap();
            let body = frame.body();
            // Reading the fields of market data costs none.
            if let Body::MarketData(data) = body {
                let texts = data.fields().filter(|(_, value)| value.number().is_err()).count();
                let [allocated, _] = allocations(|| {
                    let read =
                        data.fields().filter(|(_, value)| value.price().is_ok() | value.string().is_ok()).count();
                    // Text that is read as a number is an error, and an error is allocated.
                    let errors = data.fields().filter(|(_, value)| value.number().is_err()).count();
                    assert!((read > 0 || kind == Kind::SmdEmpty) && errors == texts);
                });
                assert!(allocated <= 10 * (texts + 2), "{allocated}");
            }
        }
    }
}
