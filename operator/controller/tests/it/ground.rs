//! What tests of the controller stand on: a cluster with its definitions and roles, and pods whose ends are told.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Node, Pod},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use nbvet_blob::{Encoded, encode, write_end};
use nbvet_operator::rbac;
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_testkit::{
    Cluster, End, Exit, FAKE_NODE, FakeKubelet, Fate, Options, PodSecurity, Tier, apply_definitions, or_skip,
    wait_for,
};
use nbvet_report::{
    CellCounts, ExitCode, Level, NotebookReport, Outcome, Reason, Report, Tool, Verdict,
    step::{
        Base, BlobRef, Builder, FetchedSource, Prepared, Published, STEP_VERSION, Step, StepBlob, StepBody,
        StepEnd, Validated,
    },
};
use serde_json::{Value, json};

use crate::kubelet;

/// More than anything here needs on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(8);
/// How long a build runs.
const BUILDS: Duration = Duration::from_secs(2);
/// The user that the controller is.
pub(crate) const USER: &str = "nbvet-operator-test";
/// The trusted image.
pub(crate) const IMAGE: &str =
    "registry.test/nbvet@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A cluster whose pods end as their names say.
pub(crate) struct Ground {
    pub(crate) cluster: Cluster,
    pub(crate) admin: Client,
    pub(crate) folder: tempfile::TempDir,
    _kubelet: FakeKubelet,
}

pub(crate) fn image(letter: char) -> String {
    format!(
        "registry.test/team/nbvet@sha256:{}",
        letter.to_string().repeat(64)
    )
}

/// The step of a pod, by its name.
pub(crate) fn step(pod: &str) -> Step {
    [Step::Prepare, Step::Validate, Step::Publish]
        .into_iter()
        .find(|step| pod.contains(&format!("-{step}-")))
        .unwrap_or(Step::Build)
}

/// What pods have written, and since when a build runs.
#[derive(Default)]
pub(crate) struct Told {
    logs: HashMap<String, String>,
    builds_since: Option<Instant>,
    /// Slow jobs whose first validation was there.
    begun: HashSet<String>,
}

/// A step's result: jobs whose name has `built` in it need a build, until it has run.
fn body(pod: &str, is_built: bool) -> Option<StepBody> {
    let body = match step(pod) {
        Step::Prepare => {
            let mut prepared = prepared(pod.contains("built"));
            prepared.image = (is_built && prepared.identity.is_some()).then(|| image('1'));
            StepBody::Prepared(Box::new(prepared))
        }
        Step::Validate => StepBody::Validated(Box::new(validated())),
        Step::Publish => StepBody::Published(Published::default()),
        _ => return None,
    };
    Some(body)
}

impl Told {
    /// A pod writes this into its log.
    pub(crate) fn log(&mut self, pod: &str, text: &str) {
        self.logs.insert(pod.to_owned(), text.to_owned());
    }

    /// A pod writes its result into its log, between lines of others; by this its end names it.
    pub(crate) fn result(&mut self, pod: &str, body: StepBody) -> BlobRef {
        let blob = StepBlob {
            version: STEP_VERSION,
            body,
        };
        let Encoded { text, blob } = encode(&blob).unwrap();
        let noise = "a line of a library\n";
        self.log(pod, &format!("{noise}{text}{noise}"));
        blob
    }
}

pub(crate) fn prepared(builds: bool) -> Prepared {
    Prepared {
        source: FetchedSource {
            commit: Some("c".repeat(40)),
            path: "a.ipynb".to_owned(),
            notebook_digest: format!("sha256:{}", "d".repeat(64)),
        },
        level: Level::Development,
        requirements: None,
        lock: builds.then(|| "six==1.17.0 --hash=sha256:00\n".to_owned()),
        base: Some(Base {
            name: "python:3.12-slim".to_owned(),
            image: image('b'),
            user: None,
            python: None,
        }),
        identity: builds.then(|| "1".repeat(64)),
        image: None,
        builder: if builds { Builder::Assemble } else { Builder::None },
        compiler: Vec::new(),
        because: None,
        dockerfile: None,
        warnings: Vec::new(),
        diagnostics: Vec::new(),
    }
}

pub(crate) fn validated() -> Validated {
    let verdict = Verdict {
        outcome: Outcome::Passed,
        exit_code: ExitCode::Passed,
        level: Level::Development,
        errors: 0,
        warnings: 0,
        notes: 0,
        suppressed: 0,
        baselined: 0,
        cells: Some(CellCounts {
            total: 1,
            ok: 1,
            ..CellCounts::default()
        }),
    };
    let notebook = NotebookReport {
        path: "a.ipynb".to_owned(),
        verdict,
        diagnostics: Vec::new(),
        strengths: Vec::new(),
        interpreter: None,
        cells: Vec::new(),
        expectations: Vec::new(),
        end: None,
        failure: None,
        comparison: None,
        dependencies: None,
    };
    let tool = Tool {
        name: "nbvet".to_owned(),
        version: "0.1.0".to_owned(),
    };
    Validated {
        report: Report::new(tool, Level::Development, vec![notebook]),
        left_out: Vec::new(),
    }
}

/// How a pod ends: a build after a while, the prepare of a job named `refused…` refused by policy, the first validation of
/// one named `slow…` never, all else well.
fn fate(pod: &Pod, told: &Mutex<Told>) -> Fate {
    let name = pod.name_any();
    let mut told = told.lock().unwrap();
    let step = step(&name);
    if name.starts_with("refused-") {
        let end = StepEnd::new(
            step,
            Outcome::Error,
            Reason::NotebookNotFound,
            "no a.ipynb in the tree",
        );
        return Fate::exits("nbvet", 1, &write_end(&end));
    }
    let mut end = StepEnd::new(step, Outcome::Passed, Reason::Done, "it went well");
    let is_built = told.builds_since.is_some_and(|since| since.elapsed() >= BUILDS);
    if let Some(body) = body(&name, is_built) {
        end.blob = Some(told.result(&name, body));
    }
    let job = name.split("-validate-").next().unwrap_or_default();
    if step == Step::Validate && job.starts_with("slow-") && told.begun.insert(job.to_owned()) {
        return Fate::ends(End::Never);
    }
    let runs_for = match step {
        Step::Build => {
            end.image = Some(image('1'));
            told.builds_since.get_or_insert_with(Instant::now);
            BUILDS
        }
        _ => Duration::from_millis(500),
    };
    let exit = Exit {
        message: write_end(&end),
        ..Exit::default()
    };
    Fate::ends(End::Exits([("nbvet".to_owned(), exit)].into())).after(runs_for)
}

impl Ground {
    /// Starts a cluster, or says why it cannot.
    pub(crate) async fn start() -> Option<Self> {
        Self::with(fate).await
    }

    /// The same with further arguments of the API server.
    pub(crate) async fn start_with(arguments: &[&str]) -> Option<Self> {
        Self::of(fate, arguments).await
    }

    /// The same with other ends of pods.
    pub(crate) async fn with(
        fate: impl Fn(&Pod, &Mutex<Told>) -> Fate + Send + Sync + 'static,
    ) -> Option<Self> {
        Self::of(fate, &[]).await
    }

    async fn of(
        fate: impl Fn(&Pod, &Mutex<Told>) -> Fate + Send + Sync + 'static,
        arguments: &[&str],
    ) -> Option<Self> {
        // The node that gives logs has a certificate of its own making.
        let always = ["--kubelet-certificate-authority="];
        let api_server = always.iter().chain(arguments);
        let options = Options {
            tier: Tier::Controllers,
            api_server: api_server.map(|&argument| argument.to_owned()).collect(),
            ..Options::default()
        };
        let cluster = or_skip(Cluster::start(options).await)?;
        let admin = cluster.admin().await.unwrap();
        let told = Arc::new(Mutex::new(Told::default()));
        let of_kubelet = Arc::clone(&told);
        let script = move |pod: &Pod| fate(pod, &of_kubelet);
        let kubelet = FakeKubelet::start(admin.clone(), script).await.unwrap();
        let port = kubelet::serve(move |pod| told.lock().unwrap().logs.get(pod).cloned().unwrap_or_default());
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }});
        Api::<Node>::all(admin.clone())
            .patch_status(FAKE_NODE, &PatchParams::default(), &Patch::Merge(&status))
            .await
            .unwrap();
        grant(&admin).await;
        Some(Self {
            cluster,
            admin,
            folder: tempfile::tempdir().unwrap(),
            _kubelet: kubelet,
        })
    }

    /// Applies the definition of the kind.
    pub(crate) async fn define(&self) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/crd");
        apply_definitions(&self.admin, &folder).await.unwrap();
        self.guard().await;
    }

    /// Lets nobody else make what the operator makes, as it is shipped.
    async fn guard(&self) {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/admission.yaml");
        let policy = fs::read_to_string(file).unwrap();
        let made = nbvet_operator_testkit::create(&self.admin, "default", &policy).await;
        if let Err(error) = made {
            // Definitions may be made anew.
            assert!(error.to_string().contains("already exists"), "{error}");
        }
    }

    pub(crate) async fn namespace(&self, name: &str) {
        self.cluster
            .namespace(name, PodSecurity::Restricted)
            .await
            .unwrap();
    }

    pub(crate) fn jobs(&self, namespace: &str) -> Api<NotebookValidationJob> {
        Api::namespaced(self.admin.clone(), namespace)
    }

    /// Creates a job as a user does.
    pub(crate) async fn create(
        &self,
        namespace: &str,
        name: &str,
        pod_config: &Value,
    ) -> NotebookValidationJob {
        self.create_with(namespace, name, pod_config, &json!({})).await
    }

    /// The same with other fields of its spec.
    pub(crate) async fn create_with(
        &self,
        namespace: &str,
        name: &str,
        pod_config: &Value,
        spec: &Value,
    ) -> NotebookValidationJob {
        let mut job = json!({
            "apiVersion": "mlops.mlops.dev/v1alpha1",
            "kind": "NotebookValidationJob",
            "metadata": {"name": name},
            "spec": {
                "notebook": {
                    "git": {"url": "https://git.test/team/notebooks", "ref": "main"},
                    "path": "a.ipynb",
                },
                "podConfig": pod_config,
            },
        });
        for (field, value) in spec.as_object().unwrap() {
            job["spec"][field] = value.clone();
        }
        let job = serde_json::from_value(job).unwrap();
        self.jobs(namespace)
            .create(&PostParams::default(), &job)
            .await
            .unwrap()
    }

    /// Waits for a job's end.
    pub(crate) async fn ended(&self, namespace: &str, name: &str) -> NotebookValidationJob {
        let has_ended = |job: &NotebookValidationJob| {
            let phase = job.status.as_ref().and_then(|status| status.phase);
            phase.is_some_and(nbvet_operator_api::Phase::is_terminal)
        };
        wait_for(&self.jobs(namespace), name, LIMIT, has_ended)
            .await
            .unwrap()
    }

    /// The Jobs of a namespace whose name has this in it.
    pub(crate) async fn children(&self, namespace: &str, part: &str) -> Vec<Job> {
        let all = Api::<Job>::namespaced(self.admin.clone(), namespace);
        let mut all = all.list(&ListParams::default()).await.unwrap().items;
        all.retain(|job| job.name_any().contains(part));
        all
    }

    /// What was refused to the controller.
    pub(crate) fn refused(&self) -> Vec<String> {
        let calls = self.cluster.audit();
        let refused = calls
            .iter()
            .filter(|call| call.user == USER && call.status == 403);
        refused
            .map(|call| format!("{} {} {}", call.verb, call.resource, call.name))
            .collect()
    }
}

/// Gives the controller's user the shipped roles.
pub(crate) async fn grant(admin: &Client) {
    let subject = json!([{"kind": "User", "name": USER, "apiGroup": "rbac.authorization.k8s.io"}]);
    let binding = |kind: &str, of: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": rbac::NAME},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": of, "name": rbac::NAME},
            "subjects": subject,
        })
    };
    let objects = [
        rbac::cluster_role(),
        rbac::lease_role(),
        binding("ClusterRoleBinding", "ClusterRole"),
        binding("RoleBinding", "Role"),
    ];
    for object in objects {
        let yaml = serde_json::to_string(&object).unwrap();
        nbvet_operator_testkit::create(admin, "default", &yaml)
            .await
            .unwrap();
    }
}
