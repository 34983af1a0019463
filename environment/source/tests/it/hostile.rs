//! What a repository may try.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nbvet_report::{
    Reason,
    step::{GitSource, SourceLimits},
};
use nbvet_source::{Allowed, fetch};

use crate::ground::{FILES, Ground, refused};

#[test]
fn no_hook_filter_submodule_or_configuration_of_a_repository_is_run() {
    let ground = Ground::new();
    let witness = ground.path("pwned");
    let touch = format!("touch {}", witness.display());
    ground.write(".gitattributes", "*.csv filter=evil diff=evil merge=evil\n");
    ground.write(
        ".gitmodules",
        "[submodule \"sub\"]\n\tpath = sub\n\turl = https://127.0.0.1:1/never-asked\n\tupdate = none\n",
    );
    ground.write(".gitconfig", &format!("[core]\n\tfsmonitor = {touch}\n"));
    let head = ground.git(&["rev-parse", "HEAD"]);
    ground.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{head},sub"),
    ]);
    ground.git(&["add", ".gitattributes", ".gitmodules", ".gitconfig"]);
    ground.git(&["commit", "--quiet", "--message", "evil"]);
    for (key, value) in [("filter.evil.smudge", &touch), ("core.fsmonitor", &touch)] {
        ground.git(&["config", key, value]);
    }
    for hook in [
        "post-checkout",
        "pre-receive",
        "post-update",
        "reference-transaction",
    ] {
        let path = ground.repository().join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{touch}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    ground.fetched(None, "tree").unwrap();
    assert!(!witness.exists(), "something of the repository was run");
    let sub = fs::read_dir(ground.path("tree/sub")).unwrap();
    assert_eq!(sub.count(), 0, "a submodule was fetched");
    let config = fs::read_to_string(ground.path("tree/.git/config")).unwrap();
    assert!(!config.contains("evil") && !config.contains("file:"), "{config}");
}

#[test]
fn other_transports_are_refused_before_git_is_asked() {
    let ground = Ground::new();
    let witness = ground.path("pwned");
    for url in [
        format!("ext::sh -c touch% {}", witness.display()),
        format!("--upload-pack=touch {}", witness.display()),
        format!("ssh://-oProxyCommand=touch${{IFS}}{}/x", witness.display()),
        format!("git@-oProxyCommand=touch {}:x", witness.display()),
    ] {
        let source = GitSource {
            url: url.clone(),
            ..GitSource::default()
        };
        let allowed = Allowed {
            insecure: true,
            files: true,
        };
        let error = fetch(&ground.input(source, "tree"), allowed).unwrap_err();
        let known = [Reason::SchemeNotAllowed, Reason::InvalidField];
        assert!(known.contains(&error.reason()), "{url}: {error}");
    }
    assert!(!witness.exists());
}

#[test]
fn a_tree_that_is_too_large_is_refused_before_it_is_written() {
    let ground = Ground::new();
    ground.write("large", &"0123456789abcdef".repeat(1 << 16));
    ground.commit("large");
    let mut input = ground.input(ground.source(None), "a");
    input.limits.bytes = 500_000;
    refused(fetch(&input, FILES), Reason::SourceTooLarge, "500000 bytes");
    assert!(!ground.path("a/large").exists());
    let mut input = ground.input(ground.source(None), "b");
    input.limits.files = 2;
    refused(fetch(&input, FILES), Reason::SourceTooLarge, "2 files");
    assert!(!ground.path("b/data.csv").exists());
}

/// A few kilobytes that name ten thousand million files: each of ten trees names the one below it ten times.
#[test]
fn a_bomb_of_trees_is_neither_listed_to_its_end_nor_written() {
    let ground = Ground::new();
    let blob = ground.git(&["hash-object", "-w", "data.csv"]);
    refused_as_bomb(&ground, tree_of(&ground, "100644 blob", &blob));
}

/// The same with folders alone, of which git shows none by itself.
#[test]
fn a_bomb_of_trees_without_a_file_is_not_walked_to_its_end() {
    let ground = Ground::new();
    let empty = ground.git(&["hash-object", "-w", "-t", "tree", "/dev/null"]);
    refused_as_bomb(&ground, tree_of(&ground, "040000 tree", &empty));
}

fn refused_as_bomb(ground: &Ground, mut below: String) {
    for _ in 0..9 {
        below = tree_of(ground, "040000 tree", &below);
    }
    let commit = ground.git(&["commit-tree", "-m", "bomb", &below]);
    ground.git(&["update-ref", "refs/heads/bomb", &commit]);
    let begun = Instant::now();
    refused(
        ground.fetched(Some("bomb"), "tree"),
        Reason::SourceTooLarge,
        "100000 files",
    );
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}

fn tree_of(ground: &Ground, kind: &str, digest: &str) -> String {
    let lines: Vec<String> = (0..10)
        .map(|number| format!("{kind} {digest}\t{number}\n"))
        .collect();
    let mut git = Command::new("git")
        .arg("mktree")
        .current_dir(ground.repository())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin
        .take()
        .unwrap()
        .write_all(lines.concat().as_bytes())
        .unwrap();
    let output = git.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ground = Ground::new();
    let source = GitSource {
        url: format!("https://127.0.0.1:{}/nbs", listener.local_addr().unwrap().port()),
        ..GitSource::default()
    };
    let mut input = ground.input(source, "tree");
    input.limits = SourceLimits {
        seconds: 2,
        ..SourceLimits::default()
    };
    refused(
        fetch(&input, Allowed::default()),
        Reason::SourceTooLarge,
        "did not come within 2 s",
    );
}

#[test]
fn a_server_that_is_not_there_may_be_there_later() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let ground = Ground::new();
    let source = GitSource {
        url: format!("https://127.0.0.1:{port}/nbs"),
        ..GitSource::default()
    };
    let error = fetch(&ground.input(source, "tree"), Allowed::default()).unwrap_err();
    assert_eq!(
        (error.reason(), error.is_transient()),
        (Reason::Unreachable, true),
        "{error}"
    );
}
