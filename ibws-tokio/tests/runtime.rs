//! Time is tokio's, so that a test may pause it. All else is told by the conformance suite, `tests/tests/conform`.

use std::time::Duration;

use ibws_proto::transport::Runtime;
use ibws_tokio::TokioRuntime;

#[tokio::test(start_paused = true)]
async fn an_hour_of_paused_time_is_over_at_once() {
    let began = std::time::Instant::now();
    let runtime = TokioRuntime::new();
    let wake = runtime.now() + Duration::from_secs(3600);
    runtime.sleep_until(wake).await;
    assert!(runtime.now() >= wake);
    assert!(began.elapsed() < Duration::from_secs(60));
}
