//! A node that runs nothing: it moves pods through the states that a test tells, by writing what a kubelet would write.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{Node, Pod},
    },
    jiff::Timestamp,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

use crate::{End, Error, Fate, Result, fate};

/// The name of the node that runs nothing.
pub const FAKE_NODE: &str = "fake-node";

/// How often it says that it lives; after 40 s of silence it would be taken for lost.
const RENEW: Duration = Duration::from_secs(10);

/// How long it waits where the API server does not answer.
const PAUSE: Duration = Duration::from_millis(200);

/// A fake kubelet and scheduler; ends with the value. For pods that are never restarted.
pub struct FakeKubelet {
    client: Client,
    task: JoinHandle<()>,
}

impl FakeKubelet {
    /// Takes every pod that is on no node, or on its own, and does with it as `script` says. Needs a client that may do
    /// everything, of the runtime that it is to live in.
    pub async fn start(
        client: Client,
        script: impl Fn(&Pod) -> Fate + Send + Sync + 'static,
    ) -> Result<Self> {
        register(&client, true).await?;
        let script: Arc<Script> = Arc::new(script);
        let of_task = client.clone();
        let task = tokio::spawn(async move {
            let work = live(of_task.clone(), script);
            tokio::join!(work, renew(of_task));
        });
        Ok(Self { client, task })
    }

    /// A node that lives and takes no pod. Where no node lives the node lifecycle controller gives up no pods, since it takes
    /// the fault for one of its own network: the loss of the only node is not told.
    pub async fn idle(client: Client) -> Result<Self> {
        register(&client, false).await?;
        let task = tokio::spawn(renew(client.clone()));
        Ok(Self { client, task })
    }

    /// Ends a pod of [`End::Never`]; nothing where it is gone.
    pub async fn end(&self, pod: Pod, end: &End) {
        let actor = Actor::new(&self.client, pod);
        if let Some(status) = fate::ended(&actor.pod, end) {
            // One that is gone needs no end.
            let _ = actor.tell(status).await;
        }
    }
}

impl Drop for FakeKubelet {
    fn drop(&mut self) {
        // With it go all pods that it has at work.
        self.task.abort();
    }
}

type Script = dyn Fn(&Pod) -> Fate + Send + Sync;

/// Makes the node, ready for any number of pods, or for none.
async fn register(client: &Client, takes_pods: bool) -> Result<()> {
    let nodes = Api::<Node>::all(client.clone());
    let how = PatchParams::apply("fake-kubelet").force();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": FAKE_NODE},
        "spec": {"unschedulable": !takes_pods}});
    let made = nodes.patch(FAKE_NODE, &how, &Patch::Apply(&node)).await;
    made.map_err(Error::api("fake node"))?;
    let room = json!({"cpu": "10000", "memory": "10000Gi", "pods": "100000", "ephemeral-storage": "10000Gi"});
    let ready = json!([{"type": "Ready", "status": "True", "reason": "Fake", "message": "runs nothing"}]);
    let status = json!({"status": {"capacity": room, "allocatable": room, "conditions": ready}});
    let told = nodes
        .patch_status(FAKE_NODE, &PatchParams::default(), &Patch::Merge(&status))
        .await;
    told.map(drop).map_err(Error::api("fake node"))
}

/// Says for ever that the node lives.
async fn renew(client: Client) {
    let leases = Api::<Lease>::namespaced(client, "kube-node-lease");
    let how = PatchParams::apply("fake-kubelet").force();
    loop {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": FAKE_NODE},
            "spec": {"holderIdentity": FAKE_NODE, "leaseDurationSeconds": 40, "renewTime": now},
        });
        // One that is lost is made up for by the next.
        let _ = leases.patch(FAKE_NODE, &how, &Patch::Apply(&lease)).await;
        tokio::time::sleep(RENEW).await;
    }
}

/// Gives every new pod a task of its own.
async fn live(client: Client, script: Arc<Script>) {
    let pods = Api::<Pod>::all(client.clone());
    let stream = watcher(pods, watcher::Config::default())
        .default_backoff()
        .touched_objects();
    pin_mut!(stream);
    let mut known = HashSet::new();
    let mut tasks = JoinSet::new();
    loop {
        let next = stream.next().await;
        let Some(next) = next else { return };
        // An error is followed by a new attempt of the watcher's own.
        let Ok(pod) = next else { continue };
        while tasks.try_join_next().is_some() {}
        let place = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let is_ours = place.is_none_or(|node| node == FAKE_NODE);
        let deleted = pod.metadata.deletion_timestamp.is_some();
        if is_ours && known.insert((pod.uid(), deleted)) {
            let actor = Actor::new(&client, pod);
            let script = Arc::clone(&script);
            tasks.spawn(async move {
                if deleted {
                    actor.delete().await;
                } else {
                    actor.act(&*script).await;
                }
            });
        }
    }
}

/// One pod at work.
struct Actor {
    pods: Api<Pod>,
    pod: Pod,
    name: String,
}

/// What the API server said to a write.
enum Written {
    Done,
    /// The pod is not there any more, or is another one of its name.
    Gone,
}

impl Actor {
    fn new(client: &Client, pod: Pod) -> Self {
        let namespace = pod.namespace().unwrap_or_default();
        Self {
            pods: Api::namespaced(client.clone(), &namespace),
            name: pod.name_any(),
            pod,
        }
    }

    async fn act(&self, script: &Script) {
        let fate = script(&self.pod);
        // Ends at the first write that finds the pod gone.
        let _ = self.go_on(&fate).await;
    }

    async fn go_on(&self, fate: &Fate) -> Option<()> {
        if fate.end == End::Unschedulable {
            return self.tell(fate::ended(&self.pod, &fate.end)?).await;
        }
        self.bind().await?;
        tokio::time::sleep(fate.starts_after).await;
        if fate.end != End::ImagePullBackOff {
            self.tell(fate::running(&self.pod)).await?;
        }
        tokio::time::sleep(fate.runs_for).await;
        self.tell(fate::ended(&self.pod, &fate.end)?).await?;
        if fate.end == End::NodeLost {
            self.delete().await;
        }
        Some(())
    }

    /// Binds it, unless a scheduler has.
    async fn bind(&self) -> Option<()> {
        if self
            .pod
            .spec
            .as_ref()
            .is_some_and(|spec| spec.node_name.is_some())
        {
            return Some(());
        }
        let target = json!({"apiVersion": "v1", "kind": "Node", "name": FAKE_NODE});
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.name}, "target": target,
        });
        self.write(|| async {
            let how = PostParams::default();
            let bound = self
                .pods
                .create_subresource::<_, Value>("binding", &self.name, &how, &binding);
            match bound.await {
                // The scheduler was faster.
                Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
                result => result.map(drop),
            }
        })
        .await
    }

    async fn tell(&self, status: Value) -> Option<()> {
        // Another pod of the same name must not get it.
        let patch = Patch::Strategic(json!({"metadata": {"uid": self.pod.uid()}, "status": status}));
        let how = PatchParams::default();
        self.write(|| async { self.pods.patch_status(&self.name, &how, &patch).await.map(drop) })
            .await
    }

    /// Confirms a deletion, as the kubelet does when all processes of the pod have ended.
    async fn delete(&self) {
        let how = DeleteParams::default()
            .grace_period(0)
            .preconditions(kube::api::Preconditions {
                uid: self.pod.uid(),
                resource_version: None,
            });
        self.write(|| async { self.pods.delete(&self.name, &how).await.map(drop) })
            .await;
    }

    /// Writes until the API server has taken it; none where the pod is gone.
    async fn write<F: Future<Output = kube::Result<()>>>(&self, write: impl Fn() -> F) -> Option<()> {
        loop {
            match outcome(write().await) {
                Ok(Written::Done) => return Some(()),
                Ok(Written::Gone) => return None,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Everything else than an answer about the pod itself is tried again.
fn outcome(result: kube::Result<()>) -> kube::Result<Written> {
    match result {
        Ok(()) => Ok(Written::Done),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 422) => Ok(Written::Gone),
        Err(kube::Error::Api(status)) if status.code == 409 && status.message.contains("UID") => {
            Ok(Written::Gone)
        }
        Err(error) => Err(error),
    }
}
