//! The memory of this process, as the system counts it.

use std::fs;

/// Returns the bytes of the process that are in memory now; `None` where the system does not tell.
pub(crate) fn resident() -> Option<usize> {
    status("VmRSS:")
}

/// Returns the most bytes of the process that were in memory at once, since [`reset_peak`] if the
/// system permitted that.
pub(crate) fn peak() -> Option<usize> {
    status("VmHWM:")
}

/// Has the peak counted anew from now on. Where the system does not permit it, the peak includes
/// what was before, so that it is too large rather than too small.
pub(crate) fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Returns a figure of `/proc/self/status`, which has it in KiB.
fn status(name: &str) -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let figure = status.lines().find_map(|line| line.strip_prefix(name))?;
    figure.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}
