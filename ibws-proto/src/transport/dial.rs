//! The parts of a dial that are equal on every runtime: TCP to the first address that accepts, and
//! a limit for each stage.

use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::format;
use std::io;
use std::string::{String, ToString};
use std::vec::Vec;

use super::{DialRequest, Endpoint, Runtime};
use crate::{ConnectError, ConnectErrorKind, Instant};

/// A stage of a dial after TCP, with a limit of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Stage {
    /// The TLS handshake, limited by [`Limits::tls`](super::Limits::tls).
    Tls,
    /// The HTTP upgrade, limited by [`Limits::upgrade`](super::Limits::upgrade).
    Upgrade,
}

/// Runs `work`, one stage of the dial that `request` describes, within the limit of that stage.
///
/// # Errors
/// The error of `work`, or [`ConnectErrorKind::TimedOut`] with the name and the value of the limit.
pub async fn within<R: Runtime, T>(
    runtime: &R,
    stage: Stage,
    request: &DialRequest,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let (name, limit, setting) = match stage {
        Stage::Tls => ("the TLS handshake", request.limits.tls, "Limits::tls"),
        Stage::Upgrade => ("the WebSocket upgrade", request.limits.upgrade, "Limits::upgrade"),
    };
    until(runtime, runtime.now() + limit, work).await.unwrap_or_else(|| {
        let peer = request.endpoint.host_and_port();
        Err(ConnectError::new(
            ConnectErrorKind::TimedOut,
            format!(
                "{name} with {peer} took longer than {limit:?} (`{setting}`): check that the gateway responds, or \
                 raise the limit"
            ),
        ))
    })
}

/// Connects over TCP to the first address of the host that accepts, within `limit` for all of them.
///
/// `look_up` resolves the name and the port of the host; it is not called if the host is an IP
/// address. `connect` makes one connection. For `localhost` only loopback addresses are used,
/// whatever the resolver returns.
///
/// # Errors
/// [`ConnectErrorKind::Unreachable`] and [`ConnectErrorKind::TimedOut`].
pub async fn connect<R, S, A, L, C>(
    runtime: &R,
    endpoint: &Endpoint,
    limit: Duration,
    look_up: impl FnOnce(String, u16) -> L,
    connect: impl Fn(SocketAddr) -> C,
) -> Result<S, ConnectError>
where
    R: Runtime,
    A: Iterator<Item = SocketAddr>,
    L: Future<Output = io::Result<A>>,
    C: Future<Output = io::Result<S>>,
{
    let deadline = runtime.now() + limit;
    let peer = endpoint.host_and_port();
    let timed_out = |operation: &str, advice: &str| {
        let detail = format!("{operation} {peer} took longer than {limit:?} (`Limits::tcp`): {advice}");
        ConnectError::new(ConnectErrorKind::TimedOut, detail)
    };
    let addresses = match endpoint.ip() {
        Some(address) => Vec::from([SocketAddr::new(address, endpoint.port())]),
        None => {
            let found = look_up(endpoint.host().to_owned(), endpoint.port());
            let found = until(runtime, deadline, found).await;
            let found =
                found.ok_or_else(|| timed_out("the name lookup for", "check the name server of this machine"))?;
            usable(endpoint, found)?
        }
    };
    let (mut remaining, mut last_error) = (addresses.len(), None);
    for address in addresses {
        // An address that discards every packet must not use up the time of the addresses after it.
        let now = runtime.now();
        let share = deadline.since(now) / u32::try_from(remaining.max(1)).unwrap_or(u32::MAX);
        remaining -= 1;
        match until(runtime, now + share, connect(address)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last_error = Some(error),
            None => {}
        }
    }
    Err(match last_error {
        Some(error) => ConnectError::new(
            ConnectErrorKind::Unreachable,
            format!(
                "cannot connect to {peer} ({error}): check that the gateway is running and that the port is correct"
            ),
        ),
        None => timed_out(
            "the TCP connection to",
            "check that the host is up and that no firewall is in between, or raise the limit",
        ),
    })
}

/// Returns the addresses that the dial may use.
fn usable(
    endpoint: &Endpoint,
    found: io::Result<impl Iterator<Item = SocketAddr>>,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let is_usable = |address: &SocketAddr| !endpoint.is_loopback() || address.ip().is_loopback();
    let reason = match found.map(|found| found.filter(is_usable).collect::<Vec<_>>()) {
        Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
        Ok(_) => String::from("no usable address"),
        Err(error) => error.to_string(),
    };
    let host = endpoint.host();
    let detail = format!("cannot look up {host} ({reason}): check the host name and the network");
    Err(ConnectError::new(ConnectErrorKind::Unreachable, detail))
}

/// Returns the output of `future`, or `None` if the clock reaches `deadline` first.
async fn until<R: Runtime, T>(runtime: &R, deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut sleep = Box::pin(runtime.sleep_until(deadline));
    poll_fn(|cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(value));
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if runtime.now() >= deadline {
                return Poll::Ready(None);
            }
            // A sleep may end early, so the clock decides.
            sleep = Box::pin(runtime.sleep_until(deadline));
        }
        Poll::Pending
    })
    .await
}
