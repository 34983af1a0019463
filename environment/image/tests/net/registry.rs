//! Against Debian's docker-registry, with skopeo as a second opinion.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use expect_test::expect;
use nbvet_image::http::Traffic;
use nbvet_image::registry::{
    Credentials, Descriptor, Document, OCI_INDEX, OCI_MANIFEST, Platform, Pushed, Repository,
};
use nbvet_testkit::{PASSWORD, Registry, RegistryOptions, USER, or_skip, skopeo};

use crate::image::{Image, LAYER, client, noise, repository};

fn start(options: RegistryOptions) -> Option<Registry> {
    or_skip(Registry::start(options))
}

fn at(registry: &Registry, name: &str) -> Repository {
    repository(&format!("{}/{name}", registry.host()))
}

fn small() -> Image {
    Image::new("amd64", vec![noise(1, 300_000), noise(2, 1000)])
}

/// What skopeo says, or its error.
fn seen(arguments: &[&str]) -> String {
    let mut command = skopeo();
    command.args(arguments);
    output(&mut command)
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn an_image_is_pushed_and_a_second_push_sends_nothing() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    let (image, to) = (small(), at(&registry, "org/a"));
    let pushed = image.push(&to, "v1").unwrap();
    assert_eq!(pushed, image.descriptor());
    let reference = format!("docker://{}:v1", to.image());
    let digest = seen(&[
        "inspect",
        "--tls-verify=false",
        "--format",
        "{{.Digest}} {{.Os}} {{.Env}}",
        &reference,
    ]);
    assert_eq!(digest, format!("{} linux [A=b]", pushed.digest));

    let again = client(Credentials::none(), None);
    let to = again.repository(&to.image().parse().unwrap());
    image.push(&to, "v1").unwrap();
    assert_eq!(
        again.traffic(),
        Traffic {
            // One finds out that there is no TLS, one looks for the tag.
            requests: 5,
            blobs_skipped: 3,
            ..Traffic::default()
        }
    );
}

#[test]
fn what_skopeo_pushed_is_read_and_checked() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    let image = small();
    image.push(&at(&registry, "org/a"), "v1").unwrap();
    let name = |name: &str| format!("docker://{}/{name}", registry.host());
    let formatted = [
        "copy",
        "--quiet",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--format",
        "v2s2",
    ];
    let (from, to) = (name("org/a:v1"), name("org/docker:v1"));
    seen(&[&formatted[..], &[&from, &to]].concat());
    let repository = at(&registry, "org/docker");
    let resolved = repository.resolve("v1", &Platform::linux("amd64")).unwrap();
    expect!["application/vnd.docker.distribution.manifest.v2+json"]
        .assert_eq(&resolved.fetched.descriptor.media_type);
    assert_eq!(
        repository.head_manifest("v1").unwrap().unwrap(),
        resolved.fetched.descriptor
    );
    let layer = &resolved.manifest.layers[0];
    let mut content = Vec::new();
    repository.blob(layer).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(Descriptor::of(&layer.media_type, &content).digest, layer.digest);
    let limited = repository.blob_bytes(layer, 10).unwrap_err().to_string();
    assert!(limited.contains("at most 10 are read"), "{limited}");
}

#[test]
fn what_is_not_there_is_none_or_named() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    let repository = at(&registry, "org/a");
    let image = small();
    assert_eq!(repository.head_manifest("v1").unwrap(), None);
    assert!(repository.manifest("v1").unwrap().is_none());
    assert_eq!(repository.head_blob(&image.descriptor().digest).unwrap(), None);
    assert_eq!(repository.tags().unwrap(), Vec::<String>::new());
    let error = repository
        .resolve("v1", &Platform::linux("amd64"))
        .unwrap_err()
        .to_string();
    expect!["SERVER/org/a: `v1` is not in the registry"]
        .assert_eq(&error.replace(&registry.host(), "SERVER"));
    let odd = repository.manifest("../../x").unwrap_err().to_string();
    assert!(
        odd.ends_with("\"../../x\" is neither a tag nor a digest"),
        "{odd}"
    );
}

#[test]
fn a_manifest_is_not_put_before_its_blobs() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    let (image, to) = (small(), at(&registry, "org/a"));
    let error = to
        .push_manifest("v1", OCI_MANIFEST, &image.manifest())
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("is not in the registry"), "{error}");
    assert!(registry.requests().iter().all(|request| !request.is_upload()));
    assert_eq!(to.head_manifest("v1").unwrap(), None);
    image.push(&to, "v1").unwrap();
    assert_eq!(to.tags().unwrap(), ["v1"]);
}

#[test]
fn blobs_are_mounted_within_a_registry() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    let all = client(Credentials::none(), None);
    let at = |name: &str| all.repository(&format!("{}/{name}", registry.host()).parse().unwrap());
    let (image, from, to) = (small(), at("org/a"), at("other/b"));
    image.push(&from, "v1").unwrap();
    let layer = Descriptor::of(LAYER, &image.layers[0]);
    let before = all.traffic();
    assert_eq!(
        to.push_blob(&layer, Some(&from), &image.layers[0]).unwrap(),
        Pushed::Mounted
    );
    let used = all.traffic() - before;
    assert_eq!((used.bytes_sent, used.blobs_mounted), (0, 1));
    // What the other repository lacks is sent, or said to be missing.
    let absent = noise(9, 100_000);
    let descriptor = Descriptor::of(LAYER, &absent);
    assert!(!to.mount_blob(&descriptor, &from).unwrap());
    assert_eq!(registry.unfinished_uploads(), 0);
    assert_eq!(
        to.push_blob(&descriptor, Some(&from), &absent).unwrap(),
        Pushed::Sent
    );
}

#[test]
fn a_password_is_asked_for_and_found_in_dockers_file() {
    let Some(registry) = start(RegistryOptions {
        password: true,
        ..RegistryOptions::default()
    }) else {
        return;
    };
    let name = format!("{}/org/a", registry.host());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let with = |user: &str, password: &str| {
        let entry = serde_json::json!({"auths": {registry.host(): {"username": user, "password": password}}});
        std::fs::write(&file, entry.to_string()).unwrap();
        client(Credentials::from_file(&file), None).repository(&name.parse().unwrap())
    };
    let image = small();
    let shown = |error: String| {
        let error = error.replace(&registry.host(), "SERVER");
        error.replace(folder.path().to_str().unwrap(), "")
    };
    image.push(&with(USER, PASSWORD), "v1").unwrap();
    let wrong = shown(image.push(&with(USER, "hunter2"), "v1").unwrap_err().to_string());
    expect!["SERVER/org/a: no access: the credentials of /config.json do not do for it"].assert_eq(&wrong);
    let nobody = shown(image.push(&repository(&name), "v1").unwrap_err().to_string());
    expect!["SERVER/org/a: no access: there are no credentials for SERVER"].assert_eq(&nobody);
}

#[test]
fn a_helper_program_is_asked() {
    let Some(registry) = start(RegistryOptions {
        password: true,
        ..RegistryOptions::default()
    }) else {
        return;
    };
    // In a process of its own: programs are found by its PATH.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("docker-credential-nbvet-test");
    let script = format!(
        "#!/bin/sh\nread server\n[ \"$1 $server\" = \"get {}\" ] && echo '{{\"ServerURL\":\"\",\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}'\n",
        registry.host()
    );
    std::fs::write(&program, script).unwrap();
    output(Command::new("chmod").arg("+x").arg(&program));
    std::fs::write(
        folder.path().join("config.json"),
        r#"{"credsStore":"nbvet-test"}"#,
    )
    .unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let this = std::env::current_exe().unwrap();
    let mut test = Command::new(this);
    test.args([
        "--exact",
        "registry::asked_with_a_helper",
        "--ignored",
        "--nocapture",
    ]);
    test.env("PATH", path).env("NBVET_TEST_CONFIG", folder.path());
    output(test.env("NBVET_TEST_REGISTRY", registry.host()));
}

#[test]
#[ignore = "the other half of a_helper_program_is_asked, which starts it"]
fn asked_with_a_helper() {
    let Ok(config) = std::env::var("NBVET_TEST_CONFIG") else {
        return;
    };
    let host = std::env::var("NBVET_TEST_REGISTRY").unwrap();
    let client = client(Credentials::from_file(Path::new(&config)), None);
    let to = client.repository(&format!("{host}/org/a").parse().unwrap());
    small().push(&to, "v1").unwrap();
}

#[test]
fn tls_is_spoken_with_an_authority_that_is_named() {
    let Some(registry) = start(RegistryOptions {
        tls: true,
        ..RegistryOptions::default()
    }) else {
        return;
    };
    let name = format!("{}/org/a", registry.host()).parse().unwrap();
    let image = small();
    let trusted = client(Credentials::none(), registry.authority());
    image.push(&trusted.repository(&name), "v1").unwrap();
    let strange = client(Credentials::none(), None).repository(&name);
    let error = image.push(&strange, "v2").unwrap_err().to_string();
    expect!["SERVER/org/a: GET https://SERVER/v2/: the server's certificate is not believed (invalid peer certificate: UnknownIssuer)"].assert_eq(&error.replace(&registry.host(), "SERVER"));
}

#[test]
fn places_without_a_host_are_understood() {
    let Some(registry) = start(RegistryOptions {
        relative_urls: true,
        ..RegistryOptions::default()
    }) else {
        return;
    };
    small().push(&at(&registry, "org/a"), "v1").unwrap();
}

#[test]
fn a_registry_that_takes_nothing_says_so() {
    let Some(registry) = start(RegistryOptions {
        read_only: true,
        ..RegistryOptions::default()
    }) else {
        return;
    };
    let error = small()
        .push(&at(&registry, "org/a"), "v1")
        .unwrap_err()
        .to_string();
    expect!["SERVER/org/a: the registry does not take the blob (status 405): Method not allowed"]
        .assert_eq(&error.replace(&registry.host(), "SERVER"));
}

#[test]
fn an_image_is_copied_by_digest_within_and_between_registries() {
    let (Some(one), Some(two)) = (
        start(RegistryOptions::default()),
        start(RegistryOptions::default()),
    ) else {
        return;
    };
    let all = client(Credentials::none(), None);
    let at = |registry: &Registry, name: &str| {
        all.repository(&format!("{}/{name}", registry.host()).parse().unwrap())
    };
    let (image, from) = (small(), at(&one, "build/a"));
    let digest = image.push(&from, "nbvet-1").unwrap().digest;
    for to in [at(&one, "shared/a"), at(&two, "shared/a")] {
        let before = all.traffic();
        let copied = from.copy_by_digest(digest.as_str(), &to, "v1").unwrap();
        let used = all.traffic() - before;
        assert_eq!(
            (&copied.digest, &copied.moved_from, copied.was_there),
            (&digest, &None, false)
        );
        let is_near = to.registry() == from.registry();
        assert_eq!(used.blobs_mounted, if is_near { 3 } else { 0 });
        assert_eq!(used.bytes_sent > 300_000, !is_near, "{used:?}");
        let again = from.copy_by_digest("nbvet-1", &to, "v1").unwrap();
        assert!(again.was_there);
        let reference = format!("docker://{}:v1", to.image());
        let seen = seen(&[
            "inspect",
            "--tls-verify=false",
            "--format",
            "{{.Digest}}",
            &reference,
        ]);
        assert_eq!(seen, digest.to_string());
    }
    let newer = Image::new("amd64", vec![noise(3, 70_000)]);
    let moved = newer.push(&from, "nbvet-2").unwrap().digest;
    let copied = from
        .copy_by_digest("nbvet-2", &at(&two, "shared/a"), "v1")
        .unwrap();
    assert_eq!((copied.digest, copied.moved_from), (moved, Some(digest)));
}

#[test]
fn an_index_leads_to_a_platform_and_is_copied_whole() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    let from = at(&registry, "org/multi");
    let mut entries = Vec::new();
    for (seed, architecture) in [(4, "amd64"), (5, "arm64")] {
        let image = Image::new(architecture, vec![noise(seed, 2000)]);
        let mut entry = image.push(&from, architecture).unwrap();
        entry.platform = Some(Platform::linux(architecture));
        entries.push(entry);
    }
    let index =
        serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string();
    let pushed = from.push_manifest("v1", OCI_INDEX, index.as_bytes()).unwrap();
    let resolved = from.resolve("v1", &Platform::linux("arm64")).unwrap();
    assert_eq!(
        (&resolved.asked, &resolved.fetched.descriptor.digest),
        (&pushed.digest, &entries[1].digest)
    );
    let error = from
        .resolve("v1", &Platform::linux("s390x"))
        .unwrap_err()
        .to_string();
    expect!["SERVER/org/multi:v1: there is no image for linux/s390x; there are: linux/amd64, linux/arm64"]
        .assert_eq(&error.replace(&registry.host(), "SERVER"));

    let to = at(&registry, "shared/multi");
    assert_eq!(
        from.copy_by_digest("v1", &to, "v2").unwrap().digest,
        pushed.digest
    );
    let Document::Index(copied) = to.manifest("v2").unwrap().unwrap().document else {
        panic!("no index")
    };
    assert_eq!(copied.manifests, entries);
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (
        format!("docker://{}:v2", to.image()),
        format!("oci:{}:v2", folder.path().display()),
    );
    seen(&["copy", "--quiet", "--all", "--src-tls-verify=false", &from, &to]);
}

#[test]
fn tags_are_listed_in_order() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    let (image, to) = (Image::new("amd64", vec![]), at(&registry, "org/a"));
    let tags: Vec<_> = (0..25).map(|number| format!("v{number:03}")).collect();
    for tag in &tags {
        image.push(&to, tag).unwrap();
    }
    assert_eq!(to.tags().unwrap(), tags);
}

#[test]
fn a_full_disk_is_said_and_nothing_is_half_published() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    std::fs::create_dir_all(registry.storage()).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "nbvet-test"])
        .arg(registry.storage())
        .output()
        .unwrap();
    if !mounted.status.success() {
        println!(
            "skipped: no tmpfs can be mounted here: {}",
            String::from_utf8_lossy(&mounted.stderr).trim()
        );
        return;
    }
    let to = at(&registry, "org/a");
    let large = Image::new("amd64", vec![noise(6, 3_000_000)]);
    let error = large.push(&to, "v1").map(drop).map_err(|error| error.to_string());
    let found = to.head_manifest("v1");
    // Given room, the same push ends well.
    let mut enlarge = Command::new("mount");
    enlarge.args(["-o", "remount,size=64m"]).arg(registry.storage());
    output(&mut enlarge);
    let after = large.push(&to, "v1").map_err(|error| error.to_string());
    output(Command::new("umount").arg("-l").arg(registry.storage()));
    // What the registry says of it: error 28 of its system, no space left.
    let error = error.unwrap_err();
    assert!(
        error.contains("does not take the blob (status 500): unknown error"),
        "{error}"
    );
    assert!(error.contains("\"Err\":28"), "{error}");
    assert_eq!(found.unwrap(), None);
    assert_eq!(after.unwrap(), large.descriptor());
}
