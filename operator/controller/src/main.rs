//! The program `nbvet-operator`: options, logs, signals, and how it ends.

use std::process::ExitCode;

use clap::Parser as _;
use nbvet_operator::Options;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_env("NBVET_LOG")
        // kube tells each object that is gone.
        .unwrap_or_else(|_| EnvFilter::new("info,kube_runtime=warn"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    if options.log_json {
        logs.json().init();
    } else {
        logs.init();
    }
    match nbvet_operator::run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
