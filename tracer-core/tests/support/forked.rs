//! Forked children, and an exporter that writes spans to files that all processes can read. The
//! workspace's `tests/lifecycle` uses this file too.
#![allow(dead_code, reason = "each test program uses a part")]

use std::{
    collections::HashSet,
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use fork::{Fork, waitpid_nohang};
use rustix::process::{Pid, Signal, kill_process};
use tracer_core::{ExportError, ExportFuture, ExportSuccess, SpanBatch, SpanExporter};

use super::TIMEOUT;

/// A forked child, killed when it is dropped without having been joined.
pub struct Forked {
    pid: i32,
    running: bool,
    errors: PathBuf,
}

/// Forks this process. The child runs `child` and ends. If `child` panics, its message is written
/// to `folder`.
pub fn forked(folder: &Path, child: impl FnOnce()) -> Forked {
    match fork::fork().expect("fork") {
        Fork::Parent(pid) => Forked::new(pid, folder),
        Fork::Child => end(folder, child),
    }
}

/// Runs `child` in a child process, and ends the process.
pub fn end(folder: &Path, child: impl FnOnce()) -> ! {
    let Err(payload) = catch_unwind(AssertUnwindSafe(child)) else {
        process::exit(0)
    };
    let text = payload.downcast_ref::<String>().map_or("", String::as_str);
    // The exit code reports the failure too.
    let _ = fs::write(errors(folder, process::id()), text);
    process::exit(1)
}

fn errors(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("{pid}.error"))
}

impl Forked {
    /// Wraps a child that a test forked by itself.
    pub fn new(pid: i32, folder: &Path) -> Self {
        Self {
            pid,
            running: true,
            errors: errors(folder, pid.unsigned_abs()),
        }
    }

    /// Waits until the child ends. Fails if it failed, or runs longer than [`TIMEOUT`].
    #[track_caller]
    pub fn join(mut self) {
        let deadline = Instant::now() + TIMEOUT;
        let status = loop {
            if let Some(status) = waitpid_nohang(self.pid).expect("a child") {
                break status;
            }
            assert!(Instant::now() < deadline, "the child hangs");
            thread::sleep(Duration::from_micros(200));
        };
        self.running = false;
        let error = fs::read_to_string(&self.errors).unwrap_or_default();
        assert_eq!(status, 0, "the child: {error}");
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if self.running {
            let pid = Pid::from_raw(self.pid).expect("not zero");
            // It may have ended just now.
            let _ = kill_process(pid, Signal::KILL);
            let _ = fork::waitpid(self.pid);
        }
    }
}

/// An exporter that appends a line with the ids and the name of each span to a file of the process.
#[derive(Clone, Debug)]
pub struct ToFile {
    folder: PathBuf,
    name: String,
}

impl ToFile {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            name: format!("{}.spans", process::id()),
        }
    }
}

impl SpanExporter for ToFile {
    fn component_type(&self) -> &'static str {
        "to_file"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async {
            let mut lines = String::new();
            for span in batch.spans() {
                let (trace_id, span_id) = (span.trace_id(), span.span_id());
                // Writing to a string does not fail.
                let _ = writeln!(lines, "{trace_id} {span_id} {}", span.name());
            }
            let path = self.folder.join(&self.name);
            let file = OpenOptions::new().create(true).append(true).open(path);
            match file.and_then(|mut file| file.write_all(lines.as_bytes())) {
                Ok(()) => Ok(ExportSuccess::default()),
                Err(_) => Err(ExportError::Encode),
            }
        })
    }

    fn fork(&self) -> Option<Box<dyn SpanExporter>> {
        Some(Box::new(Self::new(&self.folder)))
    }
}

/// Returns the names of the spans that all processes exported, after checking that no id came
/// twice.
#[track_caller]
pub fn exported(folder: &Path) -> Vec<String> {
    let (mut names, mut traces, mut spans) = (Vec::new(), HashSet::new(), HashSet::new());
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.extension().is_none_or(|ending| ending != "spans") {
            continue;
        }
        for line in fs::read_to_string(path).expect("spans").lines() {
            let mut words = line.split(' ');
            let mut word = || words.next().expect("three words").to_owned();
            let (trace, span, name) = (word(), word(), word());
            assert!(traces.insert(trace), "two spans of trace {line}");
            assert!(spans.insert(span), "{line} came twice");
            names.push(name);
        }
    }
    names
}
