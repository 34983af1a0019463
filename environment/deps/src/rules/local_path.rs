//! NB906 local-path.

use nbvet_report::{Level, Row};

use super::outside_repository::is_outside;
use crate::{
    Dependency, Wanted,
    policy::{Finding, Review, code, each, rule},
};

rule! {
    /// A folder or a file in place of a package with a version.
    ///
    /// ## Why it matters
    ///
    /// An editable project or a folder is built from whatever the checkout holds: the image cannot be made again from
    /// its list of packages, and code of the project runs during the build. A wheel that is kept in the repository and
    /// named with its hash is as good as one from an index.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// -e .
    /// ```
    ///
    /// ```requirements bad
    /// ./libs/helpers
    /// ```
    ///
    /// ```requirements good
    /// ./wheels/helpers-1.0-py3-none-any.whl \
    ///     --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Build a wheel, keep it in the repository, and name it with its hash:
    ///
    /// ```sh
    /// pip wheel --no-deps --wheel-dir wheels ./libs/helpers
    /// pip hash wheels/*.whl
    /// ```
    "NB906" "local-path",
    row: Row::From(Level::Production),
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let hits: Vec<&Dependency> = cx
        .requirements()
        .filter(|entry| cx.applies(entry) && is_hit(entry))
        .collect();
    each(
        &hits,
        |entry| finding(entry),
        |entry| (&entry.place, code(&entry.text)),
        |rest| format!("{rest} more lines name folders or files of this repository"),
    )
}

fn is_hit(entry: &Dependency) -> bool {
    match &entry.wanted {
        // Those outside of the repository have a rule of their own.
        _ if is_outside(entry) => false,
        Wanted::Path(path) => !(is_wheel(path) && entry.is_promised()),
        _ => entry.editable,
    }
}

fn is_wheel(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".whl")
}

fn finding(entry: &Dependency) -> Finding {
    let text = code(&entry.text);
    let finding = |message: String| Finding::new(&RULE, &entry.place, message);
    match &entry.wanted {
        Wanted::Path(path) if is_wheel(path) => finding(format!("nothing says what is in {text}"))
            .because("Another file under the same name would be installed without a word.")
            .help("add its hash: `pip hash FILE` prints it"),
        _ if entry.editable => finding(format!("{text} is editable: what is installed changes with the checkout"))
            .because("The image cannot be made again from its list of packages.")
            .help(VENDOR),
        _ => finding(format!("{text} is built from what the checkout holds"))
            .because("The image cannot be made again from its list of packages, and code of the project runs in the build.")
            .help(VENDOR),
    }
}

const VENDOR: &str = "vendor a wheel: `pip wheel --no-deps --wheel-dir wheels FOLDER`, and name the file with its `--hash` \
    (`pip hash` prints it)";
