//! The clock, the sleep and the handles. All else is told by the conformance suite, `tests/tests/conform`.

use std::time::Duration;

use ibws_async_std::{AsyncStdRuntime, Client, EventStream, Subscription};
use ibws_proto::Instant;
use ibws_proto::driver::Runtime;

#[test]
fn a_sleep_ends_when_the_clock_says_so_and_not_before() {
    async_std::task::block_on(async {
        let runtime = AsyncStdRuntime::new();
        let wake = runtime.now() + Duration::from_millis(5);
        runtime.sleep_until(wake).await;
        assert!(runtime.now() >= wake);
        let never = runtime.sleep_until(Instant::from_nanos(u64::MAX));
        assert!(async_std::future::timeout(Duration::from_millis(5), never).await.is_err());
    });
}

#[test]
fn clones_share_their_clock() {
    let runtime = AsyncStdRuntime::default();
    let (before, between, after) = (runtime.now(), runtime.clone().now(), runtime.now());
    assert!(before <= between && between <= after);
}

#[test]
fn handles_can_be_sent_and_shared() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Client>();
    check::<Subscription>();
    check::<EventStream>();
}
