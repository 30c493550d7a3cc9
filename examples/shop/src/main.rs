//! The command `shop`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use shop::cli::Cli;
use shop::demo::{self, Verdict};
use shop::service;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.service {
        Some(name) => service::run(name, cli.listen, &cli.downstream, cli.log_file.as_deref())
            .map(|()| Verdict::Complete),
        None => demo::run(&cli),
    };
    match result {
        Ok(Verdict::Complete) => ExitCode::SUCCESS,
        Ok(Verdict::Incomplete) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("shop: {}", error.in_one_line());
            ExitCode::FAILURE
        }
    }
}
