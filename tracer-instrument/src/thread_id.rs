//! Thread ids as numbers.

use std::thread::ThreadId;

/// Returns the number of a thread id. The `Debug` of a `ThreadId`, `ThreadId(7)`, is the only stable way to get it.
pub(crate) fn number(id: ThreadId) -> i64 {
    let id = format!("{id:?}");
    let digits = id.trim_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::number;

    #[test]
    fn threads_have_numbers_of_their_own() {
        let here = number(thread::current().id());
        let there = thread::spawn(|| number(thread::current().id()));
        assert!(here > 0);
        assert_ne!(there.join().unwrap(), here);
    }
}
