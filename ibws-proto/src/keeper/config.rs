//! The settings of the keeper.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::rest::Prompt;

/// Chooses the reply to a question of the gateway about an order: one of its options, or `None` for
/// no reply. It runs within [`Keeper::handle`](super::Keeper::handle), so it must not block.
pub type PromptReply = Arc<dyn Fn(&Prompt) -> Option<Box<str>> + Send + Sync>;

/// The longest [`tickle_interval`](KeeperConfig::tickle_interval). The gateway ends a session after
/// about six minutes without a call (docs/protocol.md §8.2).
const MAX_TICKLE_INTERVAL: Duration = Duration::from_secs(300);

/// The settings of a [`Keeper`](super::Keeper). None of them limits the number of attempts: the
/// keeper retries for as long as it exists.
#[derive(Clone)]
pub struct KeeperConfig {
    /// The seed of the jitter. Two keepers should have different seeds.
    pub seed: u64,
    /// The address at which a person logs in, for advice: `https://localhost:5000` by default.
    pub base_url: Box<str>,
    /// Whether `ssodh/init` ends the sessions of the same user elsewhere; `false` by default
    /// (docs/protocol.md §8.2).
    pub compete: bool,
    /// The longest time between two tickles; 60 s by default, 1 s at least and 5 min at most.
    pub tickle_interval: Duration,
    /// How long a call may take before it counts as failed; 10 s by default, 100 ms at least.
    pub call_timeout: Duration,
    /// The first pause after a failed call; it doubles with each further failure. 1 s by default,
    /// 100 ms at least.
    pub retry_min: Duration,
    /// The longest pause after a failed call; 60 s by default.
    pub retry_max: Duration,
    /// The first pause between two `ssodh/init` while a login elsewhere holds the session; it
    /// doubles. 30 s by default.
    pub competing_min: Duration,
    /// The longest such pause; 5 min by default. The end of the competition that a tickle shows
    /// ends the pause.
    pub competing_max: Duration,
    /// How long the brokerage session may take to open after `ssodh/init` succeeded; 30 s by
    /// default.
    pub open_timeout: Duration,
    /// Chooses the replies to questions of the gateway about orders. `None`, the default, never
    /// replies.
    pub prompts: Option<PromptReply>,
}

impl Default for KeeperConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            base_url: "https://localhost:5000".into(),
            compete: false,
            tickle_interval: Duration::from_secs(60),
            call_timeout: Duration::from_secs(10),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            competing_min: Duration::from_secs(30),
            competing_max: Duration::from_secs(300),
            open_timeout: Duration::from_secs(30),
            prompts: None,
        }
    }
}

impl KeeperConfig {
    /// The same settings with each of them within its limits.
    pub(super) fn within_limits(self) -> Self {
        const SECOND: Duration = Duration::from_secs(1);
        const TENTH: Duration = Duration::from_millis(100);
        let retry_min = self.retry_min.max(TENTH);
        let competing_min = self.competing_min.max(SECOND);
        Self {
            tickle_interval: self.tickle_interval.clamp(SECOND, MAX_TICKLE_INTERVAL),
            call_timeout: self.call_timeout.max(TENTH),
            retry_min,
            retry_max: self.retry_max.max(retry_min),
            competing_min,
            competing_max: self.competing_max.max(competing_min),
            ..self
        }
    }
}

impl fmt::Debug for KeeperConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeeperConfig")
            .field("seed", &self.seed)
            .field("base_url", &self.base_url)
            .field("compete", &self.compete)
            .field("tickle_interval", &self.tickle_interval)
            .field("call_timeout", &self.call_timeout)
            .field("retry_min", &self.retry_min)
            .field("retry_max", &self.retry_max)
            .field("competing_min", &self.competing_min)
            .field("competing_max", &self.competing_max)
            .field("open_timeout", &self.open_timeout)
            .field("prompts", &self.prompts.as_ref().map(|_| "set"))
            .finish()
    }
}
