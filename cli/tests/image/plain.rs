//! Who is spoken to without encryption: loopback, as docker does it, and hosts that are named.

use expect_test::expect;
use nbvet_testkit::Base;

use crate::ground::{Ground, TINY, requirements, succeeded};

#[test]
fn plain_http_is_spoken_to_loopback_and_to_nobody_else_who_is_not_named() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    ground.write("requirements.txt", &requirements(TINY));
    // The same registry by an address that is none of loopback's: Linux leads it to this machine.
    let elsewhere = format!("0.0.0.0:{}", ground.registry.port());
    let loopback = ground.base.clone();
    ground.base = loopback.replace(&ground.registry.host(), &elsewhere);
    let into = format!("{elsewhere}/team/nbvet");
    let build = |base: &str, into: &str, further: &[&str]| {
        let wheels = ground.wheels.to_str().unwrap();
        let words = [
            "image",
            "build",
            "nb.ipynb",
            "--base-image",
            base,
            "--repository",
            into,
            "--kernel",
            "none",
        ];
        ground.command(&[&words[..], &["--find-links", wheels], further].concat())
    };
    let shown = |output| ground.shown(&output).replace(&elsewhere, "[elsewhere]");
    let asked = || ground.registry.requests().len();
    let before = asked();
    let output = build(&ground.base, &into, &[]).output().unwrap();
    expect![[r#"
        exit 2
        --- stderr
        error: [elsewhere]/bases/plain: GET https://[elsewhere]/v2/bases/plain/manifests/sha256:[digest]: the server does not speak TLS (received corrupt message of type InvalidContentType)

        hint: if it speaks plain http, name it as an insecure host (`--insecure-host`)
    "#]].assert_eq(&shown(output));
    assert_eq!(asked(), before, "something was asked readable for all");

    // A name counts for itself: another port, another host.
    for named in ["0.0.0.0:1", "127.0.0.1", "example.org"] {
        let output = build(&ground.base, &into, &["--insecure-host", named])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{named}");
    }
    assert_eq!(asked(), before, "something was asked readable for all");

    // The base may be read from loopback, what is built is not sent elsewhere.
    let output = build(&loopback, &into, &[]).output().unwrap();
    expect![[r#"
        exit 2
        --- stderr
        error: [elsewhere]/team/nbvet: GET https://[elsewhere]/v2/team/nbvet/manifests/probe-[digest]: the server does not speak TLS (received corrupt message of type InvalidContentType)

        hint: if it speaks plain http, name it as an insecure host (`--insecure-host`)
    "#]].assert_eq(&shown(output));

    succeeded(&mut build(&ground.base, &into, &["--insecure-host", &elsewhere]));
    assert!(asked() > before);
}

#[test]
fn an_index_without_encryption_is_refused_but_on_loopback() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    ground.write("requirements.txt", &requirements(&["six"]));
    ground.wheels = ground.path("no-wheels");
    std::fs::create_dir(&ground.wheels).unwrap();
    let index = ["--index-url", "http://me:hunter2@0.0.0.0:9/simple"];
    let output = ground.build("team/nbvet", &index).output().unwrap();
    expect![[r#"
        exit 2
        --- stderr
        warning: http://0.0.0.0:9/simple/six/: plain http is refused; use https, or name it as an insecure host (`--insecure-host 0.0.0.0`); what the index tells of versions was not looked at
        byte-code [way]
        error: http://0.0.0.0:9/simple/six/: plain http is refused

        hint: use https, or name it as an insecure host (`--insecure-host 0.0.0.0`)
    "#]].assert_eq(&ground.shown(&output));
}
