//! `nbvet lint`: notebooks judged by reading them, and mended.

use nbvet_report::{Applicability, ExitCode};

use crate::{
    args::{LintArgs, RunArgs},
    batch::{Batch, Printed},
    fixing, pipeline,
    settings::Further,
    usage::UsageError,
};

/// Uses all cores unless told otherwise: reading disturbs nobody.
pub(crate) fn lint(args: &LintArgs) -> Result<ExitCode, UsageError> {
    let mut batch = Batch::new(
        &args.input.paths,
        args.input.print,
        Some(&args.judge),
        &RunArgs::default(),
        Further::default(),
    )?;
    let jobs = args.input.print.jobs.map_or(0, usize::from);
    let least = if args.fix.unsafe_fixes {
        Applicability::Unsafe
    } else {
        Applicability::Safe
    };
    if args.statistics {
        batch.printed = Printed::Statistics;
    }
    if args.fix.diff {
        batch.printed = Printed::Diffs;
        return Ok(batch.run(jobs, |item, _| fixing::diff(item, least)));
    }
    if args.fix.fix {
        let files = fixing::Files::of(&batch.items);
        return Ok(batch.run(jobs, |item, _| files.fix(item, least)));
    }
    Ok(batch.run(jobs, |item, _| pipeline::lint(item)))
}
