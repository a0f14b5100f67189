//! Stories of orders after a gap: the machine requests a snapshot over REST, and the book takes it
//! in without undoing what the stream has sent since. All times are virtual and exact.

use std::collections::BTreeMap;
use std::time::Duration;

use ibws_proto::fold::{Mark, OrderBook, OrdersReply};
use ibws_proto::message::{OrderStatus, Row as _};
use ibws_proto::{
    Action, Body, Config, Event, Input, Key, Output,
    rest::{RestError, RestReply, RestRequest, RestRequestId, RestResult},
};
use ibws_testkit::GatewayConfig;
use ibws_testkit::world::{Content, Dial, World, ms, secs};

/// Members that the simulated gateway changes with every row and sends in full rows only.
const IN_FULL_ROWS_ONLY: [&str; 2] = ["lastExecutionTime", "lastExecutionTime_r"];

/// The connection of another client. Orders change as long as somebody is subscribed to them, so it
/// keeps them changing while the application has no connection.
const OTHER: u64 = 1_000_000;

/// A call to the gateway that is on its way back.
struct Call {
    id: RestRequestId,
    arrives: ibws_proto::Instant,
    /// The body of the orders, and the mark that was taken before the call.
    orders: Option<(Mark, String)>,
    result: RestResult,
}

/// An application that keeps a book of its orders.
struct Application {
    world: World,
    book: OrderBook,
    /// How much of the timeline it has read.
    read: usize,
    /// The mark that was taken when the stream began, or resumed.
    mark: Mark,
    calls: Vec<Call>,
    /// How long a call takes on its way back.
    delay: Duration,
    /// Members that a reply had with another value than the stream had sent since its mark.
    outdated: usize,
    /// Members that a reply changed.
    repaired: usize,
    snapshots: usize,
}

impl Application {
    /// Starts a client with a subscription to orders.
    fn new(delay: Duration) -> Self {
        // The test reads what the gateway lists far more often than a client may.
        let mut gateway = GatewayConfig::default();
        gateway.paces_rest = false;
        let mut world = World::new(Config::default(), gateway);
        // The application makes the calls itself.
        world.link.rest = None;
        let mut book = OrderBook::new();
        let mark = book.mark();
        world.gateway.opened(world.now(), OTHER, true);
        world.run(secs(1));
        world.gateway.received(world.now(), OTHER, b"sor+{}");
        world.start();
        world.subscribe("or");
        Self { world, book, read: 0, mark, calls: Vec::new(), delay, outdated: 0, repaired: 0, snapshots: 0 }
    }

    fn run(&mut self, span: Duration) {
        let end = self.world.now() + span;
        while self.world.now() < end {
            self.world.run(ms(10));
            let news: Vec<Output> = self.world.trace()[self.read..]
                .iter()
                .filter_map(
                    |entry| if let Content::Output(output) = &entry.content { Some(output.clone()) } else { None },
                )
                .collect();
            self.read = self.world.trace().len();
            news.iter().for_each(|output| self.on_output(output));
            while let Some(at) = self.calls.iter().position(|call| call.arrives <= self.world.now()) {
                let call = self.calls.remove(at);
                self.on_reply(call);
            }
        }
    }

    fn on_output(&mut self, output: &Output) {
        match output {
            Output::Event(Event::Message(message)) if message.key == Some(Key::Orders) => {
                let Body::Orders(orders) = message.frame.body() else { panic!("{:?}", message.frame) };
                self.book.apply(&orders);
            }
            Output::Event(Event::Resumed(_)) => self.mark = self.book.mark(),
            Output::Action(Action::Rest { id, request }) => self.call(*id, request),
            _ => {}
        }
    }

    fn call(&mut self, id: RestRequestId, request: &RestRequest) {
        let now = self.world.now();
        let mut get =
            |path: &str, query| self.world.gateway.rest(now, "GET", &format!("/v1/api/iserver/{path}"), query);
        let (orders, result) = match request {
            RestRequest::Prime(_) => {
                get("accounts", "");
                get("account/orders", "force=true");
                (None, Ok(RestReply::Complete))
            }
            RestRequest::Reconcile { .. } => {
                let reply = get("account/orders", "");
                match OrdersReply::parse(reply.body.as_bytes()) {
                    Ok(orders) if orders.is_snapshot() => {
                        (Some((self.mark, reply.body.clone())), Ok(RestReply::Complete))
                    }
                    Ok(_) => (Some((self.mark, reply.body.clone())), Ok(RestReply::Incomplete)),
                    Err(error) => (None, Err(RestError::new(error.to_string()))),
                }
            }
            other => panic!("{other:?}"),
        };
        self.calls.push(Call { id, arrives: now + self.delay, orders, result });
    }

    fn on_reply(&mut self, call: Call) {
        if let Some((mark, body)) = &call.orders {
            let reply = OrdersReply::parse(body.as_bytes()).unwrap();
            let before = self.members();
            self.book.reconcile(*mark, reply.rows(), reply.is_snapshot());
            let after = self.members();
            self.repaired += after.iter().filter(|(at, value)| before.get(*at) != Some(value)).count();
            for row in reply.rows().map(Result::unwrap) {
                let order = row.order_id().unwrap().unwrap();
                let differs =
                    |key: &str, text: &str| after.get(&(order, key.to_owned())).is_some_and(|known| known != text);
                self.outdated += row.json().members().filter(|(key, value)| differs(key, value.text())).count();
            }
            self.snapshots += usize::from(reply.is_snapshot());
        }
        self.world.input(Input::RestDone(call.id, call.result));
    }

    /// Every member that the book has, by order and key.
    fn members(&self) -> BTreeMap<(i64, String), String> {
        let rows = self.book.rows().flat_map(|(order, row)| {
            row.json().members().map(|(key, value)| ((*order, key.into_owned()), value.text().to_owned()))
        });
        rows.collect()
    }

    /// The orders that the gateway lists now.
    fn listed(&mut self) -> String {
        self.world.gateway.rest(self.world.now(), "GET", "/v1/api/iserver/account/orders", "").body
    }

    /// Waits until no change is on its way, and compares the book with what the gateway lists.
    fn check(&mut self) {
        let listed = loop {
            let before = self.listed();
            self.run(ms(50));
            if before == self.listed() {
                break before;
            }
        };
        let reply = OrdersReply::parse(listed.as_bytes()).unwrap();
        assert!(reply.is_snapshot());
        let known = self.members();
        let mut compared = 0;
        for row in reply.rows().map(Result::unwrap) {
            let order = row.order_id().unwrap().unwrap();
            assert!(!self.book.is_unlisted(&order), "{order} is listed\n{}", self.world.timeline());
            for (key, value) in row.json().members().filter(|(key, _)| !IN_FULL_ROWS_ONLY.contains(&&**key)) {
                let known = known.get(&(order, key.to_string()));
                assert_eq!(
                    known.map(String::as_str),
                    Some(value.text()),
                    "{key} of {order}\n{}",
                    self.world.timeline()
                );
                compared += 1;
            }
        }
        assert!(compared > 20, "the gateway lists orders");
    }
}

#[test]
fn a_reply_that_is_three_seconds_old_repairs_a_gap_and_undoes_nothing() {
    let mut application = Application::new(secs(3));
    application.run(secs(30));
    application.check();
    let (snapshots, repaired) = (application.snapshots, application.repaired);
    assert!(snapshots >= 1, "the stream begins with a snapshot");
    for outage in 0..5_u64 {
        let before = application.book.len();
        application.world.cut();
        application.world.link.dials.push_back(Dial::refused());
        application.run(secs(40) + ms(130 * outage));
        application.check();
        assert!(application.book.len() > before, "orders go on during the outage");
    }
    assert_eq!(application.world.gaps().len(), 5);
    assert!(application.snapshots >= snapshots + 5, "each gap is made up for");
    assert!(application.repaired > repaired, "a snapshot brought what the gap had lost");
    assert!(application.outdated > 0, "a reply was older than the stream at least once");
}

#[test]
fn an_order_that_ended_in_a_gap_and_is_listed_no_more_stays_as_unlisted() {
    let mut application = Application::new(ms(200));
    application.run(secs(30));
    application.check();
    let is_open = |book: &OrderBook, order: &i64| {
        let row = book.get(order).unwrap();
        !matches!(row.status(), Ok(Some(OrderStatus::Filled | OrderStatus::Cancelled)))
    };
    // The outage begins while an order is open.
    let open = loop {
        let open = application.book.rows().map(|(order, _)| *order).find(|order| is_open(&application.book, order));
        match open {
            Some(order) => break order,
            None => application.run(ms(100)),
        }
    };
    application.world.cut();
    // The gateway lists the last twelve orders, and the outage lasts for more.
    application.world.link.dials_to = Dial::refused();
    application.run(secs(300));
    application.world.link.dials_to = Dial::Opens;
    application.run(secs(90));
    application.check();
    assert!(!application.listed().contains(&open.to_string()));
    assert!(application.book.is_unlisted(&open), "{}", application.world.timeline());
    assert!(is_open(&application.book, &open), "nothing says how it has ended");
    let ended: Vec<i64> =
        application.book.rows().map(|(order, _)| *order).filter(|o| application.book.is_unlisted(o)).collect();
    assert_eq!(ended, [open], "of all others it is known");
}
