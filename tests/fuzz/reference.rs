//! What headers mean, written apart from the parsers: without a thought of cost, and close to the
//! documents. The targets compare.

mod baggage;
mod caller;
mod tracestate;

use std::borrow::Cow;

pub use self::baggage::{Members, baggage, forwarded, list, merged};
pub use self::caller::{Caller, caller, lineage, traceparent};
pub use self::tracestate::tracestate;
use crate::Received;

/// All values of a header, in order.
pub fn all<'a>(headers: &'a Received<'_>, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let named = move |header: &&(&str, &[u8])| header.0.eq_ignore_ascii_case(name);
    headers.iter().filter(named).map(|header| header.1)
}

/// The white space around a list member or value: spaces and tabs (RFC 9110 §5.6.3).
fn trim(value: &[u8]) -> &[u8] {
    let space = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().take_while(space).count();
    let end = value[start..].iter().rev().take_while(space).count();
    &value[start..value.len() - end]
}

/// As text, with U+FFFD for what is none; no header may have that where it means something.
fn text(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value)
}
