//! The assertion on whole traces, and its messages.

use super::{
    FinishedSpan, TestProvider,
    tree::{self, Difference, ParseError},
};

/// Asserts that the spans of a test are the expected tree. See the [module](crate::testing) for the
/// language of trees.
///
/// Takes a [`TestProvider`](crate::testing::TestProvider) or a list of
/// [`FinishedSpan`](crate::testing::FinishedSpan)s, and a text.
///
/// # Panics
/// Panics if the spans differ, with both trees and a mark at the first difference. Also panics if
/// the text is not a tree, with the line and the column.
///
/// # Examples
/// ```
/// use tracer_core::{span, testing::{TestProvider, assert_trace}};
///
/// let trace = TestProvider::new();
/// drop(span!("checkout"));
/// assert_trace!(trace, r#" "checkout" internal "#);
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __assert_trace {
    ($spans:expr, $expected:expr $(,)?) => {
        $crate::testing::check(&$spans, $expected)
    };
}

#[doc(inline)]
pub use crate::__assert_trace as assert_trace;

/// A source of spans for [`assert_trace!`].
pub trait FinishedSpans {
    /// Returns the spans that have ended.
    fn finished_spans(&self) -> Vec<FinishedSpan>;

    /// Returns possible reasons for missing spans.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}

impl FinishedSpans for TestProvider {
    #[track_caller]
    fn finished_spans(&self) -> Vec<FinishedSpan> {
        self.spans()
    }

    fn hints(&self) -> Vec<String> {
        TestProvider::hints(self)
    }
}

impl FinishedSpans for [FinishedSpan] {
    fn finished_spans(&self) -> Vec<FinishedSpan> {
        self.to_vec()
    }
}

impl FinishedSpans for Vec<FinishedSpan> {
    fn finished_spans(&self) -> Vec<FinishedSpan> {
        self.clone()
    }
}

impl<T: FinishedSpans + ?Sized> FinishedSpans for &T {
    #[track_caller]
    fn finished_spans(&self) -> Vec<FinishedSpan> {
        (**self).finished_spans()
    }

    fn hints(&self) -> Vec<String> {
        (**self).hints()
    }
}

/// Compares spans with a tree, for [`assert_trace!`].
#[doc(hidden)]
#[track_caller]
pub fn check(spans: &(impl FinishedSpans + ?Sized), expected: &str) {
    let (spans, hints) = (spans.finished_spans(), spans.hints());
    let checked = tree::with_room(|| checked(expected, &tree::printed(&spans)?, &hints));
    if let Err(message) = checked {
        panic!("{message}");
    }
}

fn checked(expected: &str, recorded: &str, hints: &[String]) -> Result<(), String> {
    let expected_tree =
        tree::parse(expected).map_err(|error| unreadable("expected", expected, &error))?;
    let recorded_tree =
        tree::parse(recorded).map_err(|error| unreadable("recorded", recorded, &error))?;
    tree::compare(&expected_tree, &recorded_tree)
        .map_err(|difference| different(expected, recorded, &difference, hints))
}

fn unreadable(which: &str, text: &str, error: &ParseError) -> String {
    let line = text.lines().nth(error.line).unwrap_or_default();
    let mark = " ".repeat(error.column.saturating_sub(1));
    format!("{which} tree, {error}\n{line}\n{mark}^")
}

fn different(expected: &str, recorded: &str, difference: &Difference, hints: &[String]) -> String {
    let hints: Vec<_> = hints.iter().map(|hint| format!("({hint})\n")).collect();
    format!(
        "{}\n{}\nexpected:\n{}\nrecorded:\n{}",
        difference.message,
        hints.concat(),
        marked(expected, difference.expected_line),
        marked(recorded, difference.recorded_line),
    )
}

/// Returns the lines of a tree, moved to the left edge, with a mark before one of them.
fn marked(text: &str, mark: Option<usize>) -> String {
    let lines = || {
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
    };
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let edge = lines()
        .map(|(_, line)| indentation(line))
        .min()
        .unwrap_or(0);
    let lines: String = lines()
        .map(|(number, line)| {
            let sign = if mark == Some(number) { '>' } else { ' ' };
            format!("  {sign} {}\n", line.get(edge..).unwrap_or(line).trim_end())
        })
        .collect();
    if lines.is_empty() {
        return "    (no span)\n".to_owned();
    }
    lines
}
