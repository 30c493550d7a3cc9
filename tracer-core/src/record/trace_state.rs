//! Records a `tracestate` as text.

use opentelemetry::trace::TraceState;

use super::buffer::Buffer;

/// Appends the members of a state as in the header, and returns how many bytes they take. Unlike
/// [`TraceState::header`], it allocates no string for each member.
// Not inlined, so that spans without a `tracestate` do not carry its code.
#[inline(never)]
pub(crate) fn put_trace_state(out: &mut Buffer, state: &TraceState) -> usize {
    let before = out.len();
    for (key, value) in state {
        if out.len() > before {
            out.push(b',');
        }
        out.extend(key.as_bytes());
        out.push(b'=');
        out.extend(value.as_bytes());
    }
    out.len() - before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_text_is_the_header_of_the_state() {
        for members in [
            &[][..],
            &[("a", "1")],
            &[("a", "1"), ("b@c", ""), ("d", " x")],
        ] {
            let state = TraceState::from_key_value(members.iter().copied()).unwrap();
            let mut out = Buffer::new();
            out.extend(b"name");
            let len = put_trace_state(&mut out, &state);
            assert_eq!(&out.as_slice()[4..], state.header().as_bytes());
            assert_eq!(len, state.header().len());
        }
    }
}
