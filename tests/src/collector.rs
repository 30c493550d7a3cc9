//! The collector, as a process that can be killed.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::program::program;
use crate::query::Query;

const START_LIMIT: Duration = Duration::from_secs(60);

/// Where a collector listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// OTLP over gRPC.
    pub grpc: SocketAddr,
    /// OTLP over HTTP.
    pub http: SocketAddr,
    /// The query API.
    pub query: SocketAddr,
    /// The health check.
    pub health: SocketAddr,
}

impl Addresses {
    /// Four free ports on a loopback address that nobody else uses.
    ///
    /// A port stays free while the collector is dead: on `127.0.0.1` the system might hand it to
    /// another process, or to the very client that tries to connect to it.
    ///
    /// # Errors
    ///
    /// If no port can be bound.
    pub fn free() -> io::Result<Self> {
        let ip = own_loopback();
        // All are held until all are known, so that they differ.
        let mut held = Vec::new();
        let mut free = || -> io::Result<SocketAddr> {
            let listener = TcpListener::bind((ip, 0))?;
            let address = listener.local_addr()?;
            held.push(listener);
            Ok(address)
        };
        Ok(Self {
            grpc: free()?,
            http: free()?,
            query: free()?,
            health: free()?,
        })
    }

    /// The endpoint of an OTLP/gRPC exporter.
    pub fn grpc_endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// The endpoint of an OTLP/HTTP exporter.
    pub fn http_endpoint(&self) -> String {
        format!("http://{}/v1/traces", self.http)
    }
}

/// One of the sixteen million addresses of the loopback network.
fn own_loopback() -> IpAddr {
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST.into();
    }
    let [a, b, c, ..] = RandomState::new().hash_one(0_u8).to_be_bytes();
    Ipv4Addr::new(127, a.clamp(1, 254), b, c.clamp(1, 254)).into()
}

/// A running `tracer-collector`. It is killed when the value is dropped.
#[derive(Debug)]
pub struct CollectorProcess {
    process: Child,
    addresses: Addresses,
    errors: TempDir,
}

impl CollectorProcess {
    /// Builds the collector if need be, starts it on `addresses` with its store in `data_dir`, and
    /// waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it does not build, does not start, or listens elsewhere.
    pub fn start(addresses: Addresses, data_dir: &Path) -> io::Result<Self> {
        let errors = tempfile::tempdir()?;
        let mut process = Command::new(program("tracer-collector")?)
            .args(["--otlp-grpc", &addresses.grpc.to_string()])
            .args(["--otlp-http", &addresses.http.to_string()])
            .args(["--query", &addresses.query.to_string()])
            .args(["--health", &addresses.health.to_string()])
            .arg("--data-dir")
            .arg(data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(errors.path().join("stderr"))?)
            .spawn()?;
        let stdout = process.stdout.take();
        // From here on `drop` ends the process, also if it never becomes ready.
        let collector = Self {
            process,
            addresses,
            errors,
        };
        let stdout = stdout.ok_or_else(|| io::Error::other("no output"))?;
        match read_addresses(stdout) {
            Ok(listening) if listening == addresses => Ok(collector),
            Ok(listening) => Err(io::Error::other(format!("it listens on {listening:?}"))),
            Err(error) => {
                let complaints = collector.complaints()?;
                Err(io::Error::other(format!("{error}: {complaints}")))
            }
        }
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// A client of its query API.
    pub fn query(&self) -> Query {
        Query::new(self.addresses.query)
    }

    /// What it wrote to its standard error.
    ///
    /// # Errors
    ///
    /// If that cannot be read.
    pub fn complaints(&self) -> io::Result<String> {
        std::fs::read_to_string(self.errors.path().join("stderr"))
    }

    /// Kills it as `kill -9` does: it gets no chance to do anything more.
    ///
    /// # Errors
    ///
    /// If it has complained about anything, or had ended before.
    pub fn kill(mut self) -> io::Result<()> {
        if let Some(status) = self.process.try_wait()? {
            return Err(io::Error::other(format!("the collector ended: {status}")));
        }
        self.process.kill()?;
        self.process.wait()?;
        match self.complaints()? {
            complaints if complaints.is_empty() => Ok(()),
            complaints => Err(io::Error::other(complaints)),
        }
    }
}

impl Drop for CollectorProcess {
    fn drop(&mut self) {
        // It may have ended before; then there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the addresses that the collector prints before `ready`.
fn read_addresses(stdout: ChildStdout) -> io::Result<Addresses> {
    let (sender, receiver) = mpsc::channel();
    // The thread goes on reading until the collector ends: a full pipe would stop it.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens any more once it is ready.
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + START_LIMIT;
    let mut lines = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = receiver
            .recv_timeout(left)
            .map_err(|_| io::Error::other("the collector did not become ready"))?;
        if line == "ready" {
            break;
        }
        lines.push(line);
    }
    let address = |name: &str| {
        let prefix = format!("listening {name} ");
        let address = lines.iter().find_map(|line| line.strip_prefix(&prefix));
        let address = address.and_then(|address| address.parse().ok());
        address.ok_or_else(|| io::Error::other(format!("no address of {name}")))
    };
    Ok(Addresses {
        grpc: address("otlp-grpc")?,
        http: address("otlp-http")?,
        query: address("query")?,
        health: address("health")?,
    })
}
