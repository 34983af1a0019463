//! Where objects of a store are found by what they belong to, so that a pass over one job reads none of the others'. Kept by
//! the same events as the store; what the store does not have is not found.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Event, Pod},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Resource,
    api::PartialObjectMeta,
    runtime::{
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use nbvet_operator_decide::names;

/// By what the objects of a kind are looked for.
pub(crate) type Keys<K> = fn(&K) -> Vec<String>;

/// Namespace and name.
type Name = (String, String);

/// An index of one store.
#[derive(Debug)]
pub(crate) struct Index<K> {
    keys: Keys<K>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Sorted: most have one or two names, for which a tree takes ten times the memory.
    by: HashMap<String, Vec<Arc<Name>>>,
    of: HashMap<Arc<Name>, Vec<String>>,
    /// What a list that is being read has told so far.
    listed: Option<HashSet<Name>>,
}

impl<K: Resource> Index<K> {
    pub(crate) fn new(keys: Keys<K>) -> Self {
        Self {
            keys,
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a watch tells.
    pub(crate) fn take(&self, event: &watcher::Event<K>) {
        let mut known = self.known();
        match event {
            watcher::Event::Init => known.listed = Some(HashSet::new()),
            watcher::Event::InitApply(object) => {
                let name = name(object.meta());
                if let Some(listed) = &mut known.listed {
                    listed.insert(name.clone());
                }
                known.put(name, (self.keys)(object));
            }
            watcher::Event::Apply(object) => known.put(name(object.meta()), (self.keys)(object)),
            watcher::Event::Delete(object) => known.put(name(object.meta()), Vec::new()),
            watcher::Event::InitDone => {
                let listed = known.listed.take().unwrap_or_default();
                let gone = known.of.keys().filter(|name| !listed.contains(&***name));
                for name in gone.map(|name| Name::clone(name)).collect::<Vec<_>>() {
                    known.put(name, Vec::new());
                }
            }
        }
    }

    /// The objects under a key, in the order of their names.
    pub(crate) fn find(&self, store: &Store<K>, key: &str) -> Vec<Arc<K>>
    where
        K: Clone + 'static,
        K::DynamicType: Default + Eq + Hash + Clone,
    {
        let names = self.known().by.get(key).cloned().unwrap_or_default();
        let get = |name: &Arc<Name>| store.get(&ObjectRef::new(&name.1).within(&name.0));
        names.iter().filter_map(get).collect()
    }
}

impl Known {
    /// What an object is found by from now on; by nothing: it is gone.
    fn put(&mut self, name: Name, keys: Vec<String>) {
        let before = self.of.get(&name);
        if before == Some(&keys) {
            return;
        }
        for key in self.of.remove(&name).unwrap_or_default() {
            if let Some(names) = self.by.get_mut(&key) {
                if let Ok(place) = names.binary_search_by(|one| (**one).cmp(&name)) {
                    names.remove(place);
                }
                if names.is_empty() {
                    self.by.remove(&key);
                }
            }
        }
        if keys.is_empty() {
            return;
        }
        let name = Arc::new(name);
        for key in &keys {
            let names = self.by.entry(key.clone()).or_default();
            if let Err(place) = names.binary_search(&name) {
                names.reserve_exact(usize::from(names.len() < 4));
                names.insert(place, Arc::clone(&name));
            }
        }
        self.of.insert(name, keys);
    }
}

fn name(meta: &ObjectMeta) -> Name {
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    (of(&meta.namespace), of(&meta.name))
}

/// Builds of an identity.
pub(crate) fn of_identity(namespace: &str, identity: &str) -> String {
    format!("identity/{namespace}/{identity}")
}

/// Builds and validations of a namespace, which may be limited in number.
pub(crate) fn of_step(namespace: &str, step: &str) -> String {
    format!("step/{namespace}/{step}")
}

/// Jobs of Kubernetes: by their owners; builds by what they build as well.
pub(crate) fn keys_of_child(job: &Job) -> Vec<String> {
    let mut keys = keys_of_build(&job.metadata);
    let meta = &job.metadata;
    let step = meta.labels.as_ref().and_then(|labels| labels.get(names::STEP));
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    keys.extend(step.map(|step| of_step(namespace, step)));
    keys
}

/// Builds of any kind: by those that own or have joined them, and by what they build.
pub(crate) fn keys_of_build(meta: &ObjectMeta) -> Vec<String> {
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let mut keys = keys_of_owners(meta);
    for (name, value) in meta.annotations.iter().flatten() {
        if name == names::WHOLE_IDENTITY {
            keys.push(of_identity(namespace, value));
        } else if let Some(uid) = name.strip_prefix(names::JOINED)
            && !keys.iter().any(|key| key == uid)
        {
            keys.push(uid.to_owned());
        }
    }
    keys
}

/// By the uids of all owners.
pub(crate) fn keys_of_owners(meta: &ObjectMeta) -> Vec<String> {
    let owners = meta.owner_references.iter().flatten();
    owners.map(|owner| owner.uid.clone()).collect()
}

/// By the uids of the Jobs that own it, where it has our label: what else says that it is theirs the admission policy of
/// `operator/deploy` lets anybody make.
pub(crate) fn keys_of_pod(pod: &Pod) -> Vec<String> {
    let labels = pod.metadata.labels.as_ref();
    if labels
        .and_then(|labels| labels.get(names::MANAGED_BY.0))
        .map(String::as_str)
        != Some(names::MANAGED_BY.1)
    {
        return Vec::new();
    }
    let owners = pod.metadata.owner_references.iter().flatten();
    let jobs = owners.filter(|owner| owner.kind == "Job");
    jobs.map(|owner| owner.uid.clone()).collect()
}

/// By the uids of all owners: the job's, and those of builds.
pub(crate) fn keys_of_map(map: &PartialObjectMeta<ConfigMap>) -> Vec<String> {
    keys_of_owners(&map.metadata)
}

/// By the uid of what it is about.
pub(crate) fn keys_of_event(event: &Event) -> Vec<String> {
    event.involved_object.uid.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
    use kube::runtime::reflector;

    use super::*;

    fn pod(name: &str, owner: &str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.to_owned());
        pod.metadata.namespace = Some("team".to_owned());
        let (label, value) = names::MANAGED_BY;
        pod.metadata.labels = Some([(label.to_owned(), value.to_owned())].into());
        pod.metadata.owner_references = Some(vec![OwnerReference {
            kind: "Job".to_owned(),
            uid: owner.to_owned(),
            ..OwnerReference::default()
        }]);
        pod
    }

    /// Tells a store and an index of it the same, and says what is found under `a`.
    fn check(events: Vec<watcher::Event<Pod>>, expected: &[&str]) {
        let (store, mut writer) = reflector::store::<Pod>();
        let index = Index::new(keys_of_pod);
        for event in events {
            writer.apply_watcher_event(&event);
            index.take(&event);
        }
        let found = index.find(&store, "a");
        let found: Vec<_> = found
            .iter()
            .filter_map(|pod| pod.metadata.name.as_deref())
            .collect();
        assert_eq!(found, expected);
        let known = index.known();
        assert_eq!(
            known.of.len(),
            store.state().len(),
            "nothing is kept of what is gone"
        );
    }

    #[test]
    fn objects_are_found_by_their_owner_as_long_as_they_have_it() {
        use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
        let listed = || vec![Init, InitApply(pod("x", "a")), InitApply(pod("y", "b")), InitDone];
        check(listed(), &["x"]);
        let then = |event| [listed(), vec![event]].concat();
        check(then(Apply(pod("z", "a"))), &["x", "z"]);
        check(then(Apply(pod("x", "b"))), &[]);
        check(then(Delete(pod("x", "a"))), &[]);
        // A list that is read anew has only what is there.
        let again = vec![Init, InitApply(pod("y", "a")), InitDone];
        check([listed(), again].concat(), &["y"]);
    }

    #[test]
    fn a_pod_that_the_admission_policy_does_not_guard_is_no_jobs() {
        assert_eq!(keys_of_pod(&pod("x", "a")), ["a"]);
        let mut other_kind = pod("x", "a");
        other_kind.metadata.owner_references.as_mut().unwrap()[0].kind = "ReplicaSet".to_owned();
        let mut without_label = pod("x", "a");
        without_label.metadata.labels = None;
        for forged in [other_kind, without_label] {
            assert!(keys_of_pod(&forged).is_empty(), "{:?}", forged.metadata);
        }
    }

    #[test]
    fn a_build_is_found_by_its_identity_and_by_who_has_joined_it() {
        let mut meta = pod("x", "a").metadata;
        meta.annotations = Some(
            [
                (names::WHOLE_IDENTITY, "1"),
                (&names::joined("b"), "run"),
                (&names::joined("a"), "run"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        );
        let mut keys = keys_of_build(&meta);
        keys.sort();
        assert_eq!(keys, ["a", "b", "identity/team/1"]);
    }
}
