//! A headless Chromium of the test's own, driven through chromedriver.
//!
//! Each [`Browser`] has its own driver, port and profile, so tests run side by side. Whatever was
//! started ends with the value, also when the test panics.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(30);
const END_LIMIT: Duration = Duration::from_secs(10);

/// A running chromedriver that starts Chromium when a session is opened with
/// [`capabilities`](Self::capabilities).
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    chromium: PathBuf,
    profile: TempDir,
}

impl Browser {
    /// Starts chromedriver on a free port of the loopback interface.
    ///
    /// Without chromium or chromedriver on the `PATH` it says so on stderr and returns `None`, so
    /// that the caller can skip its test.
    ///
    /// # Errors
    ///
    /// If they are missing although `TRACER_REQUIRE_SERVICES` is `1`, or if chromedriver does not
    /// start within 30 seconds.
    pub fn start() -> io::Result<Option<Self>> {
        let chromium = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find_map(on_path);
        let (Some(chromium), Some(chromedriver)) = (chromium, on_path("chromedriver")) else {
            if std::env::var("TRACER_REQUIRE_SERVICES").is_ok_and(|value| value == "1") {
                return Err(io::Error::other(
                    "chromium and chromedriver are required and not installed",
                ));
            }
            eprintln!(
                "skipped: chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)"
            );
            return Ok(None);
        };
        let profile = tempfile::tempdir()?;
        let driver = Command::new(chromedriver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        // From here on `drop` ends the driver, also if no port is found.
        let mut browser = Self {
            driver,
            port: 0,
            chromium,
            profile,
        };
        browser.port = browser.read_port()?;
        Ok(Some(browser))
    }

    /// The address of chromedriver.
    pub fn driver_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The capabilities to open a session with: headless, silent towards the network, with a
    /// profile of its own and the console kept.
    pub fn capabilities(&self) -> Map<String, Value> {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1440,900",
            &profile,
        ];
        let mut capabilities = Map::new();
        capabilities.insert(
            "goog:chromeOptions".into(),
            json!({ "binary": self.chromium, "args": arguments }),
        );
        capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        capabilities
    }

    /// Reads the port from the line in which the driver says that it runs.
    fn read_port(&mut self) -> io::Result<u16> {
        let stdout = self
            .driver
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("chromedriver has no output"))?;
        let (sender, receiver) = mpsc::channel();
        // The thread goes on reading until the driver ends: a full pipe would stop it.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(port) = line.split("successfully on port ").nth(1) {
                    // Nobody listens any more once the port is known.
                    let _ = sender.send(port.trim_end_matches('.').parse::<u16>());
                }
            }
        });
        match receiver.recv_timeout(START_LIMIT) {
            Ok(Ok(port)) => Ok(port),
            _ => Err(io::Error::other("chromedriver did not name its port")),
        }
    }

    /// Asks the driver to close its browsers and to end.
    fn shut_down(&self) -> io::Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, END_LIMIT)?;
        stream.set_read_timeout(Some(END_LIMIT))?;
        stream
            .write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if matches!(self.driver.try_wait(), Ok(Some(_))) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// The processes whose command line names our profile: no other process does.
    fn leftovers(&self) -> Vec<u32> {
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        let profile = self.profile.path().display().to_string();
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .filter(|id| {
                let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).contains(&profile)
            })
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let asked = self.shut_down().is_ok();
        if !asked || !self.ends_within(END_LIMIT) {
            // It may have ended by itself in between; then there is nothing to kill.
            let _ = self.driver.kill();
            let _ = self.driver.wait();
        }
        for id in self.leftovers() {
            // A process that ended in between is what we want.
            let _ = Command::new("kill")
                .args(["-9", &id.to_string()])
                .stderr(Stdio::null())
                .status();
        }
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_file(file))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
