//! What a dial does alike on every runtime: each stage within its limit, the first address that takes a connection.

use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::io;
use std::string::{String, ToString};
use std::vec::Vec;

use super::{Endpoint, Runtime};
use crate::{ConnectError, ConnectErrorKind, Instant};

/// One stage of a dial; `what` (`"the TLS handshake"`) took too long when its limit runs out.
///
/// # Errors
/// Those of the stage, and [`ConnectErrorKind::TimedOut`].
pub async fn within<R: Runtime, T>(
    runtime: &R,
    limit: Duration,
    what: &str,
    endpoint: &Endpoint,
    stage: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    until(runtime, runtime.now() + limit, stage).await.unwrap_or_else(|| {
        let peer = endpoint.host_and_port();
        let detail = std::format!("{what} with {peer} did not end within {limit:?}: is the gateway busy, or stuck?");
        Err(ConnectError::new(ConnectErrorKind::TimedOut, detail))
    })
}

/// A TCP connection, made by `connect`, to the first of the host's addresses that takes one within `limit` for all.
///
/// `look_up` gets the host's name and the port, and is not asked where the host is an address already. For `localhost`
/// the addresses of this machine are used only, whatever the resolver says.
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
    let too_late = |doing: &str| {
        let detail =
            std::format!("{doing} {peer} took longer than {limit:?}: is the host up, and no firewall in between?");
        ConnectError::new(ConnectErrorKind::TimedOut, detail)
    };
    let addresses = match endpoint.ip() {
        Some(address) => Vec::from([SocketAddr::new(address, endpoint.port())]),
        None => {
            let found = look_up(endpoint.host().to_owned(), endpoint.port());
            let found = until(runtime, deadline, found).await.ok_or_else(|| too_late("looking up"))?;
            usable(endpoint, found)?
        }
    };
    let (mut left, mut last_error) = (addresses.len(), None);
    for address in addresses {
        // An address that swallows everything must not eat the time of those behind it.
        let now = runtime.now();
        let share = deadline.since(now) / u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        left -= 1;
        match until(runtime, now + share, connect(address)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last_error = Some(error),
            None => {}
        }
    }
    Err(match last_error {
        Some(error) => ConnectError::new(
            ConnectErrorKind::Unreachable,
            std::format!("nothing answers at {peer} ({error}): is the gateway running, and the port right?"),
        ),
        None => too_late("connecting to"),
    })
}

fn usable(
    endpoint: &Endpoint,
    found: io::Result<impl Iterator<Item = SocketAddr>>,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let fits = |address: &SocketAddr| !endpoint.is_loopback() || address.ip().is_loopback();
    let reason = match found.map(|found| found.filter(fits).collect::<Vec<_>>()) {
        Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
        Ok(_) => String::from("no usable address"),
        Err(error) => error.to_string(),
    };
    let host = endpoint.host();
    let detail = std::format!("cannot look up {host} ({reason}): check the name and the network");
    Err(ConnectError::new(ConnectErrorKind::Unreachable, detail))
}

/// What the future gives, or nothing if the clock passes `deadline` first.
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
            // A sleep may end early; the clock decides.
            sleep = Box::pin(runtime.sleep_until(deadline));
        }
        Poll::Pending
    })
    .await
}
