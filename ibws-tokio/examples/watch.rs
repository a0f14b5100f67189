//! Watches the stream: `cargo run --release -p ibws-tokio --example watch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ibws_testkit::watch(ibws_tokio::builder, |session| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("cannot start the runtime: {error}"))?;
        runtime.block_on(session)
    })
}
