//! NB905 moving-revision.

use nbvet_report::Row;

use crate::{
    Dependency, Wanted,
    policy::{Finding, Review, code, each, is_local_url, rule},
};

rule! {
    /// A repository at a branch, a tag or a short commit.
    ///
    /// ## Why it matters
    ///
    /// A branch moves with each commit, a tag can be set anew, and a short commit may one day stand for two. Only the
    /// whole commit says which code is installed. Its code also runs while it is built.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// tool @ git+https://git.example/tool.git@main
    /// ```
    ///
    /// ```requirements good
    /// tool @ git+https://git.example/tool.git@e83c5163316f89bfbde7d9ab23ca2e25604af290
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Write the whole commit behind the `@`: `git ls-remote URL main` prints it. Where lines have hashes, a
    /// repository cannot stand at all: build a wheel from it, keep the wheel in the repository and name it with its
    /// hash.
    ///
    /// ```sh
    /// pip wheel --no-deps --wheel-dir wheels 'tool @ git+https://git.example/tool.git@e83c5163316f89bfbde7d9ab23ca2e25604af290'
    /// ```
    "NB905" "moving-revision",
    row: Row::Unpinned,
    since: "0.1.0",
    check: check,
}

/// A line with a repository.
struct Hit<'a> {
    entry: &'a Dependency,
    scheme: &'a str,
    url: &'a str,
    revision: Option<&'a str>,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let hits: Vec<Hit<'_>> = cx.requirements().filter_map(|entry| hit(cx, entry)).collect();
    let hash_mode = cx.hash_mode();
    each(
        &hits,
        |hit| finding(hit, hash_mode),
        |hit| (&hit.entry.place, code(hit.url)),
        |rest| format!("{rest} more repositories are not named at a whole commit"),
    )
}

fn hit<'a>(cx: &Review<'_>, entry: &'a Dependency) -> Option<Hit<'a>> {
    let Wanted::Vcs {
        scheme,
        url,
        revision,
    } = &entry.wanted
    else {
        return None;
    };
    let revision = revision.as_deref();
    let is_pinned = matches!(&**scheme, "git" | "hg") && revision.is_some_and(is_commit);
    (!is_pinned && !is_local_url(url) && cx.applies(entry)).then_some(Hit {
        entry,
        scheme,
        url,
        revision,
    })
}

/// A whole commit: sha1 or sha256.
fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && is_hex(revision)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn finding(hit: &Hit<'_>, hash_mode: bool) -> Finding {
    let url = code(hit.url);
    let (message, why) = match hit.revision {
        _ if !matches!(hit.scheme, "git" | "hg") => (
            format!("a revision of {url} does not prove what is in it"),
            "Only a commit of git or Mercurial is named by its contents.",
        ),
        None => (
            format!("{url} is taken from its default branch, which moves with each commit"),
            "The next build installs other code than the one you validated.",
        ),
        Some(short) if short.len() >= 7 && is_hex(short) => (
            format!("{} of {url} is a short commit", code(short)),
            "It may one day stand for two commits, and a branch or tag may have such a name.",
        ),
        Some(name) => (
            format!("{} of {url} is a branch or a tag, which can move", code(name)),
            "The next build may install other code than the one you validated.",
        ),
    };
    Finding::new(&RULE, &hit.entry.place, message)
        .because(why)
        .help(help(hit, hash_mode))
}

fn help(hit: &Hit<'_>, hash_mode: bool) -> String {
    let url = code(hit.url);
    let url = url.trim_matches('`').replace('\'', "%27");
    let revision = hit.revision.map_or_else(
        || "HEAD".to_owned(),
        |name| code(name).trim_matches('`').replace('\'', ""),
    );
    if hash_mode || !matches!(hit.scheme, "git" | "hg") {
        return format!(
            "vendor a wheel: `pip wheel --no-deps --wheel-dir wheels '{}+{url}'`, and name the file in `wheels` with \
             its `--hash`",
            hit.scheme
        );
    }
    match hit.scheme {
        "git" => {
            format!("write the whole commit behind the `@`: `git ls-remote '{url}' '{revision}'` prints it")
        }
        _ => format!("write the whole commit behind the `@`: `hg identify --debug --id '{url}'` prints it"),
    }
}
