//! The node that all tests share, with the operator installed on it.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use nbvet_operator_testkit::{Cluster, Error, REGISTRY, Result, Site, Tier, wait_for};
use nbvet_testkit::{Base, Lock, Registry, skopeo};
use tokio::sync::OnceCell;

/// More than anything here needs on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(8);
/// The operator's namespace, as its manifests name it.
pub(crate) const SYSTEM: &str = "nbvet-system";
/// The `ConfigMap` of each team's namespace with the authority that vouches for its servers.
pub(crate) const AUTHORITY: &str = "nbvet-ca";

/// What makes the operator's image.
const BUILD_IMAGE: &str = "`cargo xtask image --profile unoptimised`";

/// A node, what stands around it, and the operator.
pub(crate) struct Town {
    pub(crate) cluster: Cluster,
    pub(crate) site: Site,
    /// A base image with Python, by its digest.
    pub(crate) base: String,
    /// The image of the operator, by its digest.
    pub(crate) image: String,
}

static TOWN: OnceCell<Result<Town>> = OnceCell::const_new();

/// The town, started by whoever comes first; `None`: this machine cannot, and that was said.
pub(crate) async fn town() -> Option<&'static Town> {
    match TOWN.get_or_init(Town::start).await {
        Ok(town) => Some(town),
        Err(error @ Error::Missing { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

impl Town {
    async fn start() -> Result<Self> {
        let layout = layout()?;
        let asked_for = Lock::Feedback.wheels().map_err(missing)?;
        let kernel = Lock::Added.wheels().map_err(missing)?;
        let cluster = Cluster::start(Tier::Node).await?;
        let site = Site::start(&cluster, &[&asked_for, &kernel])?;
        let registry = cluster
            .registry()
            .ok_or_else(|| Error::Other("a node has a registry".to_owned()))?;
        let base = Base::Plain.push(registry).map_err(missing)?;
        let base = base.replacen(&registry.host(), REGISTRY, 1);
        let image = push(&layout, registry)?;
        let town = Self {
            cluster,
            site,
            base,
            image,
        };
        town.install()?;
        let admin = town.cluster.admin().await?;
        let all = Api::<Deployment>::namespaced(admin, SYSTEM);
        let is_there = |deployment: &Deployment| {
            let status = deployment.status.as_ref();
            status.and_then(|status| status.available_replicas) == Some(1)
        };
        wait_for(&all, "nbvet-operator", LIMIT, is_there).await?;
        Ok(town)
    }

    /// Another base image, by its digest.
    pub(crate) fn base(&self, base: Base) -> String {
        let registry = self.cluster.registry().unwrap();
        base.push(registry)
            .unwrap()
            .replacen(&registry.host(), REGISTRY, 1)
    }

    /// As docs/guide/install.md tells: a few lines around the manifests, applied by kubectl.
    fn install(&self) -> Result<()> {
        let folder = tempfile::tempdir().map_err(|error| Error::Other(error.to_string()))?;
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        run(Command::new("cp")
            .arg("-r")
            .arg(deploy)
            .arg(folder.path().join("deploy")))?;
        let text = kustomization(&self.image);
        fs::write(folder.path().join("kustomization.yaml"), text)
            .map_err(|error| Error::Other(error.to_string()))?;
        run(self.cluster.kubectl()?.arg("apply").arg("-k").arg(folder.path())).map(drop)
    }
}

/// The operator with its image by digest, and with what this town has for all jobs.
fn kustomization(image: &str) -> String {
    let (name, digest) = image.split_once('@').unwrap_or((image, ""));
    let add = |argument: String| {
        format!("    - {{op: add, path: /spec/template/spec/containers/0/args/-, value: {argument}}}\n")
    };
    let arguments = [
        format!("--registry={REGISTRY}"),
        format!("--insecure-registry={REGISTRY}"),
        format!("--ca-config-map={AUTHORITY}"),
    ];
    format!(
        "resources: [deploy]
images:
- {{name: nbvet, newName: {name}, digest: '{digest}'}}
replacements:
- source: {{kind: Deployment, name: nbvet-operator, fieldPath: 'spec.template.spec.containers.[name=operator].image'}}
  targets:
  - select: {{kind: Deployment, name: nbvet-operator}}
    fieldPaths: ['spec.template.spec.containers.[name=operator].env.[name=NBVET_IMAGE].value']
patches:
- target: {{kind: Deployment, name: nbvet-operator}}
  patch: |-
{}",
        arguments.map(add).concat()
    )
}

/// The operator's image, as `cargo xtask image` makes it. One that is older than its sources is told of, also where the
/// tests pass.
pub(crate) fn layout() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let target = target.unwrap_or_else(|| Path::new(""));
    let layout = target.join("nbvet-image");
    if !layout.join("index.json").is_file() {
        return Err(Error::Missing {
            what: "the operator's image".to_owned(),
            why: format!("not built; {BUILD_IMAGE} does it"),
        });
    }
    if let Some(source) = newer_than_image(target) {
        let source = source.display();
        let note =
            format!("note: the operator's image is older than {source}; {BUILD_IMAGE} makes it anew\n");
        // Nobody captures this, unlike what is printed; it may be lost where nobody reads.
        let _ = io::stderr().write_all(note.as_bytes());
    }
    Ok(layout)
}

/// A source of the image's programs that was written after the image was made, where there is one.
pub(crate) fn newer_than_image(target: &Path) -> Option<PathBuf> {
    let modified = |file: &Path| fs::metadata(file).and_then(|about| about.modified()).ok();
    let made = modified(&target.join("nbvet-image/index.json"))?;
    sources(target).find(|file| modified(file) > Some(made))
}

/// Sources of the image's programs, as cargo wrote them down when it built these.
fn sources(target: &Path) -> impl Iterator<Item = PathBuf> {
    let programs = ["nbvet", "nbvet-operator"];
    let told = ["release", "unoptimised"].into_iter().flat_map(move |profile| {
        programs.map(|program| target.join(format!("x86_64-unknown-linux-musl/{profile}/{program}.d")))
    });
    told.flat_map(|file| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let files = text.split_once(": ").map_or("", |(_, files)| files);
        files.split_whitespace().map(PathBuf::from).collect::<Vec<_>>()
    })
}

/// The registry gets the image; its name by digest, as pods reach it.
pub(crate) fn push(layout: &Path, registry: &Registry) -> Result<String> {
    let digest = layout.join("pushed");
    let mut command = skopeo();
    command.args(["copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false"]);
    command.arg("--digestfile").arg(&digest);
    command.arg(format!("oci:{}:nbvet", layout.display()));
    run(command.arg(format!("docker://{}/nbvet/nbvet:test", registry.host())))?;
    let digest = fs::read_to_string(&digest).map_err(|error| Error::Other(error.to_string()))?;
    Ok(format!("{REGISTRY}/nbvet/nbvet@{}", digest.trim()))
}

/// What a command printed; an error where it failed.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .map_err(|error| Error::Other(error.to_string()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    Err(Error::Other(format!("{command:?} {}\n{said}", output.status)))
}

fn missing(error: nbvet_testkit::Error) -> Error {
    match error {
        nbvet_testkit::Error::Missing { what, why } => Error::Missing { what, why },
        error => Error::Other(error.to_string()),
    }
}
