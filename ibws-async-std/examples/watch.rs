//! Watches the stream: `cargo run --release -p ibws-async-std --example watch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ibws_testkit::watch(ibws_async_std::builder, async_std::task::block_on)
}
