//! The cluster that all stories are told in at the same time, each in a namespace of its own, and what is seen of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Namespace, Node, Pod, ServiceAccount},
    },
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
    runtime::{
        WatchStreamExt as _,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_testkit::{
    Cluster, FAKE_NODE, FakeKubelet, Options, Tier, apply_definitions, or_skip, wait_for,
};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    ground::{USER, grant},
    kubelet,
    witness::Witness,
};

/// How long one thing may take on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(15);
/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(25);

/// A cluster, and all that is seen of it by watches of the test's own.
pub(crate) struct Stage {
    pub(crate) cluster: Mutex<Cluster>,
    pub(crate) admin: Client,
    /// As the user with the shipped role.
    pub(crate) as_controller: Client,
    pub(crate) kubelet: FakeKubelet,
    pub(crate) witness: Arc<Witness>,
    pub(crate) jobs: Store<NotebookValidationJob>,
    pub(crate) children: Store<Job>,
    pub(crate) pods: Store<Pod>,
    _watches: JoinSet<()>,
}

fn follow<K>(client: &Client, see: impl Fn(&K) + Send + 'static) -> (Store<K>, BoxFuture<'static, ()>)
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    K::DynamicType: Default + Eq + std::hash::Hash + Clone + Send + Sync,
{
    let (store, writer) = reflector::store();
    let watch = watcher(Api::<K>::all(client.clone()), watcher::Config::default())
        .default_backoff()
        .reflect(writer)
        .touched_objects()
        .for_each(move |seen| {
            if let Ok(object) = &seen {
                see(object);
            }
            std::future::ready(())
        });
    (store, watch.boxed())
}

impl Stage {
    /// Starts a cluster, or says why it cannot.
    pub(crate) async fn start() -> Option<Arc<Self>> {
        let options = Options {
            tier: Tier::Controllers,
            // The node that gives logs has a certificate of its own making.
            api_server: vec!["--kubelet-certificate-authority=".to_owned()],
            ..Options::default()
        };
        let cluster = or_skip(Cluster::start(options).await)?;
        let admin = cluster.admin().await.unwrap();
        let definitions = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/crd");
        apply_definitions(&admin, definitions.as_ref()).await.unwrap();
        grant(&admin).await;
        let witness = Arc::new(Witness::default());
        let (of_kubelet, of_logs, of_statuses) = (witness.clone(), witness.clone(), witness.clone());
        let kubelet = FakeKubelet::start(admin.clone(), move |pod: &Pod| of_kubelet.fate(pod));
        let kubelet = kubelet.await.unwrap();
        give_logs(&admin, kubelet::serve(move |pod| of_logs.log(pod))).await;
        let (jobs, watch_jobs) = follow(&admin, move |job| of_statuses.status(job));
        let (children, watch_children) = follow(&admin, |_| {});
        let (pods, watch_pods) = follow(&admin, |_| {});
        let mut watches = JoinSet::new();
        for watch in [watch_jobs, watch_children, watch_pods] {
            watches.spawn(watch);
        }
        jobs.wait_until_ready().await.unwrap();
        Some(Arc::new(Self {
            as_controller: cluster.client(USER, None).await.unwrap(),
            cluster: Mutex::new(cluster),
            admin,
            kubelet,
            witness,
            jobs,
            children,
            pods,
            _watches: watches,
        }))
    }

    /// Makes a namespace, and waits for the account that its pods need.
    pub(crate) async fn namespace(&self, name: &str) {
        let namespace = json!({"metadata": {
            "name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        }});
        let namespace: Namespace = serde_json::from_value(namespace).unwrap();
        let all = Api::<Namespace>::all(self.admin.clone());
        let how = PostParams::default();
        again(|| all.create(&how, &namespace)).await;
        let accounts = self.api::<ServiceAccount>(name);
        wait_for(&accounts, "default", LIMIT, |_| true).await.unwrap();
    }

    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.admin.clone(), namespace)
    }

    pub(crate) fn job(&self, namespace: &str, name: &str) -> Option<Arc<NotebookValidationJob>> {
        self.jobs.get(&ObjectRef::new(name).within(namespace))
    }

    /// The children and builds of a namespace.
    pub(crate) fn children(&self, namespace: &str) -> Vec<Arc<Job>> {
        let mut all = self.children.state();
        all.retain(|job| job.metadata.namespace.as_deref() == Some(namespace));
        all
    }

    /// Pods of a namespace whose name begins so.
    pub(crate) fn pods(&self, namespace: &str, begins: &str) -> Vec<Arc<Pod>> {
        let mut all = self.pods.state();
        all.retain(|pod| {
            pod.metadata.namespace.as_deref() == Some(namespace) && pod.name_any().starts_with(begins)
        });
        all
    }

    pub(crate) async fn maps(&self, namespace: &str) -> Vec<ConfigMap> {
        let all = self.api::<ConfigMap>(namespace);
        let ours = ListParams::default().labels("app.kubernetes.io/managed-by=nbvet-operator");
        again(|| all.list(&ours))
            .await
            .map(|list| list.items)
            .unwrap_or_default()
    }

    /// Waits until something is so. False: it never was.
    pub(crate) async fn until(&self, limit: Duration, is_so: impl Fn(&Self) -> bool) -> bool {
        let begin = Instant::now();
        while !is_so(self) {
            if begin.elapsed() > limit {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        true
    }
}

/// Asks until the API server answers, since stories take it away. None: it was done already, by a request whose answer
/// was lost.
pub(crate) async fn again<T, F>(ask: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = kube::Result<T>>,
{
    let begin = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return Some(answer),
            Err(kube::Error::Api(status)) if status.code == 409 => return None,
            Err(error) => assert!(begin.elapsed() < LIMIT, "{error}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Tells the API server where the node gives logs.
async fn give_logs(admin: &Client, port: u16) {
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }});
    Api::<Node>::all(admin.clone())
        .patch_status(FAKE_NODE, &PatchParams::default(), &Patch::Merge(&status))
        .await
        .unwrap();
}
