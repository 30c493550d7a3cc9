//! The five processes.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use std::{env, fmt};

use reqwest::Url;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout, timeout_at};

use crate::Error;
use crate::logs::Logs;
use crate::service::{LISTENING, Name};

/// How long a service may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a service may take to end. Longer than it may take to send its last spans to a collector that is gone.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// How long spans wait for others to be sent with.
const BATCH_DELAY: Duration = Duration::from_millis(200);

/// Where the collector takes spans.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Endpoints {
    /// OTLP over gRPC, for gateway and orders.
    pub grpc: SocketAddr,
    /// OTLP over HTTP, for the others: both roads end in one trace.
    pub http: SocketAddr,
}

impl Endpoints {
    /// Where the collector takes spans over gRPC and over HTTP.
    #[must_use]
    pub fn new(grpc: SocketAddr, http: SocketAddr) -> Self {
        Self { grpc, http }
    }
}

/// The running services. Dropping it kills them; [`stop`](Self::stop) lets them send their last spans.
#[derive(Debug)]
pub struct Fleet {
    services: Vec<Service>,
    gateway: Url,
}

impl Fleet {
    /// Starts all services of `program`, this crate's command, and waits until they listen. Their logs go into files in
    /// the directory `logs`.
    ///
    /// # Errors
    ///
    /// [`Error`] if a process cannot be started, ends at once, or does not listen within 20 s.
    pub async fn start(program: &Path, otlp: Endpoints, logs: &Path) -> Result<Self, Error> {
        let mut services: Vec<Service> = Vec::with_capacity(Name::ALL.len());
        for name in Name::ALL {
            let service = Service::start(program, name, otlp, logs, &services).await?;
            services.push(service);
        }
        let gateway = services
            .iter()
            .find(|service| service.name == Name::Gateway);
        let gateway = gateway.ok_or(Error::DownstreamMissing {
            service: Name::Gateway,
            downstream: Name::Gateway,
        })?;
        Ok(Self {
            gateway: gateway.url.clone(),
            services,
        })
    }

    /// The address of the gateway.
    #[must_use]
    pub fn gateway(&self) -> &Url {
        &self.gateway
    }

    /// Names and addresses, in the order in which they were started.
    pub fn services(&self) -> impl Iterator<Item = (Name, &Url)> {
        self.services
            .iter()
            .map(|service| (service.name, &service.url))
    }

    /// The ids of the processes.
    pub fn process_ids(&self) -> impl Iterator<Item = u32> {
        self.services
            .iter()
            .filter_map(|service| service.child.id())
    }

    /// Tells all services to stop and waits for them, 8 s at most; what is left then is killed.
    pub async fn stop(mut self) {
        for service in &mut self.services {
            service.stdin = None;
        }
        // One deadline for all of them.
        let deadline = Instant::now() + STOP_TIMEOUT;
        for service in &mut self.services {
            // Late or not waitable: dropping the child kills it.
            let _ = timeout_at(deadline, service.child.wait()).await;
        }
    }
}

struct Service {
    name: Name,
    url: Url,
    child: Child,
    // Closed to tell the service to stop; the system does so if this process ends in any other way.
    stdin: Option<ChildStdin>,
    // Kept open for whatever the service may still print.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Service {
    async fn start(
        program: &Path,
        name: Name,
        otlp: Endpoints,
        logs: &Path,
        started: &[Self],
    ) -> Result<Self, Error> {
        let mut command = Command::new(program);
        command
            .arg("--service")
            .arg(name.as_str())
            .args(["--listen", "127.0.0.1:0"])
            .arg("--log-file")
            .arg(Logs::file(logs, name));
        for callee in started
            .iter()
            .filter(|service| name.downstream().contains(&service.name))
        {
            command
                .arg("--downstream")
                .arg(format!("{}={}", callee.name, callee.url));
        }
        // What the user set for other programs is not for these.
        for variable in tracing_variables() {
            command.env_remove(variable);
        }
        let (protocol, endpoint) = match name {
            Name::Gateway | Name::Orders => ("grpc", otlp.grpc),
            Name::Inventory | Name::Notification | Name::Payment => ("http/protobuf", otlp.http),
        };
        command
            .env("OTEL_SERVICE_NAME", name.as_str())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{endpoint}"))
            .env(
                "OTEL_BSP_SCHEDULE_DELAY",
                BATCH_DELAY.as_millis().to_string(),
            );
        // A group of its own: Ctrl-C is for the parent, which then lets the service send its last spans.
        let mut child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let Some(stdout) = child.stdout.take() else {
            return Err(Error::ServiceSilent {
                service: name,
                after: Duration::ZERO,
            });
        };
        let mut stdout = BufReader::new(stdout).lines();
        let url = match timeout(START_TIMEOUT, listening(&mut stdout)).await {
            Ok(Some(url)) => url,
            Ok(None) => {
                return Err(Error::ServiceEnded {
                    service: name,
                    status: child.wait().await?,
                });
            }
            Err(_) => {
                return Err(Error::ServiceSilent {
                    service: name,
                    after: START_TIMEOUT,
                });
            }
        };
        Ok(Self {
            name,
            url,
            child,
            stdin,
            _stdout: stdout,
        })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

/// Reads up to the line that tells the address; `None` if the output ends before.
async fn listening(stdout: &mut Lines<BufReader<ChildStdout>>) -> Option<Url> {
    while let Ok(Some(line)) = stdout.next_line().await {
        if let Some(url) = line
            .split_once(LISTENING)
            .and_then(|(_, url)| url.parse().ok())
        {
            return Some(url);
        }
    }
    None
}

fn tracing_variables() -> impl Iterator<Item = OsString> {
    let is_ours = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with("OTEL_") || name.starts_with("TRACER_")
    };
    env::vars_os().map(|(name, _)| name).filter(is_ours)
}
