//! Opened and closed again, many times: nothing stays behind.

use ibws_proto::driver::Runtime;

use super::stage::{Stage, Trace};

/// `count` clients, one after the other: each is made, connects, subscribes, and is shut down, drained or just dropped.
pub async fn open_and_close<R: Runtime + Clone>(stage: Stage<R>, count: usize) -> Trace {
    let script = stage.script(|_, caller| {
        let mut peer = caller.greet()?;
        peer.quiet();
        peer.expect("smd")?;
        peer.quote(1)?;
        peer.until_end()
    });
    for number in 0..count {
        let mut player = stage.player(stage.builder(&script));
        player.start().await;
        let share = player.share().await;
        match number % 3 {
            0 => drop(player.finish().await),
            1 => player.client.drain().await.expect("a stop"),
            _ => drop(player),
        }
        drop(share);
    }
    vec![format!("{count} clients")]
}

/// Open file descriptors of this process.
///
/// # Panics
/// Without `/proc`.
#[must_use]
pub fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc, which Linux has").count()
}
