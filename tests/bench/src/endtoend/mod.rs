//! The end-to-end measurements: whole clients before a gateway that floods them, each in a process
//! of its own.
//!
//! ```text
//! cargo run --release --manifest-path tests/bench/Cargo.toml --bin endtoend -- all
//! ```
//!
//! | command | measures | saved as |
//! |---|---|---|
//! | `loopback` | messages a second of every client, plain and TLS, 1 and 100 subscriptions | `loopback` |
//! | `latency` | from the server's write to the consumer, at three rates | `latency`, `latency-histogram` |
//! | `idle` | wake-ups of a client that receives no market data, memory of the example `watch` | `idle` |
//! | `ibind` | the Python package ibind beside ibws, before the same server | `ibind` |
//!
//! # The server
//!
//! Each run starts a server process and a client process, both from the program `endtoend`. The
//! server is the simulated gateway of the kit behind a relay. The relay passes the upgrade, the
//! greeting, the authentication, the subscribes and REST on. Once the gateway holds all
//! subscriptions, the relay writes the frames of the flood ([`frames`]) in their place, encoded in
//! advance and many in one system call. The server is pinned to one core and the client to the
//! other, with the program `taskset`; where that is missing, the output says so.
//!
//! The row "reads bytes only" is the ceiling of the server: a client that reads the socket and
//! looks at nothing. The table also shows how much of its time the server was busy. Well below 100
//! %, it waited for the client.
//!
//! # The clients
//!
//! | client | what it does |
//! |---|---|
//! | bare tokio-tungstenite, fastwebsockets, sockudo-ws | read each message and count it |
//! | hand-written Value loop | parses each frame into a `serde_json::Value`, which goes through a bounded channel to the task of its contract; that reads the price |
//! | ibws-tokio, ibws-async-std | the stream of one subscription, or of `subscribe_all`, with the default settings; the consumer is a task and reads the price |
//! | … consumer in `block_on` | the consumer is the future that the runtime blocks on, which a runtime with one thread polls less often than its tasks |
//! | … large queue | with limits so large that no queue merges |
//!
//! A client counts messages from the first frame of the flood that its consumer holds to the last.
//! What a queue of ibws merged or dropped because its consumer was slower counts as received, and
//! the table states how many these are.
//!
//! The rounds of all clients alternate, so that a change of the machine meets all of them. The
//! groups `loopback-cpu` and `stacks-cpu` hold the nanoseconds that the threads of a client ran for
//! each message, in the kernel too. Other programs on the machine change these far less than the
//! messages a second.

pub mod bare;
pub mod child;
pub mod connection;
pub mod discard;
pub mod frames;
pub mod hand_written;
pub mod ibind;
pub mod ibws;
pub mod idle;
pub mod loopback;
pub mod pour;
pub mod process;
pub mod relay;
pub mod rounds;
pub mod serve;
pub mod tally;
pub mod wire;
