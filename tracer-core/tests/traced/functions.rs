//! Functions that run when they are called keep their form, and run in a span.

use std::fmt::Debug;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, TraceContextExt as _};
use tracer_core::{current, span, traced};

use crate::{attributes, one, recorded, support::remote};

#[traced]
fn leaf() -> u8 {
    7
}

#[traced]
fn outer() -> u8 {
    leaf() + leaf()
}

#[test]
fn calls_make_a_tree_named_after_the_functions() {
    let spans = recorded(|| assert_eq!(outer(), 14));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["leaf", "leaf", "outer"]);
    let root = &spans[2];
    assert_eq!(root.parent_span_id, SpanId::INVALID);
    for span in &spans[..2] {
        assert_eq!(span.parent_span_id, root.span_context.span_id());
        assert_eq!(span.instrumentation_scope.name(), "tracer-core");
    }
    assert_eq!(root.span_kind, SpanKind::Internal);
}

#[test]
fn a_function_runs_as_it_did_where_nothing_records() {
    assert_eq!(outer(), 14);
}

const NAME: &str = "charge card";

#[traced(name = "POST /orders", kind = Server)]
fn with_text() {}

#[traced(name = NAME, kind = SpanKind::Client)]
fn with_constant() {}

#[traced(kind = Producer)]
fn r#match() {}

#[test]
fn the_name_and_kind_are_what_was_said() {
    let spans = recorded(|| {
        with_text();
        with_constant();
        r#match();
    });
    let found: Vec<_> = spans
        .iter()
        .map(|span| (span.name.as_ref(), span.span_kind.clone()))
        .collect();
    assert_eq!(
        found,
        [
            ("POST /orders", SpanKind::Server),
            ("charge card", SpanKind::Client),
            ("match", SpanKind::Producer)
        ]
    );
}

#[traced]
fn early(text: &str) -> Result<i32, std::num::ParseIntError> {
    if text.is_empty() {
        return Ok(0);
    }
    let number: i32 = text.parse()?;
    Ok(number + 1)
}

#[test]
fn early_returns_and_question_marks_end_the_span() {
    let spans = recorded(|| {
        assert_eq!(early(""), Ok(0));
        assert!(early("x").is_err());
        assert_eq!(early("41"), Ok(42));
        assert_eq!(current().span_context(), SpanContext::NONE);
    });
    assert_eq!(spans.len(), 3);
}

#[traced]
fn recursive(depth: u32) -> u32 {
    if depth == 0 {
        0
    } else {
        1 + recursive(depth - 1)
    }
}

#[test]
fn each_call_of_a_recursion_is_a_child_of_the_one_before() {
    let spans = recorded(|| assert_eq!(recursive(3), 3));
    assert_eq!(spans.len(), 4);
    for pair in spans.windows(2) {
        assert_eq!(pair[0].parent_span_id, pair[1].span_context.span_id());
    }
}

#[derive(Debug, Default)]
struct Cart {
    items: Vec<String>,
}

trait Priced {
    fn price(&self) -> usize;

    #[traced(name = "double")]
    fn doubled(&self, times: usize) -> usize {
        self.price() * 2 * times
    }
}

impl Cart {
    #[traced]
    fn add(&mut self, item: &str) -> &mut Self {
        self.items.push(item.to_owned());
        self
    }

    #[traced(ret)]
    fn first<'a>(&'a self, other: &'a str) -> &'a str {
        self.items.first().map_or(other, String::as_str)
    }

    /// The closure that inspects the result must be able to return a reference to the field.
    #[traced(err, ret, skip_all)]
    fn last_mut(&mut self) -> Result<&mut String, &'static str> {
        self.items.last_mut().ok_or("empty")
    }

    #[traced]
    fn take(self) -> Vec<String> {
        self.items
    }

    #[traced]
    #[expect(clippy::boxed_local, reason = "the receiver is what this is about")]
    fn boxed(self: Box<Self>) -> usize {
        self.items.len()
    }
}

impl Priced for Cart {
    #[traced]
    fn price(&self) -> usize {
        self.items.len()
    }
}

#[test]
fn methods_of_every_receiver_and_of_traits_have_spans() {
    let spans = recorded(|| {
        let mut cart = Cart::default();
        cart.add("tea").add("cup");
        cart.last_mut().expect("an item").push('s');
        assert_eq!(cart.first("none"), "tea");
        assert_eq!(cart.doubled(1), 4);
        assert_eq!(Box::new(Cart::default()).boxed(), 0);
        assert_eq!(cart.take(), ["tea", "cups"]);
    });
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    let expected = [
        "add", "add", "last_mut", "first", "price", "double", "boxed", "take",
    ];
    assert_eq!(names, expected);
    assert_eq!(attributes(&spans[0]), [("item", "tea".into())], "no `self`");
}

#[traced]
#[expect(clippy::needless_lifetimes, reason = "to have one")]
fn generic<'a, T, const N: usize>(
    values: &'a [T; N],
    by: impl Fn(&T) -> bool + Debug,
) -> Option<&'a T>
where
    T: Debug,
{
    values.iter().find(|value| by(value))
}

#[traced(skip(by))]
fn opaque(by: impl Fn(u8) -> bool, limit: u8) -> impl Iterator<Item = u8> {
    (0..limit).filter(move |n| by(*n))
}

#[traced(err)]
fn opaque_in_result(limit: u8) -> Result<impl Iterator<Item = u8>, std::fmt::Error> {
    Ok(0..limit)
}

#[test]
fn generics_lifetimes_and_opaque_types_stay_what_they_are() {
    fn is_two(n: &u8) -> bool {
        *n == 2
    }
    let spans = recorded(|| {
        assert_eq!(generic(&[1, 2, 3], is_two as fn(&u8) -> bool), Some(&2));
        assert_eq!(opaque(|n| n % 2 == 1, 4).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(opaque_in_result(2).map(Iterator::count), Ok(2));
    });
    assert_eq!(attributes(&spans[0])[0], ("values", "[1, 2, 3]".into()));
    assert_eq!(attributes(&spans[1]), [("limit", 4.into())]);
}

#[traced]
fn patterns(
    (a, [b, ..]): (u8, [u8; 2]),
    Cart { items }: Cart,
    mut sum: u8,
    _unused: u8,
    _: u8,
) -> u8 {
    sum += a + b;
    sum + u8::try_from(items.len()).unwrap_or(u8::MAX)
}

#[test]
fn variables_of_patterns_are_recorded_and_unused_ones_are_not() {
    let span = one(|| assert_eq!(patterns((1, [2, 3]), Cart::default(), 4, 5, 6), 7));
    let expected = [
        ("a", "1".into()),
        ("b", "2".into()),
        ("items", "[]".into()),
        ("sum", 4.into()),
    ];
    assert_eq!(attributes(&span), expected);
}

#[traced]
extern "C" fn for_c(n: i32) -> i32 {
    n + 1
}

#[test]
fn functions_of_other_calling_conventions_have_spans() {
    assert_eq!(one(|| assert_eq!(for_c(1), 2)).name, "for_c");
}

#[traced(parent = parent)]
fn below(parent: &SpanContext) {}

#[traced(parent = None)]
fn root() {}

#[traced(parent = &opentelemetry::Context::new().with_remote_span_context(remote(1)))]
fn of_context() {}

#[test]
fn a_parent_that_is_given_wins() {
    let spans = recorded(|| {
        let _other = span!("other");
        below(&remote(1));
        root();
        of_context();
    });
    assert_eq!(spans[0].parent_span_id, remote(1).span_id());
    assert_eq!(spans[0].span_context.trace_id(), remote(1).trace_id());
    assert_eq!(spans[1].parent_span_id, SpanId::INVALID);
    assert_eq!(spans[2].parent_span_id, remote(1).span_id());
}

mod renamed {
    pub use tracer_core as inside;
}

#[traced(crate = crate::functions::renamed::inside)]
fn through_another_path() {}

#[test]
fn the_crate_may_have_another_path() {
    assert_eq!(one(through_another_path).name, "through_another_path");
}
