//! Plays a story on both adapters and compares the traces.

use std::sync::LazyLock;
use std::thread;

use ibws_async_std::AsyncStdRuntime;
use ibws_testkit::conformance::{Stage, Trace, play};
use ibws_tokio::TokioRuntime;

static TOKIO: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a tokio runtime")
});

pub(crate) fn tokio() -> TokioRuntime {
    TokioRuntime::with_handle(TOKIO.handle().clone())
}

/// Plays a story on both, plain and with TLS, all four at the same time, and compares the traces of
/// each pair.
pub(crate) fn compare<T, A>(
    on_tokio: impl Fn(Stage<TokioRuntime>) -> T + Copy + Send,
    on_async_std: impl Fn(Stage<AsyncStdRuntime>) -> A + Copy + Send,
) where
    T: Future<Output = Trace> + Send + 'static,
    A: Future<Output = Trace> + Send + 'static,
{
    let traces = thread::scope(|scope| {
        [false, true]
            .map(|tls| {
                let pair = (
                    scope.spawn(move || play(tokio(), tls, on_tokio)),
                    scope.spawn(move || play(AsyncStdRuntime::new(), tls, on_async_std)),
                );
                (tls, pair)
            })
            .map(|(tls, (one, other))| (tls, one.join(), other.join()))
    });
    for (tls, one, other) in traces {
        let name = if tls { "over TLS" } else { "over plain TCP" };
        let (one, other) = (joined(one, "tokio", name), joined(other, "async-std", name));
        let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
        let rest = |trace: &Trace| trace.get(same..).map(|rest| rest.iter().take(9).cloned().collect::<Vec<_>>());
        assert!(one == other, "they differ {name}; tokio: {:#?}, async-std: {:#?}", rest(&one), rest(&other));
    }
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
