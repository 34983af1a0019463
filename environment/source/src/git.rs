//! The tree of a commit, by the `git` program: no shell, no hook, no submodule, no configuration but ours, no protocol but
//! the one of the address, no redirect, nothing larger or slower than allowed.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use nbvet_report::step::{GitSource, SourceLimits};
use tempfile::TempDir;

use crate::{
    Allowed, SourceError,
    address::{Address, Scheme},
    command::{Bounds, Ended, Stopped, run},
    credentials::{self, Given},
    revision::{Revision, is_commit},
    said,
};

/// Where what was fetched is kept.
const FETCHED: &str = "refs/nbvet/source";
/// Commits behind a branch or tag that are looked through for one that the server does not give by itself.
const DEPTH: u32 = 1000;
/// Bytes that are read of what git prints where all of it is wanted: a list of a few names.
const MOST_PRINTED: usize = 1 << 20;

/// Words that every call gets. What a repository says about itself changes nothing of them.
const CONFIG: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=true",
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "credential.helper=",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "transfer.bundleURI=false",
    "transfer.fsckObjects=true",
    // What old and harmless tools wrote, and no server refuses.
    "fetch.fsck.zeroPaddedFilemode=ignore",
    "fetch.fsck.missingSpaceBeforeDate=ignore",
    "fetch.fsck.badTimezone=ignore",
    "fetch.fsck.badDateOverflow=ignore",
    "fetch.fsck.missingNameBeforeEmail=ignore",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "http.sslVerify=true",
    "http.lowSpeedLimit=500",
    "http.lowSpeedTime=60",
    "protocol.version=2",
    "advice.detachedHead=false",
];

/// Words that every call of ssh gets.
const SSH: &[&str] = &[
    "-F",
    "/dev/null",
    "-o",
    "BatchMode=yes",
    "-o",
    "StrictHostKeyChecking=yes",
    "-o",
    "GlobalKnownHostsFile=/dev/null",
    "-o",
    "UpdateHostKeys=no",
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "IdentityAgent=none",
    "-o",
    "PreferredAuthentications=publickey",
    "-o",
    "ForwardAgent=no",
    "-o",
    "ForwardX11=no",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "PermitLocalCommand=no",
    "-o",
    "ControlMaster=no",
    "-o",
    "ControlPath=none",
    "-o",
    "ProxyCommand=none",
    "-o",
    "CanonicalizeHostname=no",
    "-o",
    "ConnectTimeout=30",
    "-o",
    "LogLevel=ERROR",
];

/// Puts the tree of what is wanted into an empty folder; the commit.
pub(crate) fn fetch(
    source: &GitSource,
    into: &Path,
    limits: &SourceLimits,
    deadline: Instant,
    allowed: Allowed,
) -> Result<String, SourceError> {
    let address = Address::read(&source.url, allowed)?;
    let revision = Revision::read(source.revision.as_deref())?;
    let exactly = source.commit.as_deref().map(|commit| {
        if is_commit(commit) {
            Ok(commit.to_ascii_lowercase())
        } else {
            Err(SourceError::Revision {
                revision: nbvet_report::step::plain(commit, 200),
                why: "a commit has 40 or 64 hexadecimal digits",
            })
        }
    });
    let git = Git::new(source, &address, into, limits, deadline)?;
    let commit = git.bring(&revision, exactly.transpose()?)?;
    git.check_size(&commit)?;
    git.call("write the files", &["checkout", "--quiet", "--detach", &commit])?;
    Ok(commit)
}

struct Git<'g> {
    address: &'g Address,
    /// The folder of the tree.
    into: &'g Path,
    limits: &'g SourceLimits,
    deadline: Instant,
    given: Given,
    config: Vec<String>,
    ssh: String,
    /// Home, and files with credentials; gone with this value.
    scratch: TempDir,
}

impl<'g> Git<'g> {
    fn new(
        source: &GitSource,
        address: &'g Address,
        into: &'g Path,
        limits: &'g SourceLimits,
        deadline: Instant,
    ) -> Result<Self, SourceError> {
        let scratch = tempfile::Builder::new().prefix("nbvet-git-").tempdir();
        let scratch = scratch.map_err(|error| SourceError::folder(&std::env::temp_dir(), error))?;
        let folder = source.credentials.as_deref().map(Path::new);
        let given = credentials::give(folder, address, scratch.path())?;
        let mut config: Vec<String> = CONFIG.iter().map(|word| (*word).to_owned()).collect();
        config.extend(given.config.iter().cloned());
        if let Some(file) = &source.ca_file {
            let joined = credentials::authorities(Path::new(file), scratch.path())?;
            config.push(format!("http.sslCAInfo={}", joined.display()));
        }
        let words = SSH
            .iter()
            .map(|word| (*word).to_owned())
            .chain(given.ssh.iter().cloned());
        let ssh = format!("ssh {}", words.collect::<Vec<_>>().join(" "));
        Ok(Self {
            address,
            into,
            limits,
            deadline,
            given,
            config,
            ssh,
            scratch,
        })
    }

    /// Brings a commit here.
    fn bring(&self, revision: &Revision, exactly: Option<String>) -> Result<String, SourceError> {
        if let Some(commit) = exactly {
            return self.bring_commit(&commit, revision);
        }
        match revision {
            Revision::Commit(commit) => self.bring_commit(commit, &Revision::Head),
            Revision::Ref(name) => {
                self.init(40)?;
                self.fetch_one(name)?;
                self.fetched(name)
            }
            Revision::Head | Revision::Name(_) => {
                let (name, digest) = self.find(revision)?;
                self.init(digest.len())?;
                self.fetch_one(&name)?;
                self.fetched(&name)
            }
        }
    }

    /// A repository with nothing in it. Its digests are as long as those of the server's.
    fn init(&self, digits: usize) -> Result<(), SourceError> {
        let format = if digits == 64 { "sha256" } else { "sha1" };
        let mut command = self.command(&[]);
        command
            .args(["init", "--quiet", "--template=", "--initial-branch=main"])
            .arg(format!("--object-format={format}"))
            .arg("--")
            .arg(self.into);
        self.succeed(&mut command, "make a repository").map(drop)
    }

    /// The whole name of what is wanted, and its digest, as the server lists them.
    fn find(&self, revision: &Revision) -> Result<(String, String), SourceError> {
        let (wanted, what) = match revision {
            Revision::Name(name) => (
                // As `git clone --branch` does it: a branch comes before a tag.
                vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")],
                format!("branch or tag `{name}`"),
            ),
            _ => (vec!["HEAD".to_owned()], "HEAD: name a branch".to_owned()),
        };
        let url = self.address.to_string();
        let mut command = self.command(&["ls-remote", "--quiet", "--", &url]);
        command.args(&wanted);
        let listed = self.succeed(&mut command, "list the branches and tags")?;
        let lines = listed.lines().filter_map(|line| line.split_once('\t'));
        // A pattern is also the end of a longer name.
        let found: Vec<_> = lines.filter(|(digest, _)| is_commit(digest)).collect();
        let first = wanted
            .iter()
            .find_map(|name| found.iter().find(|(_, known)| known == name));
        match first {
            Some((digest, name)) => Ok(((*name).to_owned(), (*digest).to_owned())),
            None => Err(self.no_revision(hint_short(revision, what))),
        }
    }

    /// Fetches one name or commit, without what came before it.
    fn fetch_one(&self, what: &str) -> Result<(), SourceError> {
        self.fetch(&[format!("+{what}:{FETCHED}")], 1)
    }

    fn fetch(&self, what: &[String], depth: u32) -> Result<(), SourceError> {
        let (depth, url) = (format!("--depth={depth}"), self.address.to_string());
        let mut command = self.command(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--no-show-forced-updates",
            "--no-write-fetch-head",
            &depth,
            "--",
            &url,
        ]);
        command.args(what);
        self.succeed(&mut command, "fetch").map(drop)
    }

    /// A commit: asked for by itself, or looked for behind the names that the server has.
    fn bring_commit(&self, commit: &str, near: &Revision) -> Result<String, SourceError> {
        self.init(commit.len())?;
        if self.try_fetch(commit)? {
            return self.fetched(commit);
        }
        // Where it is most likely first: less has to come.
        let branch = match near {
            Revision::Ref(_) | Revision::Name(_) | Revision::Head => self.name_of(near)?,
            Revision::Commit(_) => None,
        };
        if let Some(name) = branch {
            self.fetch(&[format!("+{name}:{FETCHED}")], DEPTH)?;
            if self.has(commit) {
                return Ok(commit.to_owned());
            }
        }
        self.fetch(
            &[
                "+refs/heads/*:refs/nbvet/heads/*".to_owned(),
                "+refs/tags/*:refs/nbvet/tags/*".to_owned(),
            ],
            DEPTH,
        )?;
        if self.has(commit) {
            return Ok(commit.to_owned());
        }
        Err(self.no_revision(format!(
            "commit {commit}, at least not among the last {DEPTH} of any branch or tag"
        )))
    }

    /// Whether the server gives a commit by itself.
    fn try_fetch(&self, commit: &str) -> Result<bool, SourceError> {
        match self.fetch_one(commit) {
            Ok(()) => Ok(true),
            Err(SourceError::NoRevision { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn name_of(&self, revision: &Revision) -> Result<Option<String>, SourceError> {
        if let Revision::Ref(name) = revision {
            return Ok(Some(name.clone()));
        }
        match self.find(revision) {
            Ok((name, _)) => Ok(Some(name)),
            // It may have been deleted since; the commit may still be behind another name.
            Err(SourceError::NoRevision { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a commit is here.
    fn has(&self, commit: &str) -> bool {
        let object = format!("{commit}^{{commit}}");
        self.call("look for the commit", &["cat-file", "-e", &object])
            .is_ok()
    }

    /// The commit that was fetched; a tag may name another thing.
    fn fetched(&self, what: &str) -> Result<String, SourceError> {
        let object = format!("{FETCHED}^{{commit}}");
        let found = self.call(
            "read what was fetched",
            &["rev-parse", "--verify", "--quiet", &object],
        );
        let commit = found.unwrap_or_default().trim().to_owned();
        if is_commit(&commit) {
            return Ok(commit);
        }
        Err(self.no_revision(format!("commit behind `{what}`")))
    }

    fn no_revision(&self, what: String) -> SourceError {
        SourceError::NoRevision {
            address: self.address.to_string(),
            what,
        }
    }

    /// What the files of a commit would take on the disk, before they are there: a few kilobytes can name millions.
    fn check_size(&self, commit: &str) -> Result<(), SourceError> {
        let mut listing = Listing::default();
        let limits = *self.limits;
        let mut take = |piece: &[u8]| {
            listing.take(piece);
            listing.bytes <= limits.bytes && listing.files <= limits.files
        };
        // Folders count as well: those without a file in them would be walked through unseen.
        let mut command = self.command(&["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", commit]);
        let ended = run(&mut command, self.bounds(), &mut take);
        if listing.files > limits.files {
            return Err(self.too_large(format!("{} files", limits.files)));
        }
        if listing.bytes > limits.bytes {
            return Err(self.too_large(format!("{} bytes", limits.bytes)));
        }
        self.ended(ended, "list the files").map(drop)
    }

    fn too_large(&self, limit: String) -> SourceError {
        SourceError::TooLarge {
            what: self.address.to_string(),
            limit,
        }
    }

    /// A call within the repository; what it printed.
    fn call(&self, action: &'static str, words: &[&str]) -> Result<String, SourceError> {
        self.succeed(&mut self.command(words), action)
    }

    fn succeed(&self, command: &mut Command, action: &'static str) -> Result<String, SourceError> {
        let mut printed = Vec::new();
        let ended = run(command, self.bounds(), &mut |piece| {
            printed.extend_from_slice(piece);
            printed.len() <= MOST_PRINTED
        });
        self.ended(ended, action)?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    fn ended(&self, ended: Result<Ended, Stopped>, action: &'static str) -> Result<(), SourceError> {
        match ended {
            Ok(ended) if ended.status.success() => Ok(()),
            Ok(ended) => {
                let said = self.given.masked(&ended.stderr);
                Err(said::error(&said, &self.address.to_string(), action))
            }
            Err(Stopped::NotStarted(error)) => Err(SourceError::NoGit(error)),
            Err(Stopped::TooSlow) => Err(SourceError::TooSlow {
                what: self.address.to_string(),
                seconds: self.limits.seconds,
            }),
            Err(Stopped::TooLarge | Stopped::Enough) => {
                Err(self.too_large(format!("{} bytes", self.limits.bytes)))
            }
        }
    }

    /// Git's own folder may hold as much as the tree.
    fn bounds(&self) -> Bounds<'_> {
        Bounds {
            deadline: self.deadline,
            folder: self.into,
            bytes: self.limits.bytes.saturating_mul(2),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.env_clear().envs(surroundings());
        command
            .env("HOME", self.scratch.path())
            .env("XDG_CONFIG_HOME", self.scratch.path())
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_ALLOW_PROTOCOL", self.address.scheme.name())
            .env("GIT_SSH_VARIANT", "ssh")
            .env("GIT_SSH_COMMAND", &self.ssh)
            .current_dir(self.scratch.path());
        if self.address.scheme == Scheme::Ssh {
            command.envs(self.names());
        }
        for word in &self.config {
            command.args(["-c", word]);
        }
        // Named, so that git asks neither who owns the folder nor what lies above it.
        if words.first().is_some_and(|word| *word != "ls-remote") {
            command.arg("--git-dir").arg(self.into.join(".git"));
            command.arg("--work-tree").arg(self.into);
        }
        command.args(words);
        command
    }

    /// Where the system does not know the user by name, as on OpenShift, a library tells ssh one.
    fn names(&self) -> Vec<(&'static str, OsString)> {
        let uid = rustix::process::geteuid().as_raw();
        let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut ids = known.lines().filter_map(|line| line.split(':').nth(2));
        if ids.any(|id| id.parse() == Ok(uid)) {
            return Vec::new();
        }
        let Some(library) = name_library() else {
            return Vec::new();
        };
        let gid = rustix::process::getegid().as_raw();
        let home = self.scratch.path().display();
        let (users, groups) = (
            self.scratch.path().join("passwd"),
            self.scratch.path().join("group"),
        );
        let written = fs::write(&users, format!("nbvet:x:{uid}:{gid}::{home}:/sbin/nologin\n"))
            .and_then(|()| fs::write(&groups, format!("nbvet:x:{gid}:\n")));
        if written.is_err() {
            return Vec::new();
        }
        vec![
            ("LD_PRELOAD", library.into()),
            ("NSS_WRAPPER_PASSWD", users.into()),
            ("NSS_WRAPPER_GROUP", groups.into()),
        ]
    }
}

fn name_library() -> Option<PathBuf> {
    const FOLDERS: [&str; 5] = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/local/lib",
    ];
    let mut files = FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join("libnss_wrapper.so"));
    files.find(|file| file.is_file())
}

/// The variables of this process that git may know: where programs are, and proxies.
fn surroundings() -> Vec<(&'static str, OsString)> {
    const NAMES: [&str; 10] = [
        "PATH",
        "TMPDIR",
        "http_proxy",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
        "SSL_CERT_FILE",
    ];
    NAMES
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect()
}

/// A few digits of a commit look like a name.
fn hint_short(revision: &Revision, what: String) -> String {
    match revision {
        Revision::Name(name) if name.len() >= 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{what}; if it is meant as a commit, write all 40 digits of it")
        }
        _ => what,
    }
}

/// What `git ls-tree -r -t -l -z` lists, counted as it comes.
#[derive(Debug, Default)]
struct Listing {
    files: u64,
    bytes: u64,
    /// The beginning of an entry: mode, kind, digest and size, until its tab.
    head: Vec<u8>,
    is_in_name: bool,
}

impl Listing {
    fn take(&mut self, piece: &[u8]) {
        for byte in piece {
            match byte {
                0 => {
                    self.is_in_name = false;
                    self.head.clear();
                }
                b'\t' if !self.is_in_name => {
                    self.is_in_name = true;
                    self.files += 1;
                    let size = String::from_utf8_lossy(&self.head);
                    let size = size
                        .split_ascii_whitespace()
                        .last()
                        .and_then(|word| word.parse().ok());
                    // A submodule and a folder have none.
                    self.bytes = self.bytes.saturating_add(size.unwrap_or(0));
                }
                other if !self.is_in_name && self.head.len() < 200 => self.head.push(*other),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_counted_however_it_comes() {
        let text = b"100644 blob 0123      12\ta.txt\x00160000 commit 4567       -\tsub\x00100755 blob 89ab 3000000000\tb\tc\x00";
        for size in [1, 5, 1000] {
            let mut listing = Listing::default();
            for piece in text.chunks(size) {
                listing.take(piece);
            }
            assert_eq!(
                (listing.files, listing.bytes),
                (3, 3_000_000_012),
                "pieces of {size}"
            );
        }
    }
}
