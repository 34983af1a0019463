//! `nbvet validate` and `nbvet run`: notebooks run from a clean start, and judged.

use std::path::Path;

use nbvet_protocol::Isolation;
use nbvet_report::ExitCode;

use crate::{
    agents::Agents,
    args::{InputArgs, JudgeArgs, RunArgs, RunOnlyArgs, ValidateArgs},
    batch::{Batch, Item},
    config::comparison::ComparisonConfig,
    executed::Destination,
    golden::Goldens,
    pipeline::{self, Judged, Running},
    preload,
    usage::{UsageError, shown},
};

/// Everything counts: how the run ended, what it showed, and what reading shows.
pub(crate) fn validate(args: &ValidateArgs) -> Result<ExitCode, UsageError> {
    let compare = args.compare.config();
    execute(
        &args.input,
        Some(&args.judge),
        &args.run,
        compare,
        Judged::Everything,
    )
}

/// Only whether notebooks get to their end counts.
pub(crate) fn run(args: &RunOnlyArgs) -> Result<ExitCode, UsageError> {
    execute(
        &args.input,
        None,
        &args.run,
        ComparisonConfig::default(),
        Judged::Faults,
    )
}

/// One notebook at a time unless told otherwise: notebooks of a folder may write the same files.
fn execute(
    input: &InputArgs,
    judge: Option<&JudgeArgs>,
    args: &RunArgs,
    compare: ComparisonConfig,
    judged: Judged,
) -> Result<ExitCode, UsageError> {
    let mut batch = Batch::new(input, judge, args, compare)?;
    let goldens = match judged {
        Judged::Everything => Goldens::plan(&batch.items, &input.paths)?,
        Judged::Faults => Goldens::default(),
    };
    let destination = destination(&batch.items, args.output.as_deref())?;
    let local = args.agent_socket.is_none();
    if let Some(folder) = args.cwd.as_deref().filter(|folder| local && !folder.is_dir()) {
        return Err(UsageError::NoSuchFolder { path: shown(folder) });
    }
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
        working_directory: args.cwd.as_deref(),
        isolation,
        isolated_copy: args.isolated_copy,
        judged,
        goldens,
    };
    let jobs = input.jobs.map_or(1, usize::from);
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
