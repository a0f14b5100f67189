//! A rustls configuration of your own: tokio's runtime with another TLS handshake. It writes the
//! keys of its connections to the file that `SSLKEYLOGFILE` names, for Wireshark; a client
//! certificate is set in the same place. What is trusted is the client's setting, as before. Real
//! gateway: log in at `https://localhost:5000` and run `SSLKEYLOGFILE=keys cargo run -p ibws-tokio
//! --example own_rustls`. Simulated one: `cargo run -p ibws-testkit --features gateway --
//! --certificate gateway.pem` in another terminal, and `IBIND_CACERT=gateway.pem` before the run.
#![expect(clippy::print_stdout, reason = "it prints when it is connected")]

use std::{io, net::SocketAddr, sync::Arc};

use ibws_tokio::proto::transport::websocket::{self, ByteStream, Net, rustls};
use ibws_tokio::proto::{client::Builder, transport::DialRequest, transport::Runtime};
use ibws_tokio::{ConnectError, Instant, TokioRuntime as Tokio, WebSocket};
use rustls::{ClientConfig, pki_types::ServerName};

#[derive(Clone)]
struct OwnTls(Tokio);

#[rustfmt::skip]
impl Net for OwnTls {
    async fn secure(config: Arc<ClientConfig>, name: ServerName<'static>, stream: impl ByteStream)
        -> io::Result<impl ByteStream> {
        let mut own = ClientConfig::clone(&config);
        own.key_log = Arc::new(rustls::KeyLogFile::new());
        Tokio::secure(Arc::new(own), name, stream).await
    }
    async fn look_up(host: String, port: u16) -> io::Result<impl Iterator<Item = SocketAddr> + Send> {
        Tokio::look_up(host, port).await
    }
    async fn connect(address: SocketAddr) -> io::Result<impl ByteStream> { Tokio::connect(address).await }
    fn pending_is_empty() -> bool { Tokio::pending_is_empty() }
}

#[rustfmt::skip]
impl Runtime for OwnTls {
    type Link = WebSocket;
    type Sleep = <Tokio as Runtime>::Sleep;
    fn now(&self) -> Instant { self.0.now() }
    fn sleep_until(&self, at: Instant) -> Self::Sleep { self.0.sleep_until(at) }
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) { self.0.spawn(task); }
    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<Self::Link, ConnectError>> + Send + 'static {
        let runtime = self.clone();
        async move { websocket::dial(&runtime, &request).await }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Builder::local_gateway(OwnTls(Tokio::new())).from_env()?.build()?;
    client.start().await?;
    println!("connected, {} bytes of keys", std::fs::metadata(std::env::var("SSLKEYLOGFILE")?)?.len());
    Ok(client.drain().await?)
}
