//! The `x-b3-*` headers.

use std::borrow::Cow;

use crate::b3::{FLAGS, PARENT_SPAN_ID, SAMPLED, SPAN_ID, TRACE_ID, letter};
use crate::carrier::{Carrier, CarrierMut};
use crate::header;
use crate::hex;
use crate::remote_parent::{RemoteParent, count_refused};
use crate::sampling_state::SamplingState;

pub(crate) fn read(carrier: &dyn Carrier) -> Option<RemoteParent> {
    let trace_id = header::first(carrier, TRACE_ID);
    let span_id = header::first(carrier, SPAN_ID);
    // Debug implies the decision, so nothing that the other header says matters beside it.
    let state = if header::first(carrier, FLAGS) == Some(b"1") {
        Some(SamplingState::Debug)
    } else {
        header::first(carrier, SAMPLED).map_or(Some(SamplingState::Defer), sampled)
    };
    match (trace_id, span_id, state) {
        (None, None, Some(SamplingState::Defer)) => None,
        (None, None, state) => count_refused(state.map(RemoteParent::state_alone)),
        (trace_id, span_id, state) => count_refused(parse(trace_id, span_id, state)),
    }
}

pub(crate) fn write(parent: &RemoteParent, carrier: &mut dyn CarrierMut) {
    if parent.has_ids() {
        header::set_hex(carrier, TRACE_ID, &parent.trace_id.to_bytes());
        header::set_hex(carrier, SPAN_ID, &parent.span_id.to_bytes());
    } else {
        carrier.remove(TRACE_ID);
        carrier.remove(SPAN_ID);
    }
    // Copied from the incoming message, this would say that our span has the caller's parent.
    carrier.remove(PARENT_SPAN_ID);
    match (parent.state, letter(parent.state)) {
        (SamplingState::Debug, _) => {
            carrier.remove(SAMPLED);
            carrier.set(FLAGS, Cow::Borrowed("1"));
        }
        (_, Some(letter)) => {
            carrier.set(SAMPLED, Cow::Borrowed(letter));
            carrier.remove(FLAGS);
        }
        (_, None) => {
            carrier.remove(SAMPLED);
            carrier.remove(FLAGS);
        }
    }
}

fn parse(
    trace_id: Option<&[u8]>,
    span_id: Option<&[u8]>,
    state: Option<SamplingState>,
) -> Option<RemoteParent> {
    RemoteParent::new(hex::trace_id(trace_id?)?, hex::span_id(span_id?)?, state?)
}

/// `true` and `false` are what tracers wrote before the specification; it lets readers take them.
fn sampled(text: &[u8]) -> Option<SamplingState> {
    if text == b"1" || text.eq_ignore_ascii_case(b"true") {
        Some(SamplingState::Accept)
    } else if text == b"0" || text.eq_ignore_ascii_case(b"false") {
        Some(SamplingState::Deny)
    } else {
        None
    }
}
