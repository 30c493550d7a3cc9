//! The demonstration: collector, services, orders, traces.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::{env, fs};

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracer_collector::{Collector, CollectorConfig};

use crate::Error;
use crate::api::QueryClient;
use crate::check::{self, Report};
use crate::cli::Cli;
use crate::fleet::{Endpoints, Fleet};
use crate::load::{self, Answered, Kind};
use crate::logs::{self, Logs};
use crate::summary::Summary;
use crate::tree;

/// Whether all traces were complete. There is no third case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Every order gave one complete trace, and search found the failing and the slow one.
    Complete,
    /// Something is missing.
    Incomplete,
}

/// Runs the demonstration on a runtime of its own.
///
/// # Errors
///
/// [`Error`] if something could not be started, or did not answer. What is missing in the traces is a [`Verdict`].
pub fn run(cli: &Cli) -> Result<Verdict, Error> {
    runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let stopped = stop_signal()?;
            tokio::pin!(stopped);
            let shop = Shop::start(cli).await?;
            let mut verdict = tokio::select! {
                verdict = shop.show(cli) => verdict,
                () = &mut stopped => return shop.stop().await.map(|()| Verdict::Incomplete),
            };
            if verdict.is_ok() && !cli.once {
                match say(cli, "The shop stays open: Ctrl-C ends it.\n") {
                    Ok(()) => stopped.await,
                    Err(error) => verdict = Err(error),
                }
            }
            // Always stopped in order, and the first error is the one that is told.
            let ended = shop.stop().await;
            verdict.and_then(|verdict| ended.map(|()| verdict))
        })
}

struct Shop {
    collector: Collector,
    fleet: Fleet,
    query: QueryClient,
    // The store lives as long as the shop.
    data_dir: tempfile::TempDir,
    logs: PathBuf,
}

impl Shop {
    async fn start(cli: &Cli) -> Result<Self, Error> {
        let data_dir = tempfile::Builder::new().prefix("shop-").tempdir()?;
        let collector = start_collector(cli, data_dir.path()).await?;
        let otlp = Endpoints::new(collector.otlp_grpc_address(), collector.otlp_http_address());
        let logs = data_dir.path().join("logs");
        fs::create_dir(&logs)?;
        let fleet = Fleet::start(&env::current_exe()?, otlp, &logs).await?;
        let query = QueryClient::new(collector.query_address())?;
        Ok(Self {
            collector,
            fleet,
            query,
            data_dir,
            logs,
        })
    }

    /// Sends the orders, and prints what the collector has of them.
    async fn show(&self, cli: &Cli) -> Result<Verdict, Error> {
        say(cli, &self.introduction())?;
        let answered = load::send(self.fleet.gateway(), cli.requests as usize).await?;
        say(
            cli,
            &format!(
                "{} orders answered, waiting for their traces.\n\n",
                answered.len()
            ),
        )?;
        let mut report = check::check(&self.query, &answered).await?;
        let logs = Logs::read(&self.logs)?;
        report.look_up(&logs);
        for (kind, title) in [
            (Kind::Ok, "A good order"),
            (Kind::Failing, "The failing order"),
            (Kind::Slow, "The slow order"),
        ] {
            if let Some(trace) = report.trace(kind) {
                say(
                    cli,
                    &format!(
                        "{title}: {}\n{}\n",
                        self.query.page(&trace.trace_id),
                        tree::text(trace)
                    ),
                )?;
            }
        }
        if let Some(trace) = report.trace(Kind::Failing) {
            let lines = logs::text(logs.of_trace(&trace.trace_id), trace);
            say(
                cli,
                &format!("The failing order's log lines and their spans:\n{lines}\n"),
            )?;
        }
        say(cli, &conclusion(&answered, &report))?;
        if cli.json {
            let mut out = io::stdout().lock();
            serde_json::to_writer_pretty(&mut out, &Summary::new(&answered, &report, &self.query))
                .map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Ok(if report.is_complete() {
            Verdict::Complete
        } else {
            Verdict::Incomplete
        })
    }

    /// The services first: the collector still takes their last spans.
    async fn stop(self) -> Result<(), Error> {
        self.fleet.stop().await;
        self.collector
            .shutdown()
            .await
            .map_err(Error::CollectorStop)?;
        Ok(self.data_dir.close()?)
    }

    fn introduction(&self) -> String {
        let mut text = format!(
            "page          http://{}\nOTLP          gRPC {}, HTTP {}\nstore         {}\nlogs          {}\n",
            self.collector.query_address(),
            self.collector.otlp_grpc_address(),
            self.collector.otlp_http_address(),
            self.data_dir.path().display(),
            self.logs.display(),
        );
        for (name, url) in self.fleet.services() {
            text.push_str(&format!("{:12}  {url}\n", name.as_str()));
        }
        text.push('\n');
        text
    }
}

fn conclusion(answered: &[Answered], report: &Report) -> String {
    let mut text = format!(
        "{} of {} traces are complete",
        report.complete.len(),
        answered.len()
    );
    if let Some(after) = report.queryable_after {
        text.push_str(&format!(
            ", the last one {} ms after its order was answered",
            after.as_millis()
        ));
    }
    text.push_str(&format!(
        ".\n{} log lines lead to their spans in these traces.\n",
        report.log_lines
    ));
    for missing in &report.missing {
        text.push_str(&format!("not as it should be: {missing}\n"));
    }
    text
}

/// The usual ports if they are free, so that other programs find the collector too; with `--once` nobody looks for it.
async fn start_collector(cli: &Cli, data_dir: &Path) -> Result<Collector, Error> {
    let usual = CollectorConfig::default().data_dir(data_dir);
    let any = |usual: SocketAddr| SocketAddr::new(usual.ip(), 0);
    let free_or_any = |usual: SocketAddr| {
        let is_free = !cli.once && TcpListener::bind(usual).is_ok();
        if is_free { usual } else { any(usual) }
    };
    match Collector::start(listen(cli, &usual, free_or_any)).await {
        // Another program was faster.
        Err(tracer_collector::Error::Bind { address, .. }) if cli.page != Some(address) => {
            Collector::start(listen(cli, &usual, any)).await
        }
        started => started,
    }
    .map_err(Error::CollectorStart)
}

fn listen(
    cli: &Cli,
    usual: &CollectorConfig,
    choose: impl Fn(SocketAddr) -> SocketAddr,
) -> CollectorConfig {
    usual
        .clone()
        .otlp_grpc(choose(usual.otlp_grpc_address()))
        .otlp_http(choose(usual.otlp_http_address()))
        .query(cli.page.unwrap_or_else(|| choose(usual.query_address())))
        .health(choose(usual.health_address()))
}

/// Prints for people: to stdout, or to stderr if that is for the summary.
fn say(cli: &Cli, text: &str) -> Result<(), Error> {
    if cli.json {
        io::stderr().write_all(text.as_bytes())?
    } else {
        io::stdout().write_all(text.as_bytes())?
    }
    Ok(())
}

/// Ends with Ctrl-C or SIGTERM, from now on.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
