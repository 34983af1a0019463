//! When a run was suspended, by its users or by a queue that held its pod back: kept in its status, so that clocks can leave
//! it out.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use nbvet_operator_api::status::Pause as WrittenPause;

use crate::{
    clocks::{Pause, later},
    observed::{Build, BuildState, ChildState, Holder, Observed, RunMark},
};

/// Most pauses that are kept; older ones are put together.
const MOST: usize = 16;

/// The pauses of a run: those that are written down, and the one that begins or ends now.
pub(crate) fn of(observed: &Observed, run: &RunMark) -> Vec<Pause> {
    let status = observed.job.status.as_ref();
    let written = status
        .and_then(|status| status.run.as_ref())
        .filter(|of| of.id == run.id);
    let mut pauses: Vec<Pause> = written
        .into_iter()
        .flat_map(|run| &run.pauses)
        .map(|pause| Pause {
            from: pause.from.0,
            until: pause.until.as_ref().map(|time| time.0),
        })
        .collect();
    let is_open = pauses.last().is_some_and(|pause| pause.until.is_none());
    match (
        observed.is_suspended() || is_held_by_queue(observed, run),
        is_open,
    ) {
        (true, false) => pauses.push(Pause {
            from: observed.now,
            until: None,
        }),
        (false, true) => {
            if let Some(last) = pauses.last_mut() {
                last.until = Some(observed.now.max(last.from));
            }
        }
        _ => {}
    }
    while pauses.len() > MOST {
        let first = pauses.remove(0);
        if let (Some(until), Some(second)) = (first.until, pauses.first_mut()) {
            // As long as both, before the second's end: no clock can tell the difference but one that began between them.
            let length = until.duration_since(first.from);
            second.from = later(second.from, -length);
        }
    }
    pauses
}

/// Whether what the run waits for is held back by a queue.
fn is_held_by_queue(observed: &Observed, run: &RunMark) -> bool {
    let children = observed.children.iter().filter(|child| child.run == *run);
    let of_children = children.filter_map(|child| match &child.state {
        ChildState::Starting { held } => held.as_ref(),
        _ => None,
    });
    let builds = observed.builds.iter();
    let uid = observed.job.metadata.uid.as_deref().unwrap_or_default();
    let has_joined = |build: &&Build| {
        build
            .joined
            .iter()
            .any(|joined| joined.job == uid && joined.run == run.id)
    };
    let joined = builds.filter(has_joined);
    let of_builds = joined.filter_map(|build| match &build.state {
        BuildState::Starting { held } => held.as_ref(),
        _ => None,
    });
    of_children.chain(of_builds).any(|held| held.by == Holder::Queue)
}

/// As the status has them.
pub(crate) fn written(pauses: &[Pause]) -> Vec<WrittenPause> {
    let one = |pause: &Pause| WrittenPause {
        from: Time(pause.from),
        until: pause.until.map(Time),
    };
    pauses.iter().map(one).collect()
}
