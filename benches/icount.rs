//! Instructions per operation of ours under callgrind, against the committed figures:
//! `cargo bench -p tracer-benches --bench icount`. Needs valgrind.
//!
//! Wall time drifts on shared machines; instructions do not. Each figure is the difference of two
//! runs, one doing the work once and one twice, so that what happens only once cancels out, divided
//! by the operations. Only the calling thread counts, but for `pipeline`, which is what the other
//! threads do with a root span until the exporter has it; that one moves by some tenths of a per
//! cent with the worker's rounds, the others not at all.
//!
//! valgrind shows every machine with AVX2 the same processor, so the choice of `memcpy` and the clock
//! are the same too; without `rep movsb`, the one choice that could differ, figures moved by 0.1 %.
//! What does move them is what else is linked: features of shared crates, and the inlining that
//! link-time optimisation decides on, by up to 3 %.
//!
//! Fails when a figure is more than 2 % above that in `record/icount.txt`. `--update` writes the
//! file anew: after an improvement, or when another compiler, C library or valgrind moved the
//! figures, which the file names. `--figure NAME` measures one.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot go on is to stop"
)]

mod icount {
    pub mod record;
    pub mod work;
}

use std::{
    env, fs,
    path::Path,
    process::{Command, ExitCode, Stdio, exit},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use icount::{
    record::{Environment, Record, Verdict},
    work::{Figure, TOGGLE},
};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        Some(arguments.get(at + 1).map_or("", String::as_str))
    };
    if let Some(name) = option("--work") {
        let times = option("--times").and_then(|times| times.parse().ok());
        Figure::by_name(name).run(times.expect("how often"));
        // Without the provider's end, which takes as long as the threads happen to need.
        exit(0);
    }
    let only = option("--figure").map(Figure::by_name);
    let figures: Vec<_> = Figure::all()
        .filter(|figure| only.is_none_or(|only| only == *figure))
        .collect();
    let measured = Record {
        environment: Environment::detect(),
        counts: figures
            .iter()
            .map(|figure| figure.name().to_owned())
            .zip(measure(&figures))
            .collect(),
    };
    if option("--update").is_some() {
        measured.write();
        return ExitCode::SUCCESS;
    }
    judge(&measured, &Record::read())
}

/// Compares and tells. Fails where a figure has grown.
fn judge(measured: &Record, committed: &Record) -> ExitCode {
    println!("figure instructions committed change_percent");
    let mut worst = Verdict::Same;
    for (name, count) in &measured.counts {
        let (verdict, before, change) = committed.judge(name, *count);
        println!(
            "{name} {count:.1} {before:.1} {change:+.2} {}",
            verdict.word()
        );
        worst = worst.max(verdict);
    }
    for (what, here, there) in measured.environment.differences(&committed.environment) {
        println!("# {what} here: {here}; of the committed figures: {there}");
    }
    match worst {
        Verdict::Worse => {
            println!(
                "# Worse by more than 2 %. If the code pays for it knowingly, or only the tools \
                 named above changed, commit the file after: {UPDATE}"
            );
            ExitCode::FAILURE
        }
        Verdict::Better => {
            println!("# Better by more than 2 %: keep it, commit the file after: {UPDATE}");
            ExitCode::SUCCESS
        }
        Verdict::Same => ExitCode::SUCCESS,
    }
}

const UPDATE: &str = "cargo bench -p tracer-benches --bench icount -- --update";

/// Measures the figures, on two cores at once: counts do not depend on the load.
fn measure(figures: &[Figure]) -> Vec<f64> {
    let runs: Vec<_> = figures.iter().flat_map(|f| [(*f, 1), (*f, 2)]).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let next = AtomicUsize::new(0);
    let mut counted = thread::scope(|scope| {
        let measure = || {
            let mut counted = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((figure, times)) = runs.get(at) else {
                    return counted;
                };
                counted.push((at, callgrind(*figure, *times, folder.path())));
            }
        };
        let other = scope.spawn(measure);
        let mut counted = measure();
        counted.extend(other.join().expect("a thread"));
        counted
    });
    counted.sort_unstable();
    let counted: Vec<_> = counted.into_iter().map(|(_, count)| count).collect();
    let pairs = counted.chunks_exact(2).zip(figures);
    pairs
        .map(|(pair, figure)| match pair {
            [once, twice] => (*twice as f64 - *once as f64) / figure.operations() as f64,
            _ => f64::NAN,
        })
        .collect()
}

/// Runs this binary under callgrind, and returns the instructions of the threads that count.
fn callgrind(figure: Figure, times: usize, folder: &Path) -> u64 {
    let name = format!("{}.{times}", figure.name());
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--separate-threads=yes"])
        .arg(format!(
            "--callgrind-out-file={}",
            folder.join(&name).display()
        ));
    if figure.is_callers() {
        command.arg(format!("--toggle-collect={TOGGLE}"));
    }
    let output = command
        .arg(env::current_exe().expect("own path"))
        .args(["--work", figure.name(), "--times", &times.to_string()])
        // What a user sets must not change what is measured.
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("valgrind: install the package of that name");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "callgrind of {name}:\n{told}");
    // One file a thread, numbered from 01, which is the main thread.
    let mut total = 0;
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(thread) = file.strip_prefix(&format!("{name}-")) else {
            continue;
        };
        if (thread == "01") == figure.is_callers() {
            total += instructions(&path);
        }
    }
    assert!(total > 0, "callgrind of {name} counted nothing:\n{told}");
    total
}

/// The sum that a file of callgrind ends with.
fn instructions(path: &Path) -> u64 {
    let text = fs::read_to_string(path).expect("callgrind's file");
    let mut lines = text.lines().rev();
    let total = lines.find_map(|line| line.strip_prefix("totals: "));
    total
        .and_then(|total| total.trim().parse().ok())
        .unwrap_or(0)
}
