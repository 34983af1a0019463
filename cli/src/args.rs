//! The command line: names, help and parsing. Decides nothing; see `settings` for what wins over what.

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use nbvet_protocol::{InstallPolicy, Isolation};
use nbvet_report::{Level, Severity};

use crate::duration;

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
    Validate(ValidateArgs),
    /// Judge notebooks by reading them, without running anything
    Lint(LintArgs),
    /// Run notebooks from a clean start and say whether they get to their end
    Run(RunOnlyArgs),
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
    pub(crate) run: RunArgs,
}

/// As [`ValidateArgs`], without what decides a verdict: here only whether notebooks get to their end counts.
#[derive(Debug, Args)]
pub(crate) struct RunOnlyArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Which notebooks, and how results are shown.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// Notebooks, and folders to look for notebooks in
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
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
    /// Every command whose exit status nobody looks at is an error, even when it succeeded
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
}

impl Flags {
    /// These, and where they say nothing, weaker ones.
    pub(crate) fn over(self, weaker: Self) -> Self {
        Self {
            fail_on_stderr: self.fail_on_stderr.or(weaker.fail_on_stderr),
            fail_on_warnings: self.fail_on_warnings.or(weaker.fail_on_warnings),
            detect_silent_failures: self.detect_silent_failures.or(weaker.detect_silent_failures),
            require_explicit_exit_codes: self
                .require_explicit_exit_codes
                .or(weaker.require_explicit_exit_codes),
            verify_assertions: self.verify_assertions.or(weaker.verify_assertions),
            check_output_types: self.check_output_types.or(weaker.check_output_types),
            educational_mode: self.educational_mode.or(weaker.educational_mode),
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
    /// What becomes of `pip install` lines: check that they are satisfied (the default), run them, or refuse them
    #[arg(long, value_name = "POLICY", value_parser = install_policies(), hide_possible_values = true)]
    pub(crate) installs: Option<InstallPolicy>,
    /// Where each notebook's process comes from: `spawn`, a fresh interpreter, or `fork`, a copy of one that has
    /// imported IPython [default: fork for two and more notebooks]
    #[arg(long, value_name = "WAY", value_parser = isolations(), hide_possible_values = true)]
    pub(crate) isolation: Option<Isolation>,
    /// Write the executed notebook: a file for one notebook, else a folder
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Folder that notebooks run in [default: each notebook's own]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cwd: Option<PathBuf>,
    /// Talk to an agent that listens on this Unix socket, instead of starting one
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) agent_socket: Option<PathBuf>,
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
    /// An array of objects
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
