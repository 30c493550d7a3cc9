//! The attributes of a span that describe its place in the source, and its thread.

use std::thread::{self, Thread};

use ::tracing::Metadata;
use tracer_core::{AttributeRef, Span, ValueRef};

use super::{fields::Fields, layer::Options};
use crate::thread_id;

thread_local! {
    static THREAD_ID: i64 = thread_id::number(thread::current().id());
}

/// Sets the attributes that the options ask for (semantic conventions "Source code attributes" and
/// "General thread attributes"; `level` and `target` are those of `tracing-opentelemetry`).
#[inline]
pub(super) fn describe(span: &mut Span, metadata: &Metadata<'_>, options: &Options) {
    if options.location | options.threads | options.level | options.target {
        describe_more(span, metadata, options);
    }
}

fn describe_more(span: &mut Span, metadata: &Metadata<'_>, options: &Options) {
    let thread = options.threads.then(thread::current);
    let mut set = |key, value| span.set_attribute_ref(AttributeRef::new(key, value));
    if options.location {
        if let Some(file) = metadata.file() {
            set("code.file.path", ValueRef::Str(file));
        }
        if let Some(module) = metadata.module_path() {
            set("code.module.name", ValueRef::Str(module));
        }
        if let Some(line) = metadata.line() {
            set("code.line.number", ValueRef::I64(line.into()));
        }
    }
    if options.threads
        && let Ok(id) = THREAD_ID.try_with(|id| *id)
    {
        set("thread.id", ValueRef::I64(id));
    }
    if let Some(name) = thread.as_ref().and_then(Thread::name) {
        set("thread.name", ValueRef::Str(name));
    }
    if options.level {
        set("level", ValueRef::Str(metadata.level().as_str()));
    }
    if options.target {
        set("target", ValueRef::Str(metadata.target()));
    }
}

/// The location of an event.
pub(super) fn locate(fields: &mut Fields, metadata: &Metadata<'_>) {
    if let Some(file) = metadata.file() {
        fields.push_str("code.file.path", file);
    }
    if let Some(module) = metadata.module_path() {
        fields.push_str("code.module.name", module);
    }
    if let Some(line) = metadata.line() {
        fields.push_int("code.line.number", line.into());
    }
}
