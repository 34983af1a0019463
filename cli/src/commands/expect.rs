//! `nbvet expect`: what two good runs of a notebook agree upon, proposed as expectations, shown for review and written
//! beside the notebook when accepted.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use nbvet_expect::{Proposal, Seen, propose, to_yaml, words};
use nbvet_host::{Asked, Job, Questions, RunOutcome};
use nbvet_notebook::Notebook;
use nbvet_protocol::Isolation;
use nbvet_render::harmless;
use nbvet_report::{ExitCode, Expectation, RunEnd};

use crate::{
    agents::Agents,
    args::{ExpectArgs, JudgeArgs},
    baseline::Known,
    batch::Item,
    executed,
    expectations::{beside, sidecar_of},
    golden::Goldens,
    isolated::Copy,
    output,
    parameters::Parameters,
    pipeline::{self, Judged, Opened, Running},
    settings::{Further, Resolver},
    usage::{UsageError, shown},
};

/// Where both runs are alike, a set's order, a path or an hour may be what a value comes from: the second run has
/// another hash seed, another folder and another time zone.
const SECOND_ZONE: &str = "NBV-13:30";
/// A folder with more than this is not copied.
const MAX_BYTES: u64 = 256 << 20;
const MAX_FILES: u64 = 20_000;

pub(crate) fn expect(args: &ExpectArgs) -> ExitCode {
    let agents = Agents::new(None);
    agents.until_interrupted(|| {
        let codes = args.notebooks.iter().map(|path| {
            one(path, args, &agents).unwrap_or_else(|error| {
                output::usage_error(&error);
                ExitCode::Error
            })
        });
        codes.max().unwrap_or(ExitCode::Passed)
    })
}

fn one(path: &Path, args: &ExpectArgs, agents: &Agents) -> Result<ExitCode, UsageError> {
    if !path.exists() {
        return Err(UsageError::NoSuchPath {
            path: shown(path),
            nearest: Vec::new(),
        });
    }
    let judge = JudgeArgs::default();
    let settings = Resolver::new(&judge, &args.run, Further::default())?.for_notebook(path)?;
    let item = Item {
        path: path.to_owned(),
        settings,
        known: Known::Nothing,
        preload: Vec::new(),
        is_shown_whole: false,
    };
    let opened = Opened::new(path, None);
    let Some(notebook) = opened
        .as_ref()
        .ok()
        .and_then(|opened| opened.reading.notebook.as_ref())
    else {
        return Ok(refuse(
            path,
            "it cannot be read; `nbvet validate` says why",
            ExitCode::Failed,
        ));
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let copy = Copy::at_most(folder.unwrap_or(Path::new(".")), MAX_BYTES, MAX_FILES);
    let mut seen = Vec::new();
    for (number, folder) in [(0, None), (1, copy.as_ref().ok().map(Copy::path))] {
        match run(&item, notebook, agents, number, folder) {
            Ok(outcome) => seen.push(values(outcome.asked)),
            Err((reason, code)) => return Ok(refuse(path, &reason, code)),
        }
    }
    if let Err(error) = &copy {
        output::warning(&format!(
            "the folder of {} is not copied: {error}; both runs were in it",
            shown(path)
        ));
    }
    let id_of = |cell: u32| {
        notebook
            .cells()
            .get(cell as usize)
            .and_then(|cell| cell.id.clone())
    };
    let proposals = propose(&seen[0], &seen[1], &id_of);
    review(path, notebook, proposals, args.accept)
}

fn refuse(path: &Path, reason: &str, code: ExitCode) -> ExitCode {
    let said = format!("{}: nothing to propose: {reason}", shown(path));
    output::print(&(harmless(&said) + "\n"));
    code
}

/// Runs the notebook once and asks about everything; why nothing can be said, where it did not get to its end.
fn run(
    item: &Item,
    notebook: &Notebook,
    agents: &Agents,
    number: u32,
    folder: Option<&Path>,
) -> Result<RunOutcome, (String, ExitCode)> {
    let running = Running {
        agents,
        destination: None,
        parameters: Parameters::default(),
        isolated_copy: false,
        goldens: Goldens::default(),
        working_directory: folder,
        agent_directory: None,
        isolation: Isolation::Spawn,
        judged: Judged::Faults,
    };
    let mut job = Job {
        questions: Questions::Everything,
        ..pipeline::job(item, notebook, &running, None)
    };
    let mut env = BTreeMap::from([("PYTHONHASHSEED".to_owned(), (101 + number * 7919).to_string())]);
    if number > 0 {
        env.insert("TZ".to_owned(), SECOND_ZONE.to_owned());
    }
    job.spec.env.extend(env);
    let agent = agents
        .get()
        .map_err(|failure| (failure.message, ExitCode::Error))?;
    let outcome = nbvet_host::run(&job, &agent, &mut |_| {});
    match (&outcome.failure, &outcome.end) {
        (Some(failure), _) => Err((failure.message.clone(), ExitCode::Error)),
        (None, Some(RunEnd::Completed | RunEnd::Exited { .. })) => Ok(outcome),
        (None, _) => {
            let run = if number == 0 { "first" } else { "second" };
            let reason = format!("its {run} run did not get to its end; `nbvet run` says why");
            Err((reason, ExitCode::Failed))
        }
    }
}

fn values(asked: Vec<Asked>) -> Vec<Seen> {
    let seen = asked.into_iter().filter_map(|asked| {
        let answer = asked
            .answer
            .filter(|answer| answer.found && !answer.interrupted)?;
        Some(Seen {
            cell: asked.cell,
            name: asked.question.name,
            answer,
        })
    });
    seen.collect()
}

/// Shows what would change beside the notebook, and changes it where that was accepted.
fn review(
    path: &Path,
    notebook: &Notebook,
    proposals: Vec<Proposal>,
    accept: bool,
) -> Result<ExitCode, UsageError> {
    let sidecar = sidecar_of(path);
    let old: Vec<Expectation> = beside(path)?
        .into_iter()
        .map(|written| written.checked.expectation().clone())
        .collect();
    let unsteady: Vec<String> = proposals
        .iter()
        .filter(|proposal| !proposal.unsteady.is_empty())
        .map(|proposal| {
            let differs = proposal.unsteady.join("; ");
            harmless(&format!("? {}: not the same twice: {differs}", proposal.subject)) + "\n"
        })
        .collect();
    let new: Vec<Expectation> = proposals
        .into_iter()
        .filter_map(|proposal| proposal.expectation)
        .filter(|expectation| !tells_a_secret(expectation))
        .collect();
    let line = |expectation: &Expectation| {
        let told = format!("{}: {}", address(expectation, notebook), words(expectation));
        harmless(&told) + "\n"
    };
    let gone = old
        .iter()
        .filter(|one| !new.contains(one))
        .map(|one| format!("- {}", line(one)));
    let more = new
        .iter()
        .filter(|one| !old.contains(one))
        .map(|one| format!("+ {}", line(one)));
    let changes: Vec<String> = gone.chain(more).collect();
    let kept = new.iter().filter(|one| old.contains(one)).count();
    let file = harmless(&shown(&sidecar));
    let head = format!("{file}\n{}{}", changes.concat(), unsteady.concat());
    let tail = format!(
        "{} expectations, {kept} of them there already, {} values not the same twice\n",
        new.len(),
        unsteady.len()
    );
    output::print(&(head + &tail));
    if changes.is_empty() {
        return Ok(ExitCode::Passed);
    }
    if !accept {
        output::print("`--accept` writes them; hand-written ones that are marked with - would go\n");
        return Ok(ExitCode::Passed);
    }
    let name = path
        .file_name()
        .map_or_else(String::new, |name| shown(&PathBuf::from(name)));
    executed::write(&sidecar, to_yaml(&name, &new).as_bytes()).map_err(|source| UsageError::Unwritable {
        path: shown(&sidecar),
        source,
    })?;
    output::print(&format!("written to {file}\n"));
    Ok(ExitCode::Passed)
}

/// A value that looks like a secret is nobody's to write down.
fn tells_a_secret(expectation: &Expectation) -> bool {
    let words = words(expectation);
    matches!(nbvet_engine::secrets::masked(&words), std::borrow::Cow::Owned(masked) if masked != words)
}

fn address(expectation: &Expectation, notebook: &Notebook) -> String {
    let by_id = expectation
        .cell_id
        .as_ref()
        .and_then(|id| notebook.cells().iter().find(|cell| cell.id.as_ref() == Some(id)))
        .map(|cell| cell.index);
    let cell = expectation.cell.or(by_id).map(|cell| format!("cell {cell}"));
    let tag = expectation.tag.as_ref().map(|tag| format!("cells tagged {tag}"));
    let place = cell.or(tag).unwrap_or_else(|| "at the end".to_owned());
    match &expectation.name {
        Some(name) => format!("{place}, `{name}`"),
        None => format!("{place}, the result"),
    }
}
