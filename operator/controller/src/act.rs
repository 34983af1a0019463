//! Does what a plan says, in its order. Everything can be done twice: a controller may die between any two writes.

use k8s_openapi::{
    api::{batch::v1::Job, core::v1::ConfigMap},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
    core::GroupVersionKind,
};
use nbvet_operator_api::{NotebookValidationJob, Reason};
use nbvet_operator_decide::{
    Observed, Plan, Setting, names,
    observed::Refused,
    plan::{Announcement, Deletion, Intent, Join, Leave, Work},
    read, render,
    strategy::StrategyName,
};
use serde_json::{Value, json};

use crate::{Error, error::is_code, memory::Remembered, scope::Scope};

/// Leaves a function of [`Go`] where the writes do not go on.
macro_rules! stop {
    ($acted:expr) => {
        if let again @ Acted::LookAgain(_) = $acted {
            return Ok(again);
        }
    };
}

/// How acting went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acted {
    /// All of it was done.
    All,
    /// Something is not as it was seen; what was left is decided anew.
    LookAgain(&'static str),
}

/// What became of an object that was to be created.
enum Created {
    /// It is there, as the owner of others.
    There(OwnerReference),
    /// One that is not ours has its name.
    Taken,
    /// The API server does not take it, whoever asks.
    Refused(Refused),
}

/// Whether the writes go on.
type Go = Result<Acted, Error>;

/// One pass over one job.
pub(crate) struct Actor<'a> {
    scope: &'a Scope,
    observed: &'a Observed,
    namespace: String,
    uid: String,
    remembered: &'a mut Remembered,
}

/// That an object is not taken whoever asks for it: what stands in it, or a quota, a policy or a webhook is against it.
/// `None`: the controller may not ask, or the API server is at fault.
fn refusal(name: &str, code: u16, message: &str) -> Option<Refused> {
    let refused = |reason, passes, message| Refused {
        name: name.to_owned(),
        reason,
        passes,
        message,
    };
    let is_admission = message.contains("denied the request")
        || message.contains("failed calling webhook")
        || (code == 403
            && !message.contains("cannot create resource")
            && !message.contains("being terminated")
            && !message.contains("definition is terminating"));
    if is_admission {
        let admission = read::admission(message);
        return Some(refused(
            Reason::AdmissionRefused,
            admission.passes,
            admission.message,
        ));
    }
    matches!(code, 413 | 422).then(|| {
        let message = format!("the API server refuses what the job asks for: {message}");
        refused(Reason::InvalidField, false, message)
    })
}

impl<'a> Actor<'a> {
    pub(crate) fn new(scope: &'a Scope, observed: &'a Observed, remembered: &'a mut Remembered) -> Self {
        Self {
            namespace: observed.job.namespace().unwrap_or_default(),
            uid: observed.job.uid().unwrap_or_default(),
            scope,
            observed,
            remembered,
        }
    }

    /// Does all that a plan says but its reading.
    pub(crate) async fn act(&mut self, plan: &Plan) -> Go {
        if plan.live && !self.is_as_seen().await? {
            return Ok(Acted::LookAgain("the job has changed since it was seen"));
        }
        for intent in &plan.create {
            stop!(self.create(intent).await?);
        }
        for join in &plan.join {
            stop!(self.join(join).await?);
        }
        for leave in &plan.leave {
            stop!(self.leave(leave).await?);
        }
        for deletion in &plan.delete {
            stop!(self.delete(deletion).await?);
        }
        if let Some(status) = &plan.status {
            let mut job =
                NotebookValidationJob::new(&self.observed.job.name_any(), self.observed.job.spec.clone());
            job.metadata = ObjectMeta {
                managed_fields: None,
                ..self.observed.job.metadata.clone()
            };
            job.status = Some((**status).clone());
            stop!(self.write_status(&job).await?);
        }
        for event in &plan.events {
            self.tell(event).await;
        }
        Ok(Acted::All)
    }

    /// Whether the job, read from the API server, is the one that was looked at.
    async fn is_as_seen(&self) -> Result<bool, Error> {
        let name = self.observed.job.name_any();
        let found = self.jobs().get_metadata_opt(&name).await;
        let found = found.map_err(Error::api(format!("read job {name}")))?;
        Ok(found.is_some_and(|found| {
            found.metadata.resource_version == self.observed.job.metadata.resource_version
        }))
    }

    fn jobs(&self) -> Api<NotebookValidationJob> {
        Api::namespaced(self.scope.client.clone(), &self.namespace)
    }

    async fn create(&mut self, intent: &Intent) -> Go {
        let setting = Setting {
            job: &self.observed.job,
            config: &self.observed.config,
            cluster: self.observed.cluster,
        };
        if let Work::Stream(_) = intent.work {
            return self.list(intent, &setting).await;
        }
        let is_build = matches!(intent.work, Work::Build(_));
        let mut first: Option<OwnerReference> = None;
        for value in render(intent, &setting) {
            let mut object: DynamicObject = serde_json::from_value(value)
                .map_err(|error| Error::Unusable(format!("{}: {error}", intent.name)))?;
            if let (true, Some(owner)) = (is_build, &first) {
                object.metadata.owner_references = Some(vec![owner.clone()]);
            }
            match self.create_once(&object, first.as_ref()).await? {
                Created::There(there) => first = first.or(Some(there)),
                Created::Taken => {
                    self.remembered.taken.insert(intent.name.clone());
                    return Ok(Acted::LookAgain("an object of another owner has the name"));
                }
                Created::Refused(mut refused) => {
                    let of = self.observed.job.metadata.generation;
                    refused.name.clone_from(&intent.name);
                    self.remembered.refused.insert(intent.name.clone(), (of, refused));
                    return Ok(Acted::LookAgain("the API server refuses the object as it is"));
                }
            }
        }
        if is_build {
            self.scope.view.begun(&self.namespace, &intent.name);
        }
        if !matches!(intent.work, Work::Record(_)) {
            self.remembered.created.entry(intent.name.clone()).or_insert(0);
        }
        Ok(Acted::All)
    }

    /// Lists a published image in its stream: one that is not ours is left alone, and what is refused is told. The image is
    /// published either way.
    async fn list(&self, intent: &Intent, setting: &Setting<'_>) -> Go {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("image.openshift.io", "v1", "ImageStream"));
        let api = Api::<DynamicObject>::namespaced_with(self.scope.client.clone(), &self.namespace, &kind);
        let name = &intent.name;
        let doing = format!("list the image in ImageStream {name}");
        let Some(wanted) = render(intent, setting).pop() else {
            return Ok(Acted::All);
        };
        let mut wanted: DynamicObject =
            serde_json::from_value(wanted).map_err(|error| Error::Unusable(format!("{name}: {error}")))?;
        let done = match api.get_opt(name).await {
            Err(error) => Err(error),
            Ok(None) => api.create(&PostParams::default(), &wanted).await,
            Ok(Some(found))
                if found.labels().get(names::MANAGED_BY.0).map(String::as_str)
                    != Some(names::MANAGED_BY.1) =>
            {
                self.tell(&not_listed(name, "there is one of this name that is not nbvet's"))
                    .await;
                return Ok(Acted::All);
            }
            Ok(Some(found)) => {
                let tags = with_tag(&found.data["spec"]["tags"], &wanted.data["spec"]["tags"][0]);
                wanted.data["spec"]["tags"] = tags;
                wanted.metadata.resource_version = found.metadata.resource_version;
                api.replace(name, &PostParams::default(), &wanted).await
            }
        };
        match done {
            Ok(_) => Ok(Acted::All),
            Err(error) if is_code(&error, 409) => {
                Ok(Acted::LookAgain("the stream has changed since it was seen"))
            }
            Err(kube::Error::Api(answer)) if matches!(answer.code, 400..=499) && answer.code != 429 => {
                self.tell(&not_listed(name, &answer.message)).await;
                Ok(Acted::All)
            }
            Err(error) => Err(Error::api(doing)(error)),
        }
    }

    /// Creates an object, or finds it there.
    async fn create_once(
        &self,
        object: &DynamicObject,
        owner: Option<&OwnerReference>,
    ) -> Result<Created, Error> {
        let types = object.types.clone().unwrap_or_default();
        let kind = GroupVersionKind::try_from(&types).map_err(|error| Error::Unusable(error.to_string()))?;
        let resource = ApiResource::from_gvk(&kind);
        let api =
            Api::<DynamicObject>::namespaced_with(self.scope.client.clone(), &self.namespace, &resource);
        let name = object.name_any();
        let doing = format!("create {} {name}", types.kind);
        let there = match api.create(&PostParams::default(), object).await {
            Ok(made) => {
                tracing::info!(namespace = self.namespace, kind = types.kind, name, "created");
                made
            }
            Err(error) if is_code(&error, 409) => {
                let found = api.get(&name).await.map_err(Error::api(doing))?;
                if !self.is_ours(&found.metadata, &object.metadata, owner) {
                    return Ok(Created::Taken);
                }
                found
            }
            Err(kube::Error::Api(answer)) => {
                // A record is made of nothing that a user wrote.
                let refused = refusal(&name, answer.code, &answer.message);
                return match refused.filter(|_| !name.ends_with(names::RECORD_ENDING)) {
                    Some(refused) => Ok(Created::Refused(refused)),
                    None => Err(Error::api(doing)(kube::Error::Api(answer))),
                };
            }
            Err(error) => return Err(Error::api(doing)(error)),
        };
        Ok(Created::There(OwnerReference {
            api_version: types.api_version,
            kind: types.kind,
            name,
            uid: there.uid().unwrap_or_default(),
            ..OwnerReference::default()
        }))
    }

    /// A child is ours by its label and its owner, a label alone can be copied; a build, which many own, by its label and
    /// by what it builds.
    fn is_ours(&self, found: &ObjectMeta, wanted: &ObjectMeta, owner: Option<&OwnerReference>) -> bool {
        let label =
            |meta: &ObjectMeta, name: &str| meta.labels.as_ref().and_then(|all| all.get(name).cloned());
        let text =
            |meta: &ObjectMeta, name: &str| meta.annotations.as_ref().and_then(|all| all.get(name).cloned());
        if label(found, names::MANAGED_BY.0).as_deref() != Some(names::MANAGED_BY.1) {
            return false;
        }
        if text(wanted, names::WHOLE_IDENTITY).is_some() {
            return [names::WHOLE_IDENTITY, names::DESTINATION]
                .iter()
                .all(|name| text(found, name) == text(wanted, name));
        }
        let of = owner.map_or(self.uid.as_str(), |owner| owner.uid.as_str());
        let owners = found.owner_references.iter().flatten();
        owners.into_iter().any(|one| one.uid == of || one.uid == self.uid)
    }

    /// Objects of builds of a strategy.
    fn builds(&self, strategy: StrategyName) -> Api<DynamicObject> {
        let kind = match strategy {
            StrategyName::Job => GroupVersionKind::gvk("batch", "v1", "Job"),
            StrategyName::Tekton => GroupVersionKind::gvk("tekton.dev", "v1", "PipelineRun"),
        };
        let resource = ApiResource::from_gvk(&kind);
        Api::namespaced_with(self.scope.client.clone(), &self.namespace, &resource)
    }

    async fn join(&self, join: &Join) -> Go {
        // One after the other: each changes what the next one has seen.
        let _turn = self.scope.view.room.join().await;
        let job = &self.observed.job;
        let mine = OwnerReference {
            api_version: NotebookValidationJob::api_version(&()).into_owned(),
            kind: NotebookValidationJob::kind(&()).into_owned(),
            name: job.name_any(),
            uid: self.uid.clone(),
            ..OwnerReference::default()
        };
        let value = json!(names::joined_value(&join.run, join.at, join.limit));
        let api = self.builds(join.strategy);
        let doing = format!("join build {}", join.build);
        let Some(found) = api.get_opt(&join.build).await.map_err(Error::api(&doing))? else {
            return Ok(Acted::LookAgain("the build is gone"));
        };
        // That others have joined changes nothing.
        if found.resource_version().as_deref() != Some(&join.resource_version) && !goes_on(&found) {
            return Ok(Acted::LookAgain("the build has changed since it was seen"));
        }
        self.change_owners(&api, found.metadata, value, Some(mine)).await
    }

    async fn leave(&self, leave: &Leave) -> Go {
        let api = self.builds(leave.strategy);
        if !leave.last {
            let doing = format!("leave build {}", leave.build);
            let found = api.get_metadata_opt(&leave.build).await;
            let Some(found) = found.map_err(Error::api(doing))? else {
                return Ok(Acted::LookAgain("the build is gone"));
            };
            if found.metadata.resource_version.as_ref() != Some(&leave.resource_version) {
                return Ok(Acted::LookAgain("the build has changed since it was seen"));
            }
            return self.change_owners(&api, found.metadata, Value::Null, None).await;
        }
        let how = DeleteParams::foreground().preconditions(of_version(&leave.resource_version));
        let done = api.delete(&leave.build, &how).await;
        gone(done.map(drop), &format!("delete build {}", leave.build))
    }

    /// Puts this job among the owners of a build, or takes it away, where the build is as it was found.
    async fn change_owners(
        &self,
        api: &Api<DynamicObject>,
        found: ObjectMeta,
        joined: Value,
        mine: Option<OwnerReference>,
    ) -> Go {
        let build = &found.name.unwrap_or_default();
        let doing = format!("change the owners of build {build}");
        let others = found.owner_references.into_iter().flatten();
        let others = others.filter(|owner| owner.uid != self.uid);
        let owners: Vec<OwnerReference> = others.chain(mine).collect();
        let patch = json!({"metadata": {
            "resourceVersion": found.resource_version,
            "annotations": {(names::joined(&self.uid)): joined},
            "ownerReferences": owners,
        }});
        match api
            .patch(build, &PatchParams::default(), &Patch::Merge(&patch))
            .await
        {
            Ok(_) => Ok(Acted::All),
            Err(error) if is_code(&error, 409) || is_code(&error, 404) => {
                Ok(Acted::LookAgain("the build has changed since it was seen"))
            }
            Err(error) => Err(Error::api(doing)(error)),
        }
    }

    async fn delete(&self, deletion: &Deletion) -> Go {
        let maps = || Api::<ConfigMap>::namespaced(self.scope.client.clone(), &self.namespace);
        match deletion {
            Deletion::Child {
                name,
                resource_version,
            } => {
                let jobs = Api::<Job>::namespaced(self.scope.client.clone(), &self.namespace);
                // In the foreground: its pod is gone before its name is free.
                let how = DeleteParams::foreground().preconditions(of_version(resource_version));
                let done = jobs.delete(name, &how).await;
                stop!(gone(done.map(drop), &format!("delete Job {name}"))?);
                self.delete_own_map(&maps(), name).await
            }
            Deletion::Record { child } => self.delete_own_map(&maps(), &names::record(child)).await,
            Deletion::Job => {
                let job = &self.observed.job.metadata;
                let how = DeleteParams::background().preconditions(Preconditions {
                    uid: job.uid.clone(),
                    resource_version: job.resource_version.clone(),
                });
                let name = self.observed.job.name_any();
                let done = self.jobs().delete(&name, &how).await;
                gone(done.map(drop), &format!("delete job {name}"))
            }
        }
    }

    /// Deletes a `ConfigMap` of this job; one of somebody else's that has its name stays.
    async fn delete_own_map(&self, maps: &Api<ConfigMap>, name: &str) -> Go {
        let doing = format!("delete ConfigMap {name}");
        let Some(found) = maps.get_metadata_opt(name).await.map_err(Error::api(&doing))? else {
            return Ok(Acted::All);
        };
        if !self.is_ours(&found.metadata, &ObjectMeta::default(), None) {
            return Ok(Acted::All);
        }
        let how = DeleteParams::background().preconditions(Preconditions {
            uid: found.metadata.uid,
            resource_version: None,
        });
        gone(maps.delete(name, &how).await.map(drop), &doing)
    }

    async fn write_status(&mut self, job: &NotebookValidationJob) -> Go {
        let name = job.name_any();
        match self
            .jobs()
            .replace_status(&name, &PostParams::default(), job)
            .await
        {
            Ok(written) => {
                self.scope
                    .metrics
                    .status(self.observed.job.status.as_ref(), job.status.as_ref());
                let before = &self.observed.job.metadata.resource_version;
                if written.metadata.resource_version != *before {
                    self.remembered.replaced.clone_from(before);
                }
                Ok(Acted::All)
            }
            Err(error) if is_code(&error, 409) => {
                Ok(Acted::LookAgain("the job has changed since it was seen"))
            }
            Err(error) if is_code(&error, 404) => Ok(Acted::LookAgain("the job is gone")),
            Err(error) => Err(Error::api(format!("write the status of {name}"))(error)),
        }
    }

    /// Tells people.
    async fn tell(&self, announcement: &Announcement) {
        let job = &self.observed.job;
        let seen = job.resource_version().unwrap_or_default();
        let teller = &self.scope.teller;
        teller.tell(job.object_ref(&()), &seen, announcement).await;
    }
}

/// That a published image is not in the list.
fn not_listed(name: &str, why: &str) -> Announcement {
    Announcement {
        warning: true,
        reason: Reason::NotListed,
        note: format!("the image is published, and not listed in ImageStream {name}: {why}"),
    }
}

/// The tags of a stream with one more, or with this one of its name.
fn with_tag(tags: &Value, tag: &Value) -> Value {
    let others = tags.as_array().into_iter().flatten();
    let others = others.filter(|other| other["name"] != tag["name"]).cloned();
    others.chain([tag.clone()]).collect()
}

/// Whether a build may still be waited for, of whatever strategy.
fn goes_on(build: &DynamicObject) -> bool {
    let status = &build.data["status"];
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mut ends = conditions.filter(|one| {
        let ends = ["Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"];
        one["status"] == "True" && ends.iter().any(|end| one["type"] == *end)
    });
    build.metadata.deletion_timestamp.is_none() && status["completionTime"].is_null() && ends.next().is_none()
}

fn of_version(version: &str) -> Preconditions {
    Preconditions {
        uid: None,
        resource_version: Some(version.to_owned()),
    }
}

/// A deletion: that nothing is there is as good.
fn gone(result: kube::Result<()>, doing: &str) -> Go {
    match result {
        Ok(()) => Ok(Acted::All),
        Err(error) if is_code(&error, 404) => Ok(Acted::All),
        Err(error) if is_code(&error, 409) => Ok(Acted::LookAgain("it has changed since it was seen")),
        Err(error) => Err(Error::api(doing)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_going_or_may_not_be_asked_for_is_no_refusal_of_the_object() {
        for (code, message, is_refused) in [
            (
                403,
                "create not allowed while custom resource definition is terminating",
                false,
            ),
            (
                403,
                "unable to create new content in namespace team because it is being terminated",
                false,
            ),
            (
                403,
                "User \"x\" cannot create resource \"jobs\" in API group \"batch\"",
                false,
            ),
            (
                403,
                "exceeded quota: small, requested: count/jobs.batch=1, used: 1, limited: 1",
                true,
            ),
            (422, "spec.x: Invalid value", true),
            (500, "etcd is away", false),
        ] {
            assert_eq!(refusal("x", code, message).is_some(), is_refused, "{message}");
        }
    }
}
