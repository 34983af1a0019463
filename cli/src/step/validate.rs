//! `validate`: the notebook is run by the agent of another container and judged here. This container has the tree that
//! nobody else writes; what comes from the other one is facts about a notebook that may lie about itself, and nothing else.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use nbvet_host::Finished;
use nbvet_protocol::Isolation;
use nbvet_report::{
    Reason, Report,
    step::{BuildWish, Step, StepInput, ValidateInput},
};

use super::{Ending, input, judged};
use crate::{
    agents::Agents,
    args::{Format, JudgeArgs, PrintArgs, RunArgs},
    batch::{self, Batch, Item},
    config::{
        comparison::{ComparisonConfig, GoldenSource},
        dependencies::{DependencyConfig, fallback},
    },
    golden::Goldens,
    order::Order,
    ordinary,
    parameters::Parameters,
    pipeline::{self, Judged, Running},
    progress::Progress,
    settings::Further,
    usage::UsageError,
};

/// Seconds that the other container may take to come up: its image has to be pulled.
const PATIENCE: u64 = 900;

pub(crate) fn validate(path: &Path) -> Ending {
    let StepInput { validate, golden, .. } = match input::read(Step::Validate, path) {
        Ok(input) => input,
        Err(ending) => return ending,
    };
    let golden = golden.map(|golden| golden.path);
    input::part(Step::Validate, "validate", validate)
        .and_then(|wish| {
            // However this ends, the agent beside it does not wait for ever.
            let _finished = Finished::of(Path::new(&wish.socket));
            validated(&wish, golden)
        })
        .unwrap_or_else(|ending| ending)
}

/// `golden`: what the golden notebook is called where it comes from.
fn validated(wish: &ValidateInput, golden: Option<String>) -> Result<Ending, Ending> {
    let usage = |error: UsageError| Ending::usage(Step::Validate, &error);
    stand_in(wish)?;
    let located = nbvet_source::locate(Path::new("."), &wish.path);
    located.map_err(|error| Ending::no_source(Step::Validate, &error))?;
    let notebook = PathBuf::from(&wish.path);
    let run = RunArgs {
        timeout: wish.timeout.map(Duration::from_secs),
        agent_socket: Some(PathBuf::from(&wish.socket)),
        ..RunArgs::default()
    };
    let further = Further {
        compare: ComparisonConfig {
            golden: wish.golden.as_ref().map(|file| GoldenSource::Fetched {
                file: PathBuf::from(file),
                name: golden.unwrap_or_else(|| file.clone()),
            }),
            ..ComparisonConfig::default()
        },
        dependencies: dependencies(wish.build.as_ref())?,
        job: Some(Order::of_job(&wish.validation, &wish.comparison).map_err(usage)?),
    };
    let print = PrintArgs {
        format: Format::Json,
        verbose: false,
        jobs: None,
    };
    let paths = [notebook];
    let batch = Batch::new(&paths, print, Some(&JudgeArgs::default()), &run, further).map_err(usage)?;
    let [item] = &batch.items[..] else {
        return Err(Ending::internal(Step::Validate, "one path became many notebooks"));
    };
    let agents = Agents::at(
        PathBuf::from(&wish.socket),
        Duration::from_secs(wish.patience.unwrap_or(PATIENCE)),
    );
    let running = Running {
        agents: &agents,
        destination: None,
        parameters: Parameters::of_job(&wish.parameters).map_err(usage)?,
        working_directory: None,
        agent_directory: Some(folder_there(wish)),
        isolation: Isolation::Spawn,
        isolated_copy: false,
        judged: Judged::Everything,
        goldens: Goldens::plan(&batch.items, &paths).map_err(usage)?,
    };
    let report = agents.until_interrupted(|| batch::with_stack(|| one(item, &running)));
    Ok(judged::ending(report, wish.image.as_deref()))
}

/// This process works in the tree, and reads nothing that the repository names elsewhere.
fn stand_in(wish: &ValidateInput) -> Result<(), Ending> {
    let tree = PathBuf::from(&wish.tree);
    let mut folders = vec![tree.clone()];
    let golden = wish.golden.as_deref().and_then(|file| Path::new(file).parent());
    folders.extend(golden.filter(|folder| folder.is_dir()).map(Path::to_owned));
    ordinary::confine(&folders)
        .and_then(|()| std::env::set_current_dir(&tree))
        .map_err(|error| failed(&tree, &error))
}

fn failed(path: &Path, error: &io::Error) -> Ending {
    let message = format!("{}: {error}", path.display());
    Ending::error(Step::Validate, Reason::InternalError, false, &message)
}

/// The notebook's folder in the other container.
fn folder_there(wish: &ValidateInput) -> String {
    let tree = wish.agent_tree.trim_end_matches('/');
    match wish.path.rsplit_once('/') {
        Some((folder, _)) => format!("{tree}/{folder}"),
        None => tree.to_owned(),
    }
}

/// The report of the one notebook; a fault of ours in between is its result too.
fn one(item: &Item, running: &Running<'_>) -> Report {
    let progress = Progress::new(1);
    let mut done = batch::guarded(item, &progress, |item, progress| {
        pipeline::validate(item, running, progress)
    });
    progress.finish();
    if !done.educational {
        batch::leave_out_explanations(&mut done.report);
    }
    let level = done.report.verdict.level;
    Report::new(batch::tool(), level, vec![done.report])
}

/// What the job says of dependencies. Paths are from the root of the tree, where this process is.
pub(super) fn dependencies(wish: Option<&BuildWish>) -> Result<DependencyConfig, Ending> {
    let Some(wish) = wish else {
        return Ok(DependencyConfig::default());
    };
    let strategy = wish.fallback_strategy.as_deref().map(fallback).transpose();
    let strategy = strategy.map_err(|message| {
        let message = format!("fallbackStrategy: {message}");
        Ending::error(Step::Prepare, Reason::InvalidField, false, &message)
    })?;
    let path = |path: &Option<String>| path.as_ref().map(PathBuf::from);
    let sources = wish.requirements_sources.iter().map(PathBuf::from);
    Ok(DependencyConfig {
        requirements_file: path(&wish.requirements_file),
        requirements_sources: (!wish.requirements_sources.is_empty()).then(|| sources.collect()),
        dockerfile: path(&wish.dockerfile),
        target: wish.target.clone(),
        prefer_dockerfile: wish.prefer_dockerfile,
        auto_generate_requirements: wish.auto_generate_requirements,
        fallback_strategy: strategy,
        allow_unpinned: wish.allow_unpinned,
        verify_hashes: wish.verify_hashes,
        fail_on_conflict: wish.fail_on_conflict,
        ..DependencyConfig::default()
    })
}
