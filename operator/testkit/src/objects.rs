//! What every test of an operator does with a cluster: install definitions, make namespaces, wait, read events and logs.

use std::{
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use k8s_openapi::{
    api::core::v1::{Event, Namespace, Pod},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Error, Result,
    cluster::{Cluster, LOOK, Tier},
};

/// Under this name the kit owns what it applies.
const OWNER: &str = "nbvet-operator-testkit";

/// How long the API server may take to serve a definition.
const SERVED: Duration = Duration::from_secs(30);

/// What pods of a namespace may do, by Pod Security admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodSecurity {
    /// Everything.
    Privileged,
    /// Nothing that is known to lead out of a container.
    Baseline,
    /// Only what is the best practice.
    Restricted,
}

impl PodSecurity {
    const fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

impl Cluster {
    /// Makes a namespace and, where there are controllers, waits for the account that its pods need.
    pub async fn namespace(&self, name: &str, level: PodSecurity) -> Result<()> {
        let admin = self.admin().await?;
        let labels = json!({"pod-security.kubernetes.io/enforce": level.name()});
        let namespace = json!({"metadata": {"name": name, "labels": labels}});
        let namespace: Namespace = serde_json::from_value(namespace).map_err(Error::other)?;
        let all = Api::<Namespace>::all(admin.clone());
        let made = all.create(&PostParams::default(), &namespace).await;
        made.map_err(Error::api(format!("namespace {name}")))?;
        if self.tier() == Tier::Api {
            return Ok(());
        }
        self.account_of(&admin, name).await
    }
}

/// The published definitions of another system that the operator speaks to: `tekton`, `kubeflow`, `opendatahub`.
pub fn definitions_of(system: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(system)
}

/// Applies every definition of a YAML file, or of all files of a folder and those below, and waits until they are served.
/// Conversion webhooks are left out: they do not run in a test. Returns their names.
pub async fn apply_definitions(client: &Client, path: &Path) -> Result<Vec<String>> {
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    let mut names = Vec::new();
    for file in yaml_files(path)? {
        let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
        let wrong = |error| Error::Other(format!("{}: {error}", file.display()));
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(wrong)?;
        for mut document in documents {
            if document["kind"] != "CustomResourceDefinition" {
                continue;
            }
            if let Some(spec) = document["spec"].as_object_mut() {
                spec.shift_remove("conversion");
            }
            let name = document["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let how = PatchParams::apply(OWNER).force();
            let applied = definitions.patch(&name, &how, &Patch::Apply(&document)).await;
            applied.map_err(Error::api(format!("{}: {name}", file.display())))?;
            names.push(name);
        }
    }
    for name in &names {
        let is_established = |definition: &CustomResourceDefinition| {
            let status = definition.status.as_ref();
            let conditions = status
                .and_then(|status| status.conditions.as_ref())
                .into_iter()
                .flatten();
            let mut conditions = conditions.map(|one| (&*one.type_, &*one.status));
            conditions.any(|one| one == ("Established", "True"))
        };
        let definition = wait_for(&definitions, name, SERVED, is_established).await?;
        is_served(client, &definition).await?;
    }
    Ok(names)
}

/// Waits until objects of a kind are served: on a loaded machine that is later than its definition says.
async fn is_served(client: &Client, definition: &CustomResourceDefinition) -> Result<()> {
    let (group, plural) = (&definition.spec.group, &definition.spec.names.plural);
    let served = definition.spec.versions.iter().filter(|version| version.served);
    for version in served {
        let path = format!("/apis/{group}/{}/{plural}?limit=1", version.name);
        let begin = std::time::Instant::now();
        loop {
            let request = http::Request::get(&path).body(Vec::new()).map_err(Error::other)?;
            match client.request_text(request).await {
                Ok(_) => break,
                Err(error) if begin.elapsed() > SERVED => return Err(Error::api(path)(error)),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
    Ok(())
}

/// Files that end in `.yaml` or `.yml`, in the order of their paths.
fn yaml_files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(Error::file(path))? {
        paths.push(entry.map_err(Error::file(path))?.path());
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if is_yaml || path.is_dir() {
            files.extend(yaml_files(&path)?);
        }
    }
    Ok(files)
}

/// Waits until an object is there and as it should be, and returns it; the error tells how it was at the end.
pub async fn wait_for<K>(api: &Api<K>, name: &str, limit: Duration, is_so: impl Fn(&K) -> bool) -> Result<K>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let found = look(api, name, limit, |seen| seen.is_some_and(&is_so)).await?;
    found.ok_or_else(|| Error::Other(format!("{name} was there and is not")))
}

/// Waits until an object is gone.
pub async fn wait_until_gone<K>(api: &Api<K>, name: &str, limit: Duration) -> Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    look(api, name, limit, |seen| seen.is_none()).await.map(drop)
}

/// Looks again and again, also where the API server does not answer.
async fn look<K>(
    api: &Api<K>,
    name: &str,
    limit: Duration,
    is_so: impl Fn(Option<&K>) -> bool,
) -> Result<Option<K>>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let mut last = "nothing".to_owned();
    let looking = async {
        loop {
            match api.get_opt(name).await {
                Ok(seen) if is_so(seen.as_ref()) => return seen,
                Ok(seen) => last = format!("{seen:#?}"),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(limit, looking)
        .await
        .map_err(|_| Error::TooLate {
            what: name.to_owned(),
            limit,
            seen: last,
        })
}

/// Creates objects from YAML, of any kind that the API server serves; those that name no namespace go into the given one.
pub async fn create(client: &Client, namespace: &str, yaml: &str) -> Result<Vec<DynamicObject>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).map_err(Error::other)?;
    let mut made = Vec::new();
    for document in documents {
        let object: DynamicObject = serde_json::from_value(document).map_err(Error::other)?;
        let types = object.types.clone().unwrap_or_default();
        let doing = || format!("create {} {}", types.kind, object.name_any());
        let kind = kube::core::GroupVersionKind::try_from(&types).map_err(Error::other)?;
        let (resource, scope) = kube::discovery::pinned_kind(client, &kind)
            .await
            .map_err(Error::api(doing()))?;
        let api = match scope.scope {
            kube::discovery::Scope::Cluster => Api::all_with(client.clone(), &resource),
            kube::discovery::Scope::Namespaced => {
                let namespace = object.namespace().unwrap_or_else(|| namespace.to_owned());
                Api::namespaced_with(client.clone(), &namespace, &resource)
            }
        };
        let created = api.create(&PostParams::default(), &object).await;
        made.push(created.map_err(Error::api(doing()))?);
    }
    Ok(made)
}

/// Events of a namespace as `Kind/name: Reason: message`, in the order of their creation.
pub async fn events(client: &Client, namespace: &str) -> Result<Vec<String>> {
    let events = Api::<Event>::namespaced(client.clone(), namespace);
    let list = events
        .list(&ListParams::default())
        .await
        .map_err(Error::api("events"))?;
    let mut events = list.items;
    events.sort_by_key(|event| event.metadata.creation_timestamp.clone());
    let line = |event: Event| {
        let about = event.involved_object;
        let word = Option::<String>::unwrap_or_default;
        let (kind, name) = (word(about.kind), word(about.name));
        format!("{kind}/{name}: {}: {}", word(event.reason), word(event.message))
    };
    Ok(events.into_iter().map(line).collect())
}

/// What a container printed.
pub async fn logs(client: &Client, namespace: &str, pod: &str, container: &str) -> Result<String> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let how = LogParams {
        container: Some(container.to_owned()),
        ..LogParams::default()
    };
    pods.logs(pod, &how)
        .await
        .map_err(Error::api(format!("logs of {pod}/{container}")))
}
