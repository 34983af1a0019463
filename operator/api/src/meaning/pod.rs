//! What the pod's fields mean where they say one thing in two ways.

use k8s_openapi::api::core::v1::{EnvFromSource, SecretEnvSource};

use crate::pod::PodConfig;

/// The sources of environment variables: `envFrom`, and `credentials` as what they are short for, each Secret once.
pub fn env_from(pod: &PodConfig) -> Vec<EnvFromSource> {
    let mut sources = pod.env_from.clone();
    for name in &pod.credentials {
        let source = EnvFromSource {
            secret_ref: Some(SecretEnvSource {
                name: name.clone(),
                ..Default::default()
            }),
            ..Default::default()
        };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_short_for_secrets_in_env_from_and_count_once() {
        let mut pod = PodConfig {
            credentials: vec!["s3".to_owned(), "database".to_owned()],
            ..Default::default()
        };
        let both = env_from(&pod);
        let names: Vec<_> = both
            .iter()
            .map(|source| source.secret_ref.as_ref().unwrap().name.as_str())
            .collect();
        assert_eq!(names, ["s3", "database"]);
        // As the public operator's webhook leaves it.
        pod.env_from = both.clone();
        assert_eq!(env_from(&pod), both);
    }
}
