//! `host.*`: the machine, or what a container takes for it.
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
        // Windows.
        .or_else(|| system.variable("COMPUTERNAME"));
    attributes.extend(name.map(|name| KeyValue::new("host.name", name)));
    // A container's machine id is that of its image, the same for all that run it.
    if !container::is_container(system) {
        let id = machine_id(system);
        attributes.extend(id.map(|id| KeyValue::new("host.id", id)));
    }
    attributes
}

/// The well-known values of `host.arch`, else Rust's name.
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

/// 32 hexadecimal digits (machine-id(5)); before the first boot is complete it says
/// `uninitialized`.
fn machine_id(system: &System) -> Option<String> {
    let valid = |id: &String| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let linux = ["etc/machine-id", "var/lib/dbus/machine-id"]
        .into_iter()
        .find_map(|path| system.value(path).filter(valid));
    // The BSDs.
    linux.or_else(|| clean(system.read("etc/hostid")?.lines().next()?))
}
