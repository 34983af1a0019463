//! `nbvet step`: what runs in the operator's pods. Not for people. Each step reads its input, does its work, puts its
//! result into the log and leaves its end where the controller finds it.

use nbvet_report::{ExitCode, step::Step};
use nbvet_source::Allowed;

use crate::{
    args::{EndArgs, StepArgs, StepCommand},
    guard, output,
    step::{self, Ending},
};

/// 0 wherever the end could be written: what it says is for the controller. Where other containers of the pod would go on
/// as if nothing had happened, a step that did not do its work fails all the same.
pub(crate) fn step(command: &StepCommand) -> ExitCode {
    output::silence();
    let (step, end) = of(command);
    let ending = guard::catch(|| done(command)).unwrap_or_else(|message| Ending::internal(step, &message));
    ending.leave(end)
}

fn of(command: &StepCommand) -> (Step, &EndArgs) {
    match command {
        StepCommand::Fetch(args) => (Step::Fetch, &args.end),
        StepCommand::Install(args) => (Step::Install, &args.end),
        StepCommand::Prepare(args) => (Step::Prepare, &args.end),
        StepCommand::Build(args) => (Step::Build, &args.end),
        StepCommand::Validate(args) => (Step::Validate, &args.end),
        StepCommand::Publish(args) => (Step::Publish, &args.end),
    }
}

fn done(command: &StepCommand) -> Ending {
    match command {
        StepCommand::Fetch(args) => step::fetch(&args.input, allowed(args)),
        StepCommand::Install(args) => step::install(&args.into),
        StepCommand::Prepare(args) => step::prepare(&args.input, allowed(args)),
        StepCommand::Build(args) => step::build(&args.input, allowed(args)),
        StepCommand::Validate(args) => step::validate(&args.input),
        StepCommand::Publish(args) => step::publish(&args.input),
    }
}

fn allowed(args: &StepArgs) -> Allowed {
    Allowed {
        insecure: args.allow_insecure_sources,
        files: args.allow_file_sources,
    }
}
