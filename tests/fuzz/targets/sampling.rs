//! What the samplers read: the first byte chooses between a server's strategies, the configuration
//! of tail sampling, saved weights and a pattern.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_sampling::{
    Weights,
    composable::{Rule, SpanToSample},
    jaeger_remote::{JaegerRemote, Strategies, Strategy},
    tail::TailSamplingConfig,
};

fuzz_target!(|input: &[u8]| {
    let Some((choice, input)) = input.split_first() else {
        return;
    };
    match choice % 4 {
        0 => strategies(input),
        1 => tail(input),
        2 => weights(input),
        _ => pattern(input),
    }
});

/// What is read is in range, and a sampler takes it or says what is out of range.
fn strategies(input: &[u8]) {
    let Ok(strategies) = Strategies::from_json(input) else {
        return;
    };
    let ratios = strategies.operations.iter().map(|(_, ratio)| *ratio);
    let ratio = match strategies.service {
        Strategy::Probabilistic(ratio) => ratio,
        _ => 0.0,
    };
    assert!(
        ratios
            .chain([ratio])
            .all(|ratio| (0.0..=1.0).contains(&ratio))
    );
    assert!(strategies.operations.len() <= Strategies::MAX_OPERATIONS);
    let sampler = JaegerRemote::new(Strategy::Probabilistic(0.5)).expect("a ratio");
    if sampler.update(&strategies).is_ok() {
        assert_eq!(sampler.strategies(), strategies);
    }
}

/// A configuration is refused, or makes a sampler or an error.
fn tail(input: &[u8]) {
    if let Ok(config) = serde_json::from_slice::<TailSamplingConfig>(input) {
        let _: Result<tracer_sampling::tail::TailSampler<Span>, _> = config.build();
    }
}

/// What is written is read as the same.
fn weights(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(weights) = text.parse::<Weights>() {
        assert_eq!(weights.to_string().parse(), Ok(weights));
    }
}

/// The pattern matches as the reference does, which tries every length of each `*`.
fn pattern(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else {
        return;
    };
    let (pattern, name) = input.split_once('\n').unwrap_or((input, ""));
    let matches = Rule::new("")
        .name_patterns([pattern])
        .matches(&SpanToSample::new(name));
    if pattern.chars().filter(|one| *one == '*').count() <= 3 && name.len() <= 64 {
        let (pattern, name): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
        assert_eq!(matches, reference(&pattern, &name));
    }
}

fn reference(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', pattern @ ..] => (0..=name.len()).any(|taken| reference(pattern, &name[taken..])),
        [first, pattern @ ..] => name.split_first().is_some_and(|(found, name)| {
            (*first == '?' || first == found) && reference(pattern, name)
        }),
    }
}

/// A span without contents.
struct Span;

impl tracer_sampling::tail::TailSpan for Span {
    fn trace_id(&self) -> opentelemetry::TraceId {
        opentelemetry::TraceId::from(1)
    }

    fn is_root(&self) -> bool {
        true
    }

    fn name(&self) -> &str {
        ""
    }

    fn start_unix_nanos(&self) -> u64 {
        0
    }

    fn end_unix_nanos(&self) -> u64 {
        0
    }

    fn status(&self) -> tracer_sampling::tail::StatusCode {
        tracer_sampling::tail::StatusCode::Unset
    }

    fn flags(&self) -> u32 {
        1
    }

    fn trace_state(&self) -> &str {
        ""
    }

    fn attribute(&self, _: &str) -> Option<tracer_sampling::tail::AttributeValue<'_>> {
        None
    }

    fn resource_attribute(&self, _: &str) -> Option<tracer_sampling::tail::AttributeValue<'_>> {
        None
    }

    fn size_bytes(&self) -> usize {
        0
    }
}
