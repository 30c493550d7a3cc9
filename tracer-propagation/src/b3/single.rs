//! `b3: {trace id}-{span id}-{state}-{parent span id}`, the last two optional, or a state alone.

use std::borrow::Cow;

use crate::b3::{B3, letter};
use crate::carrier::{Carrier, CarrierMut};
use crate::header::{self, Line};
use crate::hex;
use crate::parent::{Parent, counted};
use crate::sampling_state::SamplingState;

pub(crate) fn read(carrier: &dyn Carrier) -> Option<Parent> {
    counted(parse(header::first(carrier, B3)?))
}

pub(crate) fn write(parent: &Parent, carrier: &mut dyn CarrierMut) {
    let mut line = Line::new();
    if parent.has_ids() {
        line.hex(&parent.trace_id.to_bytes());
        line.text("-").hex(&parent.span_id.to_bytes());
    }
    if let Some(letter) = letter(parent.state) {
        line.text(if parent.has_ids() { "-" } else { "" })
            .text(letter);
    }
    carrier.set(B3, Cow::Borrowed(line.as_str()));
}

fn parse(value: &[u8]) -> Option<Parent> {
    let mut parts = value.split(|&byte| byte == b'-');
    let first = parts.next()?;
    let Some(span_id) = parts.next() else {
        return state(first).map(Parent::state_alone);
    };
    let state = parts.next().map_or(Some(SamplingState::Defer), state)?;
    if let Some(parents_parent) = parts.next() {
        hex::span_id(parents_parent)?;
    }
    if parts.next().is_some() {
        return None;
    }
    Parent::new(hex::trace_id(first)?, hex::span_id(span_id)?, state)
}

fn state(text: &[u8]) -> Option<SamplingState> {
    match text {
        b"0" => Some(SamplingState::Deny),
        b"1" => Some(SamplingState::Accept),
        b"d" => Some(SamplingState::Debug),
        _ => None,
    }
}
