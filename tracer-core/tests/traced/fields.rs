//! Parameters and fields as attributes: their types, and the time of their evaluation.

use std::{borrow::Cow, cell::Cell, fmt};

use opentelemetry::Value;
use tracer_core::traced;

use crate::{attributes, one};

#[traced]
#[expect(clippy::too_many_arguments, reason = "one of each type")]
fn typed(
    truth: bool,
    small: i8,
    large: u64,
    beyond: u64,
    half: f32,
    letter: char,
    text: &str,
    owned: &mut String,
    other: Option<u8>,
) {
    owned.push_str(&format!(
        "{truth}{small}{large}{beyond}{half}{letter}{text}{other:?}"
    ));
}

/// Integers beyond 64 bits with a sign are text (OpenTelemetry specification, "Mapping Arbitrary
/// Data to OTLP AnyValue", "Integer values").
#[test]
fn primitives_keep_their_type_and_the_rest_is_debug() {
    let span = one(|| {
        let mut owned = "o".to_owned();
        typed(true, -1, 7, u64::MAX, 0.5, 'x', "t", &mut owned, Some(1));
    });
    let expected: [(&str, Value); 9] = [
        ("truth", true.into()),
        ("small", (-1).into()),
        ("large", 7.into()),
        ("beyond", "18446744073709551615".into()),
        ("half", 0.5.into()),
        ("letter", "x".into()),
        ("text", "t".into()),
        ("owned", "o".into()),
        ("other", "Some(1)".into()),
    ];
    assert_eq!(attributes(&span), expected);
}

struct Secret;

#[traced(skip(password))]
fn login(user: &str, password: Secret) -> bool {
    let Secret = password;
    user.is_empty()
}

#[traced(skip_all, fields(user))]
fn logout(user: &str, _session: Secret) -> bool {
    user.is_empty()
}

#[test]
fn what_is_skipped_is_not_recorded_and_needs_no_debug() {
    let span = one(|| assert!(!login("ada", Secret)));
    assert_eq!(attributes(&span), [("user", "ada".into())]);
    let span = one(|| assert!(!logout("ada", Secret)));
    assert_eq!(attributes(&span), [("user", "ada".into())]);
}

mod semconv {
    pub const HTTP_ROUTE: &str = "http.route";
}
const TENANT: &str = "tenant";

#[derive(Debug)]
struct Order {
    id: u32,
    note: String,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {}", self.id)
    }
}

#[traced(fields(
    "order.id" = order.id,
    order.note = order.note,
    order = %order,
    semconv::HTTP_ROUTE = "/orders/{id}",
    TENANT = Cow::Borrowed("blue"),
    sum = values.iter().sum::<usize>(),
    ?values,
    next = { let n = order.id; n + 1 },
))]
fn fields(order: &Order, values: Vec<usize>) -> usize {
    values.len() + order.note.len()
}

#[test]
fn fields_are_expressions_over_the_arguments() {
    let order = Order {
        id: 7,
        note: "gift".to_owned(),
    };
    let span = one(|| assert_eq!(fields(&order, vec![1, 2]), 6));
    let expected: [(&str, Value); 8] = [
        ("order.id", 7.into()),
        ("order.note", "gift".into()),
        ("order", "order 7".into()),
        ("http.route", "/orders/{id}".into()),
        ("tenant", "blue".into()),
        ("sum", 3.into()),
        ("values", "[1, 2]".into()),
        ("next", 8.into()),
    ];
    assert_eq!(attributes(&span), expected);
}

thread_local! {
    static EVALUATED: Cell<u32> = const { Cell::new(0) };
}

fn evaluated() -> i64 {
    EVALUATED.set(EVALUATED.get() + 1);
    1
}

struct Counts;

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", evaluated())
    }
}

#[traced(fields("n" = evaluated()))]
fn costly(counts: &Counts) -> u32 {
    let _ = counts;
    EVALUATED.get()
}

#[test]
fn fields_are_evaluated_before_the_body_and_only_if_recorded() {
    assert_eq!(costly(&Counts), 0, "no provider");
    let span = one(|| assert_eq!(costly(&Counts), 2));
    assert_eq!(attributes(&span), [("counts", "1".into()), ("n", 1.into())]);
}

struct Long(Cell<usize>);

impl fmt::Debug for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for _ in 0..1_000_000 {
            self.0.set(self.0.get() + 1);
            f.write_str("0123456789\u{e9}")?;
        }
        Ok(())
    }
}

#[traced]
fn long(long: &Long) {
    let _ = long;
}

#[test]
fn a_long_argument_is_not_written_in_full() {
    let value = Long(Cell::new(0));
    let span = one(|| long(&value));
    // By default a span keeps 4096 characters of a string.
    assert_eq!(attributes(&span)[0].1.as_str().chars().count(), 4096);
    assert!(value.0.get() < 5000, "{} writes", value.0.get());
}

struct Fails;

impl fmt::Display for Fails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as far as this")?;
        Err(fmt::Error)
    }
}

#[traced(skip_all, fields(%fails))]
fn failing(fails: Fails) {
    let Fails = fails;
}

#[test]
fn a_value_that_fails_to_write_itself_is_kept_as_far_as_it_went() {
    let span = one(|| failing(Fails));
    assert_eq!(attributes(&span), [("fails", "as far as this".into())]);
}
