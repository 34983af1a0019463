//! The node, its controllers, and what all rows look at: the cluster's objects, read again and again by one reader.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod, ResourceQuota},
};
use kube::{Api, Client, Resource, ResourceExt as _, api::ListParams};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_decide::names;
use nbvet_operator_testkit::{
    Cluster, Forwarder, Image, Options, PodSecurity, REGISTRY, Tier, apply_definitions, create, or_skip,
    wait_for,
};
use nbvet_testkit::{Base, Registry, RegistryOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    controller::{Controller, grant},
    images::{self, CLOSED, CLOSED_PORT, DOWN},
    notebooks, rows,
    town::{LIMIT, layout, push},
    webhook,
};

/// Between two readings.
const LOOK: Duration = Duration::from_millis(400);

/// The namespace of all rows that need no other.
pub(crate) const TEAM: &str = "team";
/// Namespaces of quotas: of memory, of pods, of Jobs.
pub(crate) const QUOTA: &str = "quota";
pub(crate) const FULL: &str = "full";
pub(crate) const COUNTED: &str = "counted";
/// The namespace whose controller has the patience of all others.
pub(crate) const LATER: &str = "later";

/// Namespaces whose controller has a trusted image that is not as it should be.
pub(crate) const BAD: [&str; 6] = [
    "image-tag",
    "image-login",
    "image-down",
    "image-platform",
    "image-program",
    "image-foreign",
];

/// What there is in the cluster at one time.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    jobs: BTreeMap<String, NotebookValidationJob>,
    children: Vec<Job>,
    pods: Vec<Pod>,
    events: Vec<Event>,
}

/// One job and all that is about it.
pub(crate) struct About {
    pub(crate) job: NotebookValidationJob,
    pub(crate) pods: Vec<Pod>,
    pub(crate) children: Vec<Job>,
    pub(crate) events: Vec<Event>,
}

impl Seen {
    pub(crate) fn about(&self, namespace: &str, name: &str) -> Option<About> {
        let job = self.jobs.get(&format!("{namespace}/{name}"))?.clone();
        let uid = job.uid()?;
        let is_its = |meta: &kube::api::ObjectMeta| {
            meta.labels.as_ref().and_then(|all| all.get(names::JOB_UID)) == Some(&uid)
        };
        let is_about = |event: &&Event| {
            let about = &event.involved_object;
            let of = about.name.as_deref().unwrap_or_default();
            about.namespace.as_deref() == Some(namespace)
                && (of == name || of.starts_with(&format!("{name}-")))
        };
        Some(About {
            pods: self
                .pods
                .iter()
                .filter(|pod| is_its(&pod.metadata))
                .cloned()
                .collect(),
            children: self
                .children
                .iter()
                .filter(|job| is_its(&job.metadata))
                .cloned()
                .collect(),
            events: self.events.iter().filter(is_about).cloned().collect(),
            job,
        })
    }
}

/// The ground of all rows.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) admin: Client,
    seen: watch::Receiver<Seen>,
    /// A base image with Python.
    pub(crate) base: String,
    /// An image for another kind of machine alone.
    pub(crate) elsewhere: String,
    _controllers: Vec<Controller>,
    _closed: Registry,
    _way: Forwarder,
}

impl Stage {
    /// Starts all of it; `None`: this machine cannot, and that was said.
    pub(crate) async fn start() -> Option<Self> {
        let layout = or_skip(layout())?;
        let options = Options {
            tier: Tier::Node,
            // A lost node is given up soon.
            controllers: vec![
                "--controllers=taint-eviction-controller".to_owned(),
                "--node-monitor-grace-period=25s".to_owned(),
                "--node-monitor-period=2s".to_owned(),
            ],
            api_server: vec![
                "--default-not-ready-toleration-seconds=5".to_owned(),
                "--default-unreachable-toleration-seconds=5".to_owned(),
            ],
            ..Options::default()
        };
        let cluster = or_skip(Cluster::start(options).await)?;
        let closed = Registry::start(RegistryOptions {
            password: true,
            ..RegistryOptions::default()
        });
        let closed = closed.unwrap();
        let way = cluster.reach(&closed, CLOSED_PORT).unwrap();
        let registry = cluster.registry().unwrap();
        let base = Base::Plain
            .push(registry)
            .unwrap()
            .replacen(&registry.host(), REGISTRY, 1);
        let trusted = push(&layout, registry).unwrap();
        let admin = cluster.admin().await.unwrap();
        let definitions = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/crd");
        apply_definitions(&admin, &definitions).await.unwrap();
        grant(&cluster).await;
        let good = [
            TEAM,
            QUOTA,
            FULL,
            COUNTED,
            webhook::DENIED,
            webhook::NEVER,
            webhook::DEAF,
        ];
        for namespace in good.iter().chain(&BAD).chain(&[LATER]) {
            cluster
                .namespace(namespace, PodSecurity::Restricted)
                .await
                .unwrap();
            let notebooks = notebooks::config_map().to_string();
            create(&admin, namespace, &notebooks).await.unwrap();
        }
        webhook::start(&cluster).await;
        prepare(&admin).await;
        let elsewhere = images::elsewhere(&cluster);
        let of_bad = [
            format!("{REGISTRY}/nbvet/nbvet:no-such-tag"),
            format!("{CLOSED}/nbvet/nbvet:1"),
            format!("{DOWN}/nbvet/nbvet:1"),
            elsewhere.clone(),
            Image::BUSYBOX.to_owned(),
            images::foreign(&cluster),
        ];
        let mut controllers = vec![
            Controller::start(&cluster, &trusted, &good),
            Controller::patient(&cluster, &trusted, &[LATER]),
        ];
        for (image, namespace) in of_bad.iter().zip(BAD) {
            controllers.push(Controller::start(&cluster, image, &[namespace]));
        }
        let (tell, seen) = watch::channel(Seen::default());
        tokio::spawn(read_on(admin.clone(), tell));
        Some(Self {
            cluster,
            admin,
            seen,
            base,
            elsewhere,
            _controllers: controllers,
            _closed: closed,
            _way: way,
        })
    }

    /// Waits until what is about a job gives an answer.
    pub(crate) async fn until<T>(
        &self,
        namespace: &str,
        name: &str,
        mut answer: impl FnMut(&About) -> Option<T>,
    ) -> T {
        let mut seen = self.seen.clone();
        let mut last = String::new();
        let looking = async {
            loop {
                let found = seen.borrow_and_update().about(namespace, name);
                if let Some(about) = found {
                    if let Some(found) = answer(&about) {
                        return found;
                    }
                    last = about.told();
                }
                seen.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(LIMIT, looking).await;
        found.unwrap_or_else(|_| panic!("{namespace}/{name} is not as it should be after {LIMIT:?}:\n{last}"))
    }

    pub(crate) fn jobs(&self, namespace: &str) -> Api<NotebookValidationJob> {
        Api::namespaced(self.admin.clone(), namespace)
    }
}

impl About {
    /// All of it, for a test that failed.
    pub(crate) fn told(&self) -> String {
        let status = serde_json::to_string_pretty(&self.job.status).unwrap();
        let events: Vec<String> = self.events.iter().map(line).collect();
        let pods = self
            .pods
            .iter()
            .map(|pod| serde_json::to_string_pretty(&pod.status).unwrap());
        let pods: Vec<String> = pods.collect();
        format!("{status}\n{}\n{}", events.join("\n"), pods.join("\n"))
    }

    /// The status as it is written.
    pub(crate) fn status(&self) -> Value {
        serde_json::to_value(&self.job.status).unwrap()
    }

    /// Whether Kubernetes has said all of this of its pods: words, and `exit code N` of the notebook's container.
    pub(crate) fn says(&self, all: &str) -> bool {
        all.split(", ")
            .all(|words| match words.strip_prefix("exit code ") {
                Some(code) => self.pods.iter().any(|pod| exit_code(pod) == code.parse().ok()),
                None => self.has_word(words),
            })
    }

    fn has_word(&self, words: &str) -> bool {
        self.events.iter().any(|event| line(event).contains(words))
            || self
                .pods
                .iter()
                .any(|pod| serde_json::to_string(&pod.status).unwrap().contains(words))
            || self
                .children
                .iter()
                .any(|job| serde_json::to_string(&job.status).unwrap().contains(words))
    }
}

/// The exit code of the notebook's container.
fn exit_code(pod: &Pod) -> Option<i32> {
    let status = pod.status.as_ref()?;
    let mut all = status.container_statuses.iter().flatten();
    let notebook = all.find(|one| one.name == "notebook")?;
    Some(notebook.state.as_ref()?.terminated.as_ref()?.exit_code)
}

/// An event on one line.
pub(crate) fn line(event: &Event) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}: {}", word(&event.reason), word(&event.message))
}

/// Makes what rows need, and waits until quotas are counted: before that they refuse everything.
async fn prepare(admin: &Client) {
    for (namespace, object) in rows::objects() {
        create(admin, namespace, &object.to_string()).await.unwrap();
    }
    let is_counted = |used: &'static str| {
        move |quota: &ResourceQuota| {
            let status = quota.status.as_ref();
            let of = status.and_then(|status| status.used.as_ref());
            of.is_some_and(|all| all.values().all(|amount| amount.0 == used))
        }
    };
    for namespace in [QUOTA, FULL, COUNTED] {
        let quotas = Api::<ResourceQuota>::namespaced(admin.clone(), namespace);
        wait_for(&quotas, "limits", LIMIT, is_counted("0")).await.unwrap();
    }
    create(admin, FULL, &rows::occupant().to_string()).await.unwrap();
    let quotas = Api::<ResourceQuota>::namespaced(admin.clone(), FULL);
    wait_for(&quotas, "limits", LIMIT, is_counted("1")).await.unwrap();
}

async fn all<K>(client: &Client) -> Option<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let list = Api::<K>::all(client.clone()).list(&ListParams::default()).await;
    Some(list.ok()?.items)
}

/// Reads until nobody looks any more; an API server that does not answer is asked again.
async fn read_on(client: Client, tell: watch::Sender<Seen>) {
    while !tell.is_closed() {
        let read = tokio::join!(all(&client), all(&client), all(&client), all(&client));
        if let (Some(jobs), Some(children), Some(pods), Some(events)) = read {
            let key = |job: NotebookValidationJob| {
                (
                    format!("{}/{}", job.namespace().unwrap_or_default(), job.name_any()),
                    job,
                )
            };
            tell.send_replace(Seen {
                jobs: jobs.into_iter().map(key).collect(),
                children,
                pods,
                events,
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}
