//! The formats before the W3C's: ours and the stock propagators, each through the traits of its API
//! on a `HashMap`, which all of them know. That of X-Ray is not here: its crate turns on features of
//! the API that would change the figures of the other cases.
#![allow(deprecated, reason = "the peers say that their formats are")]

use std::{collections::HashMap, hint::black_box, time::Instant};

use opentelemetry::{Context, propagation::TextMapPropagator, trace::TraceContextExt as _};
use opentelemetry_0_32::{
    Context as OldContext, propagation::TextMapPropagator as OldPropagator,
    trace::TraceContextExt as _,
};
use opentelemetry_jaeger_propagator::Propagator as StockJaeger;
use opentelemetry_zipkin::{B3Encoding, Propagator as StockB3};
use tracer_propagation::{B3Propagator, JaegerPropagator};

use crate::{
    Target,
    bench::{Bench, Job, line, median},
};

const BURSTS: usize = 40;
const OPERATIONS: usize = 2000;

/// In the order of the values of a process: each in, then out.
const FORMATS: [&str; 3] = ["b3", "b3multi", "jaeger"];

type Headers = HashMap<String, String>;

fn messages() -> [Headers; 3] {
    let headers = |pairs: &[(&str, &str)]| {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    };
    [
        headers(&[("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1")]),
        headers(&[
            ("x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7"),
            ("x-b3-spanid", "e457b5a2e4d86bd1"),
            ("x-b3-sampled", "1"),
        ]),
        headers(&[(
            "uber-trace-id",
            "80f198ee56343ba864fe8b2a57d3eff7:e457b5a2e4d86bd1:0:1",
        )]),
    ]
}

/// Nanoseconds of an injection and of an extraction.
fn timed<C>(
    message: &Headers,
    extract: impl Fn(&Headers) -> C,
    inject: impl Fn(&C, &mut Headers),
    is_valid: impl Fn(&C) -> bool,
) -> [f64; 2] {
    let context = extract(message);
    assert!(is_valid(&context));
    let mut out = Headers::new();
    inject(&context, &mut out);
    assert!(!out.is_empty());
    let burst = |mut operation: Box<dyn FnMut() + '_>| {
        let started = Instant::now();
        for _ in 0..OPERATIONS {
            operation();
        }
        started.elapsed().as_nanos() as f64 / OPERATIONS as f64
    };
    let injections = (0..BURSTS).map(|_| {
        burst(Box::new(|| {
            out.clear();
            inject(black_box(&context), &mut out);
        }))
    });
    let injection = median(injections.collect());
    let extractions = (0..BURSTS).map(|_| burst(Box::new(|| drop(extract(black_box(message))))));
    [injection, median(extractions.collect())]
}

fn by_api(propagator: &dyn TextMapPropagator, message: &Headers) -> [f64; 2] {
    timed(
        message,
        |headers| propagator.extract_with_context(&Context::new(), headers),
        |cx, headers| propagator.inject_context(cx, headers),
        |cx| cx.span().span_context().is_valid(),
    )
}

fn by_old_api(propagator: &dyn OldPropagator, message: &Headers) -> [f64; 2] {
    timed(
        message,
        |headers| propagator.extract_with_context(&OldContext::new(), headers),
        |cx, headers| propagator.inject_context(cx, headers),
        |cx| cx.span().span_context().is_valid(),
    )
}

pub(crate) fn compare(bench: &Bench) {
    let [ours, otel] = bench.measure::<2, 6>("formats", ["ours", "otel"], &Target::Null, &[]);
    let names = FORMATS
        .iter()
        .flat_map(|format| ["inject", "extract"].map(|way| format!("{format}_{way}_map")));
    for ((name, ours), otel) in names.zip(ours).zip(otel) {
        line(&name, ours, "otel", otel);
    }
}

pub(crate) fn child(job: &Job) -> Vec<f64> {
    let [b3, multi, jaeger] = &messages();
    let figures = if job.system == "ours" {
        [
            by_api(&B3Propagator::single(), b3),
            by_api(&B3Propagator::multi(), multi),
            by_api(&JaegerPropagator::new(), jaeger),
        ]
    } else {
        let stock_b3 = StockB3::with_encoding;
        [
            by_api(&stock_b3(B3Encoding::SingleHeader), b3),
            by_api(&stock_b3(B3Encoding::MultipleHeader), multi),
            by_old_api(&StockJaeger::new(), jaeger),
        ]
    };
    figures.concat()
}
