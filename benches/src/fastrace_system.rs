//! fastrace, with its own API: the fastest tracing library of Rust that is not OpenTelemetry's.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
};

use fastrace::{
    Event, Span,
    collector::{Config, Reporter, SpanRecord},
    local::LocalSpan,
    prelude::SpanContext,
};

use crate::{Case, System, otel_systems::large_text};

static RECEIVED: AtomicU64 = AtomicU64::new(0);

struct Sink;

impl Reporter for Sink {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        RECEIVED.fetch_add(spans.len() as u64, Ordering::Relaxed);
    }
}

pub(crate) struct FastraceSystem;

impl FastraceSystem {
    pub(crate) fn new() -> Self {
        fastrace::set_reporter(Sink, Config::default());
        Self
    }
}

fn attributes() {
    let span = Span::root("GET /orders/{id}", SpanContext::random())
        .with_property(|| ("http.request.method", "GET"))
        .with_property(|| ("http.route", "/orders/{id}"))
        .with_property(|| ("http.response.status_code", "500"))
        .with_property(|| ("user.id", String::from("user-1234567890")))
        .with_property(|| ("retry", "false"))
        .with_property(|| ("span.status_code", "error"));
    span.add_event(Event::new("cache miss").with_property(|| ("key", "order")));
}

fn local_tree(depth: usize) {
    if depth > 0 {
        let _node = LocalSpan::enter_with_local_parent("node");
        local_tree(depth - 1);
    }
}

/// Attributes as its users write them: a closure each, and the library decides.
fn unsampled_root() {
    let root = Span::root(black_box("root"), unsampled());
    drop(root.with_property(|| ("http.route", "/orders/{id}")));
}

fn unsampled() -> SpanContext {
    SpanContext::random().sampled(false)
}

impl System for FastraceSystem {
    fn does(&self, case: Case) -> bool {
        !matches!(
            case,
            // It has neither a remote parent that differs from a root nor a state without a
            // reporter that could be returned to.
            Case::StateChild
                | Case::UnsampledRemoteChild
                | Case::UnsampledActivated
                | Case::NoProvider
        )
    }

    fn run(&self, case: Case, operations: usize) {
        // A child needs a live trace; one root serves a burst, as a request does its queries.
        let case = case.in_context();
        let parent = match case {
            Case::Child => Span::root("parent", SpanContext::random()),
            Case::UnsampledChild => Span::root("parent", unsampled()),
            _ => Span::noop(),
        };
        let _active = parent.set_local_parent();
        for _ in 0..operations {
            match case {
                Case::Root => drop(Span::root(black_box("root"), SpanContext::random())),
                Case::Attributes => attributes(),
                Case::Child | Case::UnsampledChild => {
                    let _child = LocalSpan::enter_with_local_parent("child");
                    black_box(());
                }
                Case::Tree => {
                    let root = Span::root("node", SpanContext::random());
                    let _active = root.set_local_parent();
                    local_tree(9);
                }
                Case::UnsampledRoot => unsampled_root(),
                Case::BurstSmall => drop(
                    Span::root("root", SpanContext::random())
                        .with_property(|| ("http.route", "/orders/{id}"))
                        .with_property(|| ("http.response.status_code", "200")),
                ),
                Case::BurstLarge => drop(
                    Span::root("root", SpanContext::random())
                        .with_property(|| ("text", large_text())),
                ),
                // Nothing that it does.
                _ => {}
            }
        }
    }

    fn flush(&self) {
        fastrace::flush();
    }

    fn received(&self) -> u64 {
        RECEIVED.load(Ordering::Relaxed)
    }
}
