//! Detects `os.*`: the operating system that the process sees. In a container it is that of the
//! image.
//!
//! Sources: semantic conventions, resource/os.md, for `os.build_id`; os-release(5) for the files.

use opentelemetry::KeyValue;

use super::system::{System, clean};

pub(super) fn attributes(system: &System) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("os.type", os_type(std::env::consts::OS))];
    let [primary, fallback] = ["etc/os-release", "usr/lib/os-release"].map(|path| {
        let text = system.read(path);
        move |name: &str| field(text.as_deref()?, name)
    });
    let either = |name| primary(name).or_else(|| fallback(name));
    let kernel = || system.value("proc/sys/kernel/osrelease");
    let found = [
        ("os.name", either("NAME")),
        ("os.version", either("VERSION_ID")),
        ("os.description", either("PRETTY_NAME")),
        ("os.build_id", either("BUILD_ID").or_else(kernel)),
    ];
    attributes.extend(
        found
            .into_iter()
            .filter_map(|(key, value)| Some(KeyValue::new(key, value?))),
    );
    attributes
}

/// Returns the well-known value of `os.type`, which differs from Rust's name in two cases.
fn os_type(name: &'static str) -> &'static str {
    match name {
        "macos" => "darwin",
        "dragonfly" => "dragonflybsd",
        other => other,
    }
}

/// Returns a variable of os-release, which has the syntax of shell assignments without expansion.
fn field(text: &str, name: &str) -> Option<String> {
    let value = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))?;
    let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    let value = match (quoted('"'), quoted('\'')) {
        (Some(value), _) => unescape(value),
        (None, Some(value)) => value.to_owned(),
        (None, None) => unescape(value),
    };
    clean(&value)
}

/// Removes the backslashes that escape characters with a special meaning in a shell.
fn unescape(value: &str) -> String {
    let mut characters = value.chars();
    let mut plain = String::with_capacity(value.len());
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from os-release(5): "quoted like in shell".
    #[test]
    fn fields_of_os_release_are_unquoted() {
        let text = "# comment\nNAME=Fedora\nVERSION=\"32 (Workstation \\\"E\\\")\"\n\
                    PRETTY_NAME='It''s \\$5'\nEMPTY=\"\"\nID_LIKE=x\nVERSION_ID=\"12\n";
        let check = |name, expected| assert_eq!(field(text, name).as_deref(), expected, "{name}");
        check("NAME", Some("Fedora"));
        check("VERSION", Some("32 (Workstation \"E\")"));
        check("PRETTY_NAME", Some("It''s \\$5"));
        check("EMPTY", None);
        check("ID", None);
        check("VERSION_ID", Some("\"12"));
    }
}
