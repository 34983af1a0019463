//! Golden notebooks: which one stands for which notebook, opened before anything runs, and held against a run.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use nbvet_engine::secrets;
use nbvet_golden::{GoldenUnusable, Options, Side, compare};
use nbvet_host::RunOutcome;
use nbvet_notebook::{Notebook, Output};
use nbvet_report::{Comparison, FailureKind, Hint, Readers, RunFailure};

use crate::{
    batch::Item,
    config::comparison::{ComparisonConfig, GoldenSource},
    executed::{self, Destination},
    ordinary, paths,
    usage::{UsageError, shown},
};

/// What is known before the first notebook runs.
#[derive(Debug, Default)]
pub(crate) struct Goldens {
    by_notebook: HashMap<PathBuf, Planned>,
}

#[derive(Debug)]
struct Planned {
    /// Where it may be; the first that exists is taken.
    candidates: Vec<PathBuf>,
    /// What the report calls it, if not by its path.
    name: Option<String>,
    options: Arc<Options>,
    /// Who is told what is wrong with it.
    readers: Readers,
}

impl Goldens {
    /// Finds what each notebook is compared with. `searched`: the paths of the command line.
    pub(crate) fn plan(items: &[Item], searched: &[PathBuf]) -> Result<Self, UsageError> {
        let mut ready: Vec<(&ComparisonConfig, Arc<Options>)> = Vec::new();
        let mut by_notebook = HashMap::new();
        for item in items {
            let config = &item.settings.comparison;
            let Some(golden) = &config.golden else { continue };
            let known = ready.iter().find(|(known, _)| *known == config);
            let options = if let Some((_, options)) = known {
                Arc::clone(options)
            } else {
                let options = Arc::new(options(config)?);
                ready.push((config, Arc::clone(&options)));
                options
            };
            let (candidates, name) = candidates(golden, &item.path, items.len(), searched)?;
            let planned = Planned {
                candidates,
                name,
                options,
                readers: item.settings.engine.readers,
            };
            by_notebook.insert(item.path.clone(), planned);
        }
        Ok(Self { by_notebook })
    }

    /// The golden notebook of a notebook; `None` where nothing is compared. `runs`: it has cells to run.
    pub(crate) fn open(&self, notebook: &Path, runs: bool) -> Result<Option<Golden>, RunFailure> {
        let planned = self.by_notebook.get(notebook);
        planned.map_or(Ok(None), |planned| Golden::open(planned, notebook, runs))
    }
}

fn options(config: &ComparisonConfig) -> Result<Options, UsageError> {
    Ok(Options {
        mask: secrets::masked,
        ..config.options()?
    })
}

fn candidates(
    golden: &GoldenSource,
    notebook: &Path,
    notebooks: usize,
    searched: &[PathBuf],
) -> Result<(Vec<PathBuf>, Option<String>), UsageError> {
    let (path, base) = match golden {
        GoldenSource::Stored => return Ok((vec![notebook.to_owned()], Some("stored".to_owned()))),
        GoldenSource::Fetched { file, name } => return Ok((vec![file.clone()], Some(name.clone()))),
        GoldenSource::Path { path, base } => (path, base),
    };
    if path.is_dir() {
        let mut candidates = Vec::new();
        // Where `--output` writes it, from the folder of the settings or of the call; then from what was searched.
        if let Some(base) = base {
            let full = fs::canonicalize(notebook).unwrap_or_else(|_| notebook.to_owned());
            candidates.extend(full.strip_prefix(base).ok().map(|within| path.join(within)));
        }
        candidates.push(Destination::Folder(path.clone()).file(notebook));
        let within = searched
            .iter()
            .filter_map(|folder| notebook.strip_prefix(folder).ok());
        candidates.extend(
            within
                .filter(|within| *within != Path::new(""))
                .map(|within| path.join(within)),
        );
        candidates.extend(
            notebook
                .file_name()
                .filter(|_| notebooks == 1)
                .map(|name| path.join(name)),
        );
        candidates.dedup();
        return Ok((candidates, None));
    }
    if !path.exists() {
        return Err(UsageError::NoSuchPath {
            path: shown(path),
            nearest: paths::siblings(path),
        });
    }
    if notebooks > 1 {
        return Err(UsageError::GoldenIsFile {
            path: shown(path),
            notebooks,
        });
    }
    Ok((vec![path.clone()], None))
}

/// A golden notebook that can be compared with.
#[derive(Debug)]
pub(crate) struct Golden {
    notebook: Notebook,
    name: String,
    options: Arc<Options>,
}

impl Golden {
    fn open(planned: &Planned, notebook: &Path, runs: bool) -> Result<Option<Self>, RunFailure> {
        let existing = planned.candidates.iter().find(|path| path.exists());
        let path = existing.ok_or_else(|| missing(planned, notebook))?;
        let called = match &planned.name {
            Some(name) if planned.readers == Readers::Cluster => name.clone(),
            _ => shown(path),
        };
        let Some(golden) = usable(path, &called, runs, planned.readers)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            notebook: golden,
            name: planned.name.clone().unwrap_or_else(|| shown(path)),
            options: Arc::clone(&planned.options),
        }))
    }

    /// Holds the outputs of a run against those of this notebook.
    pub(crate) fn compare(
        &self,
        notebook: &Notebook,
        outcome: &RunOutcome,
    ) -> Result<Comparison, RunFailure> {
        let golden = Side::golden(&self.notebook)
            .map_err(|error| unusable(format!("the golden notebook cannot be used: {error}"), None))?;
        // A golden notebook says where output was left out.
        let cut = outcome.cells.iter().filter(|run| run.output_bytes_cut > 0);
        let cut: HashMap<u32, Vec<Output>> = cut
            .map(|run| (run.cell, executed::outputs_of(outcome, run).into_owned()))
            .collect();
        let executed = Side::executed(notebook, &outcome.cells, |cell| {
            cut.get(&cell)
                .map_or_else(|| outcome.outputs.of(cell), Vec::as_slice)
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let options = Options {
            now: now.and_then(|now| i64::try_from(now.as_secs()).ok()),
            ..Options::clone(&self.options)
        };
        Ok(compare(&golden, &executed, &self.name, &options))
    }
}

/// The notebook of this file, which is `called` something, where its outputs can be compared with; `None` where neither it nor
/// the notebook, of which `runs` says whether it has cells to run, puts out anything.
pub(crate) fn usable(
    path: &Path,
    called: &str,
    runs: bool,
    readers: Readers,
) -> Result<Option<Notebook>, RunFailure> {
    let text = ordinary::read_to_string(path).map_err(|error| {
        let message = format!("failed to read the golden notebook {called}: {error}");
        unusable(message, None)
    })?;
    let reading = nbvet_notebook::read(text.as_bytes());
    let golden = reading.notebook.ok_or_else(|| {
        let problem = reading.problems.first();
        let reason = problem.map_or("it cannot be read", |problem| problem.message.as_str());
        let help = problem.and_then(|problem| problem.help.clone());
        unusable(format!("the golden file {called} is no notebook: {reason}"), help)
    })?;
    let found = Side::golden(&golden).map(drop);
    // Neither puts out anything: there is nothing to compare.
    if !runs && matches!(found, Err(GoldenUnusable::NoCells | GoldenUnusable::NeverRun)) {
        return Ok(None);
    }
    found.map_err(|error| {
        let hint = (error == GoldenUnusable::NeverRun).then(|| {
            let words = format!("run it and store its outputs: `nbvet run {called} -o {called}`");
            Hint::from(words).in_cluster("run it in Jupyter and save it with its outputs")
        });
        let message = format!("the golden notebook {called} cannot be used: {error}");
        unusable(message, hint.map(|hint| hint.to(readers).to_owned()))
    })?;
    Ok(Some(golden))
}

fn missing(planned: &Planned, notebook: &Path) -> RunFailure {
    let places: Vec<String> = planned.candidates.iter().map(|path| shown(path)).collect();
    let place = places
        .first()
        .cloned()
        .map_or(Cow::Borrowed("GOLDEN"), Cow::Owned);
    unusable(
        format!(
            "there is no golden notebook for {}: looked for {}",
            shown(notebook),
            places.join(" and ")
        ),
        Some(match planned.readers {
            Readers::Terminal => format!("write one: `nbvet run {} -o {place}`", shown(notebook)),
            Readers::Cluster => "run it in Jupyter and save it there with its outputs".to_owned(),
        }),
    )
}

fn unusable(message: String, hint: Option<String>) -> RunFailure {
    RunFailure {
        kind: FailureKind::GoldenUnusable,
        message,
        hint,
    }
}
