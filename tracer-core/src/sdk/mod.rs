//! Adapters to and from `opentelemetry_sdk`. Its traits will change again before they are stable,
//! so all code that implements or wraps them is here.
//!
//! | existing code | use in | adapter |
//! | --- | --- | --- |
//! | an exporter for the SDK | a [`TracerProvider`](crate::TracerProvider) | [`SdkExporter`] |
//! | a processor for the SDK | a [`TracerProvider`](crate::TracerProvider) | [`SdkProcessor`] |
//! | an exporter of this crate | the SDK's own provider | [`RingProcessor`] |

mod exporter;
mod processor;
mod ring_processor;
mod span_data;

use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

pub use self::{exporter::SdkExporter, processor::SdkProcessor, ring_processor::RingProcessor};
use crate::error::FlushError;

/// Converts a result of the SDK into a result of this crate. The SDK's text may hold any data, so
/// it is dropped.
fn from_sdk(result: OTelSdkResult) -> Result<(), FlushError> {
    result.map_err(|error| match error {
        OTelSdkError::AlreadyShutdown => FlushError::AlreadyShutdown,
        OTelSdkError::Timeout(_) => FlushError::Deadline,
        OTelSdkError::InternalFailure(_) => FlushError::Processor,
    })
}

/// Converts a result of this crate into a result of the SDK, after a call that took at most
/// `timeout`.
fn to_sdk(result: Result<(), FlushError>, timeout: Duration) -> OTelSdkResult {
    result.map_err(|error| match error {
        FlushError::AlreadyShutdown => OTelSdkError::AlreadyShutdown,
        FlushError::Deadline => OTelSdkError::Timeout(timeout),
        other => OTelSdkError::InternalFailure(other.to_string()),
    })
}
