//! NB916 no-wheel.

use std::str::FromStr as _;

use nbvet_report::{Hint, Level, Row};

use crate::{
    Dependency, Wanted,
    policy::{Finding, Review, code, each, rule},
    requirements::{Given, Opt},
    target::{Tags, Target, WheelName},
};

rule! {
    /// A package without a wheel for the image: its own code would run during the build.
    ///
    /// ## Why it matters
    ///
    /// A wheel is only unpacked. A source distribution is built: `setup.py` or another program of its authors runs, with
    /// the network and whatever else the build may reach, and what comes out depends on the compiler and the headers of
    /// that day. The builder that needs no privileges takes wheels alone.
    ///
    /// What the index has is looked at when the image is planned or built, or by `nbvet deps --check-index`.
    /// `--allow-sdist` says that source distributions may be built.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// docopt==0.6.2
    /// ```
    ///
    /// ```requirements bad
    /// --no-binary :all:
    /// pandas==2.2.3
    /// ```
    ///
    /// ```requirements bad
    /// https://packages.example/tool-1.0.tar.gz
    /// ```
    ///
    /// ```requirements good
    /// attrs==24.2.0
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Pin a version that has a wheel for the image (`pip download --only-binary :all:` tells), or build a wheel once,
    /// where its code may run, and name its folder with `--find-links wheels`:
    ///
    /// ```sh
    /// pip wheel --no-deps --wheel-dir wheels docopt==0.6.2
    /// ```
    "NB916" "no-wheel",
    row: Row::From(Level::Production),
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = no_binary(cx).into_iter().collect();
    let tags = cx.target.map(Target::tags);
    let hits: Vec<Hit<'_>> = cx
        .requirements()
        .filter(|entry| cx.applies(entry))
        .filter_map(|entry| hit(cx, tags.as_ref(), entry))
        .collect();
    found.extend(each(
        &hits,
        |hit| finding(cx, hit),
        |hit| (&hit.entry.place, code(&hit.entry.text)),
        |rest| format!("{rest} more packages have no wheel for the image"),
    ));
    found
}

/// The option that asks for builds.
fn no_binary(cx: &Review<'_>) -> Option<Finding> {
    if cx.allow_sdist {
        return None;
    }
    let asks = |given: &Given| given.opt == Opt::NoBinary && given.value.as_deref() != Some(":none:");
    let (place, given) = cx.options().find(|(_, given)| asks(given))?;
    let option = code(&format!(
        "--no-binary {}",
        given.value.as_deref().unwrap_or_default()
    ));
    Some(
        Finding::new(
            &RULE,
            place,
            format!("{option} asks for packages to be built from source"),
        )
        .because("Code of these packages runs during the build.")
        .help("take the option out; `--only-binary :all:` makes sure that nothing is built"),
    )
}

/// A package that cannot be had as a wheel for the image.
struct Hit<'a> {
    entry: &'a Dependency,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The line names a source distribution.
    Source,
    /// The line names a wheel for another Python or platform.
    Foreign,
    /// None of its files is a wheel that fits, but there is a source distribution.
    OnlySource,
    /// None of its files can be installed.
    Nothing,
}

fn hit<'a>(cx: &Review<'_>, tags: Option<&Tags>, entry: &'a Dependency) -> Option<Hit<'a>> {
    let kind = match &entry.wanted {
        Wanted::Url(file) | Wanted::Path(file) if is_source(file) => Kind::Source,
        Wanted::Url(file) | Wanted::Path(file) => {
            // A `+` is often written so in a URL.
            let name = file.rsplit('/').next()?.replace("%2B", "+").replace("%2b", "+");
            let wheel = WheelName::from_str(&name).ok()?;
            match tags?.rank(&wheel) {
                Some(_) => return None,
                None => Kind::Foreign,
            }
        }
        Wanted::Index(_) => of_files(&files(cx, entry)?, tags?)?,
        Wanted::Vcs { .. } => return None,
    };
    let is_built = matches!(kind, Kind::Source | Kind::OnlySource) && cx.allow_sdist;
    (!is_built).then_some(Hit { entry, kind })
}

/// The names of its files, by the lock or by the index.
fn files<'a>(cx: &Review<'a>, entry: &'a Dependency) -> Option<Vec<&'a str>> {
    if !entry.artifacts.is_empty() {
        return Some(entry.artifacts.iter().map(|file| &*file.filename).collect());
    }
    let files = cx.release(entry)?.files.as_ref()?;
    Some(files.iter().map(|file| &**file).collect())
}

fn of_files(files: &[&str], tags: &Tags) -> Option<Kind> {
    let fits = |file: &&str| WheelName::from_str(file).is_ok_and(|wheel| tags.rank(&wheel).is_some());
    match files {
        [] => None,
        files if files.iter().any(fits) => None,
        files if files.iter().any(|file| is_source(file)) => Some(Kind::OnlySource),
        _ => Some(Kind::Nothing),
    }
}

fn finding(cx: &Review<'_>, hit: &Hit<'_>) -> Finding {
    let text = code(&hit.entry.text);
    let image = cx.target.map_or_else(String::new, |target| {
        if cx.is_assumed {
            format!(
                "Python 3.{} on Linux ({})",
                target.minor(),
                target.platform().arch
            )
        } else {
            format!("Python {} on {}", target.python(), target.platform())
        }
    });
    let message = match hit.kind {
        Kind::Source => format!("{text} is a source distribution"),
        Kind::Foreign => format!("{text} is a wheel for another Python or platform than {image}"),
        Kind::OnlySource | Kind::Nothing => format!("{text} has no wheel for {image}"),
    };
    let because = match hit.kind {
        Kind::Source | Kind::OnlySource => {
            "A source distribution is built: code of its authors runs, and what comes out may differ each time."
        }
        Kind::Foreign | Kind::Nothing => "It cannot be installed there.",
    };
    let help = match hit.kind {
        Kind::Source => "name a wheel; `pip wheel --no-deps --wheel-dir wheels URL` makes one".into(),
        Kind::OnlySource => {
            let made = format!(
                "pin a version that has a wheel, or make one where its code may run: \
                 `pip wheel --no-deps --wheel-dir wheels {}`",
                pin(hit.entry)
            );
            Hint::from(format!("{made}, and name its folder: `--find-links wheels`"))
                .in_cluster(format!("{made}, and name the file with its `--hash`"))
        }
        Kind::Foreign => format!("name the wheel for {image}").into(),
        Kind::Nothing => "pin a version that has a wheel for it, or take another base image".into(),
    };
    Finding::new(&RULE, &hit.entry.place, message)
        .because(because)
        .help(help)
}

/// `docopt==0.6.2`, as a word of a command.
fn pin(entry: &Dependency) -> String {
    let name = entry.name.as_ref().map_or("NAME", AsRef::as_ref);
    match entry.pin() {
        Some(version) => format!("{name}=={version}"),
        None => name.to_owned(),
    }
}

fn is_source(file: &str) -> bool {
    let file = file.to_ascii_lowercase();
    [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"]
        .iter()
        .any(|end| file.ends_with(end))
}
