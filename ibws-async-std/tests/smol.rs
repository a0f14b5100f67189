//! Runs every story of the conformance suite over TLS on smol: its executor, its timer and its
//! sockets.

use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::time::{Duration, Instant as Clock};

use ibws_async_std::proto::transport::{DialRequest, Runtime, dial};
use ibws_async_std::{ConnectError, Instant, WebSocket, open};

/// The runtime that a program on smol writes to use this crate. The README shows the same code.
#[derive(Clone)]
struct Smol(Clock);

impl Runtime for Smol {
    type Link = WebSocket;
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn now(&self) -> Instant {
        Instant::ORIGIN + self.0.elapsed()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        // A timer that ends early does no harm: the client compares the clock.
        let wait = at.since(self.now()).min(Duration::from_secs(86_400));
        Box::pin(async move {
            smol::Timer::after(wait).await;
        })
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<WebSocket, ConnectError>> + Send + 'static {
        let runtime = self.clone();
        async move {
            let look_up = async |host: String, port| smol::net::resolve((host, port)).await.map(Vec::into_iter);
            let connect = smol::Async::<TcpStream>::connect::<SocketAddr>;
            let (tcp, peer) = dial::connect(&runtime, &request, look_up, connect).await?;
            open(&runtime, tcp, peer, &request).await
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }
}

macro_rules! stories {
    ($($module:ident { $($story:ident),* $(,)? })*) => {$(
        mod $module {
            use ibws_testkit::conformance::{$module as stories, play};

            $(
                #[test]
                fn $story() {
                    play(crate::Smol(crate::Clock::now()), true, stories::$story);
                }
            )*
        }
    )*};
}

mod stories {
    ibws_testkit::conformance!(stories);
}
