//! One header: its value as it is read, and a short value as it is written.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::carrier::{Carrier, CarrierMut};
use crate::hex;
use crate::ows::trim;

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
    carrier.set(name, Cow::Borrowed(Line::new().hex(id).as_str()));
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

/// A header value on the stack, for the formats whose longest one is known.
pub(crate) struct Line {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Line {
    /// The longest is that of X-Ray: 5 + 35 + 8 + 16 + 10 + 27 bytes.
    const CAPACITY: usize = 101;

    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        }
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.room(text.len(), |room| room.copy_from_slice(text.as_bytes()))
    }

    pub(crate) fn hex(&mut self, value: &[u8]) -> &mut Self {
        self.room(2 * value.len(), |room| hex::encode(value, room))
    }

    pub(crate) fn decimal(&mut self, value: u64) -> &mut Self {
        let digits = value.checked_ilog10().map_or(1, |log| log as usize + 1);
        self.room(digits, |room| {
            let mut rest = value;
            for digit in room.iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        let written = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default()
    }

    fn room(&mut self, len: usize, write: impl FnOnce(&mut [u8])) -> &mut Self {
        match self.bytes.get_mut(self.len..self.len + len) {
            Some(room) => {
                write(room);
                self.len += len;
            }
            None => debug_assert!(false, "no format has so long a value"),
        }
        self
    }
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

    #[test]
    fn a_line_holds_what_the_formatter_of_the_standard_library_writes() {
        for value in [0, 1, 9, 10, 99, 100, 0x00f0_67aa_0ba9_02b7, u64::MAX] {
            let mut line = Line::new();
            line.text("a=")
                .decimal(value)
                .text(";")
                .hex(&value.to_be_bytes());
            assert_eq!(line.as_str(), format!("a={value};{value:016x}"));
        }
    }
}
