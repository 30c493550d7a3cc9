//! Detects `host.*`: the machine, or the host as a container sees it.
//!
//! Source: semantic conventions, resource/host.md.

use opentelemetry::KeyValue;

use super::{
    container,
    system::{System, clean},
};

pub(super) fn attributes(system: &System) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("host.arch", arch(std::env::consts::ARCH))];
    let name = system
        .value("proc/sys/kernel/hostname")
        .or_else(|| system.value("etc/hostname"))
        // On Windows.
        .or_else(|| system.variable("COMPUTERNAME"));
    attributes.extend(name.map(|name| KeyValue::new("host.name", name)));
    // A container's machine id comes from its image, so all containers of that image share it.
    if !container::is_container(system) {
        let id = machine_id(system);
        attributes.extend(id.map(|id| KeyValue::new("host.id", id)));
    }
    attributes
}

/// Returns the well-known value of `host.arch`, or Rust's name if there is none.
fn arch(name: &'static str) -> &'static str {
    match name {
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        "x86_64" => "amd64",
        other => other,
    }
}

/// Returns the machine id, 32 hexadecimal digits (machine-id(5)). Before the first boot is
/// complete, the file contains `uninitialized`.
fn machine_id(system: &System) -> Option<String> {
    let valid = |id: &String| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let linux = ["etc/machine-id", "var/lib/dbus/machine-id"]
        .into_iter()
        .find_map(|path| system.value(path).filter(valid));
    // On the BSDs.
    linux.or_else(|| clean(system.read("etc/hostid")?.lines().next()?))
}
