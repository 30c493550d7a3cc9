//! Who sent a message, in each format: two ids and what is said about sampling.

use tracer_propagation::SamplingState::{self, Accept, Debug, Defer, Deny};

use crate::Received;
use crate::reference::{all, text, trim};

/// Trace id, span id and state. Both ids are zero if a state came alone.
pub type Caller = (u128, u64, SamplingState);

/// What the headers say in this format; `None` is nothing that is valid.
pub fn caller(format: &str, headers: &Received<'_>) -> Option<Caller> {
    let caller = match format {
        "b3" | "b3multi" | "b3both" => b3(headers),
        "gcp" => gcp(&text(only(headers, "x-cloud-trace-context")?)),
        "grpc_bin" => grpc_bin(only(headers, "grpc-trace-bin")?),
        "jaeger" => jaeger(&text(only(headers, "uber-trace-id")?)),
        "ottrace" => ottrace(headers),
        "x_trace_id" => {
            let id = |name| only(headers, name).map(text);
            let (trace_id, span_id) = (id("x-trace-id")?, id("x-span-id")?);
            named(hex(&trace_id, &[16, 32])?, hex(&span_id, &[16])?, Accept)
        }
        "tracecontext" => traceparent(only(headers, "traceparent")?),
        "xray" => xray(&text(only(headers, "x-amzn-trace-id")?)),
        _ => None,
    };
    // Alone, a state that is left open says nothing.
    caller.filter(|caller| (caller.0, caller.2) != (0, Defer))
}

/// W3C Trace Context Level 2 §3.2, place by place.
pub fn traceparent(value: &[u8]) -> Option<Caller> {
    let value = trim(value);
    let form = b"hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'h' => DIGITS.contains(byte),
        _ => byte == form,
    };
    let tail = value.get(form.len()..)?;
    if !value.iter().zip(form).all(fits) {
        return None;
    }
    match &value[..2] {
        b"ff" => return None,
        b"00" if !tail.is_empty() => return None,
        _ if !matches!(tail, [] | [b'-', ..]) => return None,
        _ => {}
    }
    let number = |from, to| hex(&text(&value[from..to]), &[to - from]);
    let sampled = number(53, 55)? & 1 == 1;
    named(
        number(3, 35)?,
        number(36, 52)?,
        if sampled { Accept } else { Deny },
    )
}

/// openzipkin `b3-propagation`: the first value of each header counts, the single header wins.
fn b3(headers: &Received<'_>) -> Option<Caller> {
    let first = |name| all(headers, name).next().map(|value| text(trim(value)));
    let state = |text: &str| match text {
        "0" => Some(Deny),
        "1" => Some(Accept),
        "d" => Some(Debug),
        _ => None,
    };
    let single = first("b3").and_then(|value| {
        let parts: Vec<_> = value.split('-').collect();
        let state = match parts[..] {
            [alone] => return Some((0, 0, state(alone)?)),
            [_, _] => Defer,
            [_, _, said] => state(said)?,
            [_, _, said, parent] => hex(parent, &[16]).and(state(said))?,
            _ => return None,
        };
        named(hex(parts[0], &[16, 32])?, hex(parts[1], &[16])?, state)
    });

    let state = match first("x-b3-sampled").map(|value| value.to_ascii_lowercase()) {
        _ if first("x-b3-flags").as_deref() == Some("1") => Some(Debug),
        None => Some(Defer),
        Some(value) => match value.as_str() {
            "0" | "false" => Some(Deny),
            "1" | "true" => Some(Accept),
            _ => None,
        },
    };
    let multi = match (first("x-b3-traceid"), first("x-b3-spanid"), state) {
        (Some(trace_id), Some(span_id), Some(state)) => {
            (|| named(hex(&trace_id, &[16, 32])?, hex(&span_id, &[16])?, state))()
        }
        (None, None, Some(state)) if state != Defer => Some((0, 0, state)),
        _ => None,
    };
    let with_ids = |caller: &Caller| caller.0 != 0;
    single
        .filter(with_ids)
        .or(multi.filter(with_ids))
        .or(single)
        .or(multi)
}

/// Jaeger, *Propagation Format*.
fn jaeger(value: &str) -> Option<Caller> {
    let value = value.replace("%3A", ":").replace("%3a", ":");
    let parts: Vec<_> = value.split(':').collect();
    let &[trace_id, span_id, parent, flags] = parts.as_slice() else {
        return None;
    };
    let state = match (
        hex(flags, &UP_TO_16).filter(|flags| *flags < 256)? & 3,
        parent.contains('%'),
    ) {
        (_, true) => return None,
        (1, _) => Accept,
        (3, _) => Debug,
        _ => Deny,
    };
    let trace_id = hex(trace_id, &UP_TO_16).or_else(|| hex(trace_id, &UP_TO_32))?;
    named(trace_id, hex(span_id, &UP_TO_16)?, state)
}

/// AWS X-Ray, *Tracing header*.
fn xray(value: &str) -> Option<Caller> {
    let fields = value
        .split(';')
        .map(|field| field.trim_matches([' ', '\t']));
    let fields: Option<Vec<_>> = fields
        .filter(|field| !field.is_empty())
        .map(|field| field.split_once('='))
        .collect();
    let fields = fields?;
    let field = |name| {
        let mut values = fields
            .iter()
            .filter(|field| field.0 == name)
            .map(|field| field.1);
        (values.next(), values.next().is_some())
    };
    let ((root, again), (parent, again2), (sampled, again3)) =
        (field("Root"), field("Parent"), field("Sampled"));
    let parts: Vec<_> = root?.split('-').collect();
    let &["1", time, rest] = parts.as_slice() else {
        return None;
    };
    let trace_id = (hex(time, &[8])? << 96) | hex(rest, &[24])?;
    let state = match sampled {
        Some("1") => Accept,
        Some("0") => Deny,
        _ => Defer,
    };
    match parent {
        _ if again || again2 || again3 => None,
        Some(parent) => named(trace_id, hex(parent, &[16])?, state),
        None => Some((0, 0, state)),
    }
}

/// `Lineage` of AWS Lambda as it is sent on: two numbers and the eight digits between them.
pub fn lineage(headers: &Received<'_>) -> Option<String> {
    let value = text(only(headers, "x-amzn-trace-id")?);
    let fields = value
        .split(';')
        .map(|field| field.trim_matches([' ', '\t']));
    let lineages: Vec<_> = fields
        .filter_map(|field| field.strip_prefix("Lineage="))
        .collect();
    let &[lineage] = lineages.as_slice() else {
        return None;
    };
    let parts: Vec<_> = lineage.split(':').collect();
    let &[first, hash, last] = parts.as_slice() else {
        return None;
    };
    let number = |text: &str, digits: usize, most: u32| {
        let are_digits = text.len() <= digits && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse::<u32>().ok().filter(|value| *value <= most);
        value.filter(|_| are_digits)
    };
    let (first, last) = (number(first, 5, 32_767)?, number(last, 3, 255)?);
    Some(format!("{first}:{:08x}:{last}", hex(hash, &[8])?))
}

/// Google Cloud, *Trace context*, legacy header.
fn gcp(value: &str) -> Option<Caller> {
    let decimal = |text: &str| {
        let digits = text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| format!("0{text}").parse::<u64>().ok())
            .flatten()
    };
    let (ids, state) = match value.split_once(';') {
        None => (value, Defer),
        Some((ids, "o=")) => (ids, Defer),
        Some((ids, options)) => {
            let options = decimal(options.strip_prefix("o=")?)?;
            (ids, if options % 2 == 1 { Accept } else { Deny })
        }
    };
    let (trace_id, span_id) = ids.split_once('/').unwrap_or((ids, ""));
    match (hex(trace_id, &[32])?, decimal(span_id)?) {
        (0, _) => None,
        (_, 0) => Some((0, 0, state)),
        (trace_id, span_id) => Some((trace_id, span_id, state)),
    }
}

/// OpenCensus, *Binary Encoding*, in base64 unless it starts with its version.
fn grpc_bin(value: &[u8]) -> Option<Caller> {
    let bytes = match value {
        [0, ..] => value.to_vec(),
        _ => base64(value).filter(|bytes| bytes.len() <= 128)?,
    };
    let mut rest = bytes.strip_prefix(&[0])?;
    let mut fields = [None; 3];
    while let Some((number @ 0..3, field)) = rest.split_first() {
        let number = usize::from(*number);
        let (field, after) = field.split_at_checked([16, 8, 1][number])?;
        let value = field
            .iter()
            .fold(0_u128, |value, byte| (value << 8) | u128::from(*byte));
        if fields[number].replace(value).is_some() {
            return None;
        }
        rest = after;
    }
    let state = match fields[2] {
        None => Defer,
        Some(options) if options % 2 == 1 => Accept,
        Some(_) => Deny,
    };
    named(fields[0]?, fields[1]?, state)
}

/// RFC 4648 §4; the padding may be missing, what follows the last bit is zero.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let end = text
        .iter()
        .position(|byte| *byte == b'=')
        .unwrap_or(text.len());
    let (digits, padding) = text.split_at(end);
    if !padding.is_empty() && (!text.len().is_multiple_of(4) || !matches!(padding, b"=" | b"==")) {
        return None;
    }
    let (mut bytes, mut bits, mut value) = (Vec::new(), 0, 0_u32);
    for digit in digits {
        let place = alphabet.iter().position(|byte| byte == digit)?;
        (value, bits) = ((value << 6) | u32::try_from(place).ok()?, bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push((value >> bits) as u8);
            value &= (1 << bits) - 1;
        }
    }
    (bits < 6 && value == 0).then_some(bytes)
}

/// `ot-tracer-*` of OpenTracing's basic tracer.
fn ottrace(headers: &Received<'_>) -> Option<Caller> {
    let mut sampled = all(headers, "ot-tracer-sampled").map(|value| text(trim(value)));
    let state = match (
        sampled.next().map(|value| value.to_ascii_lowercase()),
        sampled.next(),
    ) {
        (None, _) => Defer,
        (Some(value), None) => match value.as_str() {
            "0" | "false" => Deny,
            "1" | "true" => Accept,
            _ => return None,
        },
        (Some(_), Some(_)) => return None,
    };
    let id = |name| only(headers, name).map(text);
    let (trace_id, span_id) = (id("ot-tracer-traceid")?, id("ot-tracer-spanid")?);
    let trace_id = hex(&trace_id, &UP_TO_16).or_else(|| hex(&trace_id, &[32]))?;
    named(trace_id, hex(&span_id, &UP_TO_16)?, state)
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a Received<'_>, name: &'a str) -> Option<&'a [u8]> {
    let mut values = all(headers, name);
    let value = values.next()?;
    values.next().is_none().then_some(trim(value))
}

/// No format has an id of zero.
fn named(trace_id: u128, span_id: u128, state: SamplingState) -> Option<Caller> {
    let span_id = u64::try_from(span_id).ok()?;
    (trace_id != 0 && span_id != 0).then_some((trace_id, span_id, state))
}

/// Lowercase digits, of one of the lengths.
fn hex(text: &str, lengths: &[usize]) -> Option<u128> {
    let is_hex = text.bytes().all(|byte| DIGITS.contains(&byte));
    let value = || u128::from_str_radix(text, 16).ok();
    (is_hex && lengths.contains(&text.len()))
        .then(value)
        .flatten()
}

const DIGITS: &[u8] = b"0123456789abcdef";
const UP_TO_16: [usize; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const UP_TO_32: [usize; 16] = [
    17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
];
