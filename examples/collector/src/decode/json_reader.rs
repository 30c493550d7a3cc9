//! A bounded reader of JSON (RFC 8259) over borrowed text.
//!
//! Malformed text fails a whole request, while a value of a wrong type or range is only left out.
//! The reader therefore knows JSON's grammar but no types: numbers stay as they are written,
//! members may repeat, and a `\u` escape may be half of a surrogate pair. It allocates only for
//! strings with escapes and does not recurse, so skipped values may nest to any depth.

use std::borrow::Cow;

use super::validate::Text;

/// The text stops being JSON at this byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed {
    pub(super) at: usize,
}

/// The shape of a value, by its first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    Array,
    Object,
    Scalar,
}

/// A value that holds no others.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Bool(bool),
    Null,
    /// As it is written.
    Number(&'a str),
    Text(Text<'a>),
}

/// The place within an object or array: before its first part, after one, or past its end.
#[derive(Debug)]
pub(super) enum Place {
    Ended,
    First,
    Next,
}

#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// JSON is UTF-8, RFC 8259 section 8.1.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|error| Malformed {
            at: error.valid_up_to(),
        })?;
        Ok(Self { text, at: 0 })
    }

    /// Returns the shape of the next value.
    pub(super) fn shape(&mut self) -> Result<Shape, Malformed> {
        match self.next()? {
            b'{' => Ok(Shape::Object),
            b'[' => Ok(Shape::Array),
            b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Ok(Shape::Scalar),
            _ => Err(self.malformed()),
        }
    }

    /// Enters the next value, which is an object or array.
    pub(super) fn enter(&mut self) -> Place {
        self.at += 1;
        Place::First
    }

    /// Returns the name of the next member of an object, or `None` at its end. The value comes
    /// next.
    pub(super) fn key(&mut self, place: &mut Place) -> Result<Option<Cow<'a, str>>, Malformed> {
        if !self.part(place, b'}')? {
            return Ok(None);
        }
        if self.next()? != b'"' {
            return Err(self.malformed());
        }
        let key = self.string()?.text;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// Returns whether an array has another element, which then comes next.
    pub(super) fn element(&mut self, place: &mut Place) -> Result<bool, Malformed> {
        self.part(place, b']')
    }

    /// Reads a value whose shape is a scalar.
    pub(super) fn scalar(&mut self) -> Result<Scalar<'a>, Malformed> {
        match self.next()? {
            b'"' => Ok(Scalar::Text(self.string()?)),
            b't' => self.literal("true", Scalar::Bool(true)),
            b'f' => self.literal("false", Scalar::Bool(false)),
            b'n' => self.literal("null", Scalar::Null),
            _ => self.number(),
        }
    }

    /// Skips the next value, whatever it is. Takes a byte of memory for each level.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        let mut open: Vec<Shape> = Vec::new();
        loop {
            let mut place = match self.shape()? {
                Shape::Scalar => {
                    self.scalar()?;
                    Place::Next
                }
                shape => {
                    open.push(shape);
                    self.enter()
                }
            };
            // Moves to the next value and leaves everything that ends before it.
            loop {
                let more = match open.last() {
                    None => return Ok(()),
                    Some(Shape::Object) => self.key(&mut place)?.is_some(),
                    Some(_) => self.element(&mut place)?,
                };
                if more {
                    break;
                }
                open.pop();
                place = Place::Next;
            }
        }
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        match self.next() {
            Ok(_) => Err(self.malformed()),
            Err(_) => Ok(()),
        }
    }

    fn malformed(&self) -> Malformed {
        Malformed { at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the next byte that is not white space without consuming it.
    fn next(&mut self) -> Result<u8, Malformed> {
        while let Some(byte) = self.peek() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(self.malformed())
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.next()? != byte {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(())
    }

    /// Returns whether another part follows before `close`. Consumes `close` if none does.
    fn part(&mut self, place: &mut Place, close: u8) -> Result<bool, Malformed> {
        let first = match place {
            Place::Ended => return Ok(false),
            Place::First => true,
            Place::Next => false,
        };
        let next = self.next()?;
        if next == close {
            self.at += 1;
            *place = Place::Ended;
            return Ok(false);
        }
        if !first {
            self.expect(b',')?;
        }
        *place = Place::Next;
        Ok(true)
    }

    fn literal(&mut self, text: &str, value: Scalar<'a>) -> Result<Scalar<'a>, Malformed> {
        for byte in text.bytes() {
            if self.peek() != Some(byte) {
                return Err(self.malformed());
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Scalar<'a>, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = number_len(rest.as_bytes()).map_err(|len| Malformed { at: self.at + len })?;
        self.at += len;
        Ok(Scalar::Number(rest.get(..len).unwrap_or_default()))
    }

    /// Reads a string. Its first quotation mark comes next.
    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        self.at += 1;
        let mut replaced = false;
        let mut owned: Option<String> = None;
        loop {
            let plain = self.plain()?;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    let text = match owned {
                        Some(owned) => Cow::Owned(owned + plain),
                        None => Cow::Borrowed(plain),
                    };
                    return Ok(Text { text, replaced });
                }
                // The end, or a control character, which must be escaped.
                byte if byte != Some(b'\\') => return Err(self.malformed()),
                _ => {}
            }
            let owned = owned.get_or_insert_default();
            owned.push_str(plain);
            owned.push(self.escape()?.unwrap_or_else(|| {
                replaced = true;
                char::REPLACEMENT_CHARACTER
            }));
        }
    }

    /// Returns the text up to the next quotation mark, escape or control character.
    fn plain(&mut self) -> Result<&'a str, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = rest
            .bytes()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
        let len = len.unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).ok_or(self.malformed())
    }

    /// Returns the character of an escape, or `None` for half of a surrogate pair.
    fn escape(&mut self) -> Result<Option<char>, Malformed> {
        self.at += 1;
        let Some(name) = self.peek() else {
            return Err(self.malformed());
        };
        let character = match name {
            b'"' | b'\\' | b'/' => char::from(name),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.malformed()),
        };
        self.at += 1;
        Ok(Some(character))
    }

    /// Returns the character of the next four digits. If they are the first half of a surrogate
    /// pair, the second half is read as well.
    fn unicode(&mut self) -> Result<Option<char>, Malformed> {
        let first = self.four_digits()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(Some(character));
        }
        let mut ahead = self.clone();
        let is_escape = |reader: &mut Self, byte| {
            let is_next = reader.peek() == Some(byte);
            reader.at += usize::from(is_next);
            is_next
        };
        if (0xd800..0xdc00).contains(&first)
            && is_escape(&mut ahead, b'\\')
            && is_escape(&mut ahead, b'u')
            && let Ok(second @ 0xdc00..0xe000) = ahead.four_digits()
        {
            self.at = ahead.at;
            return Ok(char::from_u32(
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00),
            ));
        }
        Ok(None)
    }

    fn four_digits(&mut self) -> Result<u32, Malformed> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            number = number << 4 | digit.ok_or(self.malformed())?;
            self.at += 1;
        }
        Ok(number)
    }
}

/// Returns the length of the number at the start of `bytes`, or the place where it stops being one.
pub(super) fn number_len(bytes: &[u8]) -> Result<usize, usize> {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        match digits.count() {
            0 => Err(from),
            count => Ok(from + count),
        }
    };
    let has =
        |at: usize, accepted: &[u8]| bytes.get(at).is_some_and(|byte| accepted.contains(byte));
    let whole = usize::from(has(0, b"-"));
    // No digit may follow a zero at the start.
    let mut len = if has(whole, b"0") {
        whole + 1
    } else {
        digits(whole)?
    };
    if has(len, b".") {
        len = digits(len + 1)?;
    }
    if has(len, b"eE") {
        len = digits(len + 1 + usize::from(has(len + 1, b"+-")))?;
    }
    Ok(len)
}

#[cfg(test)]
mod tests;
