//! The collector as a process.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::until;

/// Flags that let every listener take a free port.
pub const PORTS: [&str; 4] = [
    "--otlp-grpc=127.0.0.1:0",
    "--otlp-http=127.0.0.1:0",
    "--query=127.0.0.1:0",
    "--health=127.0.0.1:0",
];

/// A running collector, killed when it is dropped.
pub struct Program {
    child: Child,
    /// The lines that it printed before `ready`.
    pub lines: Vec<String>,
    // Its log lies beside the store of the test.
    log: std::path::PathBuf,
}

impl Program {
    pub fn start(directory: &Path) -> Self {
        Self::with_ports(PORTS, directory)
    }

    /// A collector with these flags for its listeners.
    pub fn with_ports(ports: [&str; 4], directory: &Path) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_tracer-collector"));
        Self::run(program, ports, directory)
    }

    /// A collector that may have so many open files.
    pub fn with_open_files(limit: u32, directory: &Path) -> Self {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script);
        shell.arg(env!("CARGO_BIN_EXE_tracer-collector"));
        Self::run(shell, PORTS, directory)
    }

    fn run(mut command: Command, ports: [&str; 4], directory: &Path) -> Self {
        let log = directory.join("log");
        let mut child = command
            .args(ports)
            .arg("--data-dir")
            .arg(directory)
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines: Vec<String> = lines.map_while(Result::ok).take(6).collect();
        assert_eq!(lines.pop().as_deref(), Some("ready"), "{lines:?}");
        Self { child, lines, log }
    }

    pub fn address(&self, name: &str) -> SocketAddr {
        let prefix = format!("listening {name} ");
        let mut lines = self.lines.iter();
        let address = lines.find_map(|line| line.strip_prefix(&prefix)).unwrap();
        address.parse().unwrap()
    }

    /// The contents of its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(name)
            .arg(self.child.id().to_string())
            .status();
        assert!(status.unwrap().success());
    }

    pub async fn ended(&mut self) -> ExitStatus {
        until(async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already ended, in a test that passes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
