//! Detects `process.*`: this process.
//!
//! Command-line arguments often contain passwords and tokens. So only the command itself and the
//! number of arguments are recorded, as the semantic conventions define it for that case
//! (resource/process.md "Selecting process command attributes").

use opentelemetry::KeyValue;

use super::system::{System, clean};

const PID: &str = "process.pid";

pub(super) fn attributes(system: &System) -> Vec<KeyValue> {
    let executable = std::env::current_exe().ok();
    let name = executable
        .as_deref()
        .and_then(|path| clean(&path.file_name()?.to_string_lossy()));
    let path = executable
        .as_deref()
        .and_then(|path| clean(&path.to_string_lossy()));
    let command = std::env::args_os()
        .next()
        .and_then(|command| clean(&command.to_string_lossy()));
    let found = [
        ("process.executable.name", name),
        ("process.executable.path", path),
        ("process.command", command),
        ("process.creation.time", creation_time(system)),
        ("process.owner", owner(system)),
        (
            "process.runtime.version",
            option_env!("TRACER_RUSTC_VERSION").map(str::to_owned),
        ),
    ];
    let mut attributes = vec![
        KeyValue::new(PID, pid()),
        KeyValue::new("process.runtime.name", "rustc"),
    ];
    attributes.extend(
        i64::try_from(std::env::args_os().count())
            .ok()
            .map(|count| KeyValue::new("process.args_count", count)),
    );
    attributes.extend(
        found
            .into_iter()
            .filter_map(|(key, value)| Some(KeyValue::new(key, value?))),
    );
    attributes
}

/// Returns the attribute that replaces `process.pid` in a forked child.
pub(super) fn in_child(attribute: &KeyValue) -> Option<KeyValue> {
    (attribute.key.as_str() == PID).then(|| KeyValue::new(PID, pid()))
}

fn pid() -> i64 {
    i64::from(std::process::id())
}

/// Returns when the process started, in ISO 8601, to a hundredth of a second. It is computed from
/// the ticks since boot and the boot time, which is known to the second (proc_pid_stat(5),
/// proc_stat(5)).
fn creation_time(system: &System) -> Option<String> {
    /// The length of a tick in `/proc`, which is the same on every architecture that Rust supports.
    const TICK_MILLIS: u64 = 10;
    let stat = system.read("proc/self/stat")?;
    // The name of the executable may contain any character, including spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let boot = system.read("proc/stat")?;
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let boot: u64 = boot.trim().parse().ok()?;
    let since_boot = ticks.checked_mul(TICK_MILLIS)?;
    iso_8601(boot.checked_mul(1000)?.checked_add(since_boot)?)
}

/// Formats milliseconds since 1970 in UTC. Returns `None` after the year 9999.
fn iso_8601(millis: u64) -> Option<String> {
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    loop {
        let length = 365 + u64::from(is_leap(year));
        if days < length {
            break;
        }
        days -= length;
        year += 1;
        if year > 9999 {
            return None;
        }
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let day = days + 1;
    Some(format!(
        "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
    ))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Returns the name of the effective user. Returns `None` if the user database has no entry.
fn owner(system: &System) -> Option<String> {
    let status = system.read("proc/self/status")?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    // Order: real, effective, saved, file system (proc_pid_status(5)).
    let effective = ids.split_whitespace().nth(1)?;
    let users = system.read("etc/passwd")?;
    let name = users.lines().find_map(|line| {
        // Format: name:password:uid:...
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == effective).then_some(name)
    })?;
    clean(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: `date -u -d @SECONDS +%FT%T`.
    #[test]
    fn times_are_written_as_dates() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_868_799, "2000-02-29T23:59:59.007Z"),
            (1_709_164_800, "2024-02-29T00:00:00.007Z"),
            (1_735_689_599, "2024-12-31T23:59:59.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
            (253_402_300_799, "9999-12-31T23:59:59.007Z"),
        ] {
            assert_eq!(iso_8601(seconds * 1000 + 7).as_deref(), Some(expected));
        }
        assert_eq!(iso_8601(u64::MAX), None);
    }
}
