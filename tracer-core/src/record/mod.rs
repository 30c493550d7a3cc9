//! The record of a span: its bytes between the caller's thread and the exporters.
//!
//! ```text
//! | head, fixed size | name | tracestate | OTLP fields 9 to 14 | status message |
//! ```
//!
//! [`layout`] defines the fixed part. `attributes`, `event` and `link` append the fields to a
//! [`buffer`], already encoded as OTLP protobuf. [`SpanRecord`] reads a record, [`SpanBatch`] holds
//! the records of many spans. This module does not know how a record is filled, sent or exported.

pub(crate) mod attribute_index;
mod attribute_ref;
pub(crate) mod attributes;
mod batch;
pub(crate) mod buffer;
mod decode;
pub(crate) mod event;
pub(crate) mod kind;
pub(crate) mod layout;
pub(crate) mod limit_counters;
mod limits;
pub(crate) mod link;
mod span_record;
pub(crate) mod trace_state;
pub(crate) mod wire;

pub(crate) use self::{attribute_ref::Attribute, batch::BatchSize};
pub use self::{
    attribute_ref::{AttributeRef, ValueRef},
    batch::{SpanBatch, SpanRecords},
    limits::SpanLimits,
    span_record::SpanRecord,
};
