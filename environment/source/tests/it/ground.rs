//! A repository with a few commits, made by the `git` of this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nbvet_report::{
    Reason,
    step::{GitSource, SourceFrom, SourceInput, SourceLimits},
};
use nbvet_source::{Allowed, Fetched, SourceError, fetch};
use tempfile::TempDir;

/// What tests may fetch from the disk.
pub(crate) const FILES: Allowed = Allowed {
    insecure: false,
    files: true,
};

pub(crate) struct Ground {
    pub(crate) folder: TempDir,
}

impl Ground {
    /// An empty repository, with `main` as its branch.
    pub(crate) fn empty() -> Self {
        let ground = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(ground.repository()).unwrap();
        ground.git(&["init", "--quiet", "--initial-branch=main"]);
        ground
    }

    /// A repository with a notebook and one commit.
    pub(crate) fn new() -> Self {
        let ground = Self::empty();
        ground.write("nbs/a.ipynb", "{}");
        ground.write("data.csv", "1,2\n");
        ground.commit("first");
        ground
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.repository().display())
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.repository().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What git prints when called in the repository.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        git(&self.repository(), words)
    }

    /// Commits everything; the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A source of this repository.
    pub(crate) fn source(&self, revision: Option<&str>) -> GitSource {
        GitSource {
            url: self.url(),
            revision: revision.map(str::to_owned),
            ..GitSource::default()
        }
    }

    /// The input for a source, whose notebook is that of the first commit.
    pub(crate) fn input(&self, source: GitSource, into: &str) -> SourceInput {
        SourceInput {
            from: SourceFrom::Git(source),
            path: "nbs/a.ipynb".to_owned(),
            into: vec![self.path(into).display().to_string()],
            limits: SourceLimits::default(),
        }
    }

    /// Fetches from the disk.
    pub(crate) fn fetched(&self, revision: Option<&str>, into: &str) -> Result<Fetched, SourceError> {
        fetch(&self.input(self.source(revision), into), FILES)
    }
}

/// What git prints when called in a folder, as nobody in particular.
pub(crate) fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "t")
        .env("GIT_AUTHOR_EMAIL", "t@example.org")
        .env("GIT_COMMITTER_NAME", "t")
        .env("GIT_COMMITTER_EMAIL", "t@example.org")
        .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
        .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "git {words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Fails with this reason, and says this.
pub(crate) fn refused(fetched: Result<Fetched, SourceError>, reason: Reason, said: &str) -> String {
    let error = fetched.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.reason(), reason, "{text}");
    assert!(text.contains(said), "{text}");
    text
}
