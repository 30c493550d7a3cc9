//! The positions of a span's attributes in its buffer. Setting a key again replaces its value.

use super::buffer::Buffer;

/// The attributes of one span, in the order in which they lie in the buffer.
///
/// A span has few attributes, so searching a short list beats a hash table. Each entry holds enough
/// of its key to rule out most other keys without reading the buffer.
#[derive(Debug, Default)]
pub(crate) struct AttributeIndex(Vec<Slot>);

#[derive(Clone, Copy, Debug)]
struct Slot {
    mark: u32,
    /// The position of the field's tag.
    at: u32,
}

impl AttributeIndex {
    /// Adds the attribute whose field begins at `at` and whose key has this mark.
    #[inline]
    pub(crate) fn push(&mut self, mark: Mark, at: usize) {
        // No ring accepts a record of 4 GiB; at worst, such attributes are not found again.
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.0.push(Slot { mark: mark.0, at });
    }

    /// Removes the attribute with this key from the buffer, if there is one. The bytes after it
    /// move up.
    #[inline]
    pub(crate) fn remove(&mut self, key: &str, mark: Mark, buffer: &mut Buffer) -> bool {
        // Two steps: the marks of different keys nearly always differ, so the first step is usually
        // enough.
        self.0.iter().any(|slot| slot.mark == mark.0) && self.remove_found(key, mark, buffer)
    }

    fn remove_found(&mut self, key: &str, mark: Mark, buffer: &mut Buffer) -> bool {
        let found = self.0.iter().position(|slot| {
            slot.mark == mark.0
                && key_at(buffer.as_slice(), slot.at as usize) == Some(key.as_bytes())
        });
        let Some(found) = found else {
            return false;
        };
        let at = self.0.remove(found).at as usize;
        let len = field_len(buffer.as_slice(), at).unwrap_or_default();
        buffer.replace(at..at + len, b"");
        self.shift(found, len, 0);
        true
    }

    /// Adjusts the positions from the attribute with index `first` on, after the bytes before it
    /// changed in size from `before` to `after`.
    pub(crate) fn shift(&mut self, first: usize, before: usize, after: usize) {
        for slot in self.0.iter_mut().skip(first) {
            let at = (slot.at as usize).saturating_sub(before) + after;
            slot.at = u32::try_from(at).unwrap_or(u32::MAX);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the memory that the list takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Slot>()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A key's length and its first and last byte: cheap to take, and different for most keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u32);

impl Mark {
    /// Returns the mark of a key, or `None` for an empty one.
    #[inline]
    pub(crate) fn of(key: &str) -> Option<Self> {
        let bytes = key.as_bytes();
        let (first, last) = (bytes.first()?, bytes.last()?);
        let outer = u32::from(*first) << 24 | u32::from(*last) << 16;
        Some(Self(outer | (bytes.len() as u32 & 0xffff)))
    }
}

/// Returns the key of the `KeyValue` field at `at`.
fn key_at(buffer: &[u8], at: usize) -> Option<&[u8]> {
    let field = buffer.get(at + 1..)?;
    let message = field.get(varint_size(field)?..)?;
    let key = message.get(1..)?;
    let prefix = varint_size(key)?;
    key.get(prefix..prefix + read_varint(key)?)
}

/// Returns the size of the field at `at`, including its tag and length.
fn field_len(buffer: &[u8], at: usize) -> Option<usize> {
    let field = buffer.get(at + 1..)?;
    Some(1 + varint_size(field)? + read_varint(field)?)
}

fn varint_size(bytes: &[u8]) -> Option<usize> {
    bytes
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .map(|last| last + 1)
}

fn read_varint(bytes: &[u8]) -> Option<usize> {
    let bytes = bytes.get(..varint_size(bytes)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        attribute_ref::ValueRef, attributes::put_attribute, limit_counters::Limits,
        limits::SpanLimits,
    };

    fn limits() -> Limits {
        SpanLimits::default().max_value_length(usize::MAX).into()
    }

    fn mark(key: &str) -> Mark {
        Mark::of(key).expect("no key is empty")
    }

    #[test]
    fn different_keys_with_equal_marks_are_distinguished() {
        let (mut index, mut buffer) = (AttributeIndex::default(), Buffer::new());
        buffer.extend(&[0; 5]);
        assert_eq!(mark("abc"), mark("axc"));
        for key in ["abc", "axc"] {
            index.push(mark(key), buffer.len());
            put_attribute(&mut buffer, 0x4a, key, ValueRef::I64(1), &limits());
        }
        assert!(!index.remove("ayc", mark("ayc"), &mut buffer));
        assert!(index.remove("abc", mark("abc"), &mut buffer));
        assert!(!index.remove("abc", mark("abc"), &mut buffer));
        assert_eq!(key_at(buffer.as_slice(), 5), Some("axc".as_bytes()));
        assert!(index.remove("axc", mark("axc"), &mut buffer));
        assert_eq!((index.len(), buffer.len()), (0, 5));
    }

    #[test]
    fn long_keys_and_values_are_found_and_removed_whole() {
        let (mut index, mut buffer) = (AttributeIndex::default(), Buffer::new());
        let long = "k".repeat(300);
        for key in ["a", &long, "b"] {
            index.push(mark(key), buffer.len());
            let value = "v".repeat(20_000);
            put_attribute(&mut buffer, 0x4a, key, ValueRef::Str(&value), &limits());
        }
        let whole = buffer.len();
        assert!(index.remove(&long, mark(&long), &mut buffer));
        assert!(whole - buffer.len() > 20_300);
        assert!(index.remove("b", mark("b"), &mut buffer));
        assert!(index.remove("a", mark("a"), &mut buffer));
        assert_eq!(buffer.len(), 0);
    }
}
