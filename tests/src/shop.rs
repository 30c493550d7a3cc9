//! The demo as a user starts it.

use std::io::{self, BufRead, BufReader, Read, Seek};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::program;

const READY_LIMIT: Duration = Duration::from_secs(120);
const END_LIMIT: Duration = Duration::from_secs(20);

/// The running demo, with its services and the collector. All of it ends with the value.
#[derive(Debug)]
pub struct Shop {
    process: Child,
    summary: Value,
}

impl Shop {
    /// Builds the demo with the profile of the running test, starts it, and waits up to 120 seconds
    /// until it has sent its requests and checked their traces.
    ///
    /// # Errors
    ///
    /// If it cannot be built or started, or ends or stays silent instead of printing its summary.
    pub fn start(requests: u32) -> io::Result<Self> {
        // What it tells people is kept aside and shown only if it fails.
        let mut notes = tempfile::tempfile()?;
        let mut process = Command::new(program("shop")?)
            .args([
                "--page",
                "127.0.0.1:0",
                "--json",
                "--requests",
                &requests.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(notes.try_clone()?)
            .spawn()?;
        let stdout = process.stdout.take();
        // From here on `drop` ends the process, also if it never becomes ready.
        let mut shop = Self {
            process,
            summary: Value::Null,
        };
        let stdout = stdout.ok_or_else(|| io::Error::other("no output"))?;
        match read_summary(stdout) {
            Ok(summary) => shop.summary = summary,
            Err(error) => {
                let mut said = String::new();
                notes.rewind()?;
                notes.read_to_string(&mut said)?;
                return Err(io::Error::other(format!("{error}; the demo said:\n{said}")));
            }
        }
        Ok(shop)
    }

    /// What the demo found out about its own traces, as `shop --json` prints it.
    pub fn summary(&self) -> &Value {
        &self.summary
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // As Ctrl-C does. If it cannot be sent, the process is killed below.
        let _ = Command::new("kill")
            .args(["-INT", &self.process.id().to_string()])
            .status();
        let deadline = Instant::now() + END_LIMIT;
        while Instant::now() < deadline {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // Its services end by themselves when their pipe to it closes.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads until the output so far is a whole JSON document.
fn read_summary(stdout: ChildStdout) -> io::Result<Value> {
    let (sender, receiver) = mpsc::channel();
    // The thread goes on reading until the demo ends: a full pipe would stop it.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens any more once the summary is there.
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + READY_LIMIT;
    let mut text = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = receiver.recv_timeout(left).map_err(|error| {
            io::Error::other(format!(
                "no summary ({error}) in {} bytes of output",
                text.len()
            ))
        })?;
        text.push_str(&line);
        text.push('\n');
        if let Ok(summary @ Value::Object(_)) = serde_json::from_str(&text) {
            return Ok(summary);
        }
    }
}
