//! The command line: names, help and parsing. Decides nothing; see `settings` for what wins over what.

mod deps;
mod image;
mod step;

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use nbvet_protocol::{InstallPolicy, Isolation};
use nbvet_report::{ComparisonStrategy, Level, Severity};

pub(crate) use self::deps::{DependencyArgs, DepsArgs};
pub(crate) use self::image::{
    BytecodeArgs, ImageBuildArgs, ImageCommand, ImagePlanArgs, ImagePublishArgs, ImageSourceArgs, IndexArgs,
    KernelWay, RegistryArgs,
};
pub(crate) use self::step::{EndArgs, StepArgs, StepCommand};
use crate::{
    config::comparison::{self, ComparisonConfig, GoldenSource, Share},
    duration, size,
};

/// Says truthfully whether a Jupyter notebook works.
///
/// `nbvet validate` reads a notebook, runs it from a clean start and judges what it saw: exceptions, None and NaN
/// where values were meant, errors that the notebook hides, commands that failed unnoticed.
#[derive(Debug, Parser)]
#[command(name = "nbvet", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Places: `a.ipynb:57 · cell 3, In [2]` is line 57 of the file, in its cell 3, counted from 0 and with \
                  text cells, which Jupyter shows as In [2].\n\
                  Exit codes: 0 passed, 1 a notebook failed, 2 something else is at fault or wrong usage, \
                        3 a fault of nbvet."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read, run and judge notebooks: the main job
    Validate(Box<ValidateArgs>),
    /// Judge notebooks by reading them, without running anything
    Lint(LintArgs),
    /// Run notebooks from a clean start and say whether they get to their end
    Run(Box<RunOnlyArgs>),
    /// Validate notebooks and write one HTML page about them, for those who review or grade
    Report(Box<ReportArgs>),
    /// Propose what to expect of a good notebook's values: what two runs of it agree upon
    Expect(ExpectArgs),
    /// Tell what notebooks need, where that was found, and what is missing, unpinned or contradicts itself
    Deps(Box<DepsArgs>),
    /// Plan, build and publish the image that a notebook runs in
    #[command(subcommand)]
    Image(ImageCommand),
    /// Tell what a rule is about, why it matters and how to mend it
    Explain(ExplainArgs),
    /// List all rules with their severity at each level
    Rules(RulesArgs),
    /// Print the JSON Schema of `--format json`
    Schema,
    /// Write an `nbvet.toml` with every setting explained
    Init(InitArgs),
    /// Speak the language server protocol on stdin and stdout, for editors
    Server,
    /// What runs beside a notebook; started by nbvet itself
    #[command(hide = true)]
    Agent(AgentArgs),
    /// What runs in the pods of the operator; started by it
    #[command(hide = true, subcommand)]
    Step(StepCommand),
}

#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Show how often each rule was found, and how many of its findings in real notebooks readers judged harmful, and no
    /// single finding
    #[arg(long, conflicts_with_all = ["format", "mending"])]
    pub(crate) statistics: bool,
    #[command(flatten)]
    pub(crate) fix: FixArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

/// What becomes of fixes.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Fixes")]
pub(crate) struct FixArgs {
    /// Mend the notebooks' files: what can be mended without changing what was meant
    #[arg(long, group = "mending")]
    pub(crate) fix: bool,
    /// Show what `--fix` would change, and change nothing; exit code 1 where there is something
    #[arg(long, group = "mending", conflicts_with = "format")]
    pub(crate) diff: bool,
    /// With `--fix` or `--diff`: also what may change what a notebook does
    #[arg(long, requires = "mending")]
    pub(crate) unsafe_fixes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    #[command(flatten)]
    pub(crate) compare: CompareArgs,
    #[command(flatten)]
    pub(crate) dependencies: DependencyArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) executed: ExecutedArgs,
}

/// As [`ValidateArgs`], for one page.
#[derive(Debug, Args)]
#[command(override_usage = "nbvet report [OPTIONS] --output <PAGE> <PATH>...\n       \
                            nbvet report --from <REPORT> [--executed <PATH>] --output <PAGE>")]
pub(crate) struct ReportArgs {
    /// Notebooks, and folders to look for notebooks in
    #[arg(required_unless_present = "from", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The page to write; it needs no other file and no network
    #[arg(short, long, required = true, value_name = "PAGE")]
    pub(crate) output: PathBuf,
    /// Run nothing: make the page of a report that `--format json` has written
    #[arg(long, value_name = "REPORT", conflicts_with = "paths")]
    pub(crate) from: Option<PathBuf>,
    /// With `--from`: the executed notebook, or the folder of them, that the run wrote by its `--output`
    #[arg(long, value_name = "PATH", requires = "from")]
    pub(crate) executed: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    #[command(flatten)]
    pub(crate) compare: CompareArgs,
    #[command(flatten)]
    pub(crate) dependencies: DependencyArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// As [`ValidateArgs`], without what decides a verdict: here only whether notebooks get to their end counts.
#[derive(Debug, Args)]
pub(crate) struct RunOnlyArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) executed: ExecutedArgs,
}

/// Which notebooks, and how results are shown.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// Notebooks, and folders to look for notebooks in
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
}

/// How results are shown, and how fast they come.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PrintArgs {
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Show notes too, not only their number
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Notebooks worked on at the same time [default: all cores for lint, 1 for run and validate]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// The whole report (see `nbvet schema`)
    Json,
    /// Annotations of GitHub Actions
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for the test pages of CI servers
    Junit,
    /// For a comment on a pull request
    Markdown,
    /// One page that needs no other file and no network
    Html,
}

/// How strict the verdict is. Unset fields say nothing; `settings` fills them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Verdict")]
pub(crate) struct JudgeArgs {
    /// How strict: learning, development (the default), staging or production
    #[arg(long, value_name = "LEVEL", value_parser = levels(), hide_possible_values = true)]
    pub(crate) level: Option<Level>,
    /// The same as `--level production`
    #[arg(long)]
    pub(crate) strict: bool,
    /// Give one rule another severity, such as `NB201=off`; off, note, warning or error; may be repeated
    #[arg(long = "rule", value_name = "RULE=SEVERITY", value_parser = rule_override)]
    pub(crate) rules: Vec<(String, Severity)>,
    /// Judge by these rules only: ids, names, beginnings of ids such as NB2, groups such as leakage, or ALL
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Judge by these rules too, where the configuration leaves them out
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) extend_select: Vec<String>,
    /// Leave these rules out; what keeps a notebook from running is always told
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// Findings that stand in this file count for nothing; what keeps a notebook from running always counts
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write all findings of now to the baseline
    #[arg(long)]
    pub(crate) write_baseline: bool,
    /// A validation ordered by a file: JSON or YAML of the form of the custom resource's `spec.validationConfig`, with
    /// `expectedOutputs` and `rules`; wins over nbvet.toml, options win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) validation_config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// The switches of a validation, each unset, true or false.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub(crate) struct Flags {
    /// Text on the notebook's stderr is an error
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(crate) fail_on_stderr: Option<bool>,
    /// Python warnings raised while a cell ran are errors (deprecations: warnings)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(crate) fail_on_warnings: Option<bool>,
    /// `--detect-silent-failures=false` turns the rules on silent failures off
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(crate) detect_silent_failures: Option<bool>,
    /// Every command whose exit status nobody looks at is an error, even when it succeeded; those that only show
    /// (`ls`, `echo`) or install are left out
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(crate) require_explicit_exit_codes: Option<bool>,
    /// A notebook without assertions, or with ones that cannot fail, is an error
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(crate) verify_assertions: Option<bool>,
    /// Values that are not of the type that the notebook's own annotations name are errors
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(crate) check_output_types: Option<bool>,
    /// Explain each finding at length [default: on at level learning]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(crate) educational_mode: Option<bool>,
    /// Show the notebook's own line mended, where that is mechanical [default: as --educational-mode]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(crate) provide_examples: Option<bool>,
    /// Show advice, which is notes [default: as --educational-mode]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(crate) suggest_best_practices: Option<bool>,
}

impl Flags {
    /// These over weaker ones. Switches that make things stricter only ever raise: `false` says nothing.
    pub(crate) fn over(self, weaker: Self) -> Self {
        let raised =
            |strong: Option<bool>, weak: Option<bool>| strong.filter(|set| *set).or(weak).filter(|set| *set);
        Self {
            fail_on_stderr: raised(self.fail_on_stderr, weaker.fail_on_stderr),
            fail_on_warnings: raised(self.fail_on_warnings, weaker.fail_on_warnings),
            detect_silent_failures: self.detect_silent_failures.or(weaker.detect_silent_failures),
            require_explicit_exit_codes: raised(
                self.require_explicit_exit_codes,
                weaker.require_explicit_exit_codes,
            ),
            verify_assertions: raised(self.verify_assertions, weaker.verify_assertions),
            check_output_types: raised(self.check_output_types, weaker.check_output_types),
            educational_mode: self.educational_mode.or(weaker.educational_mode),
            provide_examples: self.provide_examples.or(weaker.provide_examples),
            suggest_best_practices: self.suggest_best_practices.or(weaker.suggest_best_practices),
        }
    }
}

/// How outputs are held against those of a golden notebook.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Golden comparison")]
pub(crate) struct CompareArgs {
    /// Compare outputs with those of this notebook, or of the notebook with the same path in this folder; `stored`: with
    /// those in the notebook's own file
    #[arg(long, value_name = "NOTEBOOK|FOLDER|stored")]
    golden: Option<String>,
    /// How strictly: normalized (numbers within a tolerance, without what differs from run to run) or exact
    #[arg(long, value_name = "STRATEGY", value_parser = strategies(), hide_possible_values = true)]
    comparison: Option<ComparisonStrategy>,
    /// Numbers may be apart by this share of the expected one [default: 0.0001]
    #[arg(long, value_name = "SHARE", value_parser = Share::parse)]
    rtol: Option<Share>,
    /// Numbers near zero may be apart by this [default: 1e-12]
    #[arg(long, value_name = "NUMBER", value_parser = Share::parse)]
    atol: Option<Share>,
    /// All dates and times may differ; =false: none [default: those of the run's own day]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    ignore_timestamps: Option<bool>,
    /// Leave these outputs out: `stdout`, `stderr`, `error`, `display_data`, `execute_result`, MIME types such as `image/*`
    #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = output_type)]
    ignore_output: Vec<String>,
    /// Replace before comparing as this file says, in the form of nbval's `--sanitize-with`; may be repeated
    #[arg(long, value_name = "FILE")]
    sanitize: Vec<PathBuf>,
    /// Compare only cells marked `NBVAL_CHECK_OUTPUT`, as `pytest --nbval-lax` does
    #[arg(long)]
    only_marked: bool,
}

impl CompareArgs {
    /// What is said, and nothing else.
    pub(crate) fn config(&self) -> ComparisonConfig {
        let some = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
        ComparisonConfig {
            golden: self.golden.as_deref().map(GoldenSource::named),
            strategy: self.comparison,
            relative: self.rtol,
            absolute: self.atol,
            ignore_timestamps: self.ignore_timestamps,
            only_marked: self.only_marked.then_some(true),
            ignore_output_types: some(&self.ignore_output),
            sanitize: (!self.sanitize.is_empty()).then(|| self.sanitize.clone()),
            ..ComparisonConfig::default()
        }
    }
}

/// How notebooks are run.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunArgs {
    /// Python to run with, a path or a command [default: `$VIRTUAL_ENV`, `$CONDA_PREFIX`, `.venv` near the notebook,
    /// its kernel, python3]
    #[arg(long, value_name = "PYTHON")]
    pub(crate) python: Option<String>,
    /// Limit for a whole notebook, such as 90s, 5m or 1h30m; 0 is none [default: 30m]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
    /// Limit for each cell; 0 is none [default: none]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) cell_timeout: Option<Duration>,
    /// Memory that a notebook's processes may hold together, such as 512MB or 2GiB; 0 is none [default: none]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) memory_limit: Option<u64>,
    /// What becomes of `pip install` lines: check that they are satisfied (the default), run them, or refuse them
    #[arg(long, value_name = "POLICY", value_parser = install_policies(), hide_possible_values = true)]
    pub(crate) installs: Option<InstallPolicy>,
    /// Where each notebook's process comes from: `spawn`, a fresh interpreter, or `fork`, a copy of one that has
    /// imported IPython [default: fork for two and more notebooks]
    #[arg(long, value_name = "WAY", value_parser = isolations(), hide_possible_values = true)]
    pub(crate) isolation: Option<Isolation>,
    #[command(flatten)]
    pub(crate) parameters: ParameterArgs,
    /// Folder that notebooks run in [default: each notebook's own]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cwd: Option<PathBuf>,
    /// Run in a copy of each notebook's folder (or of `--cwd`), which is deleted afterwards: what a notebook writes there
    /// changes nothing. Links within the folder and paths from it are the copy's; absolute paths are not
    #[arg(long, conflicts_with = "agent_socket")]
    pub(crate) isolated_copy: bool,
    /// Talk to an agent that listens on this Unix socket, instead of starting one
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) agent_socket: Option<PathBuf>,
}

/// Values that notebooks are given, as papermill gives them.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ParameterArgs {
    /// Give notebooks a value, in a new cell after the one tagged `parameters`; numbers, True, False and None are such,
    /// anything else is text; may be repeated
    #[arg(short = 'p', long = "parameter", num_args = 2, value_names = ["NAME", "VALUE"], allow_hyphen_values = true)]
    pub(crate) parameters: Vec<String>,
    /// The same, but VALUE is text whatever it looks like
    #[arg(short = 'r', long = "parameter-raw", num_args = 2, value_names = ["NAME", "VALUE"], allow_hyphen_values = true)]
    pub(crate) parameters_raw: Vec<String>,
    /// Give notebooks the names and values of a YAML or JSON file; `-p` and `-r` win over it
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) parameters_file: Vec<PathBuf>,
}

/// What is kept of a run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct ExecutedArgs {
    /// Write the executed notebook: a file for one notebook, else a folder
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExpectArgs {
    /// Notebooks that work. Each is run twice, the second time with another hash seed, time zone and folder
    #[arg(required = true, value_name = "NOTEBOOK")]
    pub(crate) notebooks: Vec<PathBuf>,
    /// Write what is proposed to `NAME.expect.yaml` beside the notebook, in the place of what is there
    #[arg(long)]
    pub(crate) accept: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A rule's id or name: NB201 or bare-except
    #[arg(value_name = "RULE")]
    pub(crate) rule: String,
}

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT")]
    pub(crate) format: ListFormat,
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// A table
    Text,
    /// JSON
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Where to write it
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Overwrite an `nbvet.toml` that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AgentArgs {
    /// Serve the Unix socket that is the standard input
    #[arg(long)]
    pub(crate) stdin_socket: bool,
    /// Wait for one host at this Unix socket and serve it
    #[arg(long, value_name = "PATH")]
    pub(crate) listen: Option<PathBuf>,
}

fn levels() -> impl TypedValueParser<Value = Level> {
    PossibleValuesParser::new(Level::ALL.map(Level::as_str)).try_map(|word| word.parse::<Level>())
}

fn install_policies() -> impl TypedValueParser<Value = InstallPolicy> {
    PossibleValuesParser::new(["check", "run", "refuse"]).map(|word| match word.as_str() {
        "run" => InstallPolicy::Run,
        "refuse" => InstallPolicy::Refuse,
        _ => InstallPolicy::Check,
    })
}

fn strategies() -> impl TypedValueParser<Value = ComparisonStrategy> {
    PossibleValuesParser::new(["normalized", "exact"]).map(|word| match word.as_str() {
        "exact" => ComparisonStrategy::Exact,
        _ => ComparisonStrategy::Normalized,
    })
}

fn output_type(word: &str) -> Result<String, String> {
    comparison::check_output_type(word).map(|()| word.trim().to_owned())
}

fn isolations() -> impl TypedValueParser<Value = Isolation> {
    PossibleValuesParser::new(["fork", "spawn"]).map(|word| match word.as_str() {
        "fork" => Isolation::Fork,
        _ => Isolation::Spawn,
    })
}

/// `NB201=off`. Whether there is such a rule is checked where the rules are known.
fn rule_override(text: &str) -> Result<(String, Severity), String> {
    let (rule, severity) = text
        .split_once('=')
        .ok_or_else(|| "write RULE=SEVERITY, such as NB201=off".to_owned())?;
    let severity = severity.parse::<Severity>().map_err(|error| error.to_string())?;
    Ok((rule.to_owned(), severity))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
