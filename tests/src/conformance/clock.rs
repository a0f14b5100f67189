//! The clock and the sleep of a runtime.

use core::time::Duration;

use ibws_proto::Instant;
use ibws_proto::client::{Client, EventStream, QueueAccessor, Subscription};
use ibws_proto::transport::Runtime;

use super::stage::{Stage, Trace};

/// A sleep does not end before its time, a sleep without end stays pending, and clones of a runtime
/// share their clock.
pub async fn a_sleep_ends_at_its_time<R: Runtime + Clone>(stage: Stage<R>) -> Trace {
    let runtime = &stage.runtime;
    let wake = runtime.now() + Duration::from_millis(5);
    runtime.sleep_until(wake).await;
    assert!(runtime.now() >= wake);
    let never = runtime.sleep_until(Instant::from_nanos(u64::MAX));
    assert!(stage.within(Duration::from_millis(5), never).await.is_none());
    let (before, between, after) = (runtime.now(), runtime.clone().now(), runtime.now());
    assert!(before <= between && between <= after);
    vec!["in time".into()]
}

/// Compiles only if the handles of the client can be sent and shared on every runtime.
#[allow(dead_code, reason = "checked by the compiler")]
fn handles_can_be_sent_and_shared<R: Runtime>() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Client<R>>();
    check::<Subscription<R>>();
    check::<EventStream<R>>();
    check::<QueueAccessor<R>>();
}
