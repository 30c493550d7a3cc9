//! Ours against its peers, in one run: `cargo bench -p tracer-benches --bench compare`.
//!
//! Each system runs in a process of its own. Rounds are interleaved, so that all systems see the
//! same moods of the machine; a case's figure is the median of its rounds. One line a case and
//! peer: `case ours_ns peer peer_ns ratio`. `--rounds N` (default 31), `--case NAME`.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot go on is to stop"
)]

use std::{
    env,
    io::{BufRead, BufReader, Write, stdin, stdout},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use tracer_benches::{Case, SYSTEMS, system};

/// Bursts of one round.
const BURSTS: usize = 10;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    if let Some(name) = option("--system") {
        return serve(&name);
    }
    let rounds = option("--rounds").map_or(31, |rounds| rounds.parse().expect("a number"));
    let only = option("--case");
    let mut systems: Vec<_> = SYSTEMS.into_iter().map(Remote::start).collect();
    println!("case ours_ns peer peer_ns ratio");
    for case in Case::ALL {
        if only.as_ref().is_some_and(|only| only != case.name()) {
            continue;
        }
        let mut samples = vec![Vec::new(); systems.len()];
        // The first round warms caches and pools.
        for round in 0..=rounds {
            for (system, samples) in systems.iter_mut().zip(&mut samples) {
                if !system.does(case) {
                    continue;
                }
                let nanos = system.round(case);
                if round > 0 {
                    samples.push(nanos);
                }
            }
        }
        let medians: Vec<_> = samples.into_iter().map(median).collect();
        let ours = medians.first().copied().unwrap_or(f64::NAN);
        for (peer, nanos) in SYSTEMS.iter().zip(&medians).skip(1) {
            if nanos.is_nan() {
                continue;
            }
            println!(
                "{} {ours:.1} {peer} {nanos:.1} {:.2}",
                case.name(),
                ours / nanos
            );
        }
    }
    for system in &mut systems {
        let lost = system.lost();
        println!("# {} lost {lost} spans", system.name);
    }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A child process: answers each case it reads with nanoseconds per operation.
fn serve(name: &str) {
    let system = system(name);
    let mut sent = 0;
    for line in stdin().lock().lines().map_while(Result::ok) {
        if let Some(case) = Case::by_name(&line) {
            let mut spent = Duration::ZERO;
            for _ in 0..BURSTS {
                let started = Instant::now();
                system.run(case, case.operations());
                spent += started.elapsed();
                system.flush();
                sent += case.spans() as u64;
            }
            let nanos = spent.as_nanos() as f64 / (BURSTS * case.operations()) as f64;
            println!("{nanos}");
        } else if let Some(case) = line.strip_prefix("does ").and_then(Case::by_name) {
            println!("{}", system.does(case));
        } else {
            println!("{}", sent.saturating_sub(system.received()));
        }
        stdout().flush().expect("standard output");
    }
}

struct Remote {
    name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Remote {
    fn start(name: &'static str) -> Self {
        let mut child = Command::new(env::current_exe().expect("own path"))
            .args(["--system", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("child process");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self {
            name,
            child,
            input,
            output,
        }
    }

    fn ask(&mut self, question: &str) -> String {
        let input = self.input.as_mut().expect("open until dropped");
        writeln!(input, "{question}").expect("child process");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("child process");
        answer
    }

    fn round(&mut self, case: Case) -> f64 {
        self.ask(case.name()).trim().parse().expect("a number")
    }

    fn does(&mut self, case: Case) -> bool {
        self.ask(&format!("does {}", case.name())).trim() == "true"
    }

    fn lost(&mut self) -> u64 {
        self.ask("lost").trim().parse().expect("a number")
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // Closing its input ends the child.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
