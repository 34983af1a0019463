//! `nbvet lint`: notebooks judged by reading them.

use nbvet_report::ExitCode;

use crate::{
    args::{LintArgs, RunArgs},
    batch::Batch,
    pipeline,
    usage::UsageError,
};

/// Uses all cores unless told otherwise: reading disturbs nobody.
pub(crate) fn lint(args: &LintArgs) -> Result<ExitCode, UsageError> {
    let batch = Batch::new(&args.input, &args.judge, &RunArgs::default())?;
    let jobs = args.input.jobs.map_or(0, usize::from);
    Ok(batch.run(jobs, |item, _| pipeline::lint(item)))
}
