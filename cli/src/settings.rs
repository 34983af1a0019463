//! What applies to one notebook: the configuration file, overridden by the command line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use nbvet_engine::{Flags as EngineFlags, Settings};
use nbvet_protocol::InstallPolicy;
use nbvet_report::{Level, Severity};

use crate::{
    args::{Flags, JudgeArgs, RunArgs},
    catalogue,
    config::{Config, Configs},
    selection::{Refused, Said, Selection, Selector, is_fault},
    usage::UsageError,
};

/// How long a notebook may run where nobody says anything.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

/// Everything decided for one notebook before it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotebookSettings {
    /// What decides severities.
    pub(crate) engine: Settings,
    /// Diagnostics say why they matter.
    pub(crate) educational: bool,
    /// Which Python, if it was said.
    pub(crate) python: Option<String>,
    /// `None`: no limit.
    pub(crate) timeout: Option<Duration>,
    /// `None`: no limit.
    pub(crate) cell_timeout: Option<Duration>,
    pub(crate) installs: InstallPolicy,
    /// Where findings that are known stand.
    pub(crate) baseline: Option<PathBuf>,
}

/// Finds the settings of notebooks.
pub(crate) struct Resolver<'a> {
    judge: &'a JudgeArgs,
    run: &'a RunArgs,
    /// What the command line says about rules.
    selection: Selection,
    configs: Configs,
}

impl<'a> Resolver<'a> {
    /// Checks what the command line names.
    pub(crate) fn new(judge: &'a JudgeArgs, run: &'a RunArgs) -> Result<Self, UsageError> {
        Ok(Self {
            judge,
            run,
            selection: selection(judge)?,
            configs: Configs::default(),
        })
    }

    /// The settings of a notebook.
    pub(crate) fn for_notebook(&mut self, notebook: &Path) -> Result<NotebookSettings, UsageError> {
        let config = self.configs.for_notebook(notebook)?;
        Ok(self.resolve(config))
    }

    /// What the files that were read say in vain, where all of these paths have been searched.
    pub(crate) fn unmatched(&self, searched: &[PathBuf]) -> Vec<String> {
        self.configs.unmatched(searched)
    }

    fn resolve(&self, config: Config) -> NotebookSettings {
        let Self { judge, run, .. } = self;
        let installs = run.installs.or(config.installs).unwrap_or_default();
        let flags = judge.flags.over(config.flags);
        let limited = |limit: Option<Duration>| limit.filter(|limit| !limit.is_zero());
        let mut engine = Settings {
            level: level(&config, judge),
            flags: engine_flags(flags, installs),
            ..Settings::default()
        };
        let own = engine_flags(judge.flags, run.installs.unwrap_or_default());
        for rule in nbvet_rules::ALL {
            let id = rule.meta.id;
            let mut configured = configured(&config.selections, id);
            match self.selection.says(id) {
                Said::On(Some(severity)) => drop(engine.named.insert(id.to_owned(), severity)),
                Said::On(None) => configured = configured.filter(|severity| *severity != Severity::Off),
                // A switch of the command line asks for its rules itself.
                Said::NotSelected if own.raise(rule) => {}
                Said::Off | Said::NotSelected => drop(engine.named.insert(id.to_owned(), Severity::Off)),
                Said::Nothing => {}
            }
            engine
                .configured
                .extend(configured.map(|severity| (id.to_owned(), severity)));
        }
        NotebookSettings {
            educational: flags.educational_mode.unwrap_or(engine.level == Level::Learning),
            engine,
            python: run.python.clone().or(config.python),
            timeout: limited(Some(run.timeout.or(config.timeout).unwrap_or(DEFAULT_TIMEOUT))),
            cell_timeout: limited(run.cell_timeout.or(config.cell_timeout)),
            installs,
            baseline: judge.baseline.clone().or(config.baseline),
        }
    }
}

/// What files say about a rule, the last one last.
fn configured(selections: &[Selection], id: &str) -> Option<Severity> {
    let (mut on, mut named) = (true, None);
    for selection in selections {
        match selection.says(id) {
            Said::On(severity) => {
                on = true;
                named = severity.or(named);
            }
            Said::Off | Said::NotSelected => on = false,
            Said::Nothing => {}
        }
    }
    if on { named } else { Some(Severity::Off) }
}

/// What the command line says about rules.
fn selection(judge: &JudgeArgs) -> Result<Selection, UsageError> {
    let all =
        |words: &[String], new: fn(&str) -> Result<Selector, Refused>| -> Result<Vec<Selector>, UsageError> {
            words
                .iter()
                .map(|word| new(word).map_err(|refused| unselectable(refused, word)))
                .collect()
        };
    let mut rules = BTreeMap::new();
    for (name, severity) in &judge.rules {
        let rule = catalogue::find(name).map_err(|nearest| UsageError::NoSuchRule {
            name: name.clone(),
            nearest,
        })?;
        if is_fault(rule) {
            return Err(unselectable(Refused::NeverOff, name));
        }
        rules.insert(rule.meta.id.to_owned(), *severity);
    }
    let select = all(&judge.select, Selector::new)?;
    Ok(Selection {
        select: (!select.is_empty()).then_some(select),
        extend_select: all(&judge.extend_select, Selector::new)?,
        ignore: all(&judge.ignore, Selector::to_ignore)?,
        rules,
    })
}

fn unselectable(refused: Refused, word: &str) -> UsageError {
    let (message, nearest) = refused.told(word);
    UsageError::Unselectable { message, nearest }
}

/// `--strict` wins over every level; a level of the command line wins over the file, its `strict` included.
fn level(config: &Config, judge: &JudgeArgs) -> Level {
    let configured = if config.strict {
        Some(Level::Production)
    } else {
        config.level
    };
    if judge.strict {
        Level::Production
    } else {
        judge.level.or(configured).unwrap_or_default()
    }
}

fn engine_flags(flags: Flags, installs: InstallPolicy) -> EngineFlags {
    EngineFlags {
        fail_on_stderr: flags.fail_on_stderr.unwrap_or_default(),
        fail_on_warnings: flags.fail_on_warnings.unwrap_or_default(),
        detect_silent_failures: flags.detect_silent_failures.unwrap_or(true),
        require_explicit_exit_codes: flags.require_explicit_exit_codes.unwrap_or_default(),
        verify_assertions: flags.verify_assertions.unwrap_or_default(),
        check_output_types: flags.check_output_types.unwrap_or_default(),
        refuse_installs: installs == InstallPolicy::Refuse,
    }
}
