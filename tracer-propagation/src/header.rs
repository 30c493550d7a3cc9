//! Reading the value of one header, and writing an id to one.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::carrier::{Carrier, CarrierMut};
use crate::ows::trim;
use crate::stack_string::StackString;

/// There is more than one value.
pub(crate) struct Repeated;

/// The first value of the named header, without white space around it.
pub(crate) fn first<'a>(carrier: &'a dyn Carrier, name: &str) -> Option<&'a [u8]> {
    let mut first = None;
    carrier.each_value(name, &mut |value| {
        first = Some(trim(value));
        ControlFlow::Break(())
    });
    first
}

/// The value of a header that may come once, without white space around it.
pub(crate) fn only<'a>(carrier: &'a dyn Carrier, name: &str) -> Result<Option<&'a [u8]>, Repeated> {
    let mut found = Ok(None);
    carrier.each_value(name, &mut |value| {
        if let Ok(None) = found {
            found = Ok(Some(trim(value)));
            ControlFlow::Continue(())
        } else {
            found = Err(Repeated);
            ControlFlow::Break(())
        }
    });
    found
}

/// Sets a header to the hex digits of an id.
pub(crate) fn set_hex(carrier: &mut dyn CarrierMut, name: &str, id: &[u8]) {
    carrier.set(name, Cow::Borrowed(StackString::new().hex(id).as_str()));
}

/// Reads digits only, at most 20: `str::parse` would take a sign. None at all are zero.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_value_is_not_part_of_it() {
        let headers = [("a", " \t1 "), ("b", "2"), ("b", "3")];
        let headers = headers.as_slice();
        assert_eq!(first(&headers, "A"), Some(&b"1"[..]));
        assert_eq!(only(&headers, "a").ok(), Some(Some(&b"1"[..])));
        assert_eq!(first(&headers, "b"), Some(&b"2"[..]));
        assert!(only(&headers, "b").is_err());
        assert_eq!(only(&headers, "c").ok(), Some(None));
    }
}
