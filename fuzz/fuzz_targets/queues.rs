#![no_main]

/// With this allocator the body measures the memory that it holds.
#[global_allocator]
static COUNTED: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

libfuzzer_sys::fuzz_target!(init: assert!(ibws_testkit::fuzz::is_counted()), |data: &[u8]| {
    ibws_testkit::fuzz::queues(data)
});
