//! Where figures were taken: what a record needs to be compared with another.

use std::{fs, path::Path, process::Command};

/// Packages whose versions decide a peer's figures.
const PEERS: [&str; 5] = [
    "opentelemetry",
    "opentelemetry_sdk",
    "opentelemetry-otlp",
    "tracing-opentelemetry",
    "fastrace",
];

/// The first line that a program prints, or `unknown`.
pub fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or("unknown").to_owned()
}

/// Prints the head of a record, in lines that begin with `#`.
pub fn tell() {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = file("/proc/cpuinfo");
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "# {}, commit {}, load {}",
        first_line("date", &["-u", "+%F %H:%M UTC"]),
        first_line("git", &["rev-parse", "--short", "HEAD"]),
        file("/proc/loadavg")
            .split_once(' ')
            .map_or("unknown", |(one, _)| one),
    );
    println!(
        "# {cores} cores of {}, Linux {}",
        cpu.trim_start_matches([' ', '\t', ':']),
        file("/proc/sys/kernel/osrelease").trim(),
    );
    println!(
        "# {}, {}, bench profile of Cargo.toml",
        first_line("rustc", &["--version"]),
        first_line("getconf", &["GNU_LIBC_VERSION"]),
    );
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap_or_default();
    let versions = PEERS.map(|peer| format!("{peer} {}", locked(&lock, peer)));
    println!("# {}", versions.join(", "));
}

fn locked<'a>(lock: &'a str, package: &str) -> &'a str {
    // Of several versions the last one is the newest, and the one that is measured.
    let entry = lock.rsplit_once(&format!("name = \"{package}\"\nversion = \""));
    let version = entry.and_then(|(_, rest)| rest.split_once('"'));
    version.map_or("unknown", |(version, _)| version)
}
