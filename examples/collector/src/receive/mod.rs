//! The OTLP receivers and the limits between untrusted bytes and the decoder.
//!
//! All requests share one budget of bytes. A request takes room from it before its bytes are kept,
//! and again while it is decompressed. If the budget is used up, the sender is asked to retry
//! later. Queries and health checks are not affected.

mod admission;
mod body;
mod decompress;
pub(crate) mod grpc;
pub(crate) mod http;
mod intake;
mod messages;
mod refusal;
mod stored_size;

pub(crate) use intake::Intake;
