//! `cargo xtask image`: the image of the operator and of all trusted containers of its pods, as an OCI layout. Debian's
//! packages come first and change seldom, then uv, then both programs, which are static.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    command, dist,
    error::Error,
    files::{self, Fingerprint},
    oci::{self, Layer},
    workspace::Workspace,
};

/// Who runs where nobody says it; a cluster may say any other.
const USER: u32 = 10_001;

/// What the programs call: git and ssh for sources, and a library by which ssh knows users whom `/etc/passwd` does not;
/// certificates; a Python, without which uv resolves nothing; buildah for Dockerfiles.
const PACKAGES: &str = "buildah,ca-certificates,git,libnss-wrapper,openssh-client,python3";

/// The release of Debian.
const SUITE: &str = "bookworm";

/// The second at which everything of Debian's packages is said to have been written.
const EPOCH: &str = "1700000000";

/// Builds the image. The programs are built with one profile of cargo, the operator's with another where it is named.
pub(crate) fn build(
    workspace: &Workspace,
    profile: &str,
    operator_profile: Option<&str>,
) -> Result<(), Error> {
    let nbvet = dist::program(workspace, "nbvet", profile)?;
    let operator = dist::program(workspace, "nbvet-operator", operator_profile.unwrap_or(profile))?;
    let goal = workspace.target().join("nbvet-image");
    let scratch = tempfile::Builder::new()
        .prefix("nbvet-image-")
        .tempdir_in(workspace.target())
        .map_err(Error::file(workspace.target()))?;
    let uv = workspace.tool("uv")?;
    let mut layers = vec![debian(workspace)?];
    for (name, program) in [("uv", uv), ("nbvet", nbvet), ("nbvet-operator", operator)] {
        layers.push(layer(name, &program, scratch.path())?);
    }
    let layout = scratch.path().join("layout");
    let digest = oci::write(&layout, "nbvet", &layers, &config(workspace))?;
    if goal.exists() {
        fs::remove_dir_all(&goal).map_err(Error::file(&goal))?;
    }
    fs::rename(&layout, &goal).map_err(Error::file(&goal))?;
    command::say(&format!("{} ({digest})", goal.display()));
    Ok(())
}

/// How a container of it starts. `HOME` is a folder that pods mount.
fn config(workspace: &Workspace) -> Value {
    let package = workspace.package("nbvet");
    json!({
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/tmp",
                "LANG=C.UTF-8",
            ],
            "Entrypoint": ["nbvet"],
            "WorkingDir": "/",
            "Labels": {
                "org.opencontainers.image.title": "nbvet",
                "org.opencontainers.image.version": package.version.to_string(),
                "org.opencontainers.image.licenses": package.license.clone().unwrap_or_default(),
                "org.opencontainers.image.source": package.repository.clone().unwrap_or_default(),
            },
        },
    })
}

/// A layer of one program.
fn layer(name: &str, program: &Path, scratch: &Path) -> Result<(Layer, PathBuf), Error> {
    let goal = scratch.join(name);
    let entry = (files::read(program)?, 0o755);
    let contents = BTreeMap::from([(format!("usr/local/bin/{name}"), entry)]);
    let tar = oci::tar(&contents).map_err(Error::file(program))?;
    Ok((oci::pack(&tar[..], &goal)?, goal))
}

/// Debian's packages as a layer, made once by mmdebstrap and kept in the user's cache by what it was asked for.
fn debian(workspace: &Workspace) -> Result<(Layer, PathBuf), Error> {
    let mut fingerprint = Fingerprint::default();
    let arguments = arguments();
    fingerprint.add("mmdebstrap", arguments.join("\n").as_bytes());
    let folder = workspace.cache().join("image");
    let packed = folder.join(format!("debian-{}.tar.gz", fingerprint.finish()));
    let told = packed.with_extension("json");
    if packed.is_file()
        && let Ok(text) = fs::read(&told)
        && let Ok(layer) = serde_json::from_slice(&text)
    {
        return Ok((layer, packed));
    }
    command::say("fetching Debian's packages for the image");
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let scratch = tempfile::Builder::new()
        .prefix(".making-")
        .tempdir_in(&folder)
        .map_err(Error::file(&folder))?;
    let (tar, half) = (scratch.path().join("root.tar"), scratch.path().join("root.gz"));
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.args(&arguments).arg(SUITE).arg(&tar);
    mmdebstrap.env("SOURCE_DATE_EPOCH", EPOCH).env("LC_ALL", "C").env(
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    );
    command::run(&mut mmdebstrap)?;
    let layer = oci::pack(File::open(&tar).map_err(Error::file(&tar))?, &half)?;
    fs::rename(&half, &packed).map_err(Error::file(&packed))?;
    files::replace(&told, json!(layer).to_string().as_bytes())?;
    Ok((layer, packed))
}

fn arguments() -> Vec<String> {
    let mut arguments: Vec<String> = ["--quiet", "--variant=essential", "--format=tar"]
        .map(str::to_owned)
        .into();
    arguments.push(format!("--include={PACKAGES}"));
    for folder in ["doc", "man", "locale", "info", "lintian", "bash-completion"] {
        arguments.push(format!("--dpkgopt=path-exclude=/usr/share/{folder}/*"));
    }
    // Licences stay.
    arguments.push("--dpkgopt=path-include=/usr/share/doc/*/copyright".to_owned());
    arguments.push("--dpkgopt=force-unsafe-io".to_owned());
    arguments.push("--aptopt=Acquire::Languages \"none\"".to_owned());
    let hooks = [
        format!("echo nbvet:x:{USER}:{USER}::/tmp:/usr/sbin/nologin >>\"$1\"/etc/passwd"),
        format!("echo nbvet:x:{USER}: >>\"$1\"/etc/group"),
        "rm -rf \"$1\"/etc/apt/sources.list* \"$1\"/var/log/*".to_owned(),
    ];
    arguments.extend(hooks.map(|hook| format!("--customize-hook={hook}")));
    arguments
}
