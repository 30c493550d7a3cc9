//! The cases whose time on the caller's thread is measured.

use std::{
    env,
    io::{BufRead, BufReader, Write, stdin, stdout},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Case, SYSTEMS, Target, WAYS_IN,
    bench::{line, median},
    system,
};

/// Bursts of one round.
const BURSTS: usize = 10;

/// All systems, each in its process.
#[derive(Debug)]
pub struct Timed {
    systems: Vec<Remote>,
    rounds: usize,
}

impl Timed {
    /// Starts the processes.
    pub fn start(rounds: usize) -> Self {
        Self {
            systems: SYSTEMS.into_iter().map(Remote::start).collect(),
            rounds,
        }
    }

    /// Times a case and prints its lines.
    pub fn compare(&mut self, case: Case) {
        let mut samples = vec![Vec::new(); self.systems.len()];
        // The first round warms caches and pools.
        for round in 0..=self.rounds {
            for (system, samples) in self.systems.iter_mut().zip(&mut samples) {
                let nanos = system.round(case);
                if round > 0 {
                    samples.extend(nanos);
                }
            }
        }
        let medians: Vec<_> = samples.into_iter().map(median).collect();
        let ours = medians.first().copied().unwrap_or(f64::NAN);
        let of = |name: &str| {
            let at = SYSTEMS.iter().position(|system| *system == name);
            at.and_then(|at| medians.get(at))
                .copied()
                .unwrap_or(f64::NAN)
        };
        for (peer, nanos) in SYSTEMS.iter().zip(&medians).skip(1) {
            let is_ours = WAYS_IN.iter().any(|(system, ..)| system == peer);
            if !is_ours && !nanos.is_nan() {
                line(case.name(), ours, peer, *nanos);
            }
        }
        for (system, prefix, peer) in WAYS_IN {
            if !of(system).is_nan() {
                let name = format!("{prefix}_{}", case.name());
                line(&name, of(system), peer, of(peer));
            }
        }
    }

    /// Prints what each system lost so far.
    pub fn tell_lost(&mut self) {
        for system in &mut self.systems {
            let lost = system.ask("lost");
            println!("# {} lost {} spans", system.name, lost.trim());
        }
    }
}

/// The process of one system: answers each case it reads with nanoseconds per operation.
pub fn serve_timed(name: &str) {
    let system = system(name, &Target::Null);
    let mut sent = 0;
    for line in stdin().lock().lines().map_while(Result::ok) {
        match Case::by_name(&line) {
            Some(case) if !system.does(case) => println!("none"),
            Some(case) => {
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
            }
            None => println!("{}", sent.saturating_sub(system.received())),
        }
        stdout().flush().expect("standard output");
    }
}

#[derive(Debug)]
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

    /// `None` where the system has nothing like the case.
    fn round(&mut self, case: Case) -> Option<f64> {
        self.ask(case.name()).trim().parse().ok()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // Closing its input ends the child.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
