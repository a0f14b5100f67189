//! The clock: moments of the client, and their wall-clock times.

use ibws_proto::Instant;

use super::*;

#[test]
fn moments_of_events_have_wall_clock_times_from_one_offset() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    runtime.run(ms(70_000));
    // The client is built later than the clock of its runtime began.
    let client = runtime.client();
    assert_eq!(client.now(), runtime.now());
    assert_eq!(client.system_time(Instant::ORIGIN), Simulated::wall_clock_origin());
    let mut events = client.events();
    runtime.block_on(client.start()).unwrap();
    runtime.block_on(client.sleep(ms(500)));
    let mut times = Vec::new();
    while let Some(item) = events.try_next() {
        if let Item::Event(Event::Message(message)) = item {
            times.push((message.at, client.system_time(message.at)));
        }
    }
    assert!(times.len() >= 3);
    for (at, time) in times {
        assert_eq!(time.duration_since(Simulated::wall_clock_origin()).unwrap(), at.since(Instant::ORIGIN));
    }
    // A moment beyond what the system can represent is no panic.
    let far = client.system_time(Instant::from_nanos(u64::MAX));
    assert!(far >= Simulated::wall_clock_origin());
}
