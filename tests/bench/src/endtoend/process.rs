//! What the kernel counts for a process, read from `/proc`.

use std::fs;

/// Returns the nanoseconds that this thread ran; 0 where the kernel does not count them.
#[must_use]
pub fn thread_cpu() -> u64 {
    schedstat("/proc/thread-self/schedstat")
}

/// Returns the nanoseconds that the threads of this process ran, without those that have ended.
#[must_use]
pub fn process_cpu() -> u64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads.map(|thread| schedstat(&format!("{}/schedstat", thread.path().display()))).sum()
}

fn schedstat(path: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// Returns a number of `/proc/PID/status`, such as `VmHWM` in KiB; `None` if the process has ended.
#[must_use]
pub fn status(process: &str, name: &str) -> Option<u64> {
    number(&format!("/proc/{process}/status"), name)
}

/// Returns how often the threads of a process waited and were woken, without those that have ended.
#[must_use]
pub fn wake_ups(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let count = |path: String| number(&path, "voluntary_ctxt_switches").unwrap_or(0);
    threads.map(|thread| count(format!("{}/status", thread.path().display()))).sum()
}

fn number(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}
