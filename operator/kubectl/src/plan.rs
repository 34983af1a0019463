//! `kubectl nbvet plan`: what a manifest would do, by the decisions of the controller and without any cluster.

use nbvet_operator_api::{
    ConditionType, NotebookValidationJob, Phase, Reason, condition, duration,
    limits::Limits,
    meaning::{self, unsupported},
    text,
};
use nbvet_operator_decide::{
    Config, faults,
    observed::{Cluster, PodSecurity},
    plan::{BuildInputs, Task, Work},
};
use serde_json::{Value, json};

use crate::{
    Ended,
    args::{ClusterArgs, ControllerArgs, PlanArgs, PodSecurityLevel},
    cluster,
    condition::{wrapped, wrapped_after},
    error::Error,
    job_text,
    manifest::{self, Manifest, Unknown},
    output::{self, BOLD, DIM, GREEN, RED, YELLOW, paint},
    suppose::{self, COMMIT, Made, Story},
};

/// Bytes of a text of the manifest that are shown.
const MOST: usize = 400;
/// What stands for the controller's registry where nobody has named it.
const REGISTRY: &str = "controllers-registry.invalid";

/// Says what the jobs of a file would do.
pub(crate) fn plan(of: &ClusterArgs, args: &PlanArgs) -> Result<Ended, Error> {
    let of_context = match &of.namespace {
        Some(_) => None,
        None => cluster::namespace(of)?,
    };
    let place = manifest::Place {
        asked: of.namespace.as_deref(),
        otherwise: of_context.as_deref().unwrap_or("default"),
    };
    let manifests = manifest::read(&args.file, place)?;
    let config = config(&args.controller);
    let served = served(&args.controller);
    let mut ended = Ended::Well;
    let mut texts = Vec::new();
    let mut objects: Vec<Value> = Vec::new();
    for manifest in &manifests {
        let told = tell(manifest, &config, served);
        if told.is_refused {
            ended = Ended::Failed;
        }
        texts.push(told.text);
        objects.extend(told.objects);
    }
    match args.output {
        Some(format) => {
            output::objects(
                format,
                &json!({"apiVersion": "v1", "kind": "List", "items": objects}),
            );
            if ended == Ended::Failed {
                output::note("not all of it would be done; without -o it is told why");
            }
        }
        None => {
            output::print(&texts.join("\n"));
        }
    }
    Ok(ended)
}

fn config(args: &ControllerArgs) -> Config {
    Config {
        trusted_image: args.image.clone(),
        registry: Some(args.registry.clone().unwrap_or_else(|| REGISTRY.to_owned())),
        base_image: args.base_image.clone(),
        allow_insecure_sources: args.allow_insecure_sources,
        ..Config::default()
    }
}

fn served(args: &ControllerArgs) -> Cluster {
    Cluster {
        tekton: args.tekton,
        pod_security: match args.pod_security {
            PodSecurityLevel::Privileged => PodSecurity::Privileged,
            PodSecurityLevel::Baseline => PodSecurity::Baseline,
            PodSecurityLevel::Restricted => PodSecurity::Restricted,
        },
        ..Cluster::default()
    }
}

/// What is told of one job.
struct Told {
    text: String,
    objects: Vec<Value>,
    is_refused: bool,
}

fn tell(manifest: &Manifest, config: &Config, served: Cluster) -> Told {
    let unknown: String = manifest.unknown.iter().map(unknown).collect();
    let job = match &manifest.job {
        Ok(job) => job,
        Err(refusals) => {
            let mut text = headline(&manifest.name, RED, "the API server would refuse it");
            for refusal in refusals {
                text += &wrapped(&format!("  {refusal}"), 4, output::width());
            }
            return Told {
                text: text + &unknown,
                objects: Vec::new(),
                is_refused: true,
            };
        }
    };
    let story = suppose::story(job, config, served);
    let (end, is_refused) = end(manifest, job, &story, config);
    let mut text = end;
    for (index, made) in story.made.iter().enumerate() {
        text += &step(index + 1, made, job);
    }
    text += &unpublished(&story);
    text += &fields(job, config);
    Told {
        text: text + &unknown,
        objects: story.made.into_iter().flat_map(|made| made.objects).collect(),
        is_refused,
    }
}

/// A field that the definition has not.
fn unknown(field: &Unknown) -> String {
    let near = field
        .near
        .as_ref()
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let line = format!("  {}: is no field; `kubectl apply` refuses it{near}", field.path);
    wrapped(&line, 4, output::width()).replacen(&field.path, &paint(RED, &field.path), 1)
}

/// Why nothing is published that was to be.
fn unpublished(story: &Story) -> String {
    let published = condition(&story.status.conditions, ConditionType::Published);
    let told = published.filter(|one| one.reason == Reason::LevelTooLow.as_str());
    told.map_or_else(String::new, |one| {
        let line = format!("  {}: {}", one.reason, one.message);
        wrapped(&line, 4, output::width()).replacen(&one.reason, &paint(YELLOW, &one.reason), 1)
    })
}

fn headline(name: &str, style: anstyle::Style, says: &str) -> String {
    format!(
        "{}  {}\n",
        paint(BOLD, &text::one_line(name, MOST)),
        paint(style, &text::one_line(says, 1_200))
    )
}

/// What becomes of it, and whether the controller would end it badly.
fn end(manifest: &Manifest, job: &NotebookValidationJob, story: &Story, config: &Config) -> (String, bool) {
    let name = job.metadata.name.as_deref().unwrap_or_default();
    let steps = match story.made.len() {
        1 => "1 step".to_owned(),
        steps => format!("{steps} steps"),
    };
    if story.status.phase == Some(Phase::Failed) {
        let stalled = condition(&story.status.conditions, ConditionType::Stalled);
        let (reason, message) = stalled.map_or(("", ""), |one| (&one.reason, &one.message));
        let count = faults(job, config).len();
        let says = if count > 0 {
            "would fail before its first step".to_owned()
        } else {
            format!("would fail after {steps}: {reason}: {message}")
        };
        return (headline(name, RED, &says), true);
    }
    if !manifest.unknown.is_empty() {
        let says = format!(
            "`kubectl apply` would refuse it for fields that are none, see below; without them {steps}, supposing that each \
             goes well"
        );
        return (headline(name, RED, &says), true);
    }
    if job.spec.suspend == Some(true) {
        return (
            headline(
                name,
                YELLOW,
                "suspended: nothing is created until `spec.suspend` is false",
            ),
            false,
        );
    }
    let says = format!("{steps}, supposing that each goes well");
    (headline(name, GREEN, &says), false)
}

fn step(number: usize, made: &Made, job: &NotebookValidationJob) -> String {
    let limits = Limits::of(&job.spec).ok();
    let retries = job.spec.retry_policy.as_ref();
    let (name, does) = match &made.work {
        Work::Step(work) => match &work.task {
            Task::Prepare { .. } => ("prepare", prepares(job)),
            Task::Validate { image, .. } => {
                let level = meaning::level(job.spec.validation_config.as_ref());
                let limit = limits
                    .map(|limits| duration::format(limits.validation.time))
                    .unwrap_or_default();
                let tries = again(retries.and_then(|of| of.max_validation_retries).unwrap_or(3));
                let image = without_digest(image.as_str());
                (
                    "validate",
                    format!(
                        "runs {} in {image} and judges it at {level}, at most {limit}; tried again {tries} where \
                         the notebook is not at fault",
                        job.spec.notebook.path
                    ),
                )
            }
            Task::Publish { reference, .. } => (
                "publish",
                format!("gives the image the name {}", known(reference)),
            ),
        },
        Work::Build(inputs) => ("build", builds(inputs, job)),
        Work::Stream(_) => ("list", "lists the image among those of OpenShift".to_owned()),
        Work::Record(_) => return String::new(),
    };
    let kinds: Vec<&str> = made
        .objects
        .iter()
        .filter_map(|object| object["kind"].as_str())
        .collect();
    let begin = format!("  {number}. {name:<9} ");
    let does = text::one_line(&does, 1_200);
    let line = wrapped_after(&begin, &does, 15, output::width());
    let line = line.replacen(name, &paint(BOLD, name), 1);
    format!("{line}{}{}\n", " ".repeat(15), paint(DIM, &kinds.join(", ")))
}

fn prepares(job: &NotebookValidationJob) -> String {
    let place = job_text::place(&job.spec.notebook);
    let level = meaning::level(job.spec.validation_config.as_ref());
    let build = job.spec.pod_config.build_config.as_ref();
    if build.is_some_and(|build| build.enabled == Some(true)) {
        format!(
            "fetches {place}, finds its dependencies and judges them at {level}, and asks the registry whether their image is \
             there; where it is, nothing is built"
        )
    } else {
        format!("fetches {place} and looks for {}", job.spec.notebook.path)
    }
}

fn builds(inputs: &BuildInputs, job: &NotebookValidationJob) -> String {
    let limit = duration::format(inputs.limit.unsigned_abs());
    let retries = job.spec.retry_policy.as_ref();
    let tries = again(retries.and_then(|of| of.max_build_retries).unwrap_or(1));
    format!(
        "by {}: from {} into {}, at most {limit}; shared by all jobs of the namespace that need the same; tried again \
         {tries} where a machine or a server is at fault",
        inputs.strategy.as_str(),
        without_digest(&inputs.base),
        known(&inputs.destination),
    )
}

/// How often, in words.
fn again(times: i64) -> String {
    match times {
        ..=0 => "never, even".to_owned(),
        1 => "once".to_owned(),
        times => format!("up to {times} times"),
    }
}

/// An image without a digest that nobody knows yet.
fn without_digest(image: &str) -> String {
    let name = image.split_once("@sha256:000000000000");
    known(name.map_or(image, |(name, _)| name))
}

/// A name in which words stand for what is not known before the run.
fn known(name: &str) -> String {
    name.replace(REGISTRY, "<the controller's registry>")
        .replace(&COMMIT[..12], "<commit>")
}

/// Fields that nothing can be done with, and those that do not act.
fn fields(job: &NotebookValidationJob, config: &Config) -> String {
    let mut out = String::new();
    for fault in faults(job, config) {
        let line = format!("  {}: {}", fault.reason, text::one_line(&fault.to_string(), MOST));
        let word = fault.reason.as_str();
        out += &wrapped(&line, 4, output::width()).replacen(word, &paint(RED, word), 1);
    }
    for field in unsupported(&job.spec) {
        let line = format!(
            "  FieldNotSupported: {}",
            text::one_line(&field.to_string(), MOST)
        );
        let word = "FieldNotSupported";
        out += &wrapped(&line, 4, output::width()).replacen(word, &paint(YELLOW, word), 1);
    }
    out
}
