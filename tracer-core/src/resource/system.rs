//! The inputs of the detectors: files below a root, and environment variables.

use std::{
    fmt,
    fs::{self, File},
    io::Read,
    path::PathBuf,
};

use crate::env::Lookup;

/// The maximum that is read from one file. The mount table of a busy node takes some 100 KiB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The maximum length of a value, which is that of a path on Linux.
const MAX_VALUE_BYTES: usize = 4096;

/// A file system and an environment: those of this process, or others in a test.
///
/// Files are read up to 1 MiB, and only if they are regular, so that no read blocks on a pipe. A
/// file that cannot be read counts as absent.
pub struct System {
    root: PathBuf,
    variables: Lookup,
}

impl System {
    /// Returns the file system and the environment of this process.
    pub fn of_this_process() -> Self {
        Self::new("/", |name| std::env::var(name).ok())
    }

    /// Creates a system with the files below `root` and `variables` as its environment.
    pub fn new(
        root: impl Into<PathBuf>,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            root: root.into(),
            variables: Box::new(variables),
        }
    }

    /// Returns the text of a file, up to its first MiB. `path` has no leading slash.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        let path = self.root.join(path);
        if !fs::metadata(&path).ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        let file = File::open(path).ok()?;
        file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns the content of a file that holds a single value.
    pub(super) fn value(&self, path: &str) -> Option<String> {
        clean(&self.read(path)?)
    }

    /// Returns the value of a variable.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        clean(&(self.variables)(name)?)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// Returns a value without surrounding whitespace. An empty value counts as none.
pub(super) fn clean(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty() && is_plain(value)).then(|| value.to_owned())
}

/// Returns whether a text is accepted. It may contain no control characters and no replacement
/// characters for bytes that were not UTF-8, and may not exceed the maximum length.
pub(super) fn is_plain(text: &str) -> bool {
    text.len() <= MAX_VALUE_BYTES
        && !text.contains(char::is_control)
        && !text.contains(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_trimmed_and_hostile_ones_refused() {
        assert_eq!(clean(" web-1\n").as_deref(), Some("web-1"));
        for refused in ["", " \n", "a\nb", "\u{1b}[31m", "\0", "\u{fffd}"] {
            assert_eq!(clean(refused), None, "{refused:?}");
        }
        assert_eq!(clean(&"x".repeat(MAX_VALUE_BYTES + 1)), None);
    }
}
