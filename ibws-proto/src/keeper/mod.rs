//! The session keeper: keeps a session of the gateway alive, and makes the REST calls that the
//! stream needs.
//!
//! [`Keeper`] is a state machine like [`Machine`](crate::Machine): it has no socket and no clock.
//! The driver gives it inputs and the time, makes the calls that it emits, and reports how they
//! end. It retries for as long as it exists: there is no limit of attempts.
//!
//! # The run loop
//!
//! 1. Create a [`Keeper`], and one [`Pacer`] for all keepers that call the same gateway.
//! 2. Take all outputs with [`poll`](Keeper::poll), and make each [`Call`](KeeperOutput::Call).
//! 3. Wait until a call ends, a request comes, or [`poll_timeout`](Keeper::poll_timeout) is
//!    reached.
//! 4. Pass it to the keeper with [`handle`](Keeper::handle), and continue with step 2.
//!
//! ```
//! use ibws_proto::Instant;
//! use ibws_proto::keeper::{CallReply, Keeper, KeeperConfig, KeeperInput, KeeperOutput};
//! use ibws_proto::keeper::{KeeperState, Pacer};
//!
//! let now = Instant::ORIGIN;
//! let (mut keeper, mut pacer) = (Keeper::new(KeeperConfig::default(), now), Pacer::default());
//! let Some(KeeperOutput::Call { id, call }) = keeper.poll(now, &mut pacer) else { panic!() };
//! assert_eq!(call.to_string(), "POST /tickle");
//!
//! let reply = CallReply { status: 401, retry_after: None, body: Default::default() };
//! keeper.handle(now, KeeperInput::Done(id, Ok(reply)));
//! let Some(KeeperOutput::Event(event)) = keeper.poll(now, &mut pacer) else { panic!() };
//! assert_eq!(event.state, KeeperState::LoggedOut);
//! assert_eq!(event.advice.as_deref(), Some("log in at https://localhost:5000"));
//! ```
//!
//! # Which call is made, and why
//!
//! | call | reason |
//! |---|---|
//! | `/tickle` | at the start, and 51 to 57 s after the last one (85 to 95 % of [`tickle_interval`](KeeperConfig::tickle_interval)) |
//! | | after a pause, if the last one failed |
//! | | at once for a dial or a request that needs the session, unless one failed less than 5 s ago |
//! | | 5 s after the last one at the earliest, if the stream or another call contradicts the state |
//! | `/iserver/auth/ssodh/init` | the gateway reports `authenticated:false`; 10 s after the last one at the earliest |
//! | `/iserver/auth/status` | `ssodh/init` succeeded and the session is opening, after 1, 2, 4 s and then each 8 s |
//! | | a tickle succeeded without showing the state |
//! | all others | a request of the machine that is not cancelled |
//!
//! # States
//!
//! What a result of a call leads to, in every state. A pause after a failure starts with 1 s,
//! doubles to 60 s, has a jitter of a fifth, and counts from the start of the call.
//!
//! | call and its result | state | next step |
//! |---|---|---|
//! | any, `authenticated:true` | [`Authenticated`](KeeperState::Authenticated) | the next tickle |
//! | tickle or status, `authenticated:false` | [`Opening`](KeeperState::Opening); unchanged while a pause after a failed `ssodh/init` lasts | `ssodh/init` now, or after that pause |
//! | `ssodh/init`, `authenticated:false` | [`Opening`](KeeperState::Opening) | status |
//! | status, still `false` after 30 s | [`NotReady`](KeeperState::NotReady) | `ssodh/init` after a pause |
//! | any, `competing:true` and `authenticated:false` | [`Competing`](KeeperState::Competing) | `ssodh/init` after 30 s, doubling to 5 min; at once when a tickle shows that the other login is gone |
//! | any, 401 | [`LoggedOut`](KeeperState::LoggedOut) | the same call after a pause |
//! | any, 403 or 404 with `Access Denied` | [`AccessDenied`](KeeperState::AccessDenied) | the same call after a pause |
//! | any, 400 with `no bridge` | [`NotReady`](KeeperState::NotReady) | the same call after a pause |
//! | `ssodh/init` or status, another HTTP status | [`NotReady`](KeeperState::NotReady) | the same call after a pause |
//! | tickle, another HTTP status | [`Unavailable`](KeeperState::Unavailable) | tickle after a pause |
//! | any, no reply, or a reply that is cut or lacks a member | [`Unavailable`](KeeperState::Unavailable) | the same call after a pause |
//! | any, 429, at any keeper of the pacer | [`PenaltyBox`](KeeperState::PenaltyBox) | nothing for 15 min, then [`Starting`](KeeperState::Starting) and a tickle; a dial gets the session that is known |
//!
//! A failed tickle ends what was planned after it: nothing else is called until a tickle succeeds.
//! The tickles go on while `ssodh/init` fails, so that a login by hand is seen within a minute.
//! `compete` is true only if [`KeeperConfig::compete`] is.
//!
//! # Requests of the machine
//!
//! | request | calls | reply |
//! |---|---|---|
//! | [`Session(Missing)`](crate::rest::SessionNeed::Missing), [`SessionNeeded`](KeeperInput::SessionNeeded) | a tickle | the session is there |
//! | [`Session(Unauthenticated)`](crate::rest::SessionNeed::Unauthenticated) | a tickle | the brokerage session is open, or why not |
//! | [`Prime`](crate::rest::RestRequest::Prime) | accounts; before `or` also orders with `force=true` | complete |
//! | [`Reconcile`](crate::rest::RestRequest::Reconcile) | orders; if they are a snapshot, executions | the snapshot, or incomplete |
//! | [`Prompt`](crate::rest::RestRequest::Prompt) | notification, if [`KeeperConfig::prompts`] chooses a reply | complete |
//!
//! A request that needs the brokerage session waits while it is opening, and fails with the reason
//! and the advice of the state otherwise. The machine repeats what it still needs.

mod call;
mod config;
mod event;
#[expect(clippy::module_inception, reason = "the file of the type Keeper")]
mod keeper;
mod line;
mod pacer;
mod reply;
mod serve;
mod upkeep;

pub use call::{Call, CallError, CallReply, CallResult, Method};
pub use config::{KeeperConfig, PromptReply};
pub use event::{CallId, KeeperEvent, KeeperInput, KeeperOutput, KeeperState, Ticket};
pub use keeper::Keeper;
pub use pacer::{Pace, Pacer};
