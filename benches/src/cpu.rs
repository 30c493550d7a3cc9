//! Processor time of the whole process for a span that is exported over OTLP/HTTP.

use rustix::time::ClockId;

use crate::{
    Case, SPANS_PER_BURST,
    bench::{Bench, Job, line},
    load::cpu_time,
    system,
};

const BURSTS: usize = 200;

/// Nanoseconds of processor time a span with attributes, from its start to the socket.
pub(crate) fn compare(bench: &Bench) {
    let [[ours, lost], [otel, peers_lost]] =
        bench.measure("cpu", ["ours", "otel"], &bench.http(), &[]);
    line("cpu_ns_per_exported_span", ours, "otel", otel);
    line("cpu_loss_percent", lost, "otel", peers_lost);
}

/// Bursts with a flush after each, so that nobody gains by losing spans.
pub(crate) fn child(job: &Job) -> Vec<f64> {
    let system = system(&job.system, &job.target);
    let burst = || {
        system.run(Case::Attributes, SPANS_PER_BURST);
        system.flush();
    };
    burst();
    let before = system.received();
    let cpu = cpu_time(ClockId::ProcessCPUTime);
    (0..BURSTS).for_each(|_| burst());
    let cpu = cpu_time(ClockId::ProcessCPUTime) - cpu;
    let received = (system.received() - before) as f64;
    let ended = (BURSTS * SPANS_PER_BURST) as f64;
    vec![
        cpu.as_nanos() as f64 / received,
        (ended - received) / ended * 100.0,
    ]
}
