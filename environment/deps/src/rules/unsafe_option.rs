//! NB910 unsafe-option.

use std::net::IpAddr;

use nbvet_report::{Hint, Row};

use crate::{
    Dependency, Wanted,
    policy::{Finding, Review, code, count, credential, each, rule, same_place},
    requirements::{Given, Opt, Place},
};

rule! {
    /// An option in the file, or a URL, that lets others decide what is installed, or a password in a URL.
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
    /// - The index that a lock (`uv.lock`, `poetry.lock`, `Pipfile.lock`) takes its packages from counts as
    ///   `--index-url` does.
    /// - `http:` in the URL of a file or a repository: whoever is on the way sees what is installed, and can replace it.
    ///   This machine itself (`localhost`) is not reported.
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
    /// ```requirements bad
    /// tool @ http://downloads.example/tool-1.0-py3-none-any.whl#sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
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
    /// the index: `--allow-index URL`, or in `nbvet.toml` `allowed-indexes = ["URL"]` under `[dependencies]`. Write `https:` in
    /// place of `http:`. Change a password that was committed; keep it in a secret.
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
        |(place, given)| match given.opt {
            Opt::IndexUrl | Opt::ExtraIndexUrl if cx.declared.format.is_lock() => registry(place, given),
            _ => option(place, given),
        },
        |(place, given)| (*place, shown(given)),
        |rest| format!("{rest} more options in this file decide what is installed"),
    );
    found.extend(unencrypted(cx));
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
        Opt::IndexUrl => is_public(value) || is_listed(),
        // A lock says which files are taken: no index of several decides that.
        Opt::ExtraIndexUrl if cx.declared.format.is_lock() => is_public(value) || is_listed(),
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

fn is_public(url: &str) -> bool {
    PUBLIC.iter().any(|public| same_place(public, url))
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
            allowing(
                "take the line out and name one index that serves both where the build is configured, or allow this one",
            ),
        ),
        Opt::IndexUrl | Opt::FindLinks => (
            format!("{shown} takes packages from a place that is not among the allowed ones"),
            "Where packages come from is decided by whoever runs the build, not by the file.",
            allowing("take the line out and name the index where the build is configured, or allow this one"),
        ),
        Opt::TrustedHost => (
            format!("{shown} switches the check of certificates off"),
            "Whoever is on the way to that host can replace what is downloaded.",
            "take the line out; give the build the certificate of the host's authority".into(),
        ),
        Opt::UseFeature => (
            format!("{shown} switches parts of pip on that change from version to version"),
            "What is installed then depends on the version of pip.",
            "take the line out".into(),
        ),
        _ => (
            format!("{shown} passes arguments to the code that builds a package"),
            "They can be anything that the package's build understands, and need a build from source.",
            "take the option out and name a wheel".into(),
        ),
    };
    Finding::new(&RULE, place, message).because(why).help(help)
}

/// An index of a lock.
fn registry(place: &Place, given: &Given) -> Finding {
    let url = code(given.value.as_deref().unwrap_or_default());
    let message = format!("this lock takes packages from {url}, which is not among the allowed indexes");
    Finding::new(&RULE, place, message)
        .because("Where packages come from is decided by whoever runs the build, not by the file.")
        .help(allowing("lock again with an allowed index, or allow this one"))
}

/// What else an index may be allowed by. At production a repository allows none itself.
fn allowing(first: &str) -> Hint {
    Hint::from(format!(
        "{first}: `--allow-index URL`, or `allowed-indexes` in `nbvet.toml`"
    ))
    .in_cluster(format!(
        "{first}: `allowed-indexes` in the repository's `nbvet.toml`, below level production; where the build is \
         configured is `spec.podConfig.buildConfig.packageIndex`"
    ))
}

/// Files and repositories behind `http:`.
fn unencrypted(cx: &Review<'_>) -> Vec<Finding> {
    let hit = |entry| {
        let url = urls(entry).find(|url| plain_http(url).is_some_and(|host| !is_trusted(cx, host)))?;
        Some((&entry.place, url))
    };
    let hits: Vec<(&Place, &str)> = cx.entries().filter_map(hit).collect();
    each(
        &hits,
        |(place, url)| {
            Finding::new(
                &RULE,
                place,
                format!("{} is fetched over plain `http:`", code(url)),
            )
            .because("Whoever is on the way sees what is installed, and can replace it.")
            .help("write `https:`, or put the file into the repository and name it by its path")
        },
        |(place, url)| (*place, code(url)),
        |rest| format!("{} are fetched over plain `http:`", count(rest, "more URL")),
    )
}

/// The host, with its port, of a URL with `http:`.
fn plain_http(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once(':')?;
    let scheme = scheme.rsplit('+').next()?;
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    scheme.trim().eq_ignore_ascii_case("http").then_some(host)
}

/// This machine, or a host that is allowed, as one or as that of an index with `http:`.
fn is_trusted(cx: &Review<'_>, host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    let is_here =
        name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback());
    let is_host = |allowed: &String| [host, name].iter().any(|host| allowed.eq_ignore_ascii_case(host));
    let is_index =
        |allowed: &String| plain_http(allowed).is_some_and(|allowed| allowed.eq_ignore_ascii_case(host));
    is_here || cx.allowed.hosts.iter().any(is_host) || cx.allowed.indexes.iter().any(is_index)
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

#[cfg(test)]
mod tests {
    use crate::policy::testing::Case;

    fn told(case: &Case) -> Vec<String> {
        let found = case.found().into_iter();
        let own = found.filter(|finding| finding.rule.meta.id == "NB910");
        own.map(|finding| finding.message).collect()
    }

    #[test]
    fn plain_http_is_refused_but_for_hosts_that_are_allowed_and_this_machine() {
        for (url, expected) in [
            ("http://evil.example/a-1.tar.gz", true),
            ("HTTP://evil.example:80/a-1.tar.gz", true),
            ("http://localhost@evil.example/a-1.tar.gz", true),
            ("git+http://evil.example/a.git@0123", true),
            ("http://127.0.0.1.evil.example/a-1.tar.gz", true),
            ("https://evil.example/a-1.tar.gz", false),
            ("http://packages.example:8080/a-1.tar.gz", false),
            ("http://old.example/a-1.tar.gz", false),
            ("http://localhost:8080/a-1.tar.gz", false),
            ("http://127.0.0.1:8080/a-1.tar.gz", false),
        ] {
            let mut case = Case::new(&format!("a @ {url}\n"));
            case.allowed.indexes.push("http://old.example/simple".to_owned());
            let is_told = told(&case)
                .iter()
                .any(|message| message.contains("plain `http:`"));
            assert_eq!(is_told, expected, "{url}");
        }
    }

    #[test]
    fn an_index_of_a_lock_is_public_or_allowed() {
        let uv = |url: &str| {
            let lock = format!(
                "version = 1\n[[package]]\nname = \"x\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
                 dependencies = [{{ name = \"six\" }}]\n[[package]]\nname = \"six\"\nversion = \"1.17.0\"\n\
                 source = {{ registry = \"{url}\" }}\n"
            );
            Case::of("uv.lock", &lock)
        };
        let poetry = |url: &str| {
            let lock = format!(
                "[[package]]\nname = \"six\"\nversion = \"1.17.0\"\noptional = false\ngroups = [\"main\"]\nfiles = []\n\
                 [package.source]\ntype = \"legacy\"\nurl = \"{url}\"\nreference = \"own\"\n\
                 [metadata]\nlock-version = \"2.1\"\n"
            );
            Case::of("poetry.lock", &lock)
        };
        for (url, expected) in [
            ("https://pypi.org/simple", false),
            ("https://packages.example/simple/", false),
            ("https://evil.example/simple", true),
            ("http://pypi.org/simple", true),
        ] {
            let message =
                format!("this lock takes packages from `{url}`, which is not among the allowed indexes");
            let expected: Vec<String> = expected.then_some(message).into_iter().collect();
            assert_eq!(told(&uv(url)), expected, "uv.lock");
            assert_eq!(told(&poetry(url)), expected, "poetry.lock");
        }
    }
}
