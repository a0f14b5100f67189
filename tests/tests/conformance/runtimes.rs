//! Plays a story on several runtimes and compares the traces.

use std::sync::LazyLock;
use std::thread;

use ibws_testkit::conformance::Trace;
use ibws_tokio::TokioRuntime;

static TOKIO: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a tokio runtime")
});

pub(crate) fn tokio() -> TokioRuntime {
    TokioRuntime::with_handle(TOKIO.handle().clone())
}

/// Plays a story on each of these runtimes, plain and with TLS, all at the same time, and compares
/// the traces with those of the first.
pub(crate) fn compare(runtimes: &[(&str, &(dyn Fn(bool) -> Trace + Sync))]) {
    thread::scope(|scope| {
        let plays = [("over plain TCP", false), ("over TLS", true)].map(|(name, tls)| {
            let spawned = runtimes.iter().map(|(runtime, play)| (*runtime, scope.spawn(move || play(tls))));
            (name, spawned.collect::<Vec<_>>())
        });
        for (name, plays) in plays {
            let mut traces = plays.into_iter().map(|(runtime, play)| (runtime, joined(play.join(), runtime, name)));
            let (first, one) = traces.next().expect("a runtime");
            for (runtime, other) in traces {
                let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
                let rest = |trace: &Trace| trace.iter().skip(same).take(9).cloned().collect::<Vec<_>>();
                let (of_one, of_other) = (rest(&one), rest(&other));
                assert!(one == other, "they differ {name}; {first}: {of_one:#?}, {runtime}: {of_other:#?}");
            }
        }
    });
}

/// Returns the trace. A panic of the story panics again with its message, because the output of the
/// thread of the story is not shown.
pub(crate) fn joined(trace: thread::Result<Trace>, runtime: &str, name: &str) -> Trace {
    match trace {
        Ok(trace) => trace,
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref().copied());
            panic!("on {runtime} {name}: {}", message.unwrap_or("it panicked"));
        }
    }
}
