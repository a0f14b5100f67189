//! A close in each of twelve states against six kinds of peer.

use core::time::Duration;
use std::io::{Read as _, Write as _};

use ibws_proto::client::{Client, Subscription};
use ibws_proto::transport::{Limits, Runtime};
use ibws_proto::{ConnectionState, ReadyGate, Subscribe, SubscriptionState};
use socket2::SockRef;

use super::signal::Signal;
use super::stage::{Stage, Trace};
use crate::{ClientInfo, ScriptedPeer};

/// The time within which a shutdown must complete.
pub const LIMIT: Duration = Duration::from_secs(5);

/// The state of the client when it is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Never started.
    Idle,
    /// TCP is open, and the peer sends nothing; with TLS the handshake stalls.
    Dialling,
    /// The upgrade has begun and does not end.
    Upgrading,
    /// The socket is open, and the gateway has not sent `success`.
    Ungreeted,
    /// The gateway waits for a session that the client does not have.
    WaitingForSession,
    /// The gateway has sent `success` and is authenticated.
    Ready,
    /// The session lost its authentication.
    Degraded,
    /// A subscription was sent and is not confirmed.
    Subscribing,
    /// A subscription is active.
    Active,
    /// A drain is already in progress.
    Draining,
    /// The connection was lost, and the next dial is an hour away.
    Backoff,
    /// The client's texts pile up, because the peer's buffers are full.
    Blocked,
}

impl Place {
    /// All variants.
    pub const ALL: [Self; 12] = [
        Self::Idle,
        Self::Dialling,
        Self::Upgrading,
        Self::Ungreeted,
        Self::WaitingForSession,
        Self::Ready,
        Self::Degraded,
        Self::Subscribing,
        Self::Active,
        Self::Draining,
        Self::Backoff,
        Self::Blocked,
    ];
}

/// What the peer does once the client is in its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manners {
    /// Replies to a Close with a Close.
    Echoing,
    /// Replies to everything, but never with a Close.
    NotEchoing,
    /// Does not read, and keeps the connection open after the client has closed it.
    NotReading,
    /// Resets the connection as soon as it receives anything.
    Resetting,
    /// Reads and sends nothing.
    Silent,
    /// Sends as fast as it can and does not read.
    Flooding,
}

impl Manners {
    /// All variants.
    pub const ALL: [Self; 6] =
        [Self::Echoing, Self::NotEchoing, Self::NotReading, Self::Resetting, Self::Silent, Self::Flooding];
}

/// Brings a client into a state, against a peer that behaves so, and shuts it down.
///
/// # Panics
/// If the shutdown takes longer than [`LIMIT`], or does not end the client.
pub async fn close<R: Runtime + Clone>(stage: Stage<R>, place: Place, manners: Manners) -> Trace {
    let step = Signal::default();
    let steps = step.clone();
    let script = stage.script(move |_, client| {
        SockRef::from(client.tcp()).set_recv_buffer_size(8 * 1024)?;
        receive(client, place, manners, &steps)
    });
    // The buffer has room for all texts, so that the peer blocks and not the client's own limit.
    let limits = Limits { max_write_buffer: 64 * 1024 * 1024, ..Limits::default() };
    let builder = stage.builder(&script).limits(limits).configure(|config| {
        config.ready_gate = ReadyGate::Strict;
        let far = Duration::from_secs(3_600);
        (config.backoff_min, config.backoff_max) = (far, far);
    });
    let client = builder.build().expect("a client");
    let share = bring(&client, place, manners, &step).await;
    let began = stage.runtime.now();
    let stopped = stage.within(2 * LIMIT, client.shutdown()).await;
    let took = stage.runtime.now().since(began);
    assert_eq!(stopped, Some(Ok(())), "{place:?} against {manners:?}");
    assert!(took < LIMIT, "{place:?} against {manners:?} took {took:?}");
    assert_eq!(client.status().state, ConnectionState::Stopped, "{place:?} against {manners:?}");
    assert!(client.subscriptions().is_empty() && client.status().requests == 0, "{place:?} against {manners:?}");
    drop(share);
    vec![format!("{place:?} against {manners:?}: stopped")]
}

/// Drives the client into the state. The returned subscription must live until the end.
async fn bring<R: Runtime + Clone>(
    client: &Client<R>,
    place: Place,
    manners: Manners,
    step: &Signal,
) -> Option<Subscription<R>> {
    let state = match place {
        Place::Idle => return None,
        Place::Dialling | Place::Upgrading => ConnectionState::Connecting,
        Place::Ungreeted | Place::WaitingForSession => ConnectionState::Open,
        Place::Degraded => ConnectionState::Degraded,
        Place::Backoff => ConnectionState::Backoff,
        Place::Ready | Place::Subscribing | Place::Active | Place::Draining | Place::Blocked => ConnectionState::Ready,
    };
    let mut events = client.events();
    // The request is made, and its reply is not needed.
    drop(client.start());
    let subscribes = matches!(place, Place::Subscribing | Place::Active | Place::Draining);
    let share = subscribes.then(|| {
        client.subscribe_nowait(Subscribe::parse("sd+DU1234567").expect("a channel")).expect("a valid request")
    });
    step.reached(1).await;
    if manners == Manners::Flooding && state == ConnectionState::Connecting {
        // The flood is no valid response, so the dial fails now or soon.
        return share;
    }
    let expected = match place {
        Place::Subscribing => Some(SubscriptionState::Subscribing),
        Place::Active | Place::Draining => Some(SubscriptionState::Active),
        _ => None,
    };
    let present = || client.subscriptions().first().map(|subscription| subscription.state);
    while client.status().state != state || expected.is_some() && present() != expected {
        events.next().await.expect("the client has not ended");
    }
    match place {
        Place::Draining => drop(client.drain()),
        Place::Blocked => {
            let text = "x".repeat(65_000);
            // These texts exceed the buffers of both systems.
            for _ in 0..150 {
                client.send_text(&text).await.expect("a connection that takes messages");
            }
        }
        _ => {}
    }
    step.reach(2);
    share
}

/// Serves the client until it is in its state, and then behaves as `manners` describes.
fn receive(mut client: ClientInfo, place: Place, manners: Manners, step: &Signal) -> std::io::Result<()> {
    let arrived = || step.reach(1);
    if matches!(place, Place::Idle | Place::Dialling | Place::Upgrading) {
        if place == Place::Upgrading {
            client.head()?;
            client.put(b"HTTP/1.1 101 Switching Protocols\r\n")?;
        } else {
            // The bytes are the upgrade request, or the beginning of TLS.
            let _ = client.tcp().read(&mut [0; 4096])?;
        }
        arrived();
        return match manners {
            Manners::NotReading => client.hold(),
            Manners::Flooding => loop {
                client.tcp().write_all(&[b'x'; 4096])?;
            },
            Manners::Resetting => {
                let _ = client.tcp().read(&mut [0; 4096])?;
                client.reset()
            }
            Manners::Echoing | Manners::NotEchoing | Manners::Silent => client.wait(),
        };
    }
    let mut peer = client.open(b"")?;
    peer.stop_recording();
    match place {
        Place::Ungreeted => {}
        Place::WaitingForSession => peer.text(r#"{"message":"waiting for session"}"#)?,
        _ => peer.greet()?,
    }
    match place {
        Place::Degraded => peer.text(r#"{"topic":"sts","args":{"authenticated":false}}"#)?,
        Place::Subscribing => drop(peer.expect("ssd")?),
        Place::Active | Place::Draining => {
            peer.expect("ssd")?;
            peer.text(r#"{"topic":"ssd+DU1234567","result":[{"key":"AccruedCash","timestamp":1}]}"#)?;
        }
        Place::Backoff => {
            peer.finish()?;
            arrived();
            return peer.discard();
        }
        _ => {}
    }
    arrived();
    if place == Place::Blocked {
        // Nothing is read before the client has sent everything.
        step.wait(2);
    }
    behave(peer, manners)
}

fn behave(mut peer: ScriptedPeer, manners: Manners) -> std::io::Result<()> {
    match manners {
        Manners::Echoing => peer.until_end(),
        Manners::NotEchoing => peer.discard_and_send(br#"{"topic":"system","hb":1}"#),
        Manners::Silent => peer.discard(),
        Manners::NotReading => peer.hold(),
        Manners::Resetting => {
            peer.receive()?;
            peer.reset()
        }
        Manners::Flooding => loop {
            peer.quote(1)?;
        },
    }
}
