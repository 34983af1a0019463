//! What to do about what went wrong, where more can be done than the message itself says: in the words of a terminal and in
//! those of a cluster. Why it went wrong is [`reason`](crate::reason)'s.

use nbvet_report::Hint;

use crate::{
    assemble, bytecode,
    http::{self, HttpError},
    index::IndexError,
    registry::RegistryError,
    resolve::{ResolveError, locks},
};

/// Where a job names what it starts from.
const BASE_FIELD: &str = "`spec.podConfig.buildConfig.baseImage`";
/// Where a job names its own index.
const INDEX_FIELD: &str = "`spec.podConfig.buildConfig.packageIndex`";

/// What to do about a failed build; an empty hint where the message says it.
pub fn of_build(error: &assemble::Error) -> Hint {
    use assemble::Error;
    match error {
        Error::OtherPlatform { found, wanted, .. } => {
            Hint::from(format!("name one for {wanted}, or say `--platform {found}`"))
                .in_cluster(format!("name one for {wanted} in {BASE_FIELD}"))
        }
        Error::Registry(error) => of_registry(error),
        Error::Resolve(error) => of_resolution(error),
        Error::Index(error) => of_index(error),
        Error::Kernel(_) => Hint::from(
            "packages of it are looked for where the others are; leave it out with `--kernel none`, or lock an \
             `ipykernel` that is there",
        )
        .in_cluster(format!(
            "packages of it are looked for where the others are ({INDEX_FIELD}); lock an `ipykernel` that is there"
        )),
        Error::NeedsBuild { packages, target } => wheels_for(
            &format!("pin a version that has a wheel for {target}"),
            &packages.join(" "),
        ),
        Error::OtherPython { .. } | Error::Bytecode(bytecode::Error::Another { .. }) => {
            Hint::from("take the base's own Python (`--bytecode base`), or `--bytecode off`")
                .in_cluster(format!("name another base image in {BASE_FIELD}"))
        }
        _ => Hint::default(),
    }
}

/// What to do about a registry's failure.
pub fn of_registry(error: &RegistryError) -> Hint {
    let secrets =
        "`spec.podConfig.imagePullSecrets`, and, to write, in `spec.podConfig.buildConfig.pushSecret`";
    match error {
        RegistryError::Http { error, .. } => of_http(error),
        RegistryError::Denied {
            unknown: Some(registry),
            ..
        } => Hint::from(format!(
            "`docker login {registry}` or `podman login {registry}` writes them"
        ))
        .in_cluster(format!(
            "name a Secret of type kubernetes.io/dockerconfigjson that has them for {registry} in {secrets}"
        )),
        RegistryError::Denied { unknown: None, .. } | RegistryError::Credentials(_) => {
            Hint::default().in_cluster(format!("credentials are those of the Secrets in {secrets}"))
        }
        _ => Hint::default(),
    }
}

/// What to do about a failed resolution.
pub fn of_resolution(error: &ResolveError) -> Hint {
    match error {
        ResolveError::NoUv { file } => Hint::from(format!(
            "install it (`pip install uv`), or lock the file where uv is: `{}`",
            locks(file)
        ))
        .in_cluster(format!(
            "lock the file where uv is: `{}`; the operator's own image should hold it, too: tell an administrator",
            locks(file)
        )),
        ResolveError::NeedsBuild { package, .. } => wheels_for(
            "choose a version that has one",
            &package
                .as_deref()
                .map_or_else(|| "NAME==VERSION".to_owned(), |package| package.replace(' ', "==")),
        ),
        ResolveError::Credentials { .. } => credentials_of_index(),
        ResolveError::Plain { .. } => {
            Hint::from("use https, or name its host (`--insecure-host`, pip's trusted-host)")
                .in_cluster(format!("use https in {INDEX_FIELD}"))
        }
        ResolveError::Usage { .. } => Hint::from("`pip install -U uv`")
            .in_cluster("it is the operator's own: an administrator has to see to its image"),
        _ => Hint::default(),
    }
}

/// What to do about a package that is not here.
pub fn of_index(error: &IndexError) -> Hint {
    match error {
        IndexError::NoPackage { .. } => {
            Hint::from("check its spelling, or name the index that has it in NBVET_INDEX_URL").in_cluster(
                format!("check its spelling, or name the index that has it in {INDEX_FIELD}"),
            )
        }
        IndexError::Credentials { .. } => credentials_of_index(),
        IndexError::Http(error) => of_http(error),
        _ => Hint::default(),
    }
}

/// What to do about a request that failed.
pub fn of_http(error: &HttpError) -> Hint {
    // Who speaks to whom without encryption is not a job's to say.
    const INSECURE: &str = "`--insecure-registry` of the operator, which an administrator sets";
    match error {
        HttpError::Plain { host, .. } => Hint::from(format!(
            "use https, or name it as an insecure host (`--insecure-host {host}`)"
        ))
        .in_cluster(format!("use https, or have {host} named in {INSECURE}")),
        HttpError::Transport {
            reason: http::Reason::NoTls(_),
            ..
        } => Hint::from("if it speaks plain http, name it as an insecure host (`--insecure-host`)")
            .in_cluster(format!("if it speaks plain http, have it named in {INSECURE}")),
        HttpError::Transport {
            reason: http::Reason::Untrusted(_),
            ..
        } => Hint::from("give the file of its certificate authority (`--ca-file`), or set SSL_CERT_FILE").in_cluster(
            "name the ConfigMap of its certificate authority: of an index in \
             `spec.podConfig.buildConfig.packageIndex.caConfigMap`, of a registry in `--ca-config-map` of the operator, \
             which an administrator sets",
        ),
        HttpError::Certificates { .. } => Hint::default().in_cluster(
            "they come from the ConfigMap of `spec.podConfig.buildConfig.packageIndex.caConfigMap`, or of \
             `--ca-config-map` of the operator",
        ),
        _ => Hint::default(),
    }
}

fn credentials_of_index() -> Hint {
    Hint::from("put them into its URL in NBVET_INDEX_URL: https://USER:PASSWORD@HOST/…").in_cluster(
        "name a Secret with `username` and `password` in `spec.podConfig.buildConfig.packageIndex.secret`",
    )
}

/// For what has no wheel.
fn wheels_for(first: &str, packages: &str) -> Hint {
    let made = format!(
        "{first}, or make one where its code may run: `pip wheel --no-deps --wheel-dir wheels {packages}`"
    );
    Hint::from(format!("{made}, and name its folder: `--find-links wheels`"))
        .in_cluster(format!("{made}, and name the file with its `--hash`"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use nbvet_report::Readers;

    use super::*;

    /// Everything that a terminal is told to call nbvet with, as a cluster is told it.
    #[test]
    fn in_a_cluster_no_option_of_the_command_line_is_advised() {
        let text = String::new;
        let transport = |reason| HttpError::Transport {
            method: "GET",
            url: text(),
            reason,
        };
        let denied = |unknown: Option<&str>| RegistryError::Denied {
            image: text(),
            why: text(),
            unknown: unknown.map(str::to_owned),
        };
        let hints = [
            of_http(&HttpError::Plain {
                url: text(),
                host: "h:5000".to_owned(),
            }),
            of_http(&transport(http::Reason::NoTls(text()))),
            of_http(&transport(http::Reason::Untrusted(text()))),
            of_registry(&denied(Some("h:5000"))),
            of_registry(&denied(None)),
            of_index(&IndexError::NoPackage {
                name: "six".parse().unwrap(),
                asked: text(),
            }),
            of_resolution(&ResolveError::NoUv {
                file: "requirements.in".to_owned(),
            }),
            of_resolution(&ResolveError::NeedsBuild {
                file: text(),
                package: Some("source 1".to_owned()),
                target: text(),
            }),
            of_resolution(&ResolveError::Credentials { explanation: text() }),
            of_resolution(&ResolveError::Usage { explanation: text() }),
            of_build(&assemble::Error::OtherPlatform {
                base: text(),
                found: "linux/amd64".to_owned(),
                wanted: "linux/arm64".to_owned(),
            }),
            of_build(&assemble::Error::OtherPython {
                probed: text(),
                said: text(),
            }),
        ];
        let words: Vec<&str> = hints.iter().map(|hint| hint.to(Readers::Cluster)).collect();
        expect![[r#"
            use https, or have h:5000 named in `--insecure-registry` of the operator, which an administrator sets
            if it speaks plain http, have it named in `--insecure-registry` of the operator, which an administrator sets
            name the ConfigMap of its certificate authority: of an index in `spec.podConfig.buildConfig.packageIndex.caConfigMap`, of a registry in `--ca-config-map` of the operator, which an administrator sets
            name a Secret of type kubernetes.io/dockerconfigjson that has them for h:5000 in `spec.podConfig.imagePullSecrets`, and, to write, in `spec.podConfig.buildConfig.pushSecret`
            credentials are those of the Secrets in `spec.podConfig.imagePullSecrets`, and, to write, in `spec.podConfig.buildConfig.pushSecret`
            check its spelling, or name the index that has it in `spec.podConfig.buildConfig.packageIndex`
            lock the file where uv is: `uv pip compile requirements.in --generate-hashes -o requirements.txt`; the operator's own image should hold it, too: tell an administrator
            choose a version that has one, or make one where its code may run: `pip wheel --no-deps --wheel-dir wheels source==1`, and name the file with its `--hash`
            name a Secret with `username` and `password` in `spec.podConfig.buildConfig.packageIndex.secret`
            it is the operator's own: an administrator has to see to its image
            name one for linux/arm64 in `spec.podConfig.buildConfig.baseImage`
            name another base image in `spec.podConfig.buildConfig.baseImage`"#]].assert_eq(&words.join("\n"));
    }
}
