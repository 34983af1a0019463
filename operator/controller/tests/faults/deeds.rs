//! What is done to a story while it goes on: by users, by others, and to the one who leads.

use std::time::Duration;

use k8s_openapi::api::{batch::v1::Job, coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use nbvet_operator::Error;
use nbvet_operator_api::{NotebookValidationJob, job::RERUN_ANNOTATION};
use nbvet_operator_testkit::Seen;
use serde_json::{Value, json};

use crate::{
    controller::Controller,
    stage::{LIMIT, Stage},
    story::{Story, create},
    trouble::{Deed, Leading, Trouble},
};

/// The name of the first of two controllers.
pub(crate) const FIRST: &str = "first";

/// How long a leader is waited for that cannot renew its lease; whether it ended in time the lease itself says.
const LEADS_NO_LONGER: Duration = Duration::from_mins(1);

impl Story<'_> {
    /// Does what is to be done, when its time has come.
    pub(crate) async fn deeds(&mut self) {
        if self.done {
            return;
        }
        match self.wire.trouble.clone() {
            Trouble::Deed(deed) if self.is_time_for(deed) => self.done = self.act(deed).await,
            Trouble::Leader(leading) if self.is_building() => {
                self.change_leader(leading).await;
                self.done = true;
            }
            Trouble::Upgrade if self.is_building() => {
                self.controllers.drain(..).for_each(Controller::kill);
                self.setup.image = "registry.test/nbvet@sha256:".to_owned() + &"e".repeat(64);
                self.start();
                self.done = true;
            }
            _ => return,
        }
        self.wire.state().met = usize::from(self.done);
    }

    /// The leader is made to lead no longer, and has to end in time; the other goes on.
    async fn change_leader(&mut self, leading: Leading) {
        let leases: Api<Lease> = self.stage.api("default");
        let lease = leases.get(self.namespace).await.unwrap();
        let holder = lease
            .spec
            .and_then(|spec| spec.holder_identity)
            .unwrap_or_default();
        let is_first = holder.starts_with(FIRST);
        let mut leader = self.controllers.remove(usize::from(!is_first));
        let others = if is_first { "second" } else { FIRST };
        let way = if is_first {
            Some(&self.proxy)
        } else {
            self.other.as_ref()
        };
        match leading {
            Leading::Ended => {
                if let Err(error) = leader.end().await {
                    self.wrongs
                        .push(format!("told to end, the leader fails: {error}"));
                }
                return;
            }
            Leading::Killed => return leader.kill(),
            Leading::Meets(fault) => {
                let is_lease = |seen: &Seen| seen.path.contains("/leases");
                if let Some(way) = way {
                    way.script(move |seen| is_lease(seen).then(|| fault.clone()));
                }
            }
            Leading::Taken => {
                let somebody = Patch::Merge(json!({"spec": {"holderIdentity": "somebody"}}));
                leases
                    .patch(self.namespace, &PatchParams::default(), &somebody)
                    .await
                    .unwrap();
            }
        }
        match tokio::time::timeout(LEADS_NO_LONGER, leader.wait()).await {
            Ok(Err(Error::LeaseLost)) => {}
            Ok(other) => self
                .wrongs
                .push(format!("without its lease the leader ends so: {other:?}")),
            Err(_) => self
                .wrongs
                .push("the leader goes on without its lease".to_owned()),
        }
        let lease = leases.get(self.namespace).await.unwrap();
        let holder = lease
            .spec
            .and_then(|spec| spec.holder_identity)
            .unwrap_or_default();
        if holder.starts_with(others) {
            self.wrongs
                .push("the leader ended after another had begun to lead".to_owned());
        }
    }

    fn is_time_for(&self, deed: Deed) -> bool {
        match deed {
            Deed::EditsLimit | Deed::DeletesBuild => self.is_building(),
            Deed::LosesStatus => self.runs("one-validate-"),
            Deed::Recreates => self.runs("one-prepare-"),
            Deed::DeletesPod(step) | Deed::DeletesJob(step) => self.runs(&format!("one-{step}-")),
            Deed::Reruns => self.all_have_ended(),
        }
    }

    /// False: what it was to be done to was gone already.
    async fn act(&self, deed: Deed) -> bool {
        let jobs: Api<NotebookValidationJob> = self.stage.api(self.namespace);
        let how = PatchParams::default();
        let patch = |value: Value| Patch::Merge(value);
        match deed {
            Deed::EditsLimit => {
                let limit = patch(json!({"spec": {"buildTimeout": "59m"}}));
                jobs.patch("one", &how, &limit).await.is_ok()
            }
            Deed::LosesStatus => {
                let none = patch(json!({"status": null}));
                jobs.patch_status("one", &how, &none).await.is_ok()
            }
            Deed::Reruns => {
                let again = patch(json!({"metadata": {"annotations": {(RERUN_ANNOTATION): "again"}}}));
                jobs.patch("one", &how, &again).await.is_ok()
            }
            Deed::Recreates => {
                jobs.delete("one", &DeleteParams::background()).await.unwrap();
                let is_gone = |stage: &Stage| stage.job(self.namespace, "one").is_none();
                assert!(self.stage.until(LIMIT, is_gone).await);
                create(self.stage, self.namespace, "one", true).await;
                true
            }
            Deed::DeletesPod(step) => {
                let pods: Api<Pod> = self.stage.api(self.namespace);
                let found = self.stage.pods(self.namespace, &format!("one-{step}-"));
                let now = DeleteParams::default().grace_period(0);
                pods.delete(&found[0].name_any(), &now).await.is_ok()
            }
            Deed::DeletesJob(_) | Deed::DeletesBuild => {
                let begins = match deed {
                    Deed::DeletesJob(step) => format!("one-{step}-"),
                    _ => "nbvet-build-".to_owned(),
                };
                let all: Api<Job> = self.stage.api(self.namespace);
                let found = self.stage.children(self.namespace);
                let found = found.iter().find(|job| job.name_any().starts_with(&begins));
                let name = found.map(|job| job.name_any()).unwrap_or_default();
                let pods = self.stage.pods(self.namespace, &name);
                let uids: Vec<_> = pods.iter().map(|pod| pod.uid()).collect();
                let deleted = all.delete(&name, &DeleteParams::background()).await.is_ok();
                // Its pod must not be taken for that of the build after it, which has its name.
                let is_gone = |stage: &Stage| {
                    let pods = stage.pods(self.namespace, &name);
                    !pods.iter().any(|pod| uids.contains(&pod.uid()))
                };
                deleted && (deed != Deed::DeletesBuild || self.stage.until(LIMIT, is_gone).await)
            }
        }
    }
}
