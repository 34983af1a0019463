//! What applies to one notebook: the configuration file, overridden by the command line.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use nbvet_engine::{Flags as EngineFlags, Settings};
use nbvet_expect::{Exactness, Written};
use nbvet_protocol::InstallPolicy;
use nbvet_report::{Level, Readers, Severity};

use crate::{
    args::{Flags, JudgeArgs, RunArgs},
    catalogue,
    config::{Config, Configs, comparison::ComparisonConfig, dependencies::DependencyConfig, foreign::Named},
    expectations,
    order::Order,
    selection::{Refused, Said, Selection, Selector, is_fault},
    usage::UsageError,
};

/// How long a notebook may run where nobody says anything.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

/// Everything decided for one notebook before it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own, under this name"
)]
pub(crate) struct NotebookSettings {
    /// What decides severities.
    pub(crate) engine: Settings,
    /// Diagnostics say why they matter.
    pub(crate) educational: bool,
    /// Diagnostics show the notebook's own line mended, where that is mechanical.
    pub(crate) examples: bool,
    /// Notes are shown.
    pub(crate) advice: bool,
    /// Which Python, if it was said.
    pub(crate) python: Option<String>,
    /// `None`: no limit.
    pub(crate) timeout: Option<Duration>,
    /// `None`: no limit.
    pub(crate) cell_timeout: Option<Duration>,
    /// The command line said so: what the notebook's own metadata say does not count.
    pub(crate) cell_timeout_is_named: bool,
    /// Bytes that a notebook's processes may hold; `None`: no limit.
    pub(crate) memory_limit: Option<u64>,
    pub(crate) installs: InstallPolicy,
    /// Where findings that are known stand.
    pub(crate) baseline: Option<PathBuf>,
    /// Lines that may stand on stderr.
    pub(crate) stderr_allow: Vec<String>,
    /// What is expected of values, as far as no notebook says it itself.
    pub(crate) expectations: Vec<Written>,
    /// Whether a class that inherits from an expected one will do.
    pub(crate) exactness: Exactness,
    /// How outputs are held against a golden notebook's.
    pub(crate) comparison: ComparisonConfig,
    /// Where dependencies stand, and what may stand there.
    pub(crate) dependencies: DependencyConfig,
    /// Rules whose findings a baseline of the repository does not take in, by id.
    pub(crate) firm: BTreeSet<String>,
}

/// What the command line, or a job of a cluster, says about golden notebooks and about dependencies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Further {
    pub(crate) compare: ComparisonConfig,
    pub(crate) dependencies: DependencyConfig,
    /// What a job of a cluster orders: somebody else than whoever wrote the settings. These may raise, and lower nothing at
    /// production and nothing that the job names. What is told is told in words for a cluster.
    pub(crate) job: Option<Order>,
}

/// Finds the settings of notebooks.
pub(crate) struct Resolver<'a> {
    judge: &'a JudgeArgs,
    run: &'a RunArgs,
    /// What the job says, or the file of `--validation-config`.
    order: Order,
    further: Further,
    /// What the command line says about rules.
    selection: Selection,
    configs: Configs,
}

impl<'a> Resolver<'a> {
    /// Checks what the command line names.
    pub(crate) fn new(judge: &'a JudgeArgs, run: &'a RunArgs, further: Further) -> Result<Self, UsageError> {
        let order = match (&further.job, judge.validation_config.as_deref()) {
            (Some(job), _) => job.clone(),
            (None, Some(file)) => Order::read(file)?,
            (None, None) => Order::default(),
        };
        Ok(Self {
            judge,
            run,
            order,
            further,
            selection: selection(judge)?,
            configs: Configs::default(),
        })
    }

    /// The settings of a notebook.
    pub(crate) fn for_notebook(&mut self, notebook: &Path) -> Result<NotebookSettings, UsageError> {
        let config = self.configs.for_notebook(notebook)?;
        let mut settings = self.resolve(config);
        settings.expectations.extend(expectations::beside(notebook)?);
        Ok(settings)
    }

    /// What the files that were read say in vain, where all of these paths have been searched.
    pub(crate) fn unmatched(&self, searched: &[PathBuf]) -> Vec<String> {
        self.configs.unmatched(searched)
    }

    fn resolve(&self, config: Config) -> NotebookSettings {
        let Self {
            judge, run, order, ..
        } = self;
        let asked = run.installs.or(order.installs);
        let ordered = judge.flags.over(order.flags);
        let mut own = engine_flags(ordered, asked.unwrap_or_default());
        self.further.dependencies.switch(&mut own);
        let level = level(&config, order, judge);
        let named = self.further.job.is_some().then(|| Named {
            level,
            flags: own,
            expects: !order.expectations.is_empty(),
            golden: self.further.compare.golden.is_some(),
            rules: &order.rules,
        });
        let config = match &named {
            Some(named) => named.without_what_lowers(config),
            None => config,
        };
        let installs = asked.or(config.installs).unwrap_or_default();
        let flags = ordered.over(config.flags);
        let limited = |limit: Option<Duration>| limit.filter(|limit| !limit.is_zero());
        let mut of_files = config.dependencies.clone();
        if judge.strict || judge.level == Some(Level::Production) {
            // Who asks for production here is not answered by a file with less.
            of_files.allow_unpinned = of_files.allow_unpinned.filter(|allowed| !allowed);
        }
        let dependencies = self.further.dependencies.clone().over(of_files);
        let mut engine = Settings {
            level,
            flags: engine_flags(flags, installs),
            readers: if named.is_some() {
                Readers::Cluster
            } else {
                Readers::Terminal
            },
            ..Settings::default()
        };
        dependencies.switch(&mut engine.flags);
        let firm = self.severities(&mut engine, &config, own, named.as_ref());
        let educational = flags.educational_mode.unwrap_or(engine.level == Level::Learning);
        let mut expectations = config.expectations;
        expectations.extend(order.expectations.iter().cloned());
        NotebookSettings {
            educational,
            examples: flags.provide_examples.unwrap_or(educational),
            advice: flags.suggest_best_practices.unwrap_or(educational),
            engine,
            python: run.python.clone().or(config.python),
            timeout: limited(Some(run.timeout.or(config.timeout).unwrap_or(DEFAULT_TIMEOUT))),
            cell_timeout: limited(run.cell_timeout.or(config.cell_timeout)),
            cell_timeout_is_named: run.cell_timeout.is_some(),
            memory_limit: run
                .memory_limit
                .or(config.memory_limit)
                .filter(|limit| *limit > 0),
            installs,
            baseline: judge.baseline.clone().or(config.baseline),
            expectations,
            stderr_allow: config.stderr_allow,
            exactness: if flags.check_output_types == Some(true) {
                Exactness::Exact
            } else {
                Exactness::Subclasses
            },
            comparison: self
                .further
                .compare
                .clone()
                .over(order.comparison.clone())
                .over(config.comparison),
            dependencies,
            firm,
        }
    }

    /// Sets the severities of rules that files, orders and the command line speak of. Gives those that a baseline of the
    /// repository does not take in.
    fn severities(
        &self,
        engine: &mut Settings,
        config: &Config,
        own: EngineFlags,
        named: Option<&Named<'_>>,
    ) -> BTreeSet<String> {
        let mut firm = BTreeSet::new();
        for rule in catalogue::all() {
            let id = rule.id;
            let mut configured = configured(&config.selections, id);
            if let Some(named) = named {
                configured = named.severity(rule, configured);
                firm.extend(named.asks_for(rule).then(|| id.to_owned()));
            }
            let by_order = self.order.rules.get(id).copied();
            match self.selection.says(id) {
                Said::On(Some(severity)) => drop(engine.named.insert(id.to_owned(), severity)),
                Said::On(None) => {
                    configured = configured.filter(|severity| *severity != Severity::Off);
                    let by_order = by_order.filter(|severity| *severity != Severity::Off);
                    engine
                        .named
                        .extend(by_order.map(|severity| (id.to_owned(), severity)));
                }
                // A switch of the command line asks for its rules itself.
                Said::NotSelected if own.raise(rule) => {}
                Said::Off | Said::NotSelected => drop(engine.named.insert(id.to_owned(), Severity::Off)),
                Said::Nothing => {
                    engine
                        .named
                        .extend(by_order.map(|severity| (id.to_owned(), severity)));
                }
            }
            engine
                .configured
                .extend(configured.map(|severity| (id.to_owned(), severity)));
        }
        firm
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
        rules.insert(rule.id.to_owned(), *severity);
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

/// `--strict` wins over every level; a level of the command line wins over files, their strict modes included.
fn level(config: &Config, order: &Order, judge: &JudgeArgs) -> Level {
    let configured = if config.strict {
        Some(Level::Production)
    } else {
        config.level
    };
    if judge.strict {
        Level::Production
    } else {
        judge.level.or(order.level).or(configured).unwrap_or_default()
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
        ..EngineFlags::default()
    }
}
