//! Values from the specification, and those of the tests of OpenTelemetry Go (`propagators/b3`).

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;

use super::*;
use crate::SamplingState::{Accept, Debug, Defer, Deny};
use crate::propagator::Propagator;
use crate::testing::{Expected, check_extract, check_inject, context, extract};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const HALF: &str = "a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const IDS: (u128, u64) = (
    0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
    0x00f0_67aa_0ba9_02b7,
);

const ALL: [B3Propagator; 3] = [
    B3Propagator::single(),
    B3Propagator::multi(),
    B3Propagator::both(),
];

#[track_caller]
fn check(headers: &[(&str, &str)], expected: Option<Expected<'_>>) {
    for propagator in ALL {
        check_extract(&propagator, headers, expected);
    }
}

fn state_alone(headers: &[(&str, &str)]) -> SamplingState {
    let cx = extract(&B3Propagator::single(), &Context::new(), headers);
    check(headers, None);
    SamplingState::of(&cx)
}

#[test]
fn several_headers_are_read() {
    let ids = [(TRACE_ID, TRACE), (SPAN_ID, SPAN)];
    let with = |more: &[(&'static str, &'static str)]| [&ids, more].concat();
    check(&with(&[]), Some((TRACE, SPAN, Defer)));
    for (sampled, state) in [
        ("0", Deny),
        ("1", Accept),
        ("true", Accept),
        ("True", Accept),
        ("false", Deny),
        ("FALSE", Deny),
    ] {
        check(&with(&[(SAMPLED, sampled)]), Some((TRACE, SPAN, state)));
    }
    check(&with(&[(FLAGS, "1")]), Some((TRACE, SPAN, Debug)));
    check(
        &with(&[(SAMPLED, "1"), (FLAGS, "2")]),
        Some((TRACE, SPAN, Accept)),
    );
    check(
        &with(&[(SAMPLED, "0"), (FLAGS, "1")]),
        Some((TRACE, SPAN, Debug)),
    );
    let parent = [(SAMPLED, "1"), (PARENT_SPAN_ID, "00f067aa0ba90200")];
    check(&with(&parent), Some((TRACE, SPAN, Accept)));
    // Not used, so it costs nothing: the specification's example of nonsense.
    check(&with(&[(PARENT_SPAN_ID, "-")]), Some((TRACE, SPAN, Defer)));
    let padded = format!("{:0>32}", HALF);
    check(
        &[(TRACE_ID, HALF), (SPAN_ID, SPAN)],
        Some((&padded, SPAN, Defer)),
    );
    check(&[], None);
}

#[test]
fn the_single_header_is_read() {
    let value = |tail: &str| format!("{TRACE}-{SPAN}{tail}");
    let parent = "-1-00000000000000cd";
    for (tail, state) in [
        ("", Defer),
        ("-0", Deny),
        ("-1", Accept),
        ("-d", Debug),
        (parent, Accept),
    ] {
        check(&[(B3, &value(tail))], Some((TRACE, SPAN, state)));
    }
    let padded = format!("{:0>32}", HALF);
    check(
        &[(B3, &format!("{HALF}-{SPAN}"))],
        Some((&padded, SPAN, Defer)),
    );
    // The example of the specification.
    check(
        &[(
            B3,
            "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
        )],
        Some((
            "80f198ee56343ba864fe8b2a57d3eff7",
            "e457b5a2e4d86bd1",
            Accept,
        )),
    );
}

#[test]
fn the_single_header_wins_if_it_is_valid() {
    let several = |sampled| [(TRACE_ID, TRACE), (SPAN_ID, SPAN), (SAMPLED, sampled)];
    let single = |value: &'static str, sampled| [&several(sampled)[..], &[(B3, value)]].concat();
    const ACCEPT: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1";
    check(&single(ACCEPT, "0"), Some((TRACE, SPAN, Accept)));
    check(&single(ACCEPT, "invalid"), Some((TRACE, SPAN, Accept)));
    check(
        &single("4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-", "0"),
        Some((TRACE, SPAN, Deny)),
    );
    check(&single("0", "1"), Some((TRACE, SPAN, Accept)));
}

#[test]
fn malformed_headers_give_no_parent() {
    const TRACE: &str = "ab000000000000000000000000000000";
    const SPAN: &str = "cd00000000000000";
    for (trace_id, span_id, sampled) in [
        ("ab00000000000000000000000000000000", SPAN, "1"),
        ("ab0000000000000000000000000000", SPAN, "1"),
        ("ab0000000000", SPAN, "1"),
        ("+b000000000000000000000000000000", SPAN, "1"),
        ("qw000000000000000000000000000000", SPAN, "1"),
        ("AB000000000000000000000000000000", SPAN, "1"),
        ("00000000000000000000000000000000", SPAN, "1"),
        ("", SPAN, "1"),
        (TRACE, "cd0000000000000000", "1"),
        (TRACE, "qw00000000000000", "1"),
        (TRACE, "CD00000000000000", "1"),
        (TRACE, "0000000000000000", "1"),
        (TRACE, "", "1"),
        (TRACE, SPAN, "10"),
        (TRACE, SPAN, "d"),
        (TRACE, SPAN, ""),
    ] {
        check(
            &[(TRACE_ID, trace_id), (SPAN_ID, span_id), (SAMPLED, sampled)],
            None,
        );
    }
    check(&[(TRACE_ID, TRACE), (SAMPLED, "1")], None);
    check(&[(SPAN_ID, SPAN), (SAMPLED, "1")], None);
    for single in [
        "",
        "-",
        TRACE,
        "ab00000000000000000000000000000000-cd00000000000000-1",
        "ab000000000000000000000000000000-cd0000000000000000-1",
        "00-ab000000000000000000000000000000-cd00000000000000-01",
        "ab000000000000000000000000000000-cd00000000000000-1-cd0000000000000000",
        "qw000000000000000000000000000000-cd00000000000000-1",
        "ab000000000000000000000000000000-qw00000000000000-1",
        "ab000000000000000000000000000000-cd00000000000000-q",
        "ab000000000000000000000000000000-cd00000000000000-1-qw00000000000000",
        "AB000000000000000000000000000000-cd00000000000000-1",
        "ab000000000000000000000000000000-CD00000000000000-1",
        "ab000000000000000000000000000000-cd00000000000000-1-EF00000000000000",
        "00000000000000000000000000000000-0000000000000000-1",
        "ab000000000000000000000000000000-cd00000000000000-true",
        "ab000000000000000000000000000000-cd00000000000000-05e3ac9a4f6e3b90",
        "ab000000000000000000000000000000-cd00000000000000-1-05e3ac9a4f6e3b90-",
    ] {
        check(&[(B3, single)], None);
    }
}

#[test]
fn a_state_alone_is_kept_and_sent_on() {
    for (text, state) in [("0", Deny), ("1", Accept), ("d", Debug)] {
        assert_eq!(state_alone(&[(B3, text)]), state);
        let cx = extract(&B3Propagator::single(), &Context::new(), &[(B3, text)]);
        check_inject(&B3Propagator::single(), &cx, &[(B3, text)]);
    }
    assert_eq!(state_alone(&[(SAMPLED, "0")]), Deny);
    assert_eq!(state_alone(&[(SAMPLED, "1")]), Accept);
    assert_eq!(state_alone(&[(FLAGS, "1")]), Debug);
    assert_eq!(state_alone(&[(B3, "0"), (SAMPLED, "1")]), Deny);
    assert_eq!(state_alone(&[(SAMPLED, "x")]), Defer);
    let cx = extract(&B3Propagator::multi(), &Context::new(), &[(FLAGS, "1")]);
    check_inject(&B3Propagator::multi(), &cx, &[(FLAGS, "1")]);
}

/// Go's cases, of which each comes with the ids in one of the three forms.
#[test]
fn what_is_sent_depends_on_the_constructor() {
    for (letter, sampled) in [("1", (SAMPLED, "1")), ("0", (SAMPLED, "0"))] {
        // Other bits than that for sampled have no place in B3, and none may leak into it.
        let cx = context(IDS.0, IDS.1, if letter == "1" { 0xff } else { 0xfe });
        check_sent(&cx, &format!("-{letter}"), Some(sampled));
    }
    for (tail, header) in [("", None), ("-d", Some((FLAGS, "1")))] {
        let value = format!("{TRACE}-{SPAN}{tail}");
        let cx = extract(&B3Propagator::multi(), &Context::new(), &[(B3, &value)]);
        check_sent(&cx, tail, header);
    }
    for propagator in ALL {
        check_inject(&propagator, &Context::new(), &[]);
        check_inject(&propagator, &context(IDS.0, 0, 1), &[]);
        check_inject(&propagator, &context(0, IDS.1, 1), &[]);
        check_inject(&propagator, &context(0, 0, 1), &[]);
    }
}

#[track_caller]
fn check_sent(cx: &Context, tail: &str, state: Option<(&str, &str)>) {
    let value = format!("{TRACE}-{SPAN}{tail}");
    let single = vec![(B3, value.as_str())];
    let mut several = vec![(TRACE_ID, TRACE), (SPAN_ID, SPAN)];
    several.extend(state);
    check_inject(&B3Propagator::default(), cx, &single);
    check_inject(&B3Propagator::single(), cx, &single);
    check_inject(&B3Propagator::multi(), cx, &several);
    check_inject(&B3Propagator::both(), cx, &[single, several].concat());
}

/// The stock propagator keeps "deferred" in flag 0x02, which says "random" since W3C Level 2.
#[test]
fn a_decision_of_this_process_ends_a_deferral_but_not_a_debug_trace() {
    use opentelemetry::trace::TraceContextExt;

    let own = |state: &str, flags| {
        let value = format!("{TRACE}-{SPAN}{state}");
        let cx = extract(&B3Propagator::single(), &Context::new(), &[(B3, &value)]);
        let child = context(IDS.0, 7, flags);
        let span_context = child.span().span_context().clone();
        cx.with_remote_span_context(span_context)
    };
    let sent = |tail: &str| format!("{TRACE}-0000000000000007{tail}");
    check_inject(&B3Propagator::single(), &own("", 1), &[(B3, &sent("-1"))]);
    check_inject(&B3Propagator::single(), &own("", 0), &[(B3, &sent("-0"))]);
    check_inject(&B3Propagator::single(), &own("-d", 0), &[(B3, &sent("-d"))]);
}

/// What came alone holds for the trace that starts here, as far as it does not decide against it.
#[test]
fn a_state_alone_meets_the_spans_of_this_process() {
    use opentelemetry::trace::TraceContextExt;

    let own = |text, flags| {
        let cx = extract(&B3Propagator::single(), &Context::new(), &[(B3, text)]);
        cx.with_remote_span_context(context(IDS.0, IDS.1, flags).span().span_context().clone())
    };
    for (text, flags, tail) in [
        ("d", 0, "-d"),
        ("d", 1, "-d"),
        ("0", 1, "-1"),
        ("1", 0, "-0"),
    ] {
        let sent = format!("{TRACE}-{SPAN}{tail}");
        check_inject(&B3Propagator::single(), &own(text, flags), &[(B3, &sent)]);
    }
}

#[test]
fn debug_and_deferral_do_not_leak_into_another_trace() {
    use opentelemetry::trace::TraceContextExt;

    for tail in ["-d", ""] {
        let value = format!("{TRACE}-{SPAN}{tail}");
        let cx = extract(&B3Propagator::single(), &Context::new(), &[(B3, &value)]);
        let other = context(7, IDS.1, 0).span().span_context().clone();
        let cx = cx.with_remote_span_context(other);
        let sent = format!("00000000000000000000000000000007-{SPAN}-0");
        check_inject(&B3Propagator::single(), &cx, &[(B3, &sent)]);
    }
}

/// As another format has it, which knows no deferral.
#[test]
fn a_sampled_span_is_not_deferred() {
    use opentelemetry::trace::TraceContextExt;

    let value = format!("{TRACE}-{SPAN}");
    let cx = extract(&B3Propagator::single(), &Context::new(), &[(B3, &value)]);
    for (flags, expected) in [(1, Accept), (0, Defer)] {
        let own = context(IDS.0, IDS.1, flags).span().span_context().clone();
        let cx = cx.with_remote_span_context(own);
        assert_eq!(SamplingState::of(&cx), expected);
    }
}

/// Said of no span, it ended what the caller of the span in the context had said.
#[test]
fn a_decision_alone_is_none_about_the_span_there_is() {
    let propagator = B3Propagator::single();
    for tail in ["", "-0", "-1", "-d"] {
        let value = format!("{TRACE}-{SPAN}{tail}");
        let caller = extract(&propagator, &Context::new(), &[(B3, &value)]);
        for alone in ["0", "1"] {
            let cx = extract(&propagator, &caller, &[(B3, alone)]);
            check_inject(&propagator, &cx, &[(B3, &value)]);
        }
    }
}

/// A span that is gone leaves no decision behind, unless that came alone.
#[test]
fn what_was_said_of_a_span_does_not_hold_without_it() {
    use opentelemetry::trace::{SpanContext, TraceContextExt};

    for (value, expected) in [("0", Deny), ("1", Accept), ("d", Debug)] {
        let alone = extract(&B3Propagator::single(), &Context::new(), &[(B3, value)]);
        assert_eq!(SamplingState::of(&alone), expected);
        let value = format!("{TRACE}-{SPAN}-{value}");
        let debug = format!("{TRACE}-{SPAN}-d");
        let cx = extract(&B3Propagator::single(), &Context::new(), &[(B3, &debug)]);
        let cx = extract(&B3Propagator::single(), &cx, &[(B3, &value)]);
        let cx = cx.with_remote_span_context(SpanContext::NONE);
        assert_eq!(SamplingState::of(&cx), Defer, "{value}");
    }
}

/// A context may hold what another message of the trace said.
#[test]
fn what_a_message_says_of_its_caller_replaces_what_another_said() {
    let states = [("-0", Deny), ("-1", Accept), ("-d", Debug), ("", Defer)];
    for (first, _) in states {
        for (second, expected) in states {
            let [first, second] = [first, second].map(|tail| format!("{TRACE}-{SPAN}{tail}"));
            let cx = extract(&B3Propagator::single(), &Context::new(), &[(B3, &first)]);
            let cx = extract(&B3Propagator::single(), &cx, &[(B3, &second)]);
            assert_eq!(SamplingState::of(&cx), expected, "{first} {second}");
        }
    }
}

#[test]
fn what_an_earlier_message_left_in_the_carrier_goes() {
    let stale = [TRACE_ID, SPAN_ID, PARENT_SPAN_ID, SAMPLED, FLAGS];
    let stale = stale.map(|name| (name.to_owned(), "stale".to_owned()));
    for (state, expected) in [
        (
            format!("{TRACE}-{SPAN}-0"),
            vec![(TRACE_ID, TRACE), (SPAN_ID, SPAN), (SAMPLED, "0")],
        ),
        (
            format!("{TRACE}-{SPAN}-d"),
            vec![(TRACE_ID, TRACE), (SPAN_ID, SPAN), (FLAGS, "1")],
        ),
        (
            format!("{TRACE}-{SPAN}"),
            vec![(TRACE_ID, TRACE), (SPAN_ID, SPAN)],
        ),
        ("0".to_owned(), vec![(SAMPLED, "0")]),
    ] {
        let cx = extract(&B3Propagator::multi(), &Context::new(), &[(B3, &state)]);
        let mut carrier = stale.to_vec();
        B3Propagator::multi().inject_into(&cx, &mut carrier);
        let found: Vec<_> = carrier
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(found, expected, "{state}");
    }
}

#[test]
fn fields_are_those_that_are_sent() {
    let fields = ALL.map(|propagator| propagator.fields().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(fields[0], [B3]);
    assert_eq!(fields[1], [TRACE_ID, SPAN_ID, SAMPLED, FLAGS]);
    assert_eq!(fields[2], [B3, TRACE_ID, SPAN_ID, SAMPLED, FLAGS]);
}
