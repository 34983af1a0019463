//! The cluster that is asked: by kubeconfig and context as kubectl finds it, with an end to every wait.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api, Client, Config,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use nbvet_operator_api::NotebookValidationJob;

use crate::{
    args::ClusterArgs,
    error::{Error, is_code},
};

/// Jobs that are asked for at once.
const PAGE: u32 = 250;
/// Names that kubectl lets stand before a job's.
const KINDS: [&str; 5] = [
    "nvj",
    "nvjob",
    "notebookvalidationjob",
    "notebookvalidationjobs",
    "notebookvalidationjobs.mlops.mlops.dev",
];

/// A cluster, and a namespace in it.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    limit: Duration,
}

impl Cluster {
    /// By the options of a command.
    pub(crate) async fn of(args: &ClusterArgs) -> Result<Self, Error> {
        let options = KubeConfigOptions {
            context: args.context.clone(),
            ..KubeConfigOptions::default()
        };
        let mut config = match &args.kubeconfig {
            Some(file) => Config::from_custom_kubeconfig(Kubeconfig::read_from(file)?, &options).await?,
            None if args.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => Config::infer()
                .await
                .map_err(|error| Error::NoCluster(error.to_string()))?,
        };
        config.default_retry = false;
        config.connect_timeout = Some(args.request_timeout);
        let namespace = args
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        Ok(Self {
            client: Client::try_from(config).map_err(Error::api("client"))?,
            namespace,
            limit: args.request_timeout,
        })
    }

    /// Jobs of the namespace.
    pub(crate) fn jobs(&self) -> Api<NotebookValidationJob> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Its pods.
    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Its `ConfigMap`s.
    pub(crate) fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits for an answer, and no longer than users want to.
    pub(crate) async fn answer<T>(
        &self,
        doing: &str,
        asked: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(self.limit, asked).await {
            Ok(answer) => answer.map_err(Error::api(doing)),
            Err(_) => Err(Error::NoAnswer {
                doing: doing.to_owned(),
                limit: self.limit,
            }),
        }
    }

    /// A job by its name, or by its kind and name as `kubectl get -o name` prints them.
    pub(crate) async fn job(&self, written: &str) -> Result<NotebookValidationJob, Error> {
        let name = name(written)?;
        let found = self.answer(&format!("job {name}"), self.jobs().get(name)).await;
        found.map_err(|error| match error {
            Error::Api { source, .. } if is_code(&source, 404) => {
                let is_named = matches!(&*source, kube::Error::Api(status) if status.message.contains(name));
                if is_named {
                    Error::NoJob {
                        name: name.to_owned(),
                        namespace: self.namespace.clone(),
                    }
                } else {
                    Error::NotServed
                }
            }
            other => other,
        })
    }

    /// All jobs: of the namespace, or of all of them.
    pub(crate) async fn all_jobs(
        &self,
        everywhere: bool,
        selector: Option<&str>,
    ) -> Result<Vec<NotebookValidationJob>, Error> {
        let api = if everywhere {
            Api::all(self.client.clone())
        } else {
            self.jobs()
        };
        let mut how = ListParams::default().limit(PAGE);
        how.label_selector = selector.map(str::to_owned);
        let mut jobs = Vec::new();
        loop {
            let list = self.answer("list jobs", api.list(&how)).await;
            let list = list.map_err(|error| match error {
                Error::Api { source, .. } if is_code(&source, 404) => Error::NotServed,
                other => other,
            })?;
            jobs.extend(list.items);
            how.continue_token = list.metadata.continue_.filter(|token| !token.is_empty());
            if how.continue_token.is_none() {
                return Ok(jobs);
            }
        }
    }
}

/// The namespace of what is done without a cluster: that of the context, where a kubeconfig is there to name one.
pub(crate) fn namespace(args: &ClusterArgs) -> Result<Option<String>, Error> {
    let known = match &args.kubeconfig {
        Some(file) => Kubeconfig::read_from(file)?,
        None => match Kubeconfig::read() {
            Ok(known) => known,
            Err(error) if args.context.is_some() => return Err(error.into()),
            Err(_) => return Ok(None),
        },
    };
    let Some(name) = args.context.as_ref().or(known.current_context.as_ref()) else {
        return Ok(None);
    };
    let Some(context) = known.contexts.iter().find(|one| one.name == *name) else {
        return match &args.context {
            Some(name) => Err(KubeconfigError::LoadContext(name.clone()).into()),
            None => Ok(None),
        };
    };
    let context = context.context.as_ref();
    let namespace = context.and_then(|context| context.namespace.clone());
    Ok(namespace.filter(|name| !name.is_empty()))
}

/// The name alone.
fn name(written: &str) -> Result<&str, Error> {
    let name = match written.split_once('/') {
        Some((kind, name)) if KINDS.contains(&kind) => name,
        _ => written,
    };
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if name.is_empty() || name.len() > 253 || !name.chars().all(is_name) {
        return Err(Error::NoName(written.to_owned()));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_may_be_named_with_its_kind_and_never_by_a_path() {
        for written in [
            "a-b.c",
            "nvj/a-b.c",
            "notebookvalidationjobs.mlops.mlops.dev/a-b.c",
        ] {
            assert_eq!(name(written).unwrap(), "a-b.c");
        }
        for written in ["", "nvj/", "pod/a", "../a", "a/b", "A", "a?b", "a\u{1b}[2J"] {
            assert!(name(written).is_err(), "{written}");
        }
    }
}
