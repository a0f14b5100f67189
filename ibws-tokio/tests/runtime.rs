//! The clock, the sleep and the handles. All else is told by the conformance suite, `tests/tests/conform`.

use std::time::Duration;

use ibws_proto::Instant;
use ibws_proto::driver::Runtime;
use ibws_tokio::{Client, EventStream, Subscription, TokioRuntime};

#[tokio::test(start_paused = true)]
async fn a_sleep_ends_when_the_clock_says_so_and_not_before() {
    let runtime = TokioRuntime::new();
    let wake = runtime.now() + Duration::from_secs(3600);
    runtime.sleep_until(wake).await;
    assert!(runtime.now() >= wake);
    let never = runtime.sleep_until(Instant::from_nanos(u64::MAX));
    assert!(tokio::time::timeout(Duration::from_secs(1), never).await.is_err());
}

#[tokio::test]
async fn clones_share_their_clock() {
    let runtime = TokioRuntime::default();
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
