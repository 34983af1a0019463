//! NB910 unsafe-option.

use nbvet_report::Row;

use crate::{
    Dependency, Wanted,
    policy::{Finding, Review, code, count, credential, each, rule, same_place},
    requirements::{Given, Opt, Place},
};

rule! {
    /// An option in the file that lets others decide what is installed, or a password in a URL.
    ///
    /// ## Why it matters
    ///
    /// Where packages come from is decided by whoever runs the build, not by a file of a repository.
    ///
    /// - `--extra-index-url`: pip takes the highest version of all indexes. Who registers the name of your private
    ///   package on the public index, with a high version, gets their code installed (*dependency confusion*).
    /// - `--index-url`, `--find-links`: packages come from a place that nobody has agreed on.
    /// - `--trusted-host`: certificates are not checked; whoever is on the way can replace what is downloaded.
    /// - `--config-settings`, `--global-option`: arguments for code that builds packages.
    /// - `--use-feature`: what is installed depends on the version of pip.
    ///
    /// A password or a token in a URL is reported wherever it stands, and never shown: it is in the history of the
    /// repository for good, and in the logs of every build.
    ///
    /// Indexes and hosts that are on the list of allowed ones are not reported, nor is the public index named as
    /// `--index-url`.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// --extra-index-url https://pip.team.example/simple
    /// pandas==2.2.3
    /// ```
    ///
    /// ```requirements bad
    /// -i https://me:secret@packages.example/simple
    /// pandas==2.2.3
    /// ```
    ///
    /// ```requirements bad
    /// --trusted-host pip.team.example
    /// pandas==2.2.3
    /// ```
    ///
    /// ```requirements good
    /// -i https://pypi.org/simple
    /// pandas==2.2.3
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Take the option out of the file and name the index where the build is configured: one index that holds your own
    /// packages and passes the others on, or uv, which takes a package only from the first index that has it. Or allow
    /// the index: `--allow-index URL`, or in `nbvet.toml` `allowed-indexes = ["URL"]` under `[dependencies]`. Change a password that was committed; keep it in a secret.
    "NB910" "unsafe-option",
    row: Row::Refused,
    since: "0.1.0",
    check: check,
}

/// The index that is used when none is named.
const PUBLIC: [&str; 2] = ["https://pypi.org/simple", "https://pypi.python.org/simple"];

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let hits: Vec<(&Place, &Given)> = cx.options().filter(|(_, given)| !is_allowed(cx, given)).collect();
    let mut found = each(
        &hits,
        |(place, given)| option(place, given),
        |(place, given)| (*place, shown(given)),
        |rest| format!("{rest} more options in this file decide what is installed"),
    );
    found.extend(credentials(cx));
    found
}

fn is_allowed(cx: &Review<'_>, given: &Given) -> bool {
    let value = given.value.as_deref().unwrap_or_default();
    let is_listed = || {
        cx.allowed
            .indexes
            .iter()
            .any(|allowed| same_place(allowed, value))
    };
    match given.opt {
        // A lock says which files are taken: an index decides nothing.
        Opt::IndexUrl | Opt::ExtraIndexUrl | Opt::FindLinks if cx.declared.format.is_lock() => true,
        Opt::IndexUrl => PUBLIC.iter().any(|public| same_place(public, value)) || is_listed(),
        Opt::ExtraIndexUrl | Opt::FindLinks => is_listed(),
        Opt::TrustedHost => cx
            .allowed
            .hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(value)),
        Opt::UseFeature | Opt::ConfigSettings | Opt::GlobalOption => false,
        _ => true,
    }
}

/// The option with its value, as code.
fn shown(given: &Given) -> String {
    code(&match &given.value {
        Some(value) => format!("{} {value}", given.opt.name()),
        None => given.opt.name().to_owned(),
    })
}

fn option(place: &Place, given: &Given) -> Finding {
    let shown = shown(given);
    let (message, why, help) = match given.opt {
        Opt::ExtraIndexUrl => (
            format!("{shown} lets whoever registers a name on either index decide what is installed"),
            "pip takes the highest version of all indexes: your private package's name, registered on the public index \
             with a higher version, is installed in its place (dependency confusion).",
            "take the line out and name one index that serves both where the build is configured, or allow this one: \
             `--allow-index URL`, or `allowed-indexes` in `nbvet.toml`",
        ),
        Opt::IndexUrl | Opt::FindLinks => (
            format!("{shown} takes packages from a place that is not among the allowed ones"),
            "Where packages come from is decided by whoever runs the build, not by the file.",
            "take the line out and name the index where the build is configured, or allow this one: `--allow-index URL`, \
             or `allowed-indexes` in `nbvet.toml`",
        ),
        Opt::TrustedHost => (
            format!("{shown} switches the check of certificates off"),
            "Whoever is on the way to that host can replace what is downloaded.",
            "take the line out; give the build the certificate of the host's authority",
        ),
        Opt::UseFeature => (
            format!("{shown} switches parts of pip on that change from version to version"),
            "What is installed then depends on the version of pip.",
            "take the line out",
        ),
        _ => (
            format!("{shown} passes arguments to the code that builds a package"),
            "They can be anything that the package's build understands, and need a build from source.",
            "take the option out and name a wheel",
        ),
    };
    Finding::new(&RULE, place, message).because(why).help(help)
}

/// One finding for each file of URLs with a password or a token.
fn credentials(cx: &Review<'_>) -> Vec<Finding> {
    let of_options = cx.options().filter_map(|(place, given)| {
        let value = given.value.as_deref()?;
        credential(value).then(|| (place, shown(given)))
    });
    let of_entries = cx.entries().filter_map(|entry| {
        let url = urls(entry).find(|url| credential(url))?;
        Some((&entry.place, code(url)))
    });
    let hits: Vec<(&Place, String)> = of_options.chain(of_entries).collect();
    each(
        &hits,
        |(place, url)| {
            Finding::new(&RULE, place, format!("a password or a token stands in {url}"))
                .because(
                    "It is in the history of the repository for good, and whoever reads that can use it.",
                )
                .help("change it, take it out of the URL, and give the build a secret with it (`~/.netrc`)")
        },
        |(place, url)| (*place, url.clone()),
        |rest| format!("passwords or tokens stand in {}", count(rest, "more URL")),
    )
}

fn urls(entry: &Dependency) -> impl Iterator<Item = &str> {
    let own = match &entry.wanted {
        Wanted::Url(url) | Wanted::Vcs { url, .. } => Some(&**url),
        _ => None,
    };
    own.into_iter()
        .chain(entry.artifacts.iter().filter_map(|file| file.url.as_deref()))
}
