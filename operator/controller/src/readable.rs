//! Objects as watches read them: each by itself, for the API server takes what no type here can hold, and one object that
//! cannot be read must not hide the others. What is told of it has nothing of what is in it.

use std::{borrow::Cow, collections::HashSet, hash::Hash};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Resource,
    runtime::{reflector::Store, watcher::Event},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::value::RawValue;

use crate::{announce::Teller, metrics::Metrics};

/// Objects of a watch that are told of, at most: whoever makes more of them fills no logs.
const TOLD: usize = 1000;
/// Letters of a place within an object.
const PLACE: usize = 100;

/// An object, or why it is none.
#[derive(Debug, Clone)]
pub(crate) enum Readable<K> {
    /// It can be read.
    Read(K),
    /// It cannot: its name, namespace, uid and version alone.
    Unreadable { meta: Box<ObjectMeta>, why: String },
}

/// What of an object the API server writes itself.
#[derive(Deserialize)]
struct Brief {
    metadata: BriefMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BriefMeta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Readable<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Raw text, and fields that nobody asks for, are skipped however deep they are.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let error = match serde_json::from_str(text.get()) {
            Ok(object) => return Ok(Self::Read(object)),
            Err(error) => error,
        };
        let Brief { metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        Ok(Self::Unreadable {
            meta: Box::new(ObjectMeta {
                name: metadata.name,
                namespace: metadata.namespace,
                uid: metadata.uid,
                resource_version: metadata.resource_version,
                ..ObjectMeta::default()
            }),
            why: why::<K>(text.get(), &error),
        })
    }
}

/// Why an object cannot be read, and where. Errors of types tell the value; those of JSON itself do not.
fn why<K: DeserializeOwned>(text: &str, error: &serde_json::Error) -> String {
    let mut reader = serde_json::Deserializer::from_str(text);
    let place = serde_path_to_error::deserialize::<_, K>(&mut reader).err();
    let place = place.map_or_else(String::new, |error| error.path().to_string());
    let place: String = place.chars().take(PLACE).collect();
    let what = if error.is_data() {
        "a value that its type does not allow".to_owned()
    } else {
        error.to_string()
    };
    format!("{what}, at {place}")
}

impl<K: Resource> Resource for Readable<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &Self::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &Self::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }

    fn metadata_api() -> bool {
        K::metadata_api()
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Read(object) => object.meta(),
            Self::Unreadable { meta, .. } => meta,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Read(object) => object.meta_mut(),
            Self::Unreadable { meta, .. } => meta,
        }
    }
}

/// Lets through of a watch what can be read, counts the rest, and tells of each object once.
pub(crate) struct Reader<K>
where
    K: Resource<DynamicType: Eq + Hash> + 'static,
{
    kind: &'static str,
    metrics: Metrics,
    /// Where those are that could be read before.
    store: Store<K>,
    told: HashSet<(Option<String>, Option<String>)>,
    /// Tells owners, too.
    teller: Option<Teller>,
}

impl<K> Reader<K>
where
    K: Resource<DynamicType: Eq + Hash + Clone> + Clone + 'static,
{
    pub(crate) fn new(kind: &'static str, metrics: Metrics, store: Store<K>, teller: Option<Teller>) -> Self {
        Self {
            kind,
            metrics,
            store,
            told: HashSet::new(),
            teller,
        }
    }

    /// The same of objects that can be read. One that no longer can is gone, rather than what it once was.
    pub(crate) fn read(&mut self, event: Event<Readable<K>>) -> Option<Event<K>> {
        let (object, make): (_, fn(K) -> Event<K>) = match event {
            Event::Init => return Some(Event::Init),
            Event::InitDone => return Some(Event::InitDone),
            Event::InitApply(Readable::Unreadable { meta, why }) => {
                // The list is without it, and so is the store when that ends.
                self.tell(&meta, &why);
                return None;
            }
            Event::Apply(Readable::Unreadable { meta, why }) => {
                self.tell(&meta, &why);
                return self.gone(&meta);
            }
            Event::Delete(Readable::Unreadable { meta, .. }) => {
                self.told.remove(&name(&meta));
                return self.gone(&meta);
            }
            Event::InitApply(Readable::Read(object)) => (object, Event::InitApply),
            Event::Apply(Readable::Read(object)) => (object, Event::Apply),
            Event::Delete(Readable::Read(object)) => (object, Event::Delete),
        };
        self.told.remove(&name(object.meta()));
        Some(make(object))
    }

    fn gone(&self, meta: &ObjectMeta) -> Option<Event<K>> {
        let is_it = |kept: &K| (&kept.meta().namespace, &kept.meta().name) == (&meta.namespace, &meta.name);
        let kept = self.store.find(is_it)?;
        Some(Event::Delete((*kept).clone()))
    }

    fn tell(&mut self, meta: &ObjectMeta, why: &str) {
        self.metrics.unreadable(self.kind);
        if self.told.len() >= TOLD || !self.told.insert(name(meta)) {
            return;
        }
        let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
        tracing::warn!(
            kind = self.kind,
            namespace,
            name,
            why,
            "an object cannot be read, and is passed over"
        );
        if let Some(teller) = &self.teller {
            teller.unreadable(meta, why);
        }
    }
}

fn name(meta: &ObjectMeta) -> (Option<String>, Option<String>) {
    (meta.namespace.clone(), meta.name.clone())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Event as Warning;
    use kube::{
        api::{ObjectList, WatchEvent},
        runtime::reflector,
    };
    use nbvet_operator_api::NotebookValidationJob;
    use serde_json::{Value, json};

    use super::*;

    fn event(name: &str, at: &str) -> Value {
        json!({
            "metadata": {"name": name, "namespace": "team", "resourceVersion": "7"},
            "involvedObject": {}, "message": "hunter2", "lastTimestamp": at,
        })
    }

    fn deep(levels: usize) -> String {
        let parameters = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let metadata = r#"{"name": "deep", "namespace": "team", "resourceVersion": "7"}"#;
        format!(r#"{{"spec": {{"parameters": {{"a": {parameters}}}}}, "metadata": {metadata}}}"#)
    }

    #[test]
    fn a_list_has_what_can_be_read_beside_what_cannot() {
        let (good, bad) = (
            event("good", "2026-01-01T00:00:00Z"),
            event("bad", "10000-01-01T22:59:59Z"),
        );
        let list = json!({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": [bad, good]});
        let list: ObjectList<Readable<Warning>> = serde_json::from_str(&list.to_string()).unwrap();
        let [Readable::Unreadable { meta, why }, Readable::Read(good)] = &list.items[..] else {
            panic!("{list:?}");
        };
        assert_eq!(meta.name.as_deref(), Some("bad"));
        assert_eq!(meta.resource_version.as_deref(), Some("7"));
        assert_eq!(why, "a value that its type does not allow, at lastTimestamp");
        assert_eq!(good.metadata.name.as_deref(), Some("good"));
    }

    #[test]
    fn an_object_may_be_of_any_depth_in_a_list_and_in_a_watch() {
        let object = deep(100_000);
        let list =
            format!(r#"{{"kind": "List", "apiVersion": "v1", "metadata": {{}}, "items": [{object}]}}"#);
        let list: ObjectList<Readable<NotebookValidationJob>> = serde_json::from_str(&list).unwrap();
        let line = format!(r#"{{"type": "MODIFIED", "object": {object}}}"#);
        let line: WatchEvent<Readable<NotebookValidationJob>> = serde_json::from_str(&line).unwrap();
        let WatchEvent::Modified(told) = line else {
            panic!("{line:?}");
        };
        for object in [&told, &list.items[0]] {
            assert_eq!(object.meta().name.as_deref(), Some("deep"));
            let Readable::Unreadable { why, .. } = object else {
                panic!("{object:?}");
            };
            assert!(
                why.starts_with("recursion limit exceeded") && why.len() < 250,
                "{why}"
            );
        }
    }

    #[test]
    fn what_can_no_longer_be_read_is_gone_and_counted() {
        let (store, mut writer) = reflector::store::<Warning>();
        let metrics = Metrics::new();
        let mut reader = Reader::new("events", metrics.clone(), store.clone(), None);
        let read = |value: &Value| serde_json::from_value::<Warning>(value.clone()).unwrap();
        let of = |value: &Value| serde_json::from_str(&value.to_string()).unwrap();
        let (good, bad) = (
            event("a", "2026-01-01T00:00:00Z"),
            event("a", "10000-01-01T22:59:59Z"),
        );
        let told = reader.read(Event::Apply(of(&good))).unwrap();
        writer.apply_watcher_event(&told);
        assert_eq!(store.state(), [read(&good).into()]);
        // Twice: what is not there cannot go.
        let gone = reader.read(Event::Apply(of(&bad))).unwrap();
        assert!(matches!(&gone, Event::Delete(gone) if *gone == read(&good)));
        writer.apply_watcher_event(&gone);
        assert!(store.state().is_empty());
        assert!(reader.read(Event::Apply(of(&bad))).is_none());
        assert!(reader.read(Event::InitApply(of(&bad))).is_none());
        assert!(reader.read(Event::Delete(of(&bad))).is_none());
        let text = metrics.text();
        let line = "notebook_validation_unreadable_objects_total{kind=\"events\"} 3";
        assert!(text.contains(line), "{text}");
    }
}
