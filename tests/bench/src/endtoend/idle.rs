//! What a client costs that receives no market data, and the memory of the example `watch`.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ibws_proto::client::{Builder, Client};
use ibws_proto::transport::Runtime;

use super::child::{Core, Running, ServerProcess, beside, client_command, conditions};
use super::connection::Target;
use super::pour::Flood;
use super::process::{status, wake_ups};
use super::rounds::{figure, print};
use super::tally::Outcome;
use crate::save;

/// From the start of the processes to the first measurement: they connect and subscribe.
const START: Duration = Duration::from_secs(5);
/// Between two measurements.
const STEP: Duration = Duration::from_secs(5);
/// A server without a flood.
const NO_FLOOD: Flood = Flood { messages: 0, subscriptions: 0, rate: None };

/// Measures for this number of seconds.
///
/// # Errors
///
/// If a process fails, or `watch` does not build.
pub fn run(seconds: u64) -> io::Result<()> {
    println!("idle: {seconds} s without market data; {}", conditions());
    let for_client = ServerProcess::start(NO_FLOOD, true)?;
    let for_watch = ServerProcess::start(NO_FLOOD, true)?;
    let mut command = client_command(for_client.target(), Core::Own)?;
    command.arg("idle");
    let mut idle = Running::start(command)?;
    let mut watch = watch(for_watch.target())?;
    thread::sleep(START);
    let (began, mut last, mut per_second, mut resident) =
        (Instant::now(), wake_ups(idle.0.0.id()), Vec::new(), Vec::new());
    let first = last;
    while began.elapsed() < Duration::from_secs(seconds) {
        thread::sleep(STEP);
        let now = wake_ups(idle.0.0.id());
        per_second.push((now - last) as f64 / STEP.as_secs_f64());
        last = now;
        resident.extend(status(&watch.0.id().to_string(), "VmRSS").map(|size| size as f64));
    }
    let elapsed = began.elapsed().as_secs_f64();
    for (name, child) in [("the idle client", &mut idle.0.0), ("watch", &mut watch.0)] {
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("{name} ended early: {status}")));
        }
    }
    let [client, watch] = [idle.0.0.id(), watch.0.id()].map(|id| id.to_string());
    let size = |process: &str, name| status(process, name).map(|size| vec![size as f64]).ok_or(io::ErrorKind::NotFound);
    let mut wakes = figure("idle", "wake-ups", "", "wake-ups/s", per_second);
    // Most steps have none, so the mean over all says more than the median.
    wakes.median = (last - first) as f64 / elapsed;
    println!(
        "the client woke {} times in {elapsed:.0} s; its own timers: {}",
        last - first,
        timers(&ibws_async_std::builder())
    );
    let figures = [
        wakes,
        figure("idle", "client resident", "", "KiB", size(&client, "VmRSS")?),
        figure("idle", "watch resident", "", "KiB", resident),
        figure("idle", "watch resident, largest", "", "KiB", size(&watch, "VmHWM")?),
    ];
    print(&figures);
    save("idle", &figures)
}

/// Returns the periods of the timers of a client with default settings.
fn timers<R: Runtime>(builder: &Builder<R>) -> String {
    let config = builder.config();
    format!("tic {:?}, ping {:?}, silence limit {:?}", config.tic_interval, config.ping_interval, config.silence_limit)
}

/// The client process: connects, subscribes to nothing, and waits.
///
/// # Errors
///
/// If the client does not start.
pub async fn client<R: Runtime>(client: Client<R>) -> io::Result<Outcome> {
    client.start().await.map_err(io::Error::other)?;
    let never: Infallible = pending().await;
    match never {}
}

/// Builds the example `watch` and starts it with a session keeper and its own five shares.
fn watch(target: &Target) -> io::Result<Running> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--release", "--locked", "-p", "ibws-tokio", "--example", "watch"]);
    // The settings of this package's build are not those of the workspace.
    let status = build.current_dir(&root).env_remove("CARGO_TARGET_DIR").status()?;
    if !status.success() {
        return Err(io::Error::other("the example watch does not build"));
    }
    let mut command = beside(root.join("target/release/examples/watch"));
    command.args(["--gateway", &target.address.to_string(), "--json"]);
    if let Some(file) = &target.certificate {
        command.arg("--trust").arg(format!("pin:{}", file.display()));
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    Ok(Running(child))
}
