//! To `opentelemetry_sdk` and back. Its traits will change again before they are stable, so all
//! that touches them is here.
//!
//! | you have | and want | use |
//! | --- | --- | --- |
//! | an exporter for the SDK | it in a [`TracerProvider`](crate::TracerProvider) | [`SdkExporter`] |
//! | a processor for the SDK | it in a [`TracerProvider`](crate::TracerProvider) | [`SdkProcessor`] |
//! | the SDK's own provider | its spans through rings to [`SpanExporter`](crate::SpanExporter)s | [`RingProcessor`] |

mod exporter;
mod processor;
mod ring_processor;
mod span_data;

use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

pub use self::{exporter::SdkExporter, processor::SdkProcessor, ring_processor::RingProcessor};
use crate::error::FlushError;

/// What the SDK says, in our words. Its text may hold anything, so it goes no further.
fn from_sdk(result: OTelSdkResult) -> Result<(), FlushError> {
    result.map_err(|error| match error {
        OTelSdkError::AlreadyShutdown => FlushError::AlreadyShutdown,
        OTelSdkError::Timeout(_) => FlushError::Deadline,
        OTelSdkError::InternalFailure(_) => FlushError::Processor,
    })
}

/// The other way round, after a call that took at most `timeout`.
fn to_sdk(result: Result<(), FlushError>, timeout: Duration) -> OTelSdkResult {
    result.map_err(|error| match error {
        FlushError::AlreadyShutdown => OTelSdkError::AlreadyShutdown,
        FlushError::Deadline => OTelSdkError::Timeout(timeout),
        other => OTelSdkError::InternalFailure(other.to_string()),
    })
}
