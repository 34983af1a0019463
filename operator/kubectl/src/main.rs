//! The program `kubectl-nbvet`, which kubectl calls as `kubectl nbvet`: reads the command line, does one command, and ends
//! with its exit code. It asks for jobs, pods, logs and `ConfigMap`s by the rights of whoever calls it.

mod age;
mod args;
mod cluster;
mod completion;
mod condition;
mod error;
mod findings;
mod job_text;
mod lines;
mod logs;
mod manifest;
mod output;
mod plan;
mod report;
mod runs;
mod status;
mod suppose;
mod table;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Cli, Command},
    error::Error,
};

/// What a command came to, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was done; where it tells of a verdict, that is a good one.
    Well,
    /// The notebook did not pass, or a manifest would be refused.
    Failed,
    /// Something else is at fault.
    NoVerdict,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        Self::from(match ended {
            Ended::Well => 0,
            Ended::Failed => 1,
            Ended::NoVerdict => 2,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if completion::is_asked_for() {
        completion::answer().await;
        return ExitCode::SUCCESS;
    }
    let cli = Cli::parse();
    match command(&cli).await {
        Ok(_) if output::is_lost() => Ended::NoVerdict.into(),
        Ok(ended) => ended.into(),
        Err(error) => {
            output::error(&error);
            Ended::NoVerdict.into()
        }
    }
}

async fn command(cli: &Cli) -> Result<Ended, Error> {
    match &cli.command {
        Command::Status(args) => status::status(&cli.cluster, args).await,
        Command::Logs(args) => logs::logs(&cli.cluster, args).await,
        Command::Report(args) => report::report(&cli.cluster, args).await,
        Command::Plan(args) => plan::plan(&cli.cluster, args),
        Command::Retry(args) => runs::retry(&cli.cluster, args).await,
        Command::Cancel(args) => runs::cancel(&cli.cluster, args).await,
    }
}
