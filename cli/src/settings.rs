//! What applies to one notebook: the configuration file, overridden by the command line.

use std::{collections::BTreeMap, path::Path, time::Duration};

use nbvet_engine::{Flags as EngineFlags, Settings};
use nbvet_protocol::InstallPolicy;
use nbvet_report::{Level, Severity};

use crate::{
    args::{Flags, JudgeArgs, RunArgs},
    catalogue,
    config::{Config, Configs},
    usage::UsageError,
};

/// How long a notebook may run where nobody says anything.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

/// Everything decided for one notebook before it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotebookSettings {
    /// What decides severities.
    pub(crate) engine: Settings,
    /// `false`: explanations are left out; `true`: notes are shown.
    pub(crate) educational: Option<bool>,
    /// Which Python, if it was said.
    pub(crate) python: Option<String>,
    /// `None`: no limit.
    pub(crate) timeout: Option<Duration>,
    /// `None`: no limit.
    pub(crate) cell_timeout: Option<Duration>,
    pub(crate) installs: InstallPolicy,
}

/// Finds the settings of notebooks.
pub(crate) struct Resolver<'a> {
    judge: &'a JudgeArgs,
    run: &'a RunArgs,
    named: BTreeMap<String, Severity>,
    configs: Configs,
}

impl<'a> Resolver<'a> {
    /// Checks what the command line names.
    pub(crate) fn new(judge: &'a JudgeArgs, run: &'a RunArgs) -> Result<Self, UsageError> {
        let mut named = BTreeMap::new();
        for (name, severity) in &judge.rules {
            let rule = catalogue::find(name).map_err(|nearest| UsageError::NoSuchRule {
                name: name.clone(),
                nearest,
            })?;
            named.insert(rule.meta.id.to_owned(), *severity);
        }
        Ok(Self {
            judge,
            run,
            named,
            configs: Configs::default(),
        })
    }

    /// The settings of a notebook.
    pub(crate) fn for_notebook(&mut self, notebook: &Path) -> Result<NotebookSettings, UsageError> {
        let folder = notebook.parent().filter(|folder| !folder.as_os_str().is_empty());
        let config = self.configs.for_folder(folder.unwrap_or(Path::new(".")))?;
        Ok(resolve(config, self.judge, self.run, self.named.clone()))
    }
}

fn resolve(
    config: Config,
    judge: &JudgeArgs,
    run: &RunArgs,
    named: BTreeMap<String, Severity>,
) -> NotebookSettings {
    let installs = run.installs.or(config.installs).unwrap_or_default();
    let flags = overlay(judge.flags, config.flags);
    let limited = |limit: Option<Duration>| limit.filter(|limit| !limit.is_zero());
    NotebookSettings {
        engine: Settings {
            level: level(&config, judge),
            flags: engine_flags(flags, installs),
            configured: config.rules,
            named,
        },
        educational: flags.educational_mode,
        python: run.python.clone().or(config.python),
        timeout: limited(Some(run.timeout.or(config.timeout).unwrap_or(DEFAULT_TIMEOUT))),
        cell_timeout: limited(run.cell_timeout.or(config.cell_timeout)),
        installs,
    }
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

fn overlay(stronger: Flags, weaker: Flags) -> Flags {
    Flags {
        fail_on_stderr: stronger.fail_on_stderr.or(weaker.fail_on_stderr),
        fail_on_warnings: stronger.fail_on_warnings.or(weaker.fail_on_warnings),
        detect_silent_failures: stronger.detect_silent_failures.or(weaker.detect_silent_failures),
        require_explicit_exit_codes: stronger
            .require_explicit_exit_codes
            .or(weaker.require_explicit_exit_codes),
        verify_assertions: stronger.verify_assertions.or(weaker.verify_assertions),
        educational_mode: stronger.educational_mode.or(weaker.educational_mode),
    }
}

fn engine_flags(flags: Flags, installs: InstallPolicy) -> EngineFlags {
    EngineFlags {
        fail_on_stderr: flags.fail_on_stderr.unwrap_or_default(),
        fail_on_warnings: flags.fail_on_warnings.unwrap_or_default(),
        detect_silent_failures: flags.detect_silent_failures.unwrap_or(true),
        require_explicit_exit_codes: flags.require_explicit_exit_codes.unwrap_or_default(),
        verify_assertions: flags.verify_assertions.unwrap_or_default(),
        refuse_installs: installs == InstallPolicy::Refuse,
    }
}
