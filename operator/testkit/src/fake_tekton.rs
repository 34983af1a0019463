//! Tekton's controller as a test tells it: it moves real `PipelineRun`s and `TaskRun`s through states by writing what Tekton
//! writes. Nothing runs, and nothing is refused but by the schemas.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::{Map, Value, json};
use tokio::task::{JoinHandle, JoinSet};

/// How long it waits where the API server does not answer.
const PAUSE: Duration = Duration::from_millis(200);
/// Writes that are tried before it gives a run up: the garbage collector learns of new kinds every 30 s, and only then takes
/// away what was owned by a run that is gone.
const TRIES: u32 = 600;

/// What becomes of a run next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Nothing, for so long.
    Wait(Duration),
    /// The run says so.
    Run(Told),
    /// Its one task says so; the first of these makes it.
    Task(Told),
    /// Somebody asks for its end, as `tkn pipelinerun cancel` does.
    Cancel,
    /// Somebody deletes it.
    Delete,
}

/// What the condition `Succeeded` of a run or a task says, and what comes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// `True`, `False` or `Unknown`.
    pub holds: &'static str,
    /// Tekton's reason.
    pub reason: String,
    /// Tekton's words.
    pub message: String,
    /// Results by their names.
    pub results: Vec<(&'static str, String)>,
    /// It has a time of completion.
    pub completed: bool,
}

impl Told {
    /// It goes on.
    pub fn unknown(reason: &str, message: &str) -> Self {
        Self {
            holds: "Unknown",
            reason: reason.to_owned(),
            message: message.to_owned(),
            ..Self::default()
        }
    }

    /// It failed.
    pub fn failed(reason: &str, message: &str) -> Self {
        Self {
            holds: "False",
            completed: true,
            ..Self::unknown(reason, message)
        }
    }

    /// It ended well.
    pub fn succeeded(results: &[(&'static str, String)]) -> Self {
        Self {
            holds: "True",
            reason: "Succeeded".to_owned(),
            message: String::new(),
            results: results.to_vec(),
            completed: true,
        }
    }

    fn status(&self, now: &str) -> Map<String, Value> {
        let condition = json!({
            "type": "Succeeded", "status": self.holds, "reason": self.reason, "message": self.message,
            "lastTransitionTime": now,
        });
        let results = self.results.iter();
        let results: Vec<Value> = results
            .map(|(name, value)| json!({"name": name, "type": "string", "value": value}))
            .collect();
        let mut status = Map::new();
        status.insert("conditions".to_owned(), json!([condition]));
        status.insert("startTime".to_owned(), json!(now));
        if !results.is_empty() {
            status.insert("results".to_owned(), json!(results));
        }
        if self.completed {
            status.insert("completionTime".to_owned(), json!(now));
        }
        status
    }
}

impl Move {
    /// From the start to a task that runs.
    pub fn begin() -> Vec<Self> {
        vec![
            Self::Run(Told::unknown("Started", "")),
            Self::Task(Told::unknown("Pending", "Pending")),
            Self::Run(Told::unknown("Running", &counted(0, 0, 0, Some(1)))),
            Self::Task(Told::unknown(
                "Running",
                "Not all Steps in the Task have finished executing",
            )),
        ]
    }

    /// The task ends well with results of its own, and the run with its own.
    pub fn succeed(task: &[(&'static str, String)], run: &[(&'static str, String)]) -> Vec<Self> {
        let done = Told {
            message: "All Steps have completed executing".to_owned(),
            ..Told::succeeded(task)
        };
        let run = Told {
            message: counted(1, 0, 0, None),
            ..Told::succeeded(run)
        };
        vec![Self::Task(done), Self::Run(run)]
    }

    /// The task fails, and the run with it.
    pub fn fail(reason: &str, message: &str) -> Vec<Self> {
        let run = Told::failed("Failed", &counted(1, 1, 0, None));
        vec![Self::Task(Told::failed(reason, message)), Self::Run(run)]
    }
}

/// How a run counts its tasks.
fn counted(done: u8, failed: u8, cancelled: u8, incomplete: Option<u8>) -> String {
    let incomplete = incomplete.map_or_else(String::new, |number| format!("Incomplete: {number}, "));
    format!("Tasks Completed: {done} (Failed: {failed}, Cancelled {cancelled}), {incomplete}Skipped: 0")
}

type Script = dyn Fn(&DynamicObject) -> Vec<Move> + Send + Sync;

/// Tekton's controller; ends with the value.
#[derive(Debug)]
pub struct FakeTekton {
    task: JoinHandle<()>,
}

impl FakeTekton {
    /// Takes every `PipelineRun` and does with it as `script` says. Needs a client that may do everything, of the runtime
    /// that it is to live in; the definitions may come later.
    pub fn start(
        client: Client,
        script: impl Fn(&DynamicObject) -> Vec<Move> + Send + Sync + 'static,
    ) -> Self {
        Self {
            task: tokio::spawn(live(client, Arc::new(script))),
        }
    }
}

impl Drop for FakeTekton {
    fn drop(&mut self) {
        // With it go all runs that it has at work.
        self.task.abort();
    }
}

fn kind(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("tekton.dev", "v1", kind))
}

/// Gives every new run a task of its own.
async fn live(client: Client, script: Arc<Script>) {
    let runs = Api::<DynamicObject>::all_with(client.clone(), &kind("PipelineRun"));
    let stream = watcher(runs, watcher::Config::default())
        .default_backoff()
        .touched_objects();
    pin_mut!(stream);
    let mut known = HashSet::new();
    let mut tasks = JoinSet::new();
    while let Some(next) = stream.next().await {
        // An error is followed by a new attempt of the watcher's own.
        let Ok(run) = next else { continue };
        while tasks.try_join_next().is_some() {}
        if run.metadata.deletion_timestamp.is_none() && known.insert(run.uid()) {
            let moves = script(&run);
            let actor = Actor::new(&client, run);
            tasks.spawn(async move {
                // Ends at the first write that finds the run gone.
                let _ = actor.go_on(&moves).await;
            });
        }
    }
}

/// One run at work.
struct Actor {
    runs: Api<DynamicObject>,
    tasks: Api<DynamicObject>,
    run: DynamicObject,
    task: String,
}

impl Actor {
    fn new(client: &Client, run: DynamicObject) -> Self {
        let namespace = run.namespace().unwrap_or_default();
        let api = |of: &str| Api::namespaced_with(client.clone(), &namespace, &kind(of));
        Self {
            runs: api("PipelineRun"),
            tasks: api("TaskRun"),
            task: format!("{}-build", run.name_any()),
            run,
        }
    }

    async fn go_on(&self, moves: &[Move]) -> kube::Result<()> {
        let name = self.run.name_any();
        let mut has_task = false;
        for one in moves {
            let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            match one {
                Move::Wait(time) => tokio::time::sleep(*time).await,
                Move::Run(told) => {
                    let mut status = told.status(&now);
                    if has_task {
                        let child = json!([{
                            "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": self.task,
                            "pipelineTaskName": "build",
                        }]);
                        status.insert("childReferences".to_owned(), child);
                    }
                    tell(&self.runs, &name, status).await?;
                }
                Move::Task(told) => {
                    if !has_task {
                        self.make_task().await?;
                        has_task = true;
                    }
                    let mut status = told.status(&now);
                    status.insert("podName".to_owned(), json!(format!("{}-pod", self.task)));
                    tell(&self.tasks, &self.task, status).await?;
                }
                Move::Cancel => {
                    let wish = Patch::Merge(json!({"spec": {"status": "Cancelled"}}));
                    self.runs.patch(&name, &PatchParams::default(), &wish).await?;
                }
                Move::Delete => {
                    let how = DeleteParams::background();
                    self.runs.delete(&name, &how).await?;
                }
            }
        }
        Ok(())
    }

    /// The run's one task, with its labels, as Tekton makes it.
    async fn make_task(&self) -> kube::Result<()> {
        let run = &self.run;
        let mut labels = run.labels().clone();
        labels.insert("tekton.dev/pipelineRun".to_owned(), run.name_any());
        labels.insert("tekton.dev/pipelineTask".to_owned(), "build".to_owned());
        let task = json!({
            "apiVersion": "tekton.dev/v1",
            "kind": "TaskRun",
            "metadata": {
                "name": self.task,
                "labels": labels,
                "ownerReferences": [{
                    "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "name": run.name_any(), "uid": run.uid(),
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "taskSpec": run.data["spec"]["pipelineSpec"]["tasks"][0]["taskSpec"],
                "podTemplate": run.data["spec"]["taskRunTemplate"]["podTemplate"],
            },
        });
        let task = serde_json::from_value(task).map_err(kube::Error::SerdeError)?;
        let mut tries = 0;
        loop {
            match self.tasks.create(&PostParams::default(), &task).await {
                // That of a run before it, which has its name and goes with it.
                Err(kube::Error::Api(answer)) if answer.code == 409 && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                made => return made.map(drop),
            }
        }
    }
}

/// Writes a status until the API server has taken it; an error where the object is not there any more.
async fn tell(api: &Api<DynamicObject>, name: &str, status: Map<String, Value>) -> kube::Result<()> {
    let patch = Patch::Merge(json!({"status": status}));
    let mut tries = 0;
    loop {
        match api.patch_status(name, &PatchParams::default(), &patch).await {
            Err(kube::Error::Api(answer)) if answer.code == 404 => return Err(kube::Error::Api(answer)),
            Err(error) if tries >= TRIES => return Err(error),
            Err(_) => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Ok(_) => return Ok(()),
        }
    }
}
