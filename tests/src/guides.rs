//! The guides and the README of `ibws-proto`, whose programs the documentation tests compile and
//! run. They need an adapter, the simulated gateway and virtual time, so they are compiled here.

#[doc = include_str!("../../ibws-proto/docs/guides/first-stream.md")]
struct FirstStream;

#[doc = include_str!("../../ibws-proto/docs/guides/orders-without-loss.md")]
struct OrdersWithoutLoss;

#[doc = include_str!("../../ibws-proto/docs/guides/slow-consumers.md")]
struct SlowConsumers;

#[doc = include_str!("../../ibws-proto/docs/guides/running-for-days.md")]
struct RunningForDays;

#[doc = include_str!("../../ibws-proto/docs/guides/trust.md")]
struct Trust;

#[doc = include_str!("../../ibws-proto/docs/guides/your-own-runtime.md")]
struct YourOwnRuntime;

#[doc = include_str!("../../ibws-proto/docs/guides/machine-by-hand.md")]
struct MachineByHand;

#[doc = include_str!("../../ibws-proto/docs/guides/testing.md")]
struct Testing;

#[doc = include_str!("../../ibws-proto/docs/guides/coming-from-ibind.md")]
struct ComingFromIbind;

#[doc = include_str!("../../ibws-proto/docs/guides/surprises.md")]
struct Surprises;

#[doc = include_str!("../../ibws-proto/README.md")]
struct Readme;
