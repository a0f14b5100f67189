//! The settings of one subscription that differ from those of the client. Few subscriptions have
//! any, so they do not take room in each.

use alloc::boxed::Box;
use core::time::Duration;

use crate::command::Modify;
use crate::config::Config;
use crate::payload::{Processor, Renewal, Staleness, Subscribe};

/// What the application set for this subscription alone.
#[derive(Debug, Default)]
pub(super) struct Settings(Option<Box<Own>>);

#[derive(Debug, Default)]
struct Own {
    needs_confirmation: Option<bool>,
    processor: Option<Processor>,
    staleness: Staleness,
    renewal: Option<Renewal>,
    renew_after: Option<Option<Duration>>,
}

impl Settings {
    /// Takes the settings of a request.
    pub(super) fn of(request: &mut Subscribe) -> Self {
        let Subscribe { needs_confirmation, processor, staleness, renewal, renew_after, .. } = request;
        let own = Own {
            needs_confirmation: *needs_confirmation,
            processor: processor.take(),
            staleness: *staleness,
            renewal: *renewal,
            renew_after: *renew_after,
        };
        Self((!own.is_default()).then(|| Box::new(own)))
    }

    /// Changes what `modify` names, but for the ages, whose change has effects.
    pub(super) fn modify(&mut self, modify: &mut Modify) {
        let Modify { needs_confirmation, processor, renewal, .. } = modify;
        if needs_confirmation.is_none() && processor.is_none() && renewal.is_none() {
            return;
        }
        let own = self.own();
        own.needs_confirmation = needs_confirmation.unwrap_or(own.needs_confirmation);
        own.renewal = renewal.unwrap_or(own.renewal);
        if let Some(processor) = processor.take() {
            own.processor = processor;
        }
    }

    pub(super) fn set_staleness(&mut self, staleness: Staleness) {
        self.own().staleness = staleness;
    }

    pub(super) fn set_renew_after(&mut self, age: Option<Duration>) {
        self.own().renew_after = Some(age);
    }

    /// Whether a frame must confirm it; `None` leaves that to its channel.
    pub(super) fn needs_confirmation(&self) -> Option<bool> {
        self.0.as_ref()?.needs_confirmation
    }

    pub(super) fn processor<'a>(&'a self, config: &'a Config) -> &'a Processor {
        self.0.as_ref().and_then(|own| own.processor.as_ref()).unwrap_or(&config.processor)
    }

    pub(super) fn staleness(&self) -> Staleness {
        self.0.as_ref().map_or(Staleness::Channel, |own| own.staleness)
    }

    pub(super) fn renewal(&self, config: &Config) -> Renewal {
        self.0.as_ref().and_then(|own| own.renewal).unwrap_or(config.renewal)
    }

    /// The age at which market data is renewed.
    pub(super) fn renew_after(&self, config: &Config) -> Option<Duration> {
        match self.0.as_ref().and_then(|own| own.renew_after) {
            Some(own) => own.map(|age| age.max(Duration::from_millis(1))),
            None => config.renew_market_data,
        }
    }

    fn own(&mut self) -> &mut Own {
        self.0.get_or_insert_default()
    }
}

impl Own {
    fn is_default(&self) -> bool {
        let Self { needs_confirmation, processor, staleness, renewal, renew_after } = self;
        needs_confirmation.is_none()
            && processor.is_none()
            && *staleness == Staleness::Channel
            && renewal.is_none()
            && renew_after.is_none()
    }
}
