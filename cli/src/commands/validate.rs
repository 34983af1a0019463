//! `nbvet validate` and `nbvet run`: notebooks run from a clean start, and judged.

use std::path::{Path, PathBuf};

use nbvet_protocol::Isolation;
use nbvet_report::ExitCode;

use crate::{
    agents::Agents,
    args::{ReportArgs, RunArgs, RunOnlyArgs, ValidateArgs},
    batch::{Batch, Item},
    executed::Destination,
    golden::Goldens,
    parameters::Parameters,
    pipeline::{self, Judged, Running},
    preload,
    settings::Further,
    usage::{UsageError, shown},
};

/// Everything counts: how the run ended, what it showed, and what reading shows.
pub(crate) fn validate(args: &ValidateArgs) -> Result<ExitCode, UsageError> {
    let batch = Batch::new(
        &args.input.paths,
        args.input.print,
        Some(&args.judge),
        &args.run,
        Further {
            compare: args.compare.config(),
            dependencies: args.dependencies.config(),
            ..Further::default()
        },
    )?;
    execute(
        batch,
        &args.input.paths,
        &args.run,
        args.executed.output.as_deref(),
        Judged::Everything,
    )
}

/// Only whether notebooks get to their end counts.
pub(crate) fn run(args: &RunOnlyArgs) -> Result<ExitCode, UsageError> {
    let further = Further::default();
    let batch = Batch::new(&args.input.paths, args.input.print, None, &args.run, further)?;
    execute(
        batch,
        &args.input.paths,
        &args.run,
        args.executed.output.as_deref(),
        Judged::Faults,
    )
}

/// As [`validate`], with a page about it.
pub(crate) fn with_page(args: &ReportArgs) -> Result<ExitCode, UsageError> {
    let mut batch = Batch::new(
        &args.paths,
        args.print,
        Some(&args.judge),
        &args.run,
        Further {
            compare: args.compare.config(),
            dependencies: args.dependencies.config(),
            ..Further::default()
        },
    )?;
    batch.write_page(&args.output);
    execute(batch, &args.paths, &args.run, None, Judged::Everything)
}

/// One notebook at a time unless told otherwise: notebooks of a folder may write the same files.
fn execute(
    mut batch: Batch,
    searched: &[PathBuf],
    args: &RunArgs,
    output: Option<&Path>,
    judged: Judged,
) -> Result<ExitCode, UsageError> {
    let goldens = match judged {
        Judged::Everything => Goldens::plan(&batch.items, searched)?,
        Judged::Faults => Goldens::default(),
    };
    let destination = destination(&batch.items, output)?;
    let local = args.agent_socket.is_none();
    if let Some(folder) = args.cwd.as_deref().filter(|folder| local && !folder.is_dir()) {
        return Err(UsageError::NoSuchFolder { path: shown(folder) });
    }
    let parameters = Parameters::new(&args.parameters)?;
    let isolation = args
        .isolation
        .unwrap_or_else(|| usual_isolation(batch.items.len()));
    let preload = preload::plan(&batch.items, isolation);
    for (item, modules) in batch.items.iter_mut().zip(preload) {
        item.preload = modules;
    }
    let agents = Agents::new(args.agent_socket.clone());
    let running = Running {
        agents: &agents,
        destination,
        parameters,
        working_directory: args.cwd.as_deref(),
        agent_directory: None,
        isolation,
        isolated_copy: args.isolated_copy,
        judged,
        goldens,
    };
    let jobs = batch.jobs.map_or(1, usize::from);
    Ok(agents.until_interrupted(|| {
        batch.run(jobs, |item, progress| {
            pipeline::validate(item, &running, progress)
        })
    }))
}

/// Forking pays from the second notebook on.
fn usual_isolation(notebooks: usize) -> Isolation {
    if notebooks > 1 {
        Isolation::Fork
    } else {
        Isolation::Spawn
    }
}

fn destination(items: &[Item], output: Option<&Path>) -> Result<Option<Destination>, UsageError> {
    let paths: Vec<&Path> = items.iter().map(|item| item.path.as_path()).collect();
    output.map(|output| Destination::new(output, &paths)).transpose()
}
