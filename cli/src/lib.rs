//! The `nbvet` command: parses the command line, calls a subcommand, and turns what it returns into an exit code.
//! Everything that is printed goes through `output`. A library, so that fuzzing reaches what the program reads: nobody
//! else may use it.

mod agents;
mod args;
mod baseline;
mod batch;
mod beside;
mod catalogue;
mod clock;
mod commands;
mod config;
mod dependencies;
mod duration;
mod executed;
mod expectations;
mod fixing;
mod golden;
mod guard;
mod image;
mod isolated;
mod markdown;
mod order;
mod ordinary;
mod output;
mod parameters;
mod paths;
mod pipeline;
mod preload;
mod progress;
mod replace;
mod secrecy;
mod selection;
mod server;
mod settings;
mod size;
mod statistics;
mod step;
mod usage;
mod write_requirements;

use clap::Parser as _;
use nbvet_report::ExitCode;

use crate::{
    args::{Cli, Command},
    usage::UsageError,
};

/// The program, from its arguments to its exit code.
pub fn main() -> std::process::ExitCode {
    guard::install();
    let code = match guard::catch(start) {
        Ok(code) if output::is_lost() => code.max(ExitCode::Error),
        Ok(code) => code,
        Err(message) => {
            output::internal_error(&message);
            ExitCode::Internal
        }
    };
    code.into()
}

/// What the text of an `nbvet.toml` or `pyproject.toml` is refused for; for fuzzing.
#[doc(hidden)]
pub fn check_settings(file: &std::path::Path, text: &str) -> Result<(), String> {
    config::read_text(file, text)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn start() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(&cli.command).unwrap_or_else(|error| {
            output::usage_error(&error);
            ExitCode::Error
        }),
        // Help and version come this way too; they are no errors and go to stdout.
        Err(answer) => {
            let code = if answer.use_stderr() {
                ExitCode::Error
            } else {
                ExitCode::Passed
            };
            // Nothing is left to do where even this cannot be printed.
            let _ = answer.print();
            code
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, UsageError> {
    match command {
        Command::Validate(args) => commands::validate::validate(args),
        Command::Lint(args) => commands::lint::lint(args),
        Command::Run(args) => commands::validate::run(args),
        Command::Report(args) => commands::report::report(args),
        Command::Expect(args) => Ok(commands::expect::expect(args)),
        Command::Deps(args) => commands::deps::deps(args),
        Command::Explain(args) => commands::explain::explain(args),
        Command::Rules(args) => Ok(commands::rules::rules(args)),
        Command::Schema => Ok(commands::schema::schema()),
        Command::Image(command) => commands::image::image(command),
        Command::Init(args) => commands::init::init(args),
        Command::Server => Ok(commands::server::server()),
        Command::Agent(args) => commands::agent::agent(args),
        Command::Step(command) => Ok(commands::step::step(command)),
    }
}
