//! The clients of ibws: one consumer for both adapters, with the default settings.

use std::io;

use ibws_proto::client::{Builder, Client};
use ibws_proto::queue::QueueLimits;
use ibws_proto::subscribe::MarketData;
use ibws_proto::transport::{Runtime, Trust};
use ibws_proto::{Body, Event, Field, Item};

use super::connection::Target;
use super::frames::{FRAME, conids};
use super::tally::{Outcome, Tally};

/// The queue of a client that must not merge: more than any flood.
const LARGE: QueueLimits = QueueLimits { events: 1 << 24, bytes: 1 << 34 };

/// Applies what a run needs to a builder of either adapter.
///
/// # Errors
///
/// If the certificate cannot be read.
pub fn settings<R: Runtime>(builder: Builder<R>, target: &Target, is_lossless: bool) -> io::Result<Builder<R>> {
    let builder = builder.url(target.url());
    let builder = match target.certificate()? {
        None => builder.plaintext_on_loopback(),
        Some(certificate) => builder.trust(Trust::ExactCert(certificate.to_vec())),
    };
    Ok(if is_lossless { builder.queue_limits(LARGE).total_queue_bytes(LARGE.bytes) } else { builder })
}

/// How a consumer takes items.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// One by one.
    Items,
    /// All that are there at once.
    Batches,
}

/// Subscribes and consumes the flood: the stream of one subscription, or that of all of them.
///
/// # Errors
///
/// If the client does not start or ends early.
pub async fn run<R: Runtime>(
    client: Client<R>,
    subscriptions: usize,
    mut tally: Tally,
    reading: Reading,
) -> io::Result<Outcome> {
    client.start().await.map_err(io::Error::other)?;
    let requests = conids(subscriptions).map(|conid| MarketData::new(conid.into()).fields([Field::LAST]));
    if subscriptions == 1 {
        let [request] = <[_; 1]>::try_from(requests.collect::<Vec<_>>()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut quotes = client.subscribe_nowait(request).map_err(io::Error::other)?;
        while !tally.is_complete() {
            match reading {
                Reading::Items => consume(&mut tally, &quotes.next().await.ok_or(io::ErrorKind::UnexpectedEof)?)?,
                Reading::Batches => {
                    for item in quotes.next_batch().await.ok_or(io::ErrorKind::UnexpectedEof)? {
                        consume(&mut tally, &item)?;
                    }
                }
            }
        }
    } else {
        let mut quotes = client.subscribe_all(requests).map_err(io::Error::other)?;
        while !tally.is_complete() {
            match reading {
                Reading::Items => consume(&mut tally, &quotes.next().await.ok_or(io::ErrorKind::UnexpectedEof)?.1)?,
                Reading::Batches => {
                    for (_, item) in quotes.next_batch().await.ok_or(io::ErrorKind::UnexpectedEof)? {
                        consume(&mut tally, &item)?;
                    }
                }
            }
        }
    }
    let outcome = tally.finish();
    client.shutdown().await.map_err(io::Error::other)?;
    Ok(outcome)
}

/// Reads the price of a message and counts it. Messages before the flood do not count.
fn consume(tally: &mut Tally, item: &Item) -> io::Result<()> {
    match item {
        Item::Event(Event::Message(message)) => {
            let Body::MarketData(quote) = message.frame.body() else { return Ok(()) };
            let price = quote.last().map_err(io::Error::other)?;
            std::hint::black_box(price.map(|price| price.to_f64()));
            if message.merged > 0 && tally.has_begun() {
                tally.add_merged(message.merged);
            } else if message.frame.raw().len() == FRAME {
                tally.add(message.frame.raw());
            }
        }
        Item::Lost(lost) if tally.has_begun() => tally.add_lost(lost.messages),
        _ => {}
    }
    Ok(())
}
