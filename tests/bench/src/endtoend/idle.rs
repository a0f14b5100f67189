//! What a client costs that receives no market data, and the memory of the example `watch`.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use ibws_proto::ConnectError;
use ibws_proto::client::Builder;
use ibws_proto::transport::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime, WriteError};
use ibws_tokio::TokioRuntime;

use super::child::{Core, Running, ServerProcess, beside, client, client_command, conditions};
use super::connection::Target;
use super::ibws;
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
    let counted = counted(seconds)?;
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
    let mut wakes = figure("idle", "wake-ups of its process", "", "wake-ups/s", per_second);
    // Most steps have none, so the mean over all says more than the median.
    wakes.median = (last - first) as f64 / elapsed;
    println!("the process woke {} times in {elapsed:.0} s, each stage of the runtime's timers included", last - first);
    println!("the timers of the client: {}", timers(&ibws_async_std::builder()));
    let [ran, own] = [counted.polls, counted.causes].map(|count| vec![count as f64 / seconds as f64]);
    let figures = [
        figure("idle", "wake-ups", "", "wake-ups/s", ran),
        figure("idle", "own timers", "", "wake-ups/s", own),
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

/// Runs a client for this number of seconds, and counts how often and for what its task runs.
fn counted(seconds: u64) -> io::Result<Outcome> {
    let server = ServerProcess::start(NO_FLOOD, true)?;
    client(server.target(), Core::Own, &["--messages", &seconds.to_string(), "idle"])
}

/// The client process: connects, subscribes to nothing, and waits for this number of seconds, or
/// until it is ended if there are none.
///
/// # Errors
///
/// If the client does not start.
pub async fn client_of(target: &Target, seconds: u64) -> io::Result<Outcome> {
    let counts = Counts::default();
    let runtime = Counted { runtime: TokioRuntime::new(), counts: counts.clone() };
    let client = ibws::settings(Builder::new(runtime), target, false)?.build().map_err(io::Error::other)?;
    client.start().await.map_err(io::Error::other)?;
    tokio::time::sleep(START).await;
    let before = counts.clone().now();
    match seconds {
        0 => std::future::pending().await,
        seconds => tokio::time::sleep(Duration::from_secs(seconds)).await,
    }
    let now = counts.now();
    let [polls, causes] = [now[0] - before[0], now[1] - before[1]];
    Ok(Outcome { polls, causes, ..Outcome::default() })
}

/// How often the task of a client ran, and what it ran for.
#[derive(Clone, Default)]
struct Counts(Arc<[AtomicU64; 2]>);

impl Counts {
    fn add_poll(&self) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }

    fn add_cause(&self) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> [u64; 2] {
        [0, 1].map(|at| self.0[at].load(Ordering::Relaxed))
    }
}

/// The runtime of tokio, which counts.
struct Counted {
    runtime: TokioRuntime,
    counts: Counts,
}

/// The connection of a client, of which the messages are counted.
struct CountedLink(<TokioRuntime as Runtime>::Link, Counts);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Runtime for Counted {
    type Link = CountedLink;
    type Sleep = Boxed<()>;

    fn now(&self) -> ibws_proto::Instant {
        self.runtime.now()
    }

    fn sleep_until(&self, at: ibws_proto::Instant) -> Boxed<()> {
        let (sleep, counts) = (self.runtime.sleep_until(at), self.counts.clone());
        Box::pin(async move {
            sleep.await;
            counts.add_cause();
        })
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<CountedLink, ConnectError>> + Send + 'static {
        let (dial, counts) = (self.runtime.dial(request), self.counts.clone());
        async move { Ok(CountedLink(dial.await?, counts)) }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (mut task, counts) = (Box::pin(task), self.counts.clone());
        self.runtime.spawn(std::future::poll_fn(move |cx| {
            counts.add_poll();
            task.as_mut().poll(cx)
        }));
    }
}

impl Link for CountedLink {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        let received = self.0.poll_recv(cx);
        if received.is_ready() {
            self.1.add_cause();
        }
        received
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>> {
        self.0.poll_send(cx, message)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.0.poll_flush(cx)
    }
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
