//! Quotes on smol: its executor, its timer and its sockets, by a runtime of 30 lines. With a real
//! gateway, log in at `https://localhost:5000` and run `cargo run -p ibws-async-std --example
//! smol`. With the simulated one, run `cargo run -p ibws-testkit --features gateway --
//! --certificate gateway.pem` in another terminal, and put `IBIND_CACERT=gateway.pem` before the
//! command. It ends after five items. The README shows the same code.
#![expect(clippy::print_stdout, reason = "it prints quotes")]

use std::{future::Future, net::SocketAddr, pin::Pin, time::Duration, time::Instant as Clock};

use ibws_async_std::proto::client::Builder;
use ibws_async_std::proto::transport::{DialRequest, Runtime, dial};
use ibws_async_std::{ConnectError, Field, Instant, Trust, WebSocket, open, subscribe::MarketData};

#[derive(Clone)]
pub(crate) struct Smol(pub(crate) Clock);

impl Runtime for Smol {
    type Link = WebSocket;
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn now(&self) -> Instant {
        Instant::ORIGIN + self.0.elapsed()
    }
    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        let wait = at.since(self.now()).min(Duration::from_secs(86_400)); // a timer that ends early does no harm
        Box::pin(async move { _ = smol::Timer::after(wait).await })
    }
    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<WebSocket, ConnectError>> + Send + 'static {
        let runtime = self.clone();
        async move {
            let look_up = async |host: String, port| smol::net::resolve((host, port)).await.map(Vec::into_iter);
            let connect = smol::Async::<std::net::TcpStream>::connect::<SocketAddr>;
            let (tcp, peer) = dial::connect(&runtime, &request, look_up, connect).await?;
            open(&runtime, tcp, peer, &request).await
        }
    }
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    smol::block_on(async {
        // The session keeper needs the trait `Net` as well; here another program keeps the session.
        let client = Builder::new(Smol(Clock::now())).trust(Trust::StockCertificate).from_env()?.build()?;
        client.start().await?;
        let mut apple = client.subscribe(MarketData::new(265598).fields([Field::LAST])).await?;
        for _ in 0..5 {
            println!("{:?}", apple.next().await);
        }
        Ok(client.drain().await?)
    })
}
