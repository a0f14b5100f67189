//! The parts of a dial that are equal on every runtime: TCP to the first address that accepts, and
//! a limit for each stage.

use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::pin;
use core::task::Poll;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::format;
use std::io;
use std::string::{String, ToString};
use std::vec::Vec;

use super::{DialRequest, Endpoint, Proxy, Runtime};
use crate::{ConnectError, ConnectErrorKind, Instant};

/// The other end of a TCP connection, as far as trust depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Peer {
    /// The gateway, at this address.
    Gateway(SocketAddr),
    /// The proxy of the request, which has not been requested to connect to the gateway yet.
    Proxy,
    /// The gateway, at an address that is not known, such as behind a proxy or at the end of a
    /// tunnel of the application.
    Unknown,
}

impl Peer {
    /// Returns `true` if the gateway is on this machine, by the address of the connection.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            // An IPv4 address may come as a mapped IPv6 address.
            Self::Gateway(address) => address.ip().to_canonical().is_loopback(),
            Self::Proxy | Self::Unknown => false,
        }
    }
}

/// A stage of a dial after TCP, with a limit of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Stage {
    /// The response of the proxy, limited by [`Limits::proxy`](super::Limits::proxy).
    Proxy,
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
        Stage::Proxy => ("the tunnel", request.limits.proxy, "Limits::proxy"),
        Stage::Tls => ("the TLS handshake", request.limits.tls, "Limits::tls"),
        Stage::Upgrade => ("the WebSocket upgrade", request.limits.upgrade, "Limits::upgrade"),
    };
    until(runtime, runtime.now() + limit, work).await.unwrap_or_else(|| {
        let peer = request.endpoint.host_and_port();
        let proxy = request.proxy.as_ref().map(|proxy| format!(" through the proxy {}", proxy.host_and_port()));
        let through = proxy.unwrap_or_default();
        Err(ConnectError::new(
            ConnectErrorKind::TimedOut,
            format!(
                "{name} with {peer}{through} took longer than {limit:?} (`{setting}`): check that the gateway responds, or \
                 raise the limit"
            ),
        ))
    })
}

/// Connects over TCP to the endpoint of `request`, or to its proxy: to the first address of the
/// host that accepts, within [`Limits::tcp`](super::Limits::tcp) for all of them.
///
/// `look_up` resolves the name and the port of the host; it is not called if the host is an IP
/// address. `connect` makes one connection. For `localhost` only loopback addresses are used,
/// whatever the resolver returns. The second value is the other end, which
/// [`open`](super::websocket::open) needs.
///
/// # Errors
/// The error of [`DialRequest::check`], before anything is connected;
/// [`ConnectErrorKind::Unreachable`] and [`ConnectErrorKind::TimedOut`].
pub async fn connect<R, S, A, L, C>(
    runtime: &R,
    request: &DialRequest,
    look_up: impl FnOnce(String, u16) -> L,
    connect: impl Fn(SocketAddr) -> C,
) -> Result<(S, Peer), ConnectError>
where
    R: Runtime,
    A: Iterator<Item = SocketAddr>,
    L: Future<Output = io::Result<A>>,
    C: Future<Output = io::Result<S>>,
{
    request.check()?;
    let limit = request.limits.tcp;
    let deadline = runtime.now() + limit;
    let endpoint = request.proxy.as_ref().map_or(&request.endpoint, Proxy::address);
    let (peer, server) = match &request.proxy {
        Some(proxy) => (format!("the proxy {}", proxy.host_and_port()), "proxy"),
        None => (endpoint.host_and_port(), "gateway"),
    };
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
            Some(Ok(stream)) => {
                let peer = if request.proxy.is_some() { Peer::Proxy } else { Peer::Gateway(address) };
                return Ok((stream, peer));
            }
            Some(Err(error)) => last_error = Some(error),
            None => {}
        }
    }
    Err(match last_error {
        Some(error) => ConnectError::new(
            ConnectErrorKind::Unreachable,
            format!(
                "cannot connect to {peer} ({error}): check that the {server} is running and that the port is correct"
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
pub(crate) async fn until<R: Runtime, T>(runtime: &R, deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut sleep = Box::pin(runtime.sleep_until(deadline));
    poll_fn(|cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(value));
        }
        // The clock decides: a sleep may end early, and it may stay pending while the future is
        // busy, on a runtime that gives each task a budget.
        while runtime.now() < deadline {
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            sleep = Box::pin(runtime.sleep_until(deadline));
        }
        Poll::Ready(None)
    })
    .await
}

#[cfg(test)]
mod tests {
    use core::future::{Pending, Ready, pending, ready};
    use core::sync::atomic::{AtomicU64, Ordering};
    use core::task::{Context, Waker};
    use core::time::Duration;
    use std::sync::Mutex;
    use std::vec;

    use super::*;
    use crate::transport::{IncomingMessage, Limits, Link, OutgoingMessage, WriteError};

    /// A runtime whose clock advances by a second at each sleep.
    #[derive(Default)]
    struct Clock(AtomicU64);

    struct NoLink;

    impl Link for NoLink {
        fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<IncomingMessage> {
            Poll::Pending
        }

        fn poll_send(&mut self, _: &mut Context<'_>, _: &mut Option<OutgoingMessage>) -> Poll<Result<(), WriteError>> {
            Poll::Ready(Err(WriteError))
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
            Poll::Ready(Err(WriteError))
        }
    }

    impl Runtime for Clock {
        type Link = NoLink;
        type Sleep = Ready<()>;

        fn now(&self) -> Instant {
            Instant::ORIGIN + Duration::from_secs(self.0.load(Ordering::Relaxed))
        }

        fn sleep_until(&self, _: Instant) -> Ready<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            ready(())
        }

        fn dial(&self, _: DialRequest) -> impl Future<Output = Result<NoLink, ConnectError>> + Send + 'static {
            pending()
        }

        fn spawn(&self, _: impl Future<Output = ()> + Send + 'static) {}
    }

    fn done<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the future waits although the clock advances"),
        }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn within_tcp(endpoint: Endpoint, tcp: Duration) -> DialRequest {
        DialRequest { limits: Limits { tcp, ..Limits::default() }, ..DialRequest::new(endpoint) }
    }

    /// A runtime on which a sleep stays pending while its task is busy, as on tokio once the budget
    /// of the task is used up.
    struct Busy(Clock);

    impl Runtime for Busy {
        type Link = NoLink;
        type Sleep = Pending<()>;

        fn now(&self) -> Instant {
            self.0.now()
        }

        fn sleep_until(&self, _: Instant) -> Pending<()> {
            pending()
        }

        fn dial(&self, _: DialRequest) -> impl Future<Output = Result<NoLink, ConnectError>> + Send + 'static {
            pending()
        }

        fn spawn(&self, _: impl Future<Output = ()> + Send + 'static) {}
    }

    #[test]
    fn a_stage_of_a_busy_peer_ends_at_its_limit() {
        let busy = Busy(Clock::default());
        // Each poll of the stage takes longer than the budget of the task.
        let work = poll_fn(|_| {
            busy.0.0.fetch_add(1, Ordering::Relaxed);
            Poll::<()>::Pending
        });
        let mut stage = pin!(until(&busy, Instant::ORIGIN + Duration::from_secs(3), work));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(stage.as_mut().poll(&mut cx).is_pending() && stage.as_mut().poll(&mut cx).is_pending());
        assert_eq!(stage.poll(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn a_stage_above_its_limit_ends_with_the_value_and_the_name_of_the_limit() {
        let mut request = DialRequest::new(Endpoint::gateway("localhost", 5000).unwrap());
        request.proxy = Some(Proxy::new("proxy.example", 3128).unwrap());
        request.limits = Limits {
            proxy: Duration::from_secs(2),
            tls: Duration::from_secs(3),
            upgrade: Duration::from_secs(4),
            ..Limits::default()
        };
        for (stage, text) in [
            (
                Stage::Proxy,
                "the tunnel with localhost:5000 through the proxy proxy.example:3128 took longer than 2s (`Limits::proxy`)",
            ),
            (
                Stage::Tls,
                "the TLS handshake with localhost:5000 through the proxy proxy.example:3128 took longer than 3s (`Limits::tls`)",
            ),
            (
                Stage::Upgrade,
                "the WebSocket upgrade with localhost:5000 through the proxy proxy.example:3128 took longer than 4s (`Limits::upgrade`)",
            ),
        ] {
            let error = done(within(&Clock::default(), stage, &request, pending::<Result<(), _>>())).unwrap_err();
            assert_eq!(error.kind, ConnectErrorKind::TimedOut);
            assert!(error.detail.starts_with(text), "{error}");
        }
    }

    #[test]
    fn addresses_share_the_limit_and_the_first_that_accepts_is_used() {
        let (clock, tried) = (Clock::default(), Mutex::new(Vec::new()));
        let endpoint = Endpoint::gateway("gateway.example", 5000).unwrap();
        let found = ["192.0.2.1:5000", "192.0.2.2:5000", "192.0.2.3:5000", "192.0.2.4:5000"].map(address);
        let connect_one = |address: SocketAddr| {
            let began = clock.now();
            tried.lock().unwrap().push((address, began));
            async move {
                match address {
                    _ if address == found[0] => pending().await,
                    _ if address == found[1] => Err(io::ErrorKind::ConnectionRefused.into()),
                    _ => Ok(address),
                }
            }
        };
        let look_up = |host, port| {
            assert_eq!((host, port), (String::from("gateway.example"), 5000));
            ready(Ok(found.into_iter()))
        };
        let limit = Duration::from_secs(40);
        let request = within_tcp(endpoint, limit);
        assert_eq!(done(connect(&clock, &request, look_up, connect_one)).unwrap(), (found[2], Peer::Gateway(found[2])));
        let tried = tried.into_inner().unwrap();
        assert_eq!(tried.iter().map(|(address, _)| *address).collect::<Vec<_>>(), found[..3]);
        let first_share = tried[1].1.since(tried[0].1);
        assert!(first_share <= limit / 4 + Duration::from_secs(1), "the first of four addresses took {first_share:?}");
    }

    #[test]
    fn localhost_is_never_connected_to_elsewhere_whatever_the_resolver_returns() {
        let endpoint = Endpoint::gateway("localhost", 5000).unwrap();
        let request = DialRequest::new(endpoint);
        let dialled = |found: Vec<SocketAddr>| {
            let look_up = |_, _| ready(Ok(found.into_iter()));
            done(connect(&Clock::default(), &request, look_up, |address| ready(Ok(address))))
        };
        let (elsewhere, loopback) = (address("192.0.2.1:5000"), address("127.0.0.1:5000"));
        assert_eq!(dialled(vec![elsewhere, loopback]).unwrap(), (loopback, Peer::Gateway(loopback)));
        let error = dialled(vec![elsewhere]).unwrap_err();
        assert_eq!(error.kind, ConnectErrorKind::Unreachable);
        assert!(error.detail.contains("cannot look up localhost (no usable address)"), "{error}");
    }

    #[test]
    fn a_refused_connection_and_one_that_hangs_are_different_errors() {
        let request = DialRequest::new(Endpoint::gateway("127.0.0.1", 5000).unwrap());
        let no_lookup = |_, _| ready(Err::<vec::IntoIter<SocketAddr>, _>(io::Error::other("an address has no name")));
        let refused = |_| ready(Err::<(), _>(io::ErrorKind::ConnectionRefused.into()));
        let error = done(connect(&Clock::default(), &request, no_lookup, refused)).unwrap_err();
        assert_eq!(error.kind, ConnectErrorKind::Unreachable);
        assert!(error.detail.starts_with("cannot connect to 127.0.0.1:5000 ("), "{error}");
        let hangs = |_| pending::<io::Result<()>>();
        let error = done(connect(&Clock::default(), &request, no_lookup, hangs)).unwrap_err();
        assert_eq!(error.kind, ConnectErrorKind::TimedOut);
        assert!(error.detail.contains("127.0.0.1:5000 took longer than 10s (`Limits::tcp`)"), "{error}");
    }

    #[test]
    fn with_a_proxy_only_the_proxy_is_looked_up_and_connected_to() {
        let proxy = Proxy::new("proxy.example", 3128).unwrap();
        let endpoint = Endpoint::gateway("localhost", 5000).unwrap();
        let request = DialRequest { proxy: Some(proxy), ..DialRequest::new(endpoint) };
        let looked_up = |host, port| {
            assert_eq!((host, port), (String::from("proxy.example"), 3128));
            ready(Ok([address("127.0.0.1:3128")].into_iter()))
        };
        let dialled = done(connect(&Clock::default(), &request, looked_up, |address| ready(Ok(address))));
        let (stream, peer) = dialled.unwrap();
        assert_eq!((stream, peer), (address("127.0.0.1:3128"), Peer::Proxy));
        assert!(!peer.is_loopback(), "the gateway behind a proxy is not on this machine");
        let refused = |_| ready(Err::<(), _>(io::ErrorKind::ConnectionRefused.into()));
        let error = done(connect(&Clock::default(), &request, looked_up, refused)).unwrap_err();
        assert_eq!(error.kind, ConnectErrorKind::Unreachable);
        assert!(error.detail.starts_with("cannot connect to the proxy proxy.example:3128 ("), "{error}");
        assert!(error.detail.contains("check that the proxy is running"), "{error}");
    }

    #[test]
    fn a_peer_is_loopback_by_its_address_alone() {
        for (text, is_loopback) in [
            ("127.0.0.1:5000", true),
            ("127.9.9.9:5000", true),
            ("[::1]:5000", true),
            ("[::ffff:127.0.0.1]:5000", true),
            ("192.0.2.1:5000", false),
            ("0.0.0.0:5000", false),
            ("[::ffff:192.0.2.1]:5000", false),
            ("[fe80::1]:5000", false),
        ] {
            assert_eq!(Peer::Gateway(address(text)).is_loopback(), is_loopback, "{text}");
        }
        assert!(!Peer::Unknown.is_loopback());
    }
}
