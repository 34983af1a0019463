//! Base images whose layers are compressed by zstd: looked into, built upon and run.

use nbvet_image::registry::{DOCKER_MANIFEST, Descriptor, Document, Manifest};
use nbvet_testkit::{Base, Run, Runtime, or_skip};
use serde_json::Value;

use crate::ground::{Ground, TINY, json, requirements, shelf};

const DOCKER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
const OCI_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// The types of an image's layers.
fn types(ground: &Ground, image: &str) -> Vec<String> {
    let (repository, digest) = image.split_once('@').unwrap();
    let found = shelf(repository).repository().manifest(digest).unwrap().unwrap();
    let Document::Manifest(manifest) = found.document else {
        panic!("{image} of {} is an index", ground.registry.host())
    };
    let layers = manifest.layers.into_iter();
    layers.map(|layer| layer.media_type).collect()
}

/// The same image as Docker writes it down.
fn as_docker(ground: &Ground, oci: &str) -> String {
    let (repository, digest) = oci.split_once('@').unwrap();
    let shelf = shelf(repository);
    let found = shelf.repository().manifest(digest).unwrap().unwrap();
    let Document::Manifest(manifest) = found.document else {
        panic!("{oci} of {} is an index", ground.registry.host())
    };
    let renamed =
        |blob: &Descriptor, media_type: &str| Descriptor::new(media_type, blob.digest.clone(), blob.size);
    let docker = Manifest {
        media_type: Some(DOCKER_MANIFEST.to_owned()),
        config: renamed(&manifest.config, "application/vnd.docker.container.image.v1+json"),
        layers: manifest
            .layers
            .iter()
            .map(|layer| renamed(layer, DOCKER_ZSTD))
            .collect(),
        ..*manifest
    };
    let docker = Manifest {
        annotations: std::collections::BTreeMap::new(),
        ..docker
    };
    let bytes = serde_json::to_vec(&docker).unwrap();
    let put = shelf
        .repository()
        .push_manifest("docker", DOCKER_MANIFEST, &bytes)
        .unwrap();
    format!("{repository}@{}", put.digest)
}

#[test]
fn a_base_of_zstd_layers_is_looked_into_and_what_is_built_on_it_runs() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    ground.write("requirements.txt", &requirements(TINY));
    let gzip = ground.built(&[]);
    let zstd = Base::Plain.push_with_zstd(&ground.registry).unwrap();
    let of_base = types(&ground, &zstd);
    assert!(of_base.iter().all(|kind| kind == OCI_ZSTD), "{of_base:?}");
    zstd.clone_into(&mut ground.base);
    let built = ground.built(&[]);
    assert_ne!(built["digest"], gzip["digest"]);
    assert_eq!(built["shadowed"], gzip["shadowed"], "the same packages are found");
    let docker = as_docker(&ground, &zstd);
    docker.clone_into(&mut ground.base);
    let on_docker = ground.built(&[]);
    let [image, docker]: [&str; 2] = [&built, &on_docker].map(|built| built["image"].as_str().unwrap());
    assert_eq!(types(&ground, image), types(&ground, docker), "OCI's names alone");
    assert_eq!(types(&ground, image)[..of_base.len()], of_base);

    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    for image in [image, docker] {
        let pulled = runtime.pull(&ground.registry, image).unwrap();
        let program = "import pandas, six; print(six.__version__, six.__file__, pandas.__version__)";
        assert_eq!(
            pulled.python(&Run::default(), "python3", program).unwrap(),
            "1.17.0 /opt/nbvet/env/site/six.py 2.0.3\n"
        );
    }
}

#[test]
fn what_is_planned_on_zstd_layers_is_what_is_planned_on_the_same_of_gzip() {
    let Some(mut ground) = Ground::new(Base::Conda) else {
        return;
    };
    ground.write("requirements.txt", &requirements(TINY));
    let plan = |ground: &Ground| -> Value {
        let sources = ground.sources();
        let mut words = vec!["image", "plan", "--format", "json"];
        words.extend(sources.iter().map(String::as_str));
        json(&mut ground.command(&words))
    };
    let gzip = plan(&ground);
    ground.base = Base::Conda.push_with_zstd(&ground.registry).unwrap();
    let zstd = plan(&ground);
    for same in ["target", "lock", "shadowed", "layers"] {
        assert_eq!(gzip[same], zstd[same]);
    }
    assert_ne!(gzip["identity"], zstd["identity"], "another base image");
}
