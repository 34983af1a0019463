//! Images that are not as they should be, and registries that give none.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
};

use nbvet_operator_testkit::{Cluster, Image, REGISTRY};
use nbvet_testkit::{Registry, skopeo};
use serde_json::{Value, json};

use crate::town::run;

/// A registry that wants a password.
pub(crate) const CLOSED: &str = "10.96.0.1:5001";
/// The port of [`CLOSED`].
pub(crate) const CLOSED_PORT: u16 = 5001;
/// Where a registry might be and none is.
pub(crate) const DOWN: &str = "10.96.0.1:5009";

/// Puts an image into a registry as `REPOSITORY:1`, and returns that name as pods reach it.
pub(crate) fn push(cluster: &Cluster, image: &Image, repository: &str) -> String {
    let registry = cluster.registry().unwrap();
    let archive = cluster
        .logs()
        .join(format!("{}.tar", repository.replace('/', "-")));
    image.write(&archive).unwrap();
    let mut command = skopeo();
    command.args(["copy", "--quiet", "--dest-tls-verify=false"]);
    command.arg(format!("oci-archive:{}", archive.display()));
    run(command.arg(format!("docker://{}/{repository}:1", registry.host()))).unwrap();
    fs::remove_file(archive).unwrap();
    format!("{REGISTRY}/{repository}:1")
}

/// The manifest of `REPOSITORY:1`: its text.
fn manifest(registry: &Registry, repository: &str) -> String {
    let mut command = skopeo();
    command.args(["inspect", "--raw", "--tls-verify=false"]);
    run(command.arg(format!("docker://{}/{repository}:1", registry.host()))).unwrap()
}

/// An image of which the registry has lost a layer.
pub(crate) fn torn(cluster: &Cluster) -> String {
    let mut image = Image::new("localhost/torn:1");
    image.file("note", b"this layer is lost", 0o644);
    let name = push(cluster, &image, "broken/torn");
    let registry = cluster.registry().unwrap();
    let manifest: Value = serde_json::from_str(&manifest(registry, "broken/torn")).unwrap();
    let layer = manifest["layers"][0]["digest"]
        .as_str()
        .unwrap()
        .replace("sha256:", "");
    let blobs = registry.storage().join("docker/registry/v2/blobs/sha256");
    fs::remove_dir_all(blobs.join(&layer[..2]).join(layer)).unwrap();
    name
}

/// An image that there is for another kind of machine alone.
pub(crate) fn elsewhere(cluster: &Cluster) -> String {
    let registry = cluster.registry().unwrap();
    push(cluster, &Image::new("localhost/elsewhere:1"), "broken/elsewhere");
    let text = manifest(registry, "broken/elsewhere");
    let mut command = skopeo();
    command.args(["inspect", "--format={{.Digest}}", "--tls-verify=false"]);
    command.arg(format!("docker://{}/broken/elsewhere:1", registry.host()));
    let digest = run(&mut command).unwrap();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest.trim(),
            "size": text.len(),
            "platform": {"architecture": "s390x", "os": "linux"},
        }],
    });
    let index = index.to_string();
    let request = format!(
        "PUT /v2/broken/elsewhere/manifests/2 HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\
         Content-Type: application/vnd.oci.image.index.v1+json\r\nContent-Length: {}\r\n\r\n{index}",
        index.len()
    );
    let mut stream = TcpStream::connect(registry.host()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    format!("{REGISTRY}/broken/elsewhere:2")
}

/// An image whose nbvet is a program for another kind of machine.
pub(crate) fn foreign(cluster: &Cluster) -> String {
    // The head of a program: 64 bits, to be executed, of aarch64.
    let mut program = vec![0_u8; 120];
    program[..20].copy_from_slice(&[
        0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0xb7, 0,
    ]);
    let mut image = Image::new("localhost/foreign:1");
    image.file("usr/local/bin/nbvet", &program, 0o755);
    cluster.import(&image).unwrap();
    image.reference().to_owned()
}
