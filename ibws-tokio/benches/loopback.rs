//! Messages a second over loopback TCP: the whole client, from the socket to its consumer, beside a
//! bare tokio-tungstenite loop that reads the same frames from the same server in the same run.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_core::Stream;
use futures_sink::Sink;
use ibws_proto::{Item, Subscribe, queue::QueueLimits};
use ibws_testkit::{Flood, GatewayConfig, Server, ServerConfig};
use tokio_tungstenite::tungstenite::Message;

/// The number of frames in one measurement.
const FRAMES: u64 = 100_000;

fn server() -> Server {
    let mut flood = Flood::market_data(FRAMES, 1);
    flood.frames.retain(|frame| frame.windows(10).any(|bytes| bytes == b"smd+265598"));
    Server::start(ServerConfig { flood: Some(flood), ..ServerConfig::plain(GatewayConfig::seeded(1)) }).unwrap()
}

type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

async fn read(socket: &mut Socket) -> Message {
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *socket).poll_next(cx)).await.unwrap().unwrap()
}

/// Reads the frames and does nothing else: no keys, no events, no queue.
async fn bare(server: &Server) -> Duration {
    let stream = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(server.ws_url(), stream).await.unwrap();
    while !read(&mut socket).await.to_text().unwrap_or_default().contains("success") {}
    // This subscription starts the flood.
    let mut text = Some(Message::text(r#"smd+265598+{"fields":["31"]}"#));
    let began = Instant::now();
    std::future::poll_fn(|cx| {
        let mut socket = std::pin::Pin::new(&mut socket);
        if let Some(text) = text.take() {
            socket.as_mut().start_send(text).unwrap();
        }
        socket.poll_flush(cx)
    })
    .await
    .unwrap();
    let mut count = 0;
    while count < FRAMES {
        // Only market data counts, because the opening burst may still arrive.
        count += u64::from(read(&mut socket).await.into_data().windows(5).any(|bytes| bytes == b"\"smd+"));
    }
    began.elapsed()
}

/// Runs the client: filter, decoding, routing, queue and stream.
async fn client(server: &Server) -> Duration {
    let limits = QueueLimits { events: 1 << 20, bytes: 1 << 30 };
    let builder = ibws_tokio::builder().url(server.ws_url()).plaintext_on_loopback().queue_limits(limits);
    let client = builder.total_queue_bytes(limits.bytes).build().unwrap();
    client.start().await.unwrap();
    let began = Instant::now();
    let mut stream = client.subscribe_nowait(Subscribe::parse(r#"md+265598+{"fields":["31"]}"#).unwrap()).unwrap();
    let mut count = 0;
    while count < FRAMES {
        match stream.next().await.unwrap() {
            Item::Event(ibws_proto::Event::Message(_)) => count += 1,
            Item::Lost(lost) => panic!("the queue was too small: {lost:?}"),
            Item::Event(_) => {}
        }
    }
    let elapsed = began.elapsed();
    client.shutdown().await.unwrap();
    elapsed
}

fn loopback(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = server();
    let mut group = criterion.benchmark_group("loopback");
    group.throughput(Throughput::Elements(FRAMES)).sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("bare tokio-tungstenite", |bencher| {
        bencher.iter_custom(|n| {
            runtime.block_on(async {
                let mut total = Duration::ZERO;
                for _ in 0..n {
                    total += bare(&server).await;
                }
                total
            })
        });
    });
    group.bench_function("ibws client", |bencher| {
        bencher.iter_custom(|n| {
            runtime.block_on(async {
                let mut total = Duration::ZERO;
                for _ in 0..n {
                    total += client(&server).await;
                }
                total
            })
        });
    });
    group.finish();
}

criterion_group!(benches, loopback);
criterion_main!(benches);
