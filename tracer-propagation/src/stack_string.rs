//! A short string on the stack, so that writing a header does not allocate.

use crate::hex;

/// A header value that is built on the stack. Every format that uses it has a longest value, which
/// fits.
pub(crate) struct StackString {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl StackString {
    /// The longest value is the one of X-Ray: 5 + 35 + 8 + 16 + 10 + 27 bytes.
    const CAPACITY: usize = 101;

    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        }
    }

    /// Appends text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.room(text.len(), |room| room.copy_from_slice(text.as_bytes()))
    }

    /// Appends bytes as lowercase hex digits.
    pub(crate) fn hex(&mut self, value: &[u8]) -> &mut Self {
        self.room(2 * value.len(), |room| hex::encode(value, room))
    }

    /// Appends a number as decimal digits.
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
            None => debug_assert!(false, "a header value is longer than the longest format"),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_that_the_standard_library_writes() {
        for value in [0, 1, 9, 10, 99, 100, 0x00f0_67aa_0ba9_02b7, u64::MAX] {
            let mut string = StackString::new();
            string
                .text("a=")
                .decimal(value)
                .text(";")
                .hex(&value.to_be_bytes());
            assert_eq!(string.as_str(), format!("a={value};{value:016x}"));
        }
    }
}
