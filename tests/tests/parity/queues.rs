//! `new_queue_accessor` and `QueueAccessor`.

use ibws_proto::Key;
use ibws_proto::client::QueueAccessor;

use super::*;

const BULLETIN: &str = r#"{"topic":"blt","args":[]}"#;

#[test]
fn new_queue_accessor_key() {
    let (runtime, client) = ready();
    let mut accessors = [client.queue(Key::MarketData), client.queue(Key::MarketData)];
    let mut orders = client.queue(Key::Orders);
    let _held = ["md+265598", "md+8314"].map(|text| runtime.block_on(client.subscribe(text)).unwrap());
    runtime.run(secs(5));
    assert!(accessors[0].len() > 2);
    assert_eq!(accessors[0].len(), accessors[1].len());
    let all = accessors[0].len();
    // Accessors of one key share its queue: each item goes to one of them.
    assert!(accessors[0].try_recv().is_some() && accessors[1].try_recv().is_some());
    assert_eq!(accessors[0].len(), all - 2);
    assert!(orders.try_recv().is_none());
}

#[test]
fn queue_accessor_init() {
    let (runtime, client) = ready();
    let mut own = QueueAccessor::new(client.events(), "everything");
    gateway_sends(&runtime, BULLETIN);
    assert_eq!((*own.key(), text(own.try_recv()).as_deref()), ("everything", Some(BULLETIN)));
}

#[test]
fn queue_accessor_get_block() {
    let (runtime, client) = ready();
    let mut bulletins = client.queue(Key::Bulletins);
    // Default: False, which returns at once.
    assert!(bulletins.try_recv().is_none());
    let soon = runtime.now() + secs(7);
    let sender = {
        let runtime = runtime.clone();
        async move {
            runtime.sleep_until(soon).await;
            runtime.gateway(|gateway| {
                let conn = gateway.connections().last().unwrap();
                gateway.inject(conn, GatewayOutput::Text(BULLETIN.into()));
            });
        }
    };
    runtime.spawn(sender);
    assert_eq!(text(runtime.block_on(bulletins.recv())).as_deref(), Some(BULLETIN));
    assert_eq!(runtime.now(), soon);
}

#[test]
fn queue_accessor_get_timeout() {
    let (runtime, client) = ready();
    let mut bulletins = client.queue(Key::Bulletins);
    let began = runtime.now();
    assert!(runtime.block_on(bulletins.recv_timeout(secs(3))).is_none());
    assert_eq!(runtime.now().since(began), secs(3));
    gateway_sends(&runtime, BULLETIN);
    assert_eq!(text(runtime.block_on(bulletins.recv_timeout(secs(3)))).as_deref(), Some(BULLETIN));
}

#[test]
fn queue_accessor_empty() {
    let (runtime, client) = ready();
    let mut bulletins = client.queue(Key::Bulletins);
    assert!(bulletins.is_empty());
    gateway_sends(&runtime, BULLETIN);
    assert_eq!((bulletins.is_empty(), bulletins.len()), (false, 1));
    bulletins.try_recv();
    assert!(bulletins.is_empty());
}

#[test]
fn queue_accessor_key() {
    let (_runtime, client) = ready();
    assert_eq!(*client.queue(Key::Trades).key(), Key::Trades);
}
