//! NB919 base-image-tag.

use nbvet_report::Row;

use crate::{
    Digest, ImageReference,
    policy::{Finding, Review, code, rule},
};

rule! {
    /// A base image named by a tag, which can move.
    ///
    /// ## Why it matters
    ///
    /// A tag is a name that its owner can give to another image: tomorrow's build may stand on another Python, another
    /// system, other packages. nbvet looks the digest up, builds on it and writes it into the report; only a digest in
    /// the configuration makes the next build stand on the same image.
    ///
    /// ## Examples
    ///
    /// ```image bad
    /// quay.io/jupyter/scipy-notebook:2024-10-07
    /// ```
    ///
    /// ```image bad
    /// quay.io/jupyter/scipy-notebook
    /// ```
    ///
    /// ```image good
    /// quay.io/jupyter/scipy-notebook@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Name the digest: `skopeo inspect --format '{{.Digest}}' docker://IMAGE` or `crane digest IMAGE` prints it.
    "NB919" "base-image-tag",
    row: Row::Advice,
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let Some(image) = cx.base_image else {
        return Vec::new();
    };
    if image.reference.digest().is_some() {
        return Vec::new();
    }
    let name = code(&image.reference.to_string());
    let message = match image.reference.tag() {
        Some(_) => format!("the base image {name} is named by a tag, which can move"),
        None => format!("the base image {name} is named without a tag: that is `latest`, which moves"),
    };
    let help = match image.digest {
        Some(digest) => format!(
            "name it by its digest of today: {}",
            code(&by_digest(image.reference, digest))
        ),
        None => format!(
            "name it by its digest: `crane digest {}` prints it",
            name.trim_matches('`')
        ),
    };
    let found = Finding {
        place: image.place.cloned(),
        ..Finding::of_none(&RULE, message)
    };
    vec![
        found
            .because("Tomorrow's build may stand on another Python and other packages.")
            .help(help),
    ]
}

/// The reference with the digest in place of its tag.
fn by_digest(reference: &ImageReference, digest: &Digest) -> String {
    format!("{}/{}@{digest}", reference.registry(), reference.repository())
}
