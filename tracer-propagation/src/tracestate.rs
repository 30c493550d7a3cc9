//! The `tracestate` header: W3C Trace Context Level 2 §3.3.

mod level2_members;
mod member_list;

use opentelemetry::trace::TraceState;

pub(crate) use self::level2_members::Level2Members;
pub(crate) use self::member_list::MemberList;
use crate::error::Error;
use crate::limits::TRACESTATE_BYTES;
use crate::stats;

/// Reads the values of all `tracestate` headers of one message, in order, as one list.
///
/// Empty members are ignored. Of a key that comes twice, the first and so the most recent member
/// stays (§3.5 allows it): updating a member of [`TraceState`] would leave the second one behind.
/// Members above [`TRACESTATE_BYTES`] together go as that constant says.
///
/// [`TraceState`] refuses some keys that Level 2 allows: those with more than one `@`, with more
/// than 13 characters after it, or with something other than a letter or digit next to it. Such a
/// member is left out here and in [`extract_span_context`]; it is not lost between
/// [`extract_from`] and [`inject_into`], where the context carries it beside the span.
///
/// # Errors
///
/// One member that is not valid, or a 33rd, spoils the list (§3.3.1); the `traceparent` beside it
/// stays valid.
///
/// # Examples
///
/// ```
/// use tracer_propagation::{Error, tracestate};
///
/// let state = tracestate::parse([&b"rojo=00f067aa0ba902b7"[..], b" congo=t61rcWkgMzE ,,"])?;
/// assert_eq!(state.header(), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
///
/// assert_eq!(
///     tracestate::parse([&b"a=1,b="[..]]),
///     Err(Error::TracestateValue { offset: 6 }),
/// );
/// # Ok::<(), tracer_propagation::Error>(())
/// ```
///
/// [`extract_span_context`]: crate::Propagator::extract_span_context
/// [`extract_from`]: crate::Propagator::extract_from
/// [`inject_into`]: crate::Propagator::inject_into
pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<TraceState, Error> {
    let mut list = MemberList::default();
    for value in values {
        list.extend(value)?;
    }
    list.fit(TRACESTATE_BYTES);
    Ok(to_trace_state(&list).0)
}

/// Writes the value of one `tracestate` header, or `None` if there is nothing to write.
///
/// [`TraceState`] takes values with any bytes but `,` and `=`. A member that the specification
/// does not allow in a header (a line break in its value, say) is left out and counted in
/// [`Stats`](crate::Stats), and so is what goes beyond [`TRACESTATE_BYTES`].
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::TraceState;
/// use tracer_propagation::tracestate;
///
/// let state = TraceState::from_key_value([("a", "1\r\nx: 1"), ("b", "2")]).unwrap();
/// assert_eq!(tracestate::header(&state).as_deref(), Some("b=2"));
/// assert_eq!(tracestate::header(&TraceState::NONE), None);
/// ```
pub fn header(state: &TraceState) -> Option<String> {
    to_header(state, None)
}

/// Does the same, and also writes the members that `state` could not hold, at their places.
pub(crate) fn to_header(state: &TraceState, level2: Option<&Level2Members>) -> Option<String> {
    let whole = if level2.is_none() { whole(state) } else { None };
    whole.or_else(|| to_list(state, level2).to_header())
}

/// The header of a state that may go out as it is, as nearly all may: `None` of any other.
///
/// `TraceState` takes no key but an empty one, and no value with `,` or `=`, that would have to be
/// looked for here.
fn whole(state: &TraceState) -> Option<String> {
    let sizes = state
        .into_iter()
        .map(|(key, value)| key.len() + value.len() + 2);
    let bytes = sizes.sum::<usize>().checked_sub(1)?;
    if bytes > TRACESTATE_BYTES {
        return None;
    }
    let mut header = String::with_capacity(bytes);
    for (place, (key, value)) in state.into_iter().enumerate() {
        let mut before = state.into_iter().take(place);
        let is_repeated = before.any(|(other, _)| other == key);
        if is_repeated || key.is_empty() || value.is_empty() || value.ends_with(' ') {
            return None;
        }
        if place > 0 {
            header.push(',');
        }
        header.push_str(key);
        header.push('=');
        header.push_str(value);
    }
    let printable = |byte: u8| byte.wrapping_sub(b' ') <= b'~' - b' ';
    let is_printable = header.bytes().fold(true, |all, byte| all & printable(byte));
    is_printable.then_some(header)
}

/// Returns the members to send: those of `state`, and between them those that it could not hold.
fn to_list<'a>(state: &'a TraceState, level2: Option<&'a Level2Members>) -> MemberList<'a> {
    let mut list = MemberList::default();
    let mut invalid = 0;
    for (key, value) in state {
        // A trailing space is white space around the member, not part of it.
        let value = value.trim_end_matches(' ');
        if member_list::is_key(key) && member_list::is_value(value) {
            list.push(key, value);
        } else {
            invalid += 1;
        }
    }
    if invalid > 0 {
        stats::add(&stats::TRACESTATE_MEMBERS_DROPPED, invalid);
    }
    if let Some(level2) = level2 {
        list = level2.merge(&list);
    }
    list.fit(TRACESTATE_BYTES);
    list
}

/// Converts the list to the type of `opentelemetry`. Also returns whether that type holds all of it.
pub(crate) fn to_trace_state(list: &MemberList<'_>) -> (TraceState, bool) {
    match TraceState::from_key_value(list.members().iter().copied()) {
        Ok(state) => (state, true),
        Err(_) => {
            let taken = list
                .members()
                .iter()
                .copied()
                .filter(|(key, _)| level2_members::fits_trace_state(key));
            (TraceState::from_key_value(taken).unwrap_or_default(), false)
        }
    }
}

#[cfg(test)]
mod tests;
