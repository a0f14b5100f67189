//! The clock is tokio's, so a test may pause it. The conformance suite, `tests/tests/conformance`,
//! covers everything else.

use std::time::Duration;

use ibws_proto::transport::Runtime;
use ibws_tokio::TokioRuntime;

#[tokio::test(start_paused = true)]
async fn a_sleep_of_an_hour_ends_at_once_while_time_is_paused() {
    let began = std::time::Instant::now();
    let runtime = TokioRuntime::new();
    let wake = runtime.now() + Duration::from_secs(3600);
    runtime.sleep_until(wake).await;
    assert!(runtime.now() >= wake);
    assert!(began.elapsed() < Duration::from_secs(60));
}
