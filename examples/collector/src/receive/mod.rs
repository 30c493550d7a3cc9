//! The OTLP receivers and the limits between untrusted bytes and the decoder.
//!
//! Every byte is paid for before it is kept: a request takes room from one budget for what it
//! sends, and again while it is decompressed. Over the budget, the sender is asked to retry later, and
//! queries and health checks go on.

mod admission;
mod body;
mod decompress;
pub(crate) mod grpc;
pub(crate) mod http;
mod intake;
mod messages;
mod stored_size;

pub(crate) use intake::Intake;
