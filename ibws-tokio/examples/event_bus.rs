//! Everything that happens, as lines of JSON over a bounded channel to a bus: a queue of messages,
//! a file, another process. While the channel is full the client keeps the events in a queue of its
//! own, which is bounded too, and counts exactly what it merges or drops there. It prints 20 lines.
//! With a real gateway, log in at `https://localhost:5000` and run
//! `cargo run -p ibws-tokio --example event_bus`. With the simulated one, run
//! `cargo run -p ibws-testkit --features gateway -- --certificate gateway.pem` in another terminal,
//! and put `IBIND_CACERT=gateway.pem` before the command.
#![expect(clippy::print_stdout, reason = "it prints what comes over the bus")]

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ibws_tokio::{EventSink, Field, Item, proto::line::Line, subscribe::MarketData};
use tokio::sync::mpsc::{self, OwnedPermit, Sender, error::SendError};

/// The place in the channel that is waited for.
type Room = Pin<Box<dyn Future<Output = Result<OwnedPermit<Item>, SendError<()>>> + Send>>;

/// The end of the channel that the client writes to.
struct Bus {
    channel: Sender<Item>,
    room: Option<Room>,
    permit: Option<OwnedPermit<Item>>,
}

impl EventSink for Bus {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.permit.is_none() {
            let Self { channel, room, .. } = self;
            let room = room.get_or_insert_with(|| Box::pin(channel.clone().reserve_owned()));
            self.permit = ready!(room.as_mut().poll(cx)).ok();
            self.room = None;
        }
        Poll::Ready(())
    }

    fn receive(&mut self, item: Item) -> ControlFlow<()> {
        // Without a permit the reader is gone, and the client detaches the sink.
        let Some(permit) = self.permit.take() else { return ControlFlow::Break(()) };
        permit.send(item);
        ControlFlow::Continue(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (channel, mut bus) = mpsc::channel(16);
    let sink = Bus { channel, room: None, permit: None };
    let client = ibws_tokio::local_gateway().from_env()?.sink(sink).build()?;
    client.start().await?;
    let _apple = client.subscribe_nowait(MarketData::new(265598).fields([Field::LAST]))?.into_guard();
    for _ in 0..20 {
        let Some(item) = bus.recv().await else { break };
        println!("{}", Line::from(&item)); // `docs/events.md` of the core describes the lines
    }
    Ok(client.drain().await?)
}
