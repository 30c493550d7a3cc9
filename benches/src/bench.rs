//! What is measured in a process a figure: starting them, and printing what they say.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::{
    Target, bursts, carry, cpu, encode, formats, hostile, idle, latency, load, memory,
    short_threads,
};

/// Rounds of one figure for each that a timed case has: these take seconds each.
const ROUNDS_PER_ROUND: usize = 10;

/// Something that is measured in processes of its own.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// What `--case` selects.
    pub name: &'static str,
    /// Measures all systems and prints the lines.
    pub compare: fn(&Bench),
    /// In the process of one system: measures it.
    child: fn(&Job) -> Vec<f64>,
}

/// All measures, in the order of the table.
pub const MEASURES: [Measure; 12] = [
    Measure {
        name: "w3c",
        compare: carry::compare,
        child: carry::child,
    },
    Measure {
        name: "formats",
        compare: formats::compare,
        child: formats::child,
    },
    Measure {
        name: "hostile",
        compare: hostile::compare,
        child: hostile::child,
    },
    Measure {
        name: "encode",
        compare: encode::compare,
        child: encode::child,
    },
    Measure {
        name: "cpu",
        compare: cpu::compare,
        child: cpu::child,
    },
    Measure {
        name: "loss",
        compare: load::compare_loss,
        child: load::child,
    },
    Measure {
        name: "scaling",
        compare: load::compare_scaling,
        child: load::child,
    },
    Measure {
        name: "latency",
        compare: latency::compare,
        child: latency::child,
    },
    Measure {
        name: "memory",
        compare: memory::compare,
        child: memory::child,
    },
    Measure {
        name: "bursts",
        compare: bursts::compare,
        child: bursts::child,
    },
    Measure {
        name: "short_threads",
        compare: short_threads::compare,
        child: short_threads::child,
    },
    Measure {
        name: "idle",
        compare: idle::compare,
        child: idle::child,
    },
];

/// What a process is asked for: given and read as arguments.
#[derive(Clone, Debug)]
pub struct Job {
    pub(crate) system: String,
    pub(crate) target: Target,
    /// What the measure makes of them.
    pub(crate) options: Vec<String>,
}

/// Runs one job in this process: the arguments after `--measure`.
pub fn serve(arguments: &[String]) {
    let [measure, system, target, options @ ..] = arguments else {
        panic!("--measure NAME SYSTEM TARGET OPTIONS")
    };
    let measure = MEASURES.iter().find(|known| known.name == measure);
    let job = Job {
        system: system.clone(),
        target: match target.as_str() {
            "null" => Target::Null,
            url => Target::Http(url.to_owned()),
        },
        options: options.to_vec(),
    };
    let values = (measure.expect("a measure").child)(&job);
    let values: Vec<_> = values.iter().map(f64::to_string).collect();
    println!("{}", values.join(" "));
}

/// A run of the comparison.
#[derive(Debug)]
pub struct Bench {
    rounds: usize,
    sink: Child,
    url: String,
}

impl Bench {
    /// Starts the collector that only counts. `rounds` is that of the timed cases.
    pub fn start(rounds: usize) -> Self {
        let mut sink = Command::new(env::current_exe().expect("own path"))
            .arg("--sink")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("child process");
        let mut url = String::new();
        BufReader::new(sink.stdout.take().expect("piped"))
            .read_line(&mut url)
            .expect("the sink");
        Self {
            rounds: rounds.div_ceil(ROUNDS_PER_ROUND),
            sink,
            url: url.trim().to_owned(),
        }
    }

    pub(crate) fn http(&self) -> Target {
        Target::Http(self.url.clone())
    }

    /// The values of each system, as medians over the rounds, which are interleaved.
    pub(crate) fn measure<const N: usize, const VALUES: usize>(
        &self,
        measure: &str,
        systems: [&str; N],
        target: &Target,
        options: &[&str],
    ) -> [[f64; VALUES]; N] {
        let mut samples = [const { [const { Vec::new() }; VALUES] }; N];
        for _ in 0..self.rounds {
            for (system, samples) in systems.iter().zip(&mut samples) {
                let values = run(measure, system, target, options);
                for (value, samples) in values.into_iter().zip(samples) {
                    samples.push(value);
                }
            }
        }
        samples.map(|values| values.map(median))
    }
}

fn run(measure: &str, system: &str, target: &Target, options: &[&str]) -> Vec<f64> {
    let output = Command::new(env::current_exe().expect("own path"))
        .args(["--measure", measure, system])
        .arg(match target {
            Target::Null => "null",
            Target::Http(url) => url,
        })
        .args(options)
        .stderr(Stdio::inherit())
        .output()
        .expect("child process");
    assert!(output.status.success(), "{measure} of {system} failed");
    let text = String::from_utf8_lossy(&output.stdout);
    let values = text.split_whitespace();
    values
        .map(|value| value.parse().expect("a number"))
        .collect()
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Closing its input ends the sink.
        drop(self.sink.stdin.take());
        let _ = self.sink.wait();
    }
}

/// Prints `case ours peer peer ratio`.
pub fn line(case: &str, ours: f64, peer: &str, other: f64) {
    let digits = if ours.max(other) < 1000.0 { 2 } else { 0 };
    let ratio = if other == 0.0 {
        "-".to_owned()
    } else {
        format!("{:.2}", ours / other)
    };
    println!("{case} {ours:.digits$} {peer} {other:.digits$} {ratio}");
}

/// The middle one of the samples; of an even number the upper one.
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}
