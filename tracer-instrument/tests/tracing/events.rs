//! Whose event it is: that of the newest span, of whatever kind.

use std::{error::Error, fmt};

use opentelemetry::{
    Context,
    trace::{Status, TraceContextExt as _},
};
use opentelemetry_sdk::trace::SpanData;
use tracer_core::{span, traced};
use tracer_instrument::tracing::TracingLayer;
use tracing::{error, info, info_span};

use super::support::{Ours, map, peer, told};

/// The names of the spans that have the event.
pub(crate) fn owners(spans: &[SpanData], event: &str) -> Vec<String> {
    let has = |span: &&SpanData| span.events.iter().any(|has| has.name == event);
    let owners = spans.iter().filter(has);
    owners.map(|span| span.name.to_string()).collect()
}

/// Runs `work`, each time with the layer and the provider set in another way, and asserts who owns
/// which event: each exactly one span, or none for an empty name.
#[track_caller]
pub(crate) fn check(expected: &[(&str, &str)], work: impl Fn(&Ours)) {
    for guards in [false, true] {
        for layer in [true, false] {
            let ours = Ours::with(|builder| builder.context_activation(guards));
            let _default = ours.provider.set_thread_default();
            let configure = |it: TracingLayer| it.with_context_activation(layer);
            ours.run_with(configure, || work(&ours));
            let spans = ours.spans();
            for (event, owner) in expected {
                let owner: Vec<_> = (!owner.is_empty())
                    .then(|| (*owner).to_owned())
                    .into_iter()
                    .collect();
                assert_eq!(
                    owners(&spans, event),
                    owner,
                    "{event}; contexts of guards {guards}, of the layer {layer}"
                );
            }
        }
    }
}

#[test]
fn event_under_a_guard_alone_is_its_spans() {
    check(&[("in", "native"), ("after", "")], |_| {
        {
            let _native = span!("native");
            info!("in");
        }
        info!("after");
    });
}

#[test]
fn event_in_a_traced_function_is_its_spans() {
    #[traced]
    fn charge() {
        info!("in");
    }
    check(
        &[("in", "charge"), ("before", "outer"), ("after", "outer")],
        |_| {
            let _outer = info_span!("outer").entered();
            info!("before");
            charge();
            info!("after");
        },
    );
}

#[test]
fn event_is_the_newest_spans_of_either_kind() {
    let expected = [
        ("1", "1 tracing"),
        ("2", "2 native"),
        ("3", "3 native"),
        ("4", "4 tracing"),
        ("5", "5 native"),
        ("4 again", "4 tracing"),
        ("3 again", "3 native"),
        ("2 again", "2 native"),
        ("1 again", "1 tracing"),
        ("none", ""),
    ];
    check(&expected, |_| {
        {
            let _one = info_span!("1 tracing").entered();
            info!("1");
            {
                let _two = span!("2 native");
                info!("2");
                {
                    let _three = span!("3 native");
                    info!("3");
                    {
                        let _four = info_span!("4 tracing").entered();
                        info!("4");
                        {
                            let _five = span!("5 native", "recorded" = true);
                            info!("5");
                        }
                        info!("4 again");
                    }
                    info!("3 again");
                }
                info!("2 again");
            }
            info!("1 again");
        }
        info!("none");
    });
}

#[test]
fn event_is_the_outer_guards_after_the_span_inside_is_left() {
    let expected = [("out", "native"), ("in", "tracing"), ("again", "tracing")];
    check(&expected, |_| {
        let tracing = info_span!("tracing");
        let _native = span!("native");
        tracing.in_scope(|| info!("in"));
        info!("out");
        tracing.in_scope(|| info!("again"));
    });
}

#[test]
fn explicit_parent_decides() {
    let expected = [
        ("of tracing", "tracing"),
        ("of none", ""),
        ("of native", "native"),
    ];
    check(&expected, |_| {
        let tracing = info_span!("tracing");
        let _outer = info_span!("outer").entered();
        let _native = span!("native");
        info!(parent: &tracing, "of tracing");
        info!(parent: None, "of none");
        info!("of native");
    });
}

#[test]
fn event_under_a_guard_of_another_provider_is_there() {
    let other = Ours::new();
    check(&[("in", ""), ("after", "tracing")], |_| {
        let _tracing = info_span!("tracing").entered();
        {
            let _default = other.provider.set_thread_default();
            let _native = span!(parent: None, "native");
            info!("in");
        }
        info!("after");
    });
    assert_eq!(owners(&other.spans(), "in"), ["native"; 4]);
}

/// A guard without a provider is no span: it passes on what is around it.
#[test]
fn event_under_a_guard_of_nobody_is_the_span_around_it() {
    for layer in [true, false] {
        let ours = Ours::new();
        // Without a default provider.
        ours.run_with(
            |it| it.with_context_activation(layer),
            || {
                let _tracing = info_span!("tracing").entered();
                let _native = span!("nobody");
                let _other = span!("nobody", "with" = "attributes");
                info!("in");
            },
        );
        assert_eq!(owners(&ours.spans(), "in"), ["tracing"], "{layer}");
    }
}

#[test]
fn event_of_a_newest_span_that_is_not_sampled_is_nobodys() {
    let expected = [
        ("of native", ""),
        ("of tracing", ""),
        ("of the outer one", "outer"),
    ];
    check(&expected, |_| {
        let unsampled = super::support::remote(opentelemetry::TraceFlags::NOT_SAMPLED);
        let unsampled = unsampled.span().span_context().clone();
        let _outer = info_span!("outer").entered();
        {
            let _native = span!(parent: &unsampled, "not sampled");
            info!("of native");
            let _inner = span!("nor this");
            info!("of native");
        }
        {
            let parent = Context::new().with_remote_span_context(unsampled.clone());
            let tracing = info_span!(parent: None, "not sampled");
            let set =
                tracer_instrument::tracing::OpenTelemetrySpanExt::set_parent(&tracing, parent);
            assert_eq!(set, Ok(()));
            let _tracing = tracing.entered();
            info!("of tracing");
        }
        info!("of the outer one");
    });
}

#[test]
fn event_under_a_span_that_has_ended_is_nobodys() {
    check(&[("late", ""), ("outer", "outer")], |_| {
        let _outer = info_span!("outer").entered();
        {
            let native = span!("ended");
            native.end();
            info!("late");
        }
        info!("outer");
    });
}

#[test]
fn error_event_marks_a_native_span_as_one_of_tracing() {
    check(&[("broken", "marked"), ("again", "described")], |_| {
        {
            let _native = span!("marked");
            error!(code = 7, "broken");
        }
        let native = span!("described");
        native.set_status(Status::error("card declined"));
        error!("again");
    });
    let ours = Ours::new();
    let _default = ours.provider.set_thread_default();
    ours.run(|| {
        {
            let _native = span!("marked");
            error!(code = 7, "broken");
        }
        {
            let native = span!("described");
            native.set_status(Status::error("card declined"));
            error!("again");
        }
        let _native = span!("exception");
        error!(error = &Failure as &dyn Error);
    });
    let marked = ours.span("marked");
    assert_eq!(marked.status, Status::error(""));
    let attributes = map(&marked.events[0].attributes);
    assert_eq!(attributes.get("code"), Some(&7.into()));
    assert_eq!(attributes.get("level"), Some(&"ERROR".into()));
    // As of a span of `tracing`.
    assert_eq!(
        ours.span("described").status,
        Status::error("card declined")
    );
    // What the peer makes of the same event in a span of `tracing`.
    let peer = peer(
        |layer| layer,
        || {
            let _span = info_span!("exception").entered();
            error!(error = &Failure as &dyn Error);
        },
    );
    let (here, there) = (told(&[ours.span("exception")]), told(&peer));
    let (here, there) = (&here[0], &there[0]);
    assert_eq!(
        (&here.status, &here.attributes),
        (&there.status, &there.attributes)
    );
    assert_eq!(here.events[0].1, there.events[0].1);
    let message = here.attributes.get("exception.message");
    assert_eq!(message, Some(&"no money".into()));
}

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no money")
    }
}

impl Error for Failure {}
