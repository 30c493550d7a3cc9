//! The project's own programs, built as the running test was built.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Where cargo puts what the running test belongs to: `target/debug` or its like.
///
/// # Errors
///
/// If the test was started from elsewhere.
pub fn profile_folder() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    test.parent()
        .and_then(Path::parent)
        .map(Path::to_owned)
        .ok_or_else(|| io::Error::other("the test does not run from a target folder"))
}

/// The program of package `package`, beside the running test. Cargo builds it if it is missing or
/// older than the sources of the crates and examples.
///
/// Cargo is not asked otherwise: for this package alone it may choose other features of the
/// dependencies than for the whole workspace, and would compile them all again.
///
/// # Errors
///
/// If it does not build.
pub fn program(package: &str) -> io::Result<PathBuf> {
    let profile_folder = profile_folder()?;
    let program = profile_folder.join(package);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = sources(&workspace)?;
    let built = program.metadata().and_then(|file| file.modified());
    if built.is_ok_and(|built| built >= sources) {
        return Ok(program);
    }
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = profile_folder.parent().unwrap_or(&profile_folder);
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "-p", package, "--bin", package])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(&workspace)
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("{package} does not build")));
    }
    Ok(program)
}

/// When the sources of the crates and examples were last changed.
fn sources(workspace: &Path) -> io::Result<SystemTime> {
    let mut latest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(workspace)?.chain(std::fs::read_dir(workspace.join("examples"))?)
    {
        let source = entry?.path().join("src");
        // What the tests and benchmarks are made of is in none of the programs.
        let own = source.starts_with(workspace.join("tests"))
            || source.starts_with(workspace.join("benches"));
        if source.is_dir() && !own {
            latest = latest.max(newest(&source)?);
        }
    }
    Ok(latest)
}

/// When the latest change below a folder was made.
fn newest(folder: &Path) -> io::Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let changed = if entry.file_type()?.is_dir() {
            self::newest(&entry.path())?
        } else {
            entry.metadata()?.modified()?
        };
        newest = newest.max(changed);
    }
    Ok(newest)
}
