//! `Lineage`, by which Lambda finds functions that call each other in a circle.

use opentelemetry::Context;
use opentelemetry::trace::TraceId;

use crate::header::decimal;
use crate::hex;
use crate::stack_string::StackString;

/// `{0 to 32767}:{8 digits of hex}:{0 to 255}`, as numbers: what is sent on is written anew.
///
/// AWS says of the field only that Lambda adds it. The form is the one that OpenTelemetry's
/// propagator for Java checks (`opentelemetry-java-contrib`, `AwsXrayPropagator`). What the
/// numbers mean is not said.
#[derive(Clone, Copy)]
pub(super) struct Lineage {
    first: u16,
    hash: u32,
    last: u8,
}

impl Lineage {
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = value.split(|&byte| byte == b':');
        let (first, hash, last) = (parts.next()?, parts.next()?, parts.next()?);
        let lengths = (first.len(), hash.len(), last.len(), parts.next());
        if !matches!(lengths, (1..=5, 8, 1..=3, None)) {
            return None;
        }
        let first = u16::try_from(decimal(first)?).ok()?;
        (first <= 32_767).then_some(Self {
            first,
            hash: u32::try_from(hex::decode(hash)?).ok()?,
            last: u8::try_from(decimal(last)?).ok()?,
        })
    }

    /// Appends the field, which must be the last one.
    pub(super) fn write(self, header_value: &mut StackString) {
        header_value
            .text(";Lineage=")
            .decimal(u64::from(self.first));
        header_value.text(":").hex(&self.hash.to_be_bytes());
        header_value.text(":").decimal(u64::from(self.last));
    }

    /// Returns the lineage that a context stores for a span of this trace.
    pub(super) fn of(cx: &Context, trace_id: TraceId) -> Option<Self> {
        let stored = cx
            .get::<TraceLineage>()
            .filter(|stored| stored.trace_id == trace_id);
        stored?.lineage
    }

    /// Returns the context with the lineage of a message of this trace, which replaces that of an
    /// earlier message.
    pub(super) fn add_to_context(lineage: Option<Self>, trace_id: TraceId, cx: Context) -> Context {
        if lineage.is_none() && cx.get::<TraceLineage>().is_none() {
            return cx;
        }
        cx.with_value(TraceLineage { trace_id, lineage })
    }
}

/// The value that a context stores beside the span. It is neither `tracestate` nor baggage, because
/// those are also sent to receivers outside AWS.
#[derive(Clone, Copy)]
struct TraceLineage {
    /// The trace that the lineage came with. It is not sent with a span of another trace.
    trace_id: TraceId,
    lineage: Option<Lineage>,
}

/// Values from the tests of OpenTelemetry Java (`AwsXrayPropagatorTest`).
#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceState};

    use crate::testing::{check_extract, check_inject, context, extract};
    use crate::xray::Variables;
    use crate::{B3Propagator, CompositePropagator, SamplingState, XrayPropagator};

    use super::*;

    const NAME: &str = "x-amzn-trace-id";
    const TRACE: &str = "8a3c60f7d188f8fa79d48a391a778fa6";
    const SPAN: &str = "53995c3f42cd8ad8";
    const IDS: &str = "Root=1-8a3c60f7-d188f8fa79d48a391a778fa6;Parent=53995c3f42cd8ad8;Sampled=1";

    /// What goes out again, below the span that came in.
    #[track_caller]
    fn check(tail: &str, expected: &str) {
        let (value, expected) = (format!("{IDS}{tail}"), format!("{IDS}{expected}"));
        let headers = [(NAME, value.as_str())];
        let propagator = XrayPropagator::new();
        let parent = Some((TRACE, SPAN, SamplingState::Accept));
        check_extract(&propagator, &headers, parent);
        let cx = extract(&propagator, &Context::new(), &headers);
        check_inject(&propagator, &cx, &[(NAME, &expected)]);
    }

    fn with_lineage() -> Context {
        let value = format!("{IDS};Lineage=32767:e65a2c4d:255");
        extract(&XrayPropagator::new(), &Context::new(), &[(NAME, &value)])
    }

    #[test]
    fn a_lineage_goes_on_as_the_last_field() {
        for lineage in ["32767:e65a2c4d:255", "1:37dfaa57:0", "0:00000000:0"] {
            let field = format!(";Lineage={lineage}");
            check(&field, &field);
        }
        let value = format!("Lineage=1:7326f8b8:0;Self=1-2-3;{IDS};CalledFrom=app");
        let cx = extract(&XrayPropagator::new(), &Context::new(), &[(NAME, &value)]);
        let sent = format!("{IDS};Lineage=1:7326f8b8:0");
        check_inject(&XrayPropagator::new(), &cx, &[(NAME, &sent)]);
        check(";Lineage=00001:7326f8b8:010", ";Lineage=1:7326f8b8:10");
    }

    #[test]
    fn another_form_costs_the_lineage_only() {
        for bad in [
            "1::",
            "1",
            "",
            ":",
            "::",
            "1:badc0de:13",
            ":fbadc0de:13",
            "1:fbadc0de:",
            "1::1",
            "65535:fbadc0de:255",
            "32768:fbadc0de:255",
            "-213:e65a2c4d:255",
            "213:e65a2c4d:-22",
            "+1:e65a2c4d:1",
            "1:e65a2c4d:256",
            "1:e65a2c4d:0001",
            "000001:e65a2c4d:1",
            "1:E65A2C4D:1",
            "1:e65a2c4d0:1",
            "1:e65a2c4d:1:1",
            "1:e65a2c4d:1=",
            "1:e65a2c4d: 1",
            // The older form, of one function after the other (AWS X-Ray, *Tracing header*).
            "a87bd80c:1|68fd508a:5|c512fbe3:2",
        ] {
            check(&format!(";Lineage={bad}"), "");
        }
        check(";lineage=1:e65a2c4d:1", "");
        check(";Lineage=1:e65a2c4d:1;Lineage=1:e65a2c4d:1", "");
        check(";Lineage=1:e65a2c4d:1;Lineage=x", "");
    }

    #[test]
    fn it_stays_with_its_trace_and_in_its_header() {
        let received = with_lineage();
        let span = |cx: &Context, trace_id: u128| {
            cx.with_remote_span_context(SpanContext::new(
                TraceId::from(trace_id),
                SpanId::from(7),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ))
        };
        let child = span(&received, 0x8a3c_60f7_d188_f8fa_79d4_8a39_1a77_8fa6);
        let sent = "Root=1-8a3c60f7-d188f8fa79d48a391a778fa6;Parent=0000000000000007;Sampled=1";
        let with = format!("{sent};Lineage=32767:e65a2c4d:255");
        check_inject(&XrayPropagator::new(), &child, &[(NAME, &with)]);
        let other = "Root=1-00000000-000000000000000000000001;Parent=0000000000000007;Sampled=1";
        check_inject(
            &XrayPropagator::new(),
            &span(&received, 1),
            &[(NAME, other)],
        );

        let ids = format!("{TRACE}-{SPAN}-1");
        check_inject(&B3Propagator::single(), &received, &[("b3", &ids)]);
        let traceparent = format!("00-{TRACE}-{SPAN}-01");
        let w3c = CompositePropagator::default();
        check_inject(&w3c, &received, &[("traceparent", &traceparent)]);
        let headers = [("baggage", "Lineage=1:e65a2c4d:1")];
        let claimed = extract(&w3c, &context(1, 7, 1), &headers);
        check_inject(&XrayPropagator::new(), &claimed, &[(NAME, other)]);
    }

    #[test]
    fn the_next_message_says_it_anew() {
        let again =
            |value: &str| extract(&XrayPropagator::new(), &with_lineage(), &[(NAME, value)]);
        check_inject(&XrayPropagator::new(), &again(IDS), &[(NAME, IDS)]);
        let next = format!("{IDS};Lineage=2:e65a2c4d:0");
        check_inject(&XrayPropagator::new(), &again(&next), &[(NAME, &next)]);
        // A message that names no span leaves the context as it is.
        let alone = "Root=1-8a3c60f7-d188f8fa79d48a391a778fa6;Lineage=2:e65a2c4d:0";
        let before = format!("{IDS};Lineage=32767:e65a2c4d:255");
        check_inject(&XrayPropagator::new(), &again(alone), &[(NAME, &before)]);
    }

    #[test]
    fn it_comes_from_where_the_span_comes_from() {
        fn with(_: &str) -> Option<OsString> {
            Some(format!("{IDS};Lineage=1:e65a2c4d:1").into())
        }
        fn without(_: &str) -> Option<OsString> {
            Some(IDS.into())
        }
        fn rubbish(_: &str) -> Option<OsString> {
            Some("Lineage=1:e65a2c4d:1".into())
        }
        let header = format!("{IDS};Lineage=2:e65a2c4d:2");
        for (environment, lineage) in [
            (with as Variables, ";Lineage=1:e65a2c4d:1"),
            (without, ""),
            (rubbish, ";Lineage=2:e65a2c4d:2"),
        ] {
            let propagator = XrayPropagator {
                environment: Some(environment),
            };
            let cx = extract(&propagator, &Context::new(), &[(NAME, &header)]);
            check_inject(&propagator, &cx, &[(NAME, &format!("{IDS}{lineage}"))]);
        }
    }

    /// Whoever decides the trace: it is the same one.
    #[test]
    fn it_is_read_beside_other_formats() {
        let (b3, other) = (format!("{TRACE}-{SPAN}-1"), format!("{:032x}-{SPAN}-1", 1));
        let value = format!("{IDS};Lineage=1:e65a2c4d:1");
        for xray_first in [true, false] {
            let mut parts: Vec<Box<dyn crate::Propagator>> = vec![
                Box::new(B3Propagator::single()),
                Box::new(XrayPropagator::new()),
            ];
            if xray_first {
                parts.reverse();
            }
            let both = CompositePropagator::new(parts);
            let headers = [("b3", b3.as_str()), (NAME, &value)];
            let cx = extract(&both, &Context::new(), &headers);
            check_inject(&both, &cx, &headers);
        }
        let b3_decides = CompositePropagator::new(vec![
            Box::new(B3Propagator::single()),
            Box::new(XrayPropagator::new()),
        ]);
        let headers = [("b3", other.as_str()), (NAME, &value)];
        let cx = extract(&b3_decides, &Context::new(), &headers);
        let xray = "Root=1-00000000-000000000000000000000001;Parent=53995c3f42cd8ad8;Sampled=1";
        check_inject(&b3_decides, &cx, &[("b3", &other), (NAME, xray)]);
    }
}
