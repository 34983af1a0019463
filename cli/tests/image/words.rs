//! Words that nobody in a cluster can follow: there are no options there, and nobody logs in or installs by hand.

/// Options of `nbvet` that its messages advise at a terminal, and commands for the machine that it runs on.
const OF_A_TERMINAL: &[&str] = &[
    "`--allow-index",
    "`--auto-generate-requirements",
    "`--bytecode",
    "`--ca-file",
    "`--cell-timeout",
    "`--cwd",
    "`--dockerfile",
    "`--fallback-strategy",
    "`--index-url",
    "`--insecure-host",
    "`--installs",
    "`--kernel",
    "`--offline",
    "`--platform",
    "`--prefer-dockerfile",
    "`--python",
    "`--requirements-file",
    "`--requirements-source",
    "`--timeout",
    "`--verify-hashes",
    "`docker login",
    "`nbvet deps",
    "`nbvet run",
    "`pip install",
    "NBVET_INDEX_URL",
    "validation.json",
];

/// Sees that what a step tells can be followed where it is read.
pub(crate) fn are_for_a_cluster(told: &str) {
    for words in OF_A_TERMINAL {
        assert!(!told.contains(words), "`{words}` is told in a cluster: {told}");
    }
}
