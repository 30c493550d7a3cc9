//! Draws the behaviour of the adaptive sampler under simulated load, as an SVG image.
//!
//! `cargo run --release -p tracer-sampling --example adaptive_simulation >
//! tracer-sampling/docs/adaptive.svg`
//!
//! The simulation runs one service for four minutes with a target of 100 traces a second. Requests
//! arrive at random times: 100 a second at first, then 100,000, then 1,000, then 100 again. For one
//! minute a tenth of the 1,000 requests a second fail.

#![allow(clippy::unwrap_used, reason = "an example stops if it cannot continue")]

#[path = "../tests/adaptive/simulation.rs"]
mod simulation;

use std::time::Duration;

use simulation::{Simulation, is_sampled};
use tracer_sampling::{Adaptive, Outcome};

fn main() {
    let mut simulation = Simulation::new(1);
    let sampler = Adaptive::builder(100.0)
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let (mut requests, mut sampled) = (Vec::new(), Vec::new());
    for second in 0..240 {
        let (load, errors) = match second {
            0..40 => (100.0, 0.0),
            40..100 => (100_000.0, 0.0),
            100..130 => (1_000.0, 0.0),
            130..190 => (1_000.0, 0.1),
            _ => (100.0, 0.0),
        };
        let (mut all, mut kept) = (0_u32, 0_u32);
        simulation.run(1.0, load, |random| {
            all += 1;
            let is_error = random.unit() < errors;
            if is_sampled(&sampler, random, "GET /cart") {
                kept += 1;
                sampler.record(
                    "GET /cart",
                    Outcome::new(Duration::from_millis(100), is_error),
                );
            }
        });
        requests.push(f64::from(all));
        sampled.push(f64::from(kept));
    }
    print!("{}", picture(&requests, &sampled));
}

/// Draws the seconds from left to right, and the numbers a second from bottom to top on a
/// logarithmic scale from 1 to 100,000.
fn picture(requests: &[f64], sampled: &[f64]) -> String {
    let x = |second: usize| 50.0 + second as f64 * 2.5;
    let y = |per_second: f64| 230.0 - per_second.max(1.0).log10() * 40.0;
    let line = |values: &[f64]| {
        let points = values.iter().enumerate();
        let points = points.map(|(at, value)| format!("{:.1},{:.1}", x(at), y(*value)));
        points.collect::<Vec<_>>().join(" ")
    };
    let mut grid = String::new();
    for power in 0..=5 {
        let (at, label) = (y(10_f64.powi(power)), 10_u32.pow(power as u32));
        grid += &format!("<line x1='50' x2='650' y1='{at}' y2='{at}' stroke='#8884'/>");
        grid += &format!(
            "<text x='44' y='{}' text-anchor='end'>{label}</text>",
            at + 4.0
        );
    }
    for second in (0..=240).step_by(30) {
        let at = x(second);
        grid += &format!("<text x='{at}' y='246' text-anchor='middle'>{second} s</text>");
    }
    let (from, to) = (x(130), x(190));
    let width = to - from;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 720 256' font-family='sans-serif' \
         font-size='11' fill='currentColor' style='max-width:720px'>\
         <rect x='{from}' y='30' width='{width}' height='200' fill='#f002'/>\
         <text x='{}' y='24' text-anchor='middle'>10 % of the requests fail</text>{grid}\
         <polyline fill='none' stroke='#888' stroke-width='1.5' points='{}'/>\
         <polyline fill='none' stroke='#27c' stroke-width='1.5' points='{}'/>\
         <text x='655' y='{}' fill='#888'>requests</text>\
         <text x='655' y='{}' fill='#27c'>sampled</text></svg>\n",
        (from + to) / 2.0,
        line(requests),
        line(sampled),
        y(400.0),
        y(60.0),
    )
}
