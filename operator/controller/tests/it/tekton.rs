//! Builds in Tekton: its real definitions, a controller of Tekton's that moves real runs through their documented states, and
//! the program under the role that is shipped. What users read of each state is a table of the documentation.

use std::{
    collections::HashMap,
    env, fs,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use futures::future::join_all;
use k8s_openapi::{
    api::core::v1::Pod, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
};
use nbvet_blob::write_end;
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_decide::names;
use nbvet_operator_testkit::{
    End, Exit, FakeTekton, Fate, Move, Told as Says, apply_definitions, definitions_of, events, wait_for,
};
use nbvet_report::{
    Outcome, Reason,
    step::{Step, StepBody, StepEnd},
};
use serde_json::{Value, json};

use crate::{
    ground::{Ground, LIMIT, Told, prepared, step, validated},
    program::Program,
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Where the table is committed.
const COMMITTED: &str = "docs/reference/tekton.md";

/// A state of Tekton, and what is made of it.
struct Row {
    /// The name of the job.
    job: &'static str,
    /// What Tekton says, for the table.
    state: &'static str,
    /// What becomes of the first try; the next ones end well.
    moves: Vec<Move>,
    /// What the status says while it waits.
    waits_for: Option<&'static str>,
    /// The reason of `ImageBuilt` at the end.
    ends: Reason,
    /// Whether another try follows the first.
    again: bool,
    /// Whether all tries go as the first one.
    always: bool,
    /// The job's own limit of its build.
    limit: Option<&'static str>,
}

impl Row {
    fn new(job: &'static str, state: &'static str, moves: Vec<Move>) -> Self {
        Self {
            job,
            state,
            moves,
            waits_for: None,
            ends: Reason::Done,
            again: false,
            always: false,
            limit: None,
        }
    }

    fn ends(self, ends: Reason) -> Self {
        Self { ends, ..self }
    }

    fn again(self) -> Self {
        Self { again: true, ..self }
    }

    fn always(self) -> Self {
        Self { always: true, ..self }
    }

    fn within(self, limit: &'static str) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    fn waits_for(self, words: &'static str) -> Self {
        Self {
            waits_for: Some(words),
            ..self
        }
    }
}

/// The image that a job's build makes.
fn image(job: &str) -> String {
    format!(
        "registry.test/team/nbvet@sha256:{}",
        names::digest(&["image", job])
    )
}

fn end(outcome: Outcome, reason: Reason, image: Option<&str>) -> StepEnd {
    let end = StepEnd::new(Step::Build, outcome, reason, "in nbvet's words");
    match image {
        Some(image) => end.with_image(image),
        None => end,
    }
}

/// All results of a build that made this image.
fn results(image: &str) -> Vec<(&'static str, String)> {
    let (url, digest) = image.split_once('@').unwrap_or((image, ""));
    vec![
        ("END", write_end(&end(Outcome::Passed, Reason::Done, Some(image)))),
        ("IMAGE_URL", url.to_owned()),
        ("IMAGE_DIGEST", digest.to_owned()),
    ]
}

/// Begins, and ends well with these results of the task; the run has the first of them.
fn good(results: &[(&'static str, String)]) -> Vec<Move> {
    [
        Move::begin(),
        Move::succeed(results, results.get(..1).unwrap_or_default()),
    ]
    .concat()
}

/// Begins, and the step says how it failed.
fn said(reason: Reason, transient: bool) -> Vec<Move> {
    let mut end = end(Outcome::Error, reason, None);
    end.transient = transient;
    good(&[("END", write_end(&end))])
}

/// Begins, and the task fails.
fn task(reason: &str, message: &str) -> Vec<Move> {
    [Move::begin(), Move::fail(reason, message)].concat()
}

/// The run is refused before any task.
fn run(reason: &str, message: &str) -> Vec<Move> {
    vec![
        Move::Run(Says::unknown("Started", "")),
        Move::Run(Says::failed(reason, message)),
    ]
}

/// Begins, the pod does not start for so long, then all goes well.
fn held(job: &str, reason: &str, message: &str) -> Vec<Move> {
    let held = vec![
        Move::Run(Says::unknown("Running", "")),
        Move::Task(Says::unknown(reason, message)),
        Move::Wait(Duration::from_secs(40)),
    ];
    [held, good(&results(&image(job)))].concat()
}

fn stopped(reason: &'static str) -> Vec<Move> {
    let mut moves = Move::begin();
    moves.extend([
        Move::Cancel,
        // Said while it still stops, and after.
        Move::Run(Says::unknown(reason, "")),
        Move::Wait(Duration::from_secs(1)),
        Move::Task(Says::failed(
            "TaskRunCancelled",
            "TaskRun cancelled as the PipelineRun it belongs to has been cancelled.",
        )),
        Move::Run(Says::failed("Cancelled", "PipelineRun was cancelled")),
    ]);
    moves
}

fn timed_out() -> Vec<Move> {
    let task = "TaskRun cancelled as the PipelineRun it belongs to has timed out.";
    let mut moves = Move::begin();
    moves.extend([
        Move::Task(Says::failed("TaskRunTimeout", task)),
        Move::Run(Says::failed(
            "PipelineRunTimeout",
            "PipelineRun failed to finish within \"45m0s\"",
        )),
    ]);
    moves
}

/// States in which all ends well, at once or later.
fn good_rows() -> Vec<Row> {
    let ok = |job: &str| results(&image(job));
    let slowly: Vec<Move> = Move::begin()
        .into_iter()
        .flat_map(|one| [Move::Wait(Duration::from_secs(1)), one])
        .chain(Move::succeed(&ok("slow"), &ok("slow")[..1]))
        .collect();
    // The run before its task, the task before it began, and old news after it ended.
    let mixed: Vec<Move> = Move::succeed(&ok("mixed"), &ok("mixed")[..1])
        .into_iter()
        .rev()
        .chain(
            Move::begin()
                .into_iter()
                .filter(|one| matches!(one, Move::Task(_))),
        )
        .collect();
    let pending = [
        vec![
            Move::Run(Says::unknown(
                "PipelineRunPending",
                "PipelineRun \"x\" is pending",
            )),
            Move::Wait(Duration::from_secs(40)),
        ],
        good(&ok("pending")),
    ];
    vec![
        Row::new("plain", "`Succeeded`", good(&ok("plain"))),
        Row::new("slow", "`Succeeded`, each state after a while", slowly),
        Row::new("mixed", "`Succeeded` before its task has begun", mixed),
        Row::new("pending", "`PipelineRunPending`", pending.concat()).waits_for("PipelineRunPending"),
        Row::new(
            "quota",
            "task `ExceededResourceQuota`",
            held("quota", "ExceededResourceQuota", "TaskRun Pod exceeded available resources: exceeded quota: team"),
        )
        .waits_for("exceeded quota"),
        Row::new(
            "no-room",
            "task `ExceededNodeResources`",
            held("no-room", "ExceededNodeResources", "TaskRun Pod exceeded available resources"),
        )
        .waits_for("ExceededNodeResources"),
        Row::new(
            "no-node",
            "task `Pending`, its pod not scheduled",
            held(
                "no-node",
                "Pending",
                "pod status \"PodScheduled\":\"False\"; message: \"0/3 nodes are available: 3 node(s) had untolerated taint\"",
            ),
        )
        .waits_for("0/3 nodes are available"),
        Row::new(
            "pulls",
            "task `PullImageFailed`",
            held("pulls", "PullImageFailed", "build step \"step-nbvet\" is pending with reason \"Back-off pulling image\""),
        )
        .waits_for("Back-off pulling image"),
    ]
}

/// Results that are not there, or are not true.
fn result_rows() -> Vec<Row> {
    let tag = "registry.test/team/nbvet:latest";
    let tagged = vec![("END", write_end(&end(Outcome::Passed, Reason::Done, Some(tag))))];
    let other = image("known-other").replace("/team/", "/others/");
    let mut hints = results(&image("known-hints"));
    hints[2].1 = format!("sha256:{}", "f".repeat(64));
    let of_task = results(&image("run-result"));
    let mut lost_by_run = Move::begin();
    lost_by_run.extend([
        Move::succeed(&of_task, &[]).swap_remove(0),
        Move::Run(Says::failed(
            "CouldntGetPipelineResult",
            "Failed to get PipelineResult from TaskRun Results for PipelineRun",
        )),
    ]);
    vec![
        Row::new(
            "known-tag",
            "`Succeeded`, image by a tag; the registry has it",
            good(&tagged),
        ),
        Row::new(
            "known-other",
            "`Succeeded`, image of another repository; the registry has ours",
            good(&results(&other)),
        ),
        Row::new(
            "known-hints",
            "`Succeeded`, `IMAGE_DIGEST` is another; the registry has ours",
            good(&hints),
        ),
        Row::new(
            "false-tag",
            "`Succeeded`, image by a tag; the registry has none",
            good(&tagged),
        )
        .again(),
        Row::new("no-result", "`Succeeded` without results", good(&[])).again(),
        Row::new(
            "odd-result",
            "`Succeeded`, result `END` unreadable",
            good(&[("END", "{\"version\":9}".to_owned())]),
        )
        .again(),
        Row::new(
            "run-result",
            "`CouldntGetPipelineResult`, the task has the result",
            lost_by_run,
        ),
        Row::new(
            "lost-result",
            "`CouldntGetPipelineResult`, and neither has the task",
            run(
                "CouldntGetPipelineResult",
                "Failed to get PipelineResult from TaskRun Results for PipelineRun",
            ),
        )
        .again(),
        Row::new(
            "large-result",
            "task `TaskRunResultLargerThanAllowedLimit`",
            task(
                "TaskRunResultLargerThanAllowedLimit",
                "Termination message is above max allowed size 4096",
            ),
        )
        .ends(Reason::BuildFailed),
        Row::new(
            "denied",
            "`Succeeded`, nbvet says PushDenied",
            said(Reason::PushDenied, false),
        )
        .ends(Reason::PushDenied),
        Row::new(
            "conflict",
            "`Succeeded`, nbvet says DependencyConflict",
            said(Reason::DependencyConflict, false),
        )
        .ends(Reason::DependencyConflict),
        Row::new(
            "away",
            "`Succeeded`, nbvet says Unreachable, for now",
            said(Reason::Unreachable, true),
        )
        .again(),
    ]
}

/// Ends of a build's pod.
fn pod_rows() -> Vec<Row> {
    let evicted = task("PodEvicted", "The node had condition: [DiskPressure].");
    vec![
        Row::new(
            "killed",
            "task `Failed`, exit code 137",
            task("Failed", "\"step-nbvet\" exited with code 137"),
        )
        .again(),
        Row::new("memory", "task `Failed`, OOMKilled", task("Failed", "OOMKilled")).again(),
        Row::new(
            "evicted",
            "task `Failed`, the node low on memory",
            task("Failed", "The node was low on resource: memory."),
        )
        .again(),
        Row::new("evicted-too", "task `PodEvicted`", evicted.clone()).again(),
        Row::new("worn-out", "task `PodEvicted`, at each try", evicted)
            .ends(Reason::Evicted)
            .again()
            .always(),
        Row::new(
            "node-lost",
            "task `Failed`, the node shut down",
            task(
                "Failed",
                "Pod was terminated in response to imminent node shutdown.",
            ),
        )
        .again(),
        Row::new(
            "no-pull",
            "task `TaskRunImagePullFailed`, time-out",
            task(
                "TaskRunImagePullFailed",
                "the step \"nbvet\" in TaskRun \"x\" failed to pull the image: i/o timeout",
            ),
        )
        .again(),
        Row::new(
            "no-image",
            "task `TaskRunImagePullFailed`, not found",
            task(
                "TaskRunImagePullFailed",
                "the step \"nbvet\" in TaskRun \"x\" failed to pull the image: not found",
            ),
        )
        .ends(Reason::ImagePullFailed),
        Row::new(
            "admission",
            "task `PodAdmissionFailed`",
            task(
                "PodAdmissionFailed",
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"",
            ),
        )
        .ends(Reason::AdmissionRefused),
        Row::new(
            "no-pod",
            "task `PodCreationFailed`",
            task(
                "PodCreationFailed",
                "failed to create task run pod \"x\": Maybe invalid TaskSpec",
            ),
        )
        .ends(Reason::BuildFailed),
        Row::new(
            "config",
            "task `CreateContainerConfigError`",
            task(
                "CreateContainerConfigError",
                "Failed to create pod due to config error",
            ),
        )
        .ends(Reason::InvalidField),
    ]
}

/// Ends that come from outside, and refusals of the run itself.
fn run_rows() -> Vec<Row> {
    let deleted = [Move::begin(), vec![Move::Delete]].concat();
    let mut rows = vec![
        Row::new("too-long", "nothing, past the job's own limit", Move::begin())
            .ends(Reason::BuildTimedOut)
            .within("10s"),
        Row::new(
            "timeout",
            "`PipelineRunTimeout` before the job's own limit",
            timed_out(),
        )
        .again(),
        Row::new(
            "task-timeout",
            "task `TaskRunTimeout` before the job's own limit",
            task(
                "TaskRunTimeout",
                "TaskRun \"x\" failed to finish within \"1h0m0s\"",
            ),
        )
        .again(),
        Row::new("cancelled", "`Cancelled`", stopped("Cancelled")).ends(Reason::BuildCancelled),
        Row::new(
            "cancelled-finally",
            "`CancelledRunningFinally`, then `Cancelled`",
            stopped("CancelledRunningFinally"),
        )
        .ends(Reason::BuildCancelled),
        Row::new(
            "stopped-finally",
            "`StoppedRunningFinally`, then `Cancelled`",
            stopped("StoppedRunningFinally"),
        )
        .ends(Reason::BuildCancelled),
        Row::new("deleted", "deleted by somebody while it runs", deleted),
        Row::new(
            "no-task",
            "`CreateRunFailed`",
            run("CreateRunFailed", "etcdserver: request timed out"),
        )
        .again(),
    ];
    let refusals = [
        ("r-pipeline", "`CouldntGetPipeline`", "CouldntGetPipeline"),
        ("r-task", "`CouldntGetTask`", "CouldntGetTask"),
        (
            "r-workspace",
            "`InvalidWorkspaceBindings`",
            "InvalidWorkspaceBindings",
        ),
        ("r-missing", "`ParameterMissing`", "ParameterMissing"),
        ("r-type", "`ParameterTypeMismatch`", "ParameterTypeMismatch"),
        ("r-spec", "`InvalidTaskRunSpecs`", "InvalidTaskRunSpecs"),
        (
            "r-validation",
            "`PipelineValidationFailed`",
            "PipelineValidationFailed",
        ),
        ("r-graph", "`PipelineInvalidGraph`", "PipelineInvalidGraph"),
        ("r-param", "`InvalidParamValue`", "InvalidParamValue"),
        (
            "r-result",
            "`InvalidPipelineResultReference`",
            "InvalidPipelineResultReference",
        ),
        (
            "r-verification",
            "`ResourceVerificationFailed`",
            "ResourceVerificationFailed",
        ),
    ];
    let refused = |(job, state, reason)| {
        Row::new(job, state, run(reason, "in Tekton's words")).ends(Reason::BuildFailed)
    };
    rows.extend(refusals.map(refused));
    rows
}

fn rows() -> Vec<Row> {
    [good_rows(), result_rows(), pod_rows(), run_rows()]
        .into_iter()
        .flatten()
        .collect()
}

/// Steps of jobs end well; a second look into the registry finds what jobs named `known-…` have built.
fn fate(pod: &Pod, told: &Mutex<Told>, looks: &Mutex<HashMap<String, u32>>) -> Fate {
    let name = pod.name_any();
    let step = step(&name);
    let job = name.split(&format!("-{step}-")).next().unwrap_or_default();
    let body = match step {
        Step::Prepare => {
            let mut looks = looks.lock().unwrap();
            let number = looks.entry(job.to_owned()).or_insert(0);
            *number += 1;
            let mut found = prepared(true);
            found.identity = Some(names::digest(&[job]));
            found.image = (*number > 1 && job.starts_with("known-")).then(|| image(job));
            StepBody::Prepared(Box::new(found))
        }
        _ => StepBody::Validated(Box::new(validated())),
    };
    let mut end = StepEnd::new(step, Outcome::Passed, Reason::Done, "it went well");
    end.blob = Some(told.lock().unwrap().result(&name, body));
    let exit = Exit {
        message: write_end(&end),
        ..Exit::default()
    };
    Fate::ends(End::Exits([("nbvet".to_owned(), exit)].into())).after(Duration::from_millis(200))
}

/// What Tekton does with a run: as its row says at the first try, after that well. Runs of no row go on for ever.
fn moves(run: &DynamicObject, rows: &[Row], made: &Mutex<Vec<String>>) -> Vec<Move> {
    let annotation = |name: &str| run.annotations().get(name).cloned().unwrap_or_default();
    let identity = annotation(names::WHOLE_IDENTITY);
    let Some(row) = rows.iter().find(|row| names::digest(&[row.job]) == identity) else {
        return if identity == names::digest(&["late"]) {
            good(&results(&image("late")))
        } else {
            Move::begin()
        };
    };
    let mut made = made.lock().unwrap();
    made.push(row.job.to_owned());
    let is_first = made.iter().filter(|job| *job == row.job).count() == 1;
    if is_first || row.always {
        row.moves.clone()
    } else {
        good(&results(&image(row.job)))
    }
}

fn built() -> Value {
    json!({
        "containerImage": "python:3.12-slim",
        "buildConfig": {"enabled": true, "strategy": "tekton", "pushSecret": "push"},
    })
}

/// `status reason` of `ImageBuilt`.
fn image_built(job: &NotebookValidationJob) -> String {
    let conditions = &job.status.as_ref().unwrap().conditions;
    let found = conditions.iter().find(|one| one.type_ == "ImageBuilt");
    found.map_or_else(|| "-".to_owned(), |one| format!("{} {}", one.status, one.reason))
}

/// Waits until the program knows whether there is Tekton.
async fn knows(program: &Program, tekton: bool) {
    let begin = Instant::now();
    let told = |line: &&str| line.contains("kinds of the cluster");
    let word = format!("tekton: {tekton}");
    while !program
        .log()
        .lines()
        .rfind(told)
        .is_some_and(|line| line.contains(&word))
    {
        assert!(
            begin.elapsed() < LIMIT,
            "never heard of {word}\n{}",
            program.log()
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// A row as it was seen, checked against what it should be.
async fn seen(ground: &Ground, row: &Row, told: &[String], made: &[String]) -> String {
    let job = ground.ended("team", row.job).await;
    let status = job.status.as_ref().unwrap();
    let build = status.build_status.as_ref().unwrap();
    let what = format!("{}: {status:#?}", row.job);
    let good = row.ends == Reason::Done;
    let expected = match (good, row.job.starts_with("known-")) {
        (true, true) => "True ImageReused".to_owned(),
        (true, false) => "True Done".to_owned(),
        (false, _) => format!("False {}", row.ends),
    };
    assert_eq!(image_built(&job), expected, "{what}");
    assert_eq!(build.image_reference, good.then(|| image(row.job)), "{what}");
    assert_eq!(
        status.build_retry_count.unwrap_or_default(),
        i64::from(row.again),
        "{what}"
    );
    let tries = made.iter().filter(|one| *one == row.job).count();
    let anew = row.again || row.job == "deleted";
    assert_eq!(tries, if anew { 2 } else { 1 }, "{what}");
    let again = told.iter().find_map(|line| {
        Some(
            line.split_once(&format!("/{}: ", row.job))?
                .1
                .split_once("the build is tried again: ")?
                .1,
        )
    });
    let read = match (again, row.waits_for) {
        (Some(again), _) => again.to_owned(),
        (None, Some(words)) => format!("waits for: {words}"),
        (None, None) if good => "the image is built".to_owned(),
        (None, None) => format!("{}: {}", row.ends, status.message.as_deref().unwrap_or_default()),
    };
    assert_eq!(again.is_some(), row.again, "{what}\n{told:#?}");
    let end = if good { "goes on" } else { "Failed" };
    let again = match (row.again, row.job) {
        (true, _) => "yes",
        (false, "deleted") => "begins anew",
        (false, _) if good => "",
        _ => "no",
    };
    format!(
        "| {} | {} | {} | {again} |\n",
        row.state,
        read.replace('|', "\\|"),
        end
    )
}

/// The page is as the rows were seen.
fn compare(table: &str) {
    let text = format!(
        "<!-- Written by `UPDATE=1 cargo test -p nbvet-operator --test it tekton`, from what a cluster did. -->\n\
         # Builds in Tekton\n\n\
         What `PipelineRun`s and their `TaskRun`s say, what the job's status or event says of it, and whether another build is \
         tried (at most `retryPolicy.maxBuildRetries` times). Each row is made to happen by a test, on Tekton's own definitions. \
         \"Goes on\": to the validation.\n\n\
         | Tekton says | what is read | the job | tried again |\n| --- | --- | --- | --- |\n{table}"
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(COMMITTED);
    if env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(&file, &text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "{COMMITTED} is not what was seen; run `UPDATE=1 cargo test -p nbvet-operator --test it tekton` and review:\n{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builds_in_tekton_end_as_each_of_its_states_says_also_when_it_comes_late_and_goes() {
    let looks = Mutex::new(HashMap::new());
    let Some(ground) = Ground::with(move |pod, told| fate(pod, told, &looks)).await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    let made = std::sync::Arc::new(Mutex::new(Vec::new()));
    let of_tekton = std::sync::Arc::clone(&made);
    let all = rows();
    let _tekton = FakeTekton::start(ground.admin.clone(), move |run| moves(run, &all, &of_tekton));
    let program = Program::start(&ground.cluster, ground.folder.path(), "one", &[]);

    // Named, and not there: told, until it is there.
    ground.create("team", "late", &built()).await;
    let late = ground.ended("team", "late").await;
    assert_eq!(image_built(&late), "False StrategyNotAvailable");
    apply_definitions(&ground.admin, &definitions_of("tekton"))
        .await
        .unwrap();
    knows(&program, true).await;
    let again = Patch::Merge(json!({"metadata": {"annotations": {"nbvet.mlops.dev/rerun": "1"}}}));
    ground
        .jobs("team")
        .patch("late", &PatchParams::default(), &again)
        .await
        .unwrap();
    let has_image = |job: &NotebookValidationJob| image_built(job) == "True Done";
    wait_for(&ground.jobs("team"), "late", LIMIT, has_image)
        .await
        .unwrap();

    // Those that wait go first: on a busy machine many jobs at once are not looked at while a state lasts.
    let create = async |waits: bool| {
        for row in rows().iter().filter(|row| row.waits_for.is_some() == waits) {
            let limit = row
                .limit
                .map_or_else(|| json!({}), |limit| json!({"buildTimeout": limit}));
            ground.create_with("team", row.job, &built(), &limit).await;
        }
    };
    let waiting = rows()
        .into_iter()
        .filter_map(|row| Some((row.job, row.waits_for?)));
    let jobs = ground.jobs("team");
    let told = waiting.map(|(name, words)| {
        let waits = move |job: &NotebookValidationJob| {
            let step = job.status.as_ref().and_then(|status| status.step.as_ref());
            let waits_for = step.and_then(|step| step.waiting_for.as_deref());
            waits_for.is_some_and(|waits_for| waits_for.contains(words))
        };
        let jobs = &jobs;
        async move { wait_for(jobs, name, LIMIT, waits).await.unwrap() }
    });
    tokio::join!(create(true), join_all(told));
    create(false).await;
    let mut ended = Vec::new();
    for row in rows() {
        ground.ended("team", row.job).await;
        ended.push(row);
    }
    let told = events(&ground.admin, "team").await.unwrap();
    let made = made.lock().unwrap().clone();
    let mut table = String::new();
    for row in &ended {
        table += &seen(&ground, row, &told, &made).await;
    }
    println!("{table}");

    // Gone while a build runs: the job ends and says so, and others are not held.
    assert_eq!(ground.refused(), Vec::<String>::new());
    ground.create("team", "endless", &built()).await;
    let builds = |job: &NotebookValidationJob| {
        let build = job
            .status
            .as_ref()
            .and_then(|status| status.build_status.as_ref());
        build.is_some_and(|build| build.start_time.is_some())
    };
    wait_for(&ground.jobs("team"), "endless", LIMIT, builds)
        .await
        .unwrap();
    let definitions = Api::<CustomResourceDefinition>::all(ground.admin.clone());
    for name in ["pipelineruns.tekton.dev", "taskruns.tekton.dev"] {
        definitions.delete(name, &DeleteParams::default()).await.unwrap();
    }
    let endless = ground.ended("team", "endless").await;
    assert_eq!(
        image_built(&endless),
        "False StrategyNotAvailable",
        "{:?}",
        endless.status
    );
    ground
        .create(
            "team",
            "plain-job",
            &json!({"containerImage": "python:3.12-slim"}),
        )
        .await;
    ground.ended("team", "plain-job").await;
    // A kind that is going takes no new objects.
    let mut refused = ground.refused();
    refused.retain(|call| !call.starts_with("create pipelineruns "));
    assert_eq!(refused, Vec::<String>::new());
    compare(&table);
}
