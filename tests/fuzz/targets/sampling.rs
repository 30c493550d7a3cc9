//! The texts that samplers read. The first byte chooses one: the strategies of a server, the
//! configuration of tail sampling, saved weights, or a pattern.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry::TraceId;
use tracer_sampling::{
    Weights,
    composable::{Rule, SpanToSample},
    jaeger_remote::{JaegerRemote, Strategies, Strategy},
    tail::{AttributeValue, StatusCode, TailSampler, TailSamplingConfig, TailSpan},
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

/// Strategies that are read are in range, and a sampler accepts them.
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
    sampler.update(&strategies).expect("strategies in range");
    assert_eq!(sampler.strategies(), strategies);
}

/// A configuration is refused, or builds a sampler, or gives an error.
fn tail(input: &[u8]) {
    if let Ok(config) = serde_json::from_slice::<TailSamplingConfig>(input) {
        // Only a panic is a finding.
        let _: Result<TailSampler<Span>, _> = config.build();
    }
}

/// Weights that are written are read as the same weights.
fn weights(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(weights) = text.parse::<Weights>() {
        assert_eq!(weights.to_string().parse(), Ok(weights));
    }
}

/// A pattern matches as in the reference, which tries every length of each `*`.
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

impl TailSpan for Span {
    fn trace_id(&self) -> TraceId {
        TraceId::from(1)
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

    fn status(&self) -> StatusCode {
        StatusCode::Unset
    }

    fn flags(&self) -> u32 {
        1
    }

    fn trace_state(&self) -> &str {
        ""
    }

    fn attribute(&self, _: &str) -> Option<AttributeValue<'_>> {
        None
    }

    fn resource_attribute(&self, _: &str) -> Option<AttributeValue<'_>> {
        None
    }

    fn size_bytes(&self) -> usize {
        0
    }
}
