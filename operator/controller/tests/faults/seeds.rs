//! Five faults of a controller, put into it on purpose: the table has to turn red for each.

use std::time::Duration;

use kube::ResourceExt as _;
use nbvet_operator_api::job::RERUN_ANNOTATION;
use nbvet_operator_decide::{Observed, Plan, decide, names, observed::Joined, plan::Work};
use nbvet_report::step::StepBody;

use crate::{
    controller::Setup,
    trouble::{Deed, FOREIGN, Trouble},
    witness::image,
};

/// The name of a controller whose statuses are written over whatever is there.
pub(crate) const BLIND: &str = "blind";

/// A seeded fault: what it is called, what the controller does, and the story that has to find it.
pub(crate) struct Seed {
    pub(crate) name: &'static str,
    pub(crate) setup: fn(&str) -> Setup,
    pub(crate) trouble: Trouble,
}

/// All five.
pub(crate) fn all() -> Vec<Seed> {
    vec![
        Seed {
            name: "no gate before the validation",
            setup: |namespace| with(namespace, without_gate),
            trouble: Trouble::Nothing,
        },
        Seed {
            name: "the generation in the names of builds",
            setup: |namespace| with(namespace, with_generation),
            trouble: Trouble::Deed(Deed::EditsLimit),
        },
        Seed {
            name: "a status written from a cache that is behind",
            setup: |namespace| Setup {
                name: BLIND.to_owned(),
                ..Setup::in_namespace(namespace)
            },
            trouble: Trouble::TwoOneBehind,
        },
        Seed {
            name: "a foreign build that is taken",
            setup: |namespace| with(namespace, with_foreign_builds),
            trouble: Trouble::ForeignBuild,
        },
        Seed {
            name: "a run that begins anew when its status is lost",
            setup: |namespace| with(namespace, with_lost_status),
            trouble: Trouble::Deed(Deed::LosesStatus),
        },
    ]
}

fn with(namespace: &str, decide: fn(&Observed) -> Plan) -> Setup {
    Setup {
        decide,
        // That a story goes on for ever is a way to be found.
        limit: Duration::from_mins(4),
        ..Setup::in_namespace(namespace)
    }
}

/// It takes any image for that of the build.
fn without_gate(observed: &Observed) -> Plan {
    let mut observed = observed.clone();
    let namespace = observed.job.namespace().unwrap_or_default();
    for record in &mut observed.records {
        if let Some(body) = &mut record.body
            && let StepBody::Prepared(prepared) = &mut **body
        {
            prepared.image = Some(image(&namespace, 'f'));
        }
    }
    decide(&observed)
}

/// An edit of the job gives its build another name.
fn with_generation(observed: &Observed) -> Plan {
    let mut observed = observed.clone();
    let suffix = format!("-g{}", observed.job.metadata.generation.unwrap_or_default());
    observed
        .builds
        .retain_mut(|build| match build.name.strip_suffix(&suffix) {
            Some(name) => {
                build.name = name.to_owned();
                true
            }
            None => false,
        });
    let mut plan = decide(&observed);
    let builds = plan.create.iter_mut();
    for intent in builds.filter(|intent| matches!(intent.work, Work::Build(_))) {
        intent.name.push_str(&suffix);
    }
    for join in &mut plan.join {
        join.build.push_str(&suffix);
    }
    for leave in &mut plan.leave {
        leave.build.push_str(&suffix);
    }
    plan
}

/// It believes the labels of a build, whatever its name.
fn with_foreign_builds(observed: &Observed) -> Plan {
    let mut observed = observed.clone();
    let meta = &observed.job.metadata;
    let job = meta.uid.clone().unwrap_or_default();
    let namespace = meta.namespace.clone().unwrap_or_default();
    let status = observed.job.status.as_ref();
    let run = status
        .and_then(|status| status.run.as_ref())
        .map(|run| run.id.clone());
    for build in observed.builds.iter_mut().filter(|build| build.name == FOREIGN) {
        build.name = names::build(&namespace, &build.destination, &build.identity, build.attempt);
        build.joined.push(Joined {
            job: job.clone(),
            run: run.clone().unwrap_or_default(),
            at: build.created,
            limit: None,
        });
    }
    decide(&observed)
}

/// It takes a job without a status for a new one.
fn with_lost_status(observed: &Observed) -> Plan {
    let mut observed = observed.clone();
    let status = observed.job.status.as_ref();
    let is_lost = status.is_none_or(|status| status.run.is_none());
    let newest = observed.children.iter().map(|child| child.run.number).max();
    if let Some(newest) = newest.filter(|_| is_lost) {
        let annotations = observed.job.metadata.annotations.get_or_insert_default();
        annotations.insert(RERUN_ANNOTATION.to_owned(), newest.to_string());
    }
    decide(&observed)
}
