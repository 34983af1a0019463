//! What can be asked of any repository.

use std::{fs, path::Path};

use nbvet_report::{
    Reason,
    step::{FolderSource, GitSource, SourceFrom, SourceInput, SourceLimits},
};
use nbvet_source::{Allowed, fetch};

use crate::ground::{FILES, Ground, refused};

#[test]
fn a_branch_a_tag_a_whole_name_a_commit_and_nothing_at_all_are_fetched() {
    let ground = Ground::new();
    let first = ground.git(&["rev-parse", "HEAD"]);
    ground.git(&["tag", "light"]);
    ground.git(&["tag", "--annotate", "heavy", "--message", "a tag"]);
    ground.git(&["checkout", "--quiet", "-b", "feature/x"]);
    ground.write("more.txt", "more");
    let second = ground.commit("second");
    ground.git(&["checkout", "--quiet", "main"]);
    let check = |revision: Option<&str>, expected: &str, number: usize| {
        let into = format!("tree{number}");
        let fetched = ground.fetched(revision, &into).unwrap();
        assert_eq!(fetched.commit.as_deref(), Some(expected), "{revision:?}");
        assert_eq!(fetched.notebook.path, "nbs/a.ipynb");
        assert_eq!(ground.path(&into).join("more.txt").exists(), expected == second);
    };
    for (number, (revision, expected)) in [
        (None, &first),
        (Some("main"), &first),
        (Some("light"), &first),
        (Some("heavy"), &first),
        (Some("feature/x"), &second),
        (Some("refs/heads/feature/x"), &second),
        (Some("refs/tags/heavy"), &first),
        (Some(&*second), &second),
        (Some(&*first), &first),
    ]
    .into_iter()
    .enumerate()
    {
        check(revision, expected, number);
    }
}

#[test]
fn a_branch_comes_before_a_tag_of_the_same_name_and_a_longer_name_is_another() {
    let ground = Ground::new();
    let first = ground.git(&["rev-parse", "HEAD"]);
    ground.git(&["tag", "same"]);
    ground.git(&["branch", "refs/heads/same"]);
    ground.git(&["checkout", "--quiet", "-b", "same"]);
    let second = ground.commit("second");
    assert_eq!(ground.fetched(Some("same"), "a").unwrap().commit, Some(second));
    assert_eq!(
        ground.fetched(Some("refs/tags/same"), "b").unwrap().commit,
        Some(first)
    );
}

#[test]
fn a_commit_that_no_name_points_at_any_more_is_found_behind_them() {
    let ground = Ground::new();
    let first = ground.git(&["rev-parse", "HEAD"]);
    for number in 0..5 {
        ground.commit(&format!("later {number}"));
    }
    // As servers are that give only what has a name.
    for key in [
        "uploadpack.allowTipSHA1InWant",
        "uploadpack.allowReachableSHA1InWant",
        "uploadpack.allowAnySHA1InWant",
    ] {
        ground.git(&["config", key, "false"]);
    }
    ground.git(&["config", "protocol.version", "0"]);
    assert_eq!(
        ground.fetched(Some(&first), "a").unwrap().commit.as_deref(),
        Some(&*first)
    );
    let source = GitSource {
        commit: Some(first.clone()),
        ..ground.source(Some("main"))
    };
    let fetched = fetch(&ground.input(source, "b"), FILES).unwrap();
    assert_eq!(fetched.commit, Some(first));
}

#[test]
fn exactly_the_commit_that_was_found_before_is_fetched_though_the_branch_has_moved() {
    let ground = Ground::new();
    let first = ground.fetched(Some("main"), "a").unwrap().commit.unwrap();
    ground.write("nbs/a.ipynb", "{\"changed\": true}");
    ground.commit("second");
    let source = GitSource {
        commit: Some(first.clone()),
        ..ground.source(Some("main"))
    };
    fetch(&ground.input(source, "b"), FILES).unwrap();
    assert_eq!(fs::read_to_string(ground.path("b/nbs/a.ipynb")).unwrap(), "{}");
    // Also where the branch is gone.
    ground.git(&["checkout", "--quiet", "-b", "other"]);
    ground.git(&["branch", "--quiet", "-D", "main"]);
    let source = GitSource {
        commit: Some(first),
        ..ground.source(Some("main"))
    };
    fetch(&ground.input(source, "c"), FILES).unwrap();
}

#[test]
fn what_is_not_there_is_told_by_name() {
    let ground = Ground::new();
    refused(
        ground.fetched(Some("nowhere"), "a"),
        Reason::RefNotFound,
        "has no branch or tag `nowhere`",
    );
    refused(
        ground.fetched(Some("abcdef12"), "b"),
        Reason::RefNotFound,
        "write all 40 digits of it",
    );
    let nothing = "0123456789".repeat(4);
    refused(
        ground.fetched(Some(&nothing), "c"),
        Reason::RefNotFound,
        "not among the last 1000",
    );
    refused(
        ground.fetched(Some("refs/heads/nowhere"), "d"),
        Reason::RefNotFound,
        "refs/heads/nowhere",
    );
    refused(
        ground.fetched(Some("-x"), "e"),
        Reason::InvalidField,
        "begins with `-`",
    );
    let empty = Ground::empty();
    refused(empty.fetched(None, "a"), Reason::RefNotFound, "HEAD");
    let mut source = ground.source(None);
    source.url += "-not-there";
    refused(
        fetch(&ground.input(source, "f"), FILES),
        Reason::AuthenticationFailed,
        "there is no such repository",
    );
    let mut input = ground.input(ground.source(None), "g");
    input.path = "nbs/A.ipynb".to_owned();
    refused(
        fetch(&input, FILES),
        Reason::NotebookNotFound,
        "there is nbs/a.ipynb",
    );
}

#[test]
fn files_are_no_source_unless_a_test_says_so() {
    let ground = Ground::new();
    let input = ground.input(ground.source(None), "a");
    for insecure in [false, true] {
        let allowed = Allowed {
            insecure,
            files: false,
        };
        refused(
            fetch(&input, allowed),
            Reason::SchemeNotAllowed,
            "`file` is not used for sources",
        );
    }
}

#[test]
fn each_folder_gets_its_copy_and_no_symlink_leads_out_of_the_first() {
    let ground = Ground::new();
    std::os::unix::fs::symlink("/etc", ground.repository().join("etc")).unwrap();
    std::os::unix::fs::symlink("../data.csv", ground.repository().join("nbs/data.csv")).unwrap();
    ground.commit("links");
    let mut input = ground.input(ground.source(None), "trusted");
    input.into.push(ground.path("user").display().to_string());
    fetch(&input, FILES).unwrap();
    for tree in ["trusted", "user"] {
        let read = fs::read_to_string(ground.path(tree).join("nbs/data.csv"));
        assert_eq!(read.unwrap(), "1,2\n", "{tree}");
        assert!(
            ground.path(tree).join(".git").is_dir(),
            "the root of the tree is seen"
        );
    }
    let outside = ground.path("trusted").join("etc");
    assert!(!outside.exists() && !outside.join("passwd").exists());
    assert!(ground.path("user").join("etc").is_symlink());
    refused(
        fetch(&input, FILES),
        Reason::InternalError,
        "something is in it already",
    );
}

#[test]
fn a_mounted_folder_is_checked_as_a_repository_is() {
    let ground = Ground::new();
    let input = |path: &str, into: &str| SourceInput {
        from: SourceFrom::Folder(FolderSource {
            folder: ground.repository().join("nbs").display().to_string(),
        }),
        path: path.to_owned(),
        into: vec![ground.path(into).display().to_string()],
        limits: SourceLimits::default(),
    };
    let fetched = fetch(&input("a.ipynb", "a"), Allowed::default()).unwrap();
    assert_eq!((fetched.commit, &*fetched.notebook.path), (None, "a.ipynb"));
    let fetched = fetch(&input("../data.csv", "b"), Allowed::default());
    refused(fetched, Reason::PathNotAllowed, "holds `..`");
    assert!(!Path::new(&ground.path("b")).exists(), "nothing was made for it");
}
