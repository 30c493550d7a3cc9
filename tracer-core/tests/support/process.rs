//! Tests that need a process of their own, and the threads of a process.

use std::{any::type_name, env, process::Command};

/// Runs the test that calls it in a process of its own, and returns from the test in this one.
///
/// It is the first line of a test that forks, or that changes or counts what belongs to the whole
/// process: the subscriber, the global provider, the panic hook, pending messages or threads.
#[allow(unused_macros, reason = "not each test program has such a test")]
macro_rules! in_own_process {
    () => {{
        fn here() {}
        if $crate::support::process::ran_elsewhere(here) {
            return;
        }
    }};
}
#[allow(unused_imports, reason = "not each test program has such a test")]
pub(crate) use in_own_process;

/// Names the test that a process was started for.
const ONLY_TEST: &str = "TRACER_ONLY_TEST";

/// Returns false if this process was started for the test that declares `here`. Otherwise runs
/// that test in a new process, checks that it passed, and returns true.
#[track_caller]
pub fn ran_elsewhere<F>(_here: F) -> bool {
    // The path is `program::module::test::here`. The test harness knows it as `module::test`.
    let path = type_name::<F>().strip_suffix("::here");
    let (_, test) = path.and_then(|path| path.split_once("::")).expect("a path");
    if env::var_os(ONLY_TEST).is_some_and(|only| only == test) {
        return false;
    }
    let program = env::current_exe().expect("the test program");
    let output = Command::new(program)
        .args(["--exact", "--nocapture", test])
        .env(ONLY_TEST, test)
        .output()
        .expect("a process");
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{test} in its own process: {}",
        output.status
    );
    true
}

/// Returns the names of the threads of this process.
#[cfg(target_os = "linux")]
pub fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("tasks");
    let names = tasks.flatten().map(|task| {
        // A thread may end between the two reads. It then counts as a thread without a name.
        std::fs::read_to_string(task.path().join("comm")).unwrap_or_default()
    });
    names.map(|name| name.trim().to_owned()).collect()
}
