//! Python programs with packages of pinned versions.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::profile_folder;

/// Setting up: packages are downloaded.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);
/// A program of a test.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// A virtual environment with fixed packages.
#[derive(Debug)]
pub struct Python {
    folder: PathBuf,
}

impl Python {
    /// The environment `name` with the packages of a requirements file.
    ///
    /// It is made once and kept below cargo's target folder, until the file changes. Without
    /// Python, or when the packages cannot be had, it says so on stderr and returns `None`, so
    /// that the caller can skip its test.
    ///
    /// # Errors
    ///
    /// If it cannot be made although `TRACER_REQUIRE_SERVICES` is `1`.
    pub fn with_packages(name: &str, requirements: &Path) -> io::Result<Option<Self>> {
        match Self::prepare(name, requirements) {
            Ok(python) => Ok(Some(python)),
            Err(error) if std::env::var("TRACER_REQUIRE_SERVICES").is_ok_and(|set| set == "1") => {
                Err(io::Error::other(format!(
                    "Python with {} is required: {error}",
                    requirements.display()
                )))
            }
            Err(error) => {
                eprintln!(
                    "skipped: no Python with {} (Debian: apt-get install python3-venv): {error}",
                    requirements.display()
                );
                Ok(None)
            }
        }
    }

    fn prepare(name: &str, requirements: &Path) -> io::Result<Self> {
        let cache = profile_folder()?.join("../python");
        fs::create_dir_all(&cache)?;
        // Tests of other processes wait here, and find it made.
        let lock = File::create(cache.join(format!("{name}.lock")))?;
        lock.lock()?;
        let folder = cache.join(name);
        let stamp = folder.join("requirements.txt");
        let wanted = fs::read_to_string(requirements)?;
        let python = Self { folder };
        // The stamp comes last, so what was left half made is made again.
        if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
            return Ok(python);
        }
        let log = cache.join(format!("{name}.log"));
        let mut create = Command::new("python3");
        create
            .args(["-m", "venv", "--clear"])
            .arg(&python.folder)
            .stdin(Stdio::null())
            .stdout(File::create(&log)?);
        run(create, &log, INSTALL_LIMIT)?;
        let mut install = Command::new(python.path());
        install
            .args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--no-deps"])
            .args(["--retries", "1", "--timeout", "30", "-r"])
            .arg(requirements)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        run(install, &log, INSTALL_LIMIT)?;
        fs::write(&stamp, wanted)?;
        Ok(python)
    }

    /// Runs a program to its end, in an environment of its own: no variable of the test reaches
    /// it.
    ///
    /// # Errors
    ///
    /// If it ends with another code than 0, with what it wrote to its standard error, or not
    /// within 60 seconds.
    pub fn run(&self, program: &Path, arguments: &[&str]) -> io::Result<()> {
        let output = tempfile::tempdir()?;
        let mut command = Command::new(self.path());
        // No `__pycache__` beside the sources of the test.
        command
            .arg("-B")
            .arg(program)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        run(command, &output.path().join("stderr"), RUN_LIMIT)
    }

    /// Runs a program that answers each line of JSON on its standard input with one on its standard
    /// output.
    ///
    /// # Errors
    ///
    /// As [`Python::run`], and if there is not one answer to each question.
    pub fn ask(&self, program: &Path, questions: &[Value]) -> io::Result<Vec<Value>> {
        let folder = tempfile::tempdir()?;
        let [asked, answered] = ["questions", "answers"].map(|name| folder.path().join(name));
        // Files, so that neither side waits for the other.
        let lines: String = questions.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&asked, lines)?;
        let mut command = Command::new(self.path());
        command
            .arg("-B")
            .arg(program)
            .env_clear()
            .stdin(File::open(&asked)?)
            .stdout(File::create(&answered)?);
        run(command, &folder.path().join("stderr"), RUN_LIMIT)?;
        let answers = fs::read_to_string(&answered)?;
        let answers: Vec<Value> = answers
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        if answers.len() == questions.len() {
            Ok(answers)
        } else {
            Err(io::Error::other(format!(
                "{} answers to {} questions",
                answers.len(),
                questions.len()
            )))
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("bin/python")
    }
}

/// Runs a command to its end, its standard error in `log`.
fn run(mut command: Command, log: &Path, limit: Duration) -> io::Result<()> {
    let mut process = command.stderr(File::create(log)?).spawn()?;
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            process.kill()?;
            break process.wait()?;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if status.success() {
        return Ok(());
    }
    let log = fs::read_to_string(log)?;
    let last: Vec<&str> = log.trim_end().lines().rev().take(12).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(io::Error::other(format!("{status}\n{}", last.join("\n"))))
}
