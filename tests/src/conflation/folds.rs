//! The state of one stream, computed by the folds that consumers use.

use std::collections::BTreeMap;

use ibws_proto::fold::{Executions, LadderBook, Merged, OrderBook, Quote};
use ibws_proto::{Body, ConnId, Frame, Instant};

/// The fold of one stream.
#[derive(Clone, Default)]
pub(super) struct Fold {
    quote: Quote,
    ladder: LadderBook,
    orders: OrderBook,
    executions: Executions,
    /// Members of a message outside of its rows.
    beside: Known,
}

/// The contents of a fold, comparable regardless of the order of keys.
pub(super) type Known = BTreeMap<String, String>;

impl Fold {
    pub(super) fn apply(&mut self, conn: ConnId, at: Instant, frame: &Frame) {
        for (key, value) in frame.members().filter(|(key, _)| key.starts_with("beside")) {
            self.beside.insert(key.into_owned(), value.text().to_owned());
        }
        match frame.body() {
            Body::MarketData(data) => drop(self.quote.apply(conn, at, &data)),
            Body::Ladder(ladder) => drop(self.ladder.apply(&ladder)),
            Body::Orders(orders) => drop(self.orders.apply(&orders)),
            Body::Trades(trades) => drop(self.executions.apply(&trades)),
            _ => {}
        }
    }

    pub(super) fn known(&self) -> Known {
        let mut known = self.beside.clone();
        for (field, value, _) in self.quote.fields() {
            known.insert(field.to_string(), value.text().into_owned());
        }
        let quote = format!("{:?} {:?} {}", self.quote.connection(), self.quote.conid(), self.quote.target());
        known.insert("quote".into(), quote);
        let mut rows = |name: &str, row: &Merged| {
            for (key, value) in row.json().members() {
                known.insert(format!("{name} {key}"), value.text().to_owned());
            }
        };
        self.ladder.rows().for_each(|(key, row)| rows(&format!("row {key}"), row));
        self.orders.rows().for_each(|(key, row)| rows(&format!("order {key}"), row));
        self.executions.rows().for_each(|(key, row)| rows(&format!("execution {key}"), row));
        known
    }
}
