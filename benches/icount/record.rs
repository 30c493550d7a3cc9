//! The committed figures, and what they depend on beside the code.

use std::{fs, path::PathBuf};

use tracer_benches::machine::first_line;

const BOUND_PERCENT: f64 = 2.0;

/// The tools that turn the same code into other counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(Vec<(String, String)>);

impl Environment {
    pub fn detect() -> Self {
        Self(vec![
            ("rustc".to_owned(), first_line("rustc", &["--version"])),
            (
                "libc".to_owned(),
                first_line("getconf", &["GNU_LIBC_VERSION"]),
            ),
            (
                "valgrind".to_owned(),
                first_line("valgrind", &["--version"]),
            ),
            ("machine".to_owned(), first_line("uname", &["-m"])),
        ])
    }

    /// What differs: its name, the value here and there.
    pub fn differences<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        let pairs = self.0.iter().zip(&other.0);
        pairs
            .filter(|(here, there)| here != there)
            .map(|(here, there)| (here.0.as_str(), here.1.as_str(), there.1.as_str()))
    }
}

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Same,
    Better,
    Worse,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Better => "better",
            Self::Worse => "worse",
        }
    }
}

/// Figures, and where they were taken.
#[derive(Clone, Debug)]
pub struct Record {
    pub environment: Environment,
    pub counts: Vec<(String, f64)>,
}

impl Record {
    /// The committed one. Lines that begin with `#` name a tool, others a figure.
    pub fn read() -> Self {
        let text = fs::read_to_string(path()).expect("record/icount.txt");
        let split = |line: &str, by: &str| {
            let (name, value) = line.split_once(by).unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        };
        let (tools, figures): (Vec<_>, Vec<_>) = text.lines().partition(|l| l.starts_with('#'));
        Self {
            environment: Environment(
                tools
                    .iter()
                    .map(|line| split(line.trim_start_matches(['#', ' ']), ": "))
                    .filter(|(_, value)| !value.is_empty())
                    .collect(),
            ),
            counts: figures
                .iter()
                .map(|line| split(line, " "))
                .map(|(name, count)| (name, count.parse().expect("a number")))
                .collect(),
        }
    }

    pub fn write(&self) {
        let mut text =
            String::from("# Instructions per operation, written by `icount -- --update`\n");
        for (tool, version) in &self.environment.0 {
            text += &format!("# {tool}: {version}\n");
        }
        for (name, count) in &self.counts {
            text += &format!("{name} {count:.1}\n");
        }
        fs::write(path(), text).expect("record/icount.txt");
    }

    /// How a count compares with the committed one, which is returned with the change in per cent.
    /// One that was never committed is worse: the file is to name it.
    pub fn judge(&self, name: &str, count: f64) -> (Verdict, f64, f64) {
        let before = self.counts.iter().find(|(known, _)| known == name);
        let before = before.map_or(f64::NAN, |(_, before)| *before);
        let change = (count / before - 1.0) * 100.0;
        let verdict = if change < -BOUND_PERCENT {
            Verdict::Better
        } else if change <= BOUND_PERCENT {
            Verdict::Same
        } else {
            Verdict::Worse
        };
        (verdict, before, change)
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("record/icount.txt")
}
