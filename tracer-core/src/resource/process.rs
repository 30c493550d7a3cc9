//! `process.*`: this process.
//!
//! Command-line arguments often carry passwords and tokens, so only the command itself and the
//! number of arguments are told, as the semantic conventions have it for that case (resource/
//! process.md "Selecting process command attributes").

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

/// What replaces the attribute in a forked child.
pub(super) fn in_child(attribute: &KeyValue) -> Option<KeyValue> {
    (attribute.key.as_str() == PID).then(|| KeyValue::new(PID, pid()))
}

fn pid() -> i64 {
    i64::from(std::process::id())
}

/// The name of the effective user. Without one in the user database there is no owner to tell.
fn owner(system: &System) -> Option<String> {
    let status = system.read("proc/self/status")?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    // Real, effective, saved, file system: proc_pid_status(5).
    let effective = ids.split_whitespace().nth(1)?;
    let users = system.read("etc/passwd")?;
    let name = users.lines().find_map(|line| {
        // name:password:uid:...
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == effective).then_some(name)
    })?;
    clean(name)
}
