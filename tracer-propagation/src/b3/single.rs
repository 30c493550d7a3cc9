//! `b3: {trace id}-{span id}-{state}-{parent span id}`, the last two optional, or a state alone.

use std::borrow::Cow;

use crate::b3::{B3, letter};
use crate::carrier::{Carrier, CarrierMut};
use crate::header;
use crate::hex;
use crate::remote_parent::{RemoteParent, count_refused};
use crate::sampling_state::SamplingState;
use crate::stack_string::StackString;

pub(crate) fn read(carrier: &dyn Carrier) -> Option<RemoteParent> {
    count_refused(parse(header::first(carrier, B3)?))
}

pub(crate) fn write(parent: &RemoteParent, carrier: &mut dyn CarrierMut) {
    let mut header_value = StackString::new();
    if parent.has_ids() {
        header_value.hex(&parent.trace_id.to_bytes());
        header_value.text("-").hex(&parent.span_id.to_bytes());
    }
    if let Some(letter) = letter(parent.state) {
        header_value
            .text(if parent.has_ids() { "-" } else { "" })
            .text(letter);
    }
    carrier.set(B3, Cow::Borrowed(header_value.as_str()));
}

fn parse(value: &[u8]) -> Option<RemoteParent> {
    let mut parts = value.split(|&byte| byte == b'-');
    let first = parts.next()?;
    let Some(span_id) = parts.next() else {
        return state(first).map(RemoteParent::state_alone);
    };
    let state = parts.next().map_or(Some(SamplingState::Defer), state)?;
    if let Some(parents_parent) = parts.next() {
        hex::span_id(parents_parent)?;
    }
    if parts.next().is_some() {
        return None;
    }
    RemoteParent::new(hex::trace_id(first)?, hex::span_id(span_id)?, state)
}

fn state(text: &[u8]) -> Option<SamplingState> {
    match text {
        b"0" => Some(SamplingState::Deny),
        b"1" => Some(SamplingState::Accept),
        b"d" => Some(SamplingState::Debug),
        _ => None,
    }
}
