//! Names of children and of builds, and the labels by which they are known again. Every name is a digest of what the
//! object is for, so that a second try to create it meets the first one.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use nbvet_operator_api::duration;
use nbvet_report::step::{FetchedSource, Step};
use sha2::{Digest as _, Sha256};

use crate::image::Image;

/// Whose objects they are.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "nbvet-operator");
/// The uid of the job that a child belongs to.
pub const JOB_UID: &str = "nbvet.mlops.dev/job-uid";
/// The id of the run that a child belongs to.
pub const RUN: &str = "nbvet.mlops.dev/run";
/// The number of that run.
pub const RUN_NUMBER: &str = "nbvet.mlops.dev/run-number";
/// The wish of that run.
pub const WISH: &str = "nbvet.mlops.dev/wish";
/// The step that a child does.
pub const STEP: &str = "nbvet.mlops.dev/step";
/// Which try it is, from 1.
pub const ATTEMPT: &str = "nbvet.mlops.dev/attempt";
/// The child that a record is of.
pub const CHILD: &str = "nbvet.mlops.dev/child";
/// When the child of a record was created.
pub const STARTED: &str = "nbvet.mlops.dev/started";
/// When the child of a record ended.
pub const ENDED: &str = "nbvet.mlops.dev/ended";
/// The pod of a record's child.
pub const POD: &str = "nbvet.mlops.dev/pod";
/// The digest of what the step is given.
pub const INPUTS: &str = "nbvet.mlops.dev/inputs";
/// The first digits of the identity that a build makes: the label by which builds are found.
pub const IDENTITY: &str = "nbvet.mlops.dev/identity";
/// The repository that a build pushes to, and its whole identity: annotations.
pub const DESTINATION: &str = "nbvet.mlops.dev/destination";
/// The whole identity of a build.
pub const WHOLE_IDENTITY: &str = "nbvet.mlops.dev/whole-identity";
/// The most time for a try, as it stood when the try began.
pub const LIMIT: &str = "nbvet.mlops.dev/limit";
/// Before the uid of a job: the annotation of a build by which the job's run has joined it.
pub const JOINED: &str = "joined.nbvet.mlops.dev/";

/// Digits of an identity that a label holds; labels have at most 63 characters.
const LABEL_DIGITS: usize = 40;

/// A digest of parts that no other parts have: each goes in with its length. 64 hexadecimal digits.
pub fn digest(parts: &[&str]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    let digits = |hex: String, byte: &u8| hex + &format!("{byte:02x}");
    sha.finalize().iter().fold(String::new(), digits)
}

fn short(parts: &[&str], digits: usize) -> String {
    let mut whole = digest(parts);
    whole.truncate(digits);
    whole
}

/// The id of a run: of what is wished, and the how many-th run it is.
pub fn run_id(wish: &str, number: u64) -> String {
    short(&[wish, &number.to_string()], 16)
}

/// The name of a child: for people the job and the step; what makes it this child and no other is the digest.
pub fn child(job: &str, uid: &str, run: &str, step: Step, inputs: &str, attempt: u32) -> String {
    let hash = short(&[uid, run, step.as_str(), inputs, &attempt.to_string()], 16);
    // Pods get five more characters, and a label of the job's name has at most 63.
    let room = 57 - hash.len() - step.as_str().len() - 2;
    format!("{}-{step}-{hash}", readable(job, room))
}

/// The digest of what a validation is given: which image, and which notebook.
pub fn validate_inputs(image: &Image, source: &FetchedSource) -> String {
    let commit = source.commit.as_deref().unwrap_or_default();
    short(&[image.as_str(), commit, &source.notebook_digest], 16)
}

/// The name of the `attempt`-th build of an identity for a repository; the same for all jobs of a namespace.
pub fn build(namespace: &str, destination: &str, identity: &str, attempt: u32) -> String {
    let hash = short(&[namespace, destination, identity, &attempt.to_string()], 20);
    format!("nbvet-build-{hash}")
}

/// What names of records end with.
pub const RECORD_ENDING: &str = "-end";

/// The name of the record of a child's end.
pub fn record(child: &str) -> String {
    format!("{child}{RECORD_ENDING}")
}

/// What the annotation of a join holds: the run, since when, and how long it waits at most.
pub fn joined_value(run: &str, at: Timestamp, limit: SignedDuration) -> String {
    format!("{run} {at} {}", limit_value(limit))
}

/// Reads the annotation of a join; one without a limit is of an older version.
pub fn read_joined(value: &str) -> Option<(&str, Timestamp, Option<SignedDuration>)> {
    let mut parts = value.splitn(3, ' ');
    let (run, at) = (parts.next()?, parts.next()?.parse().ok()?);
    Some((run, at, parts.next().and_then(read_limit)))
}

/// A limit as an annotation holds it.
pub fn limit_value(limit: SignedDuration) -> String {
    duration::format(limit.unsigned_abs())
}

/// Reads the limit of an annotation.
pub fn read_limit(value: &str) -> Option<SignedDuration> {
    SignedDuration::try_from(duration::parse(value).ok()?).ok()
}

/// The annotation by which a job joins a build.
pub fn joined(uid: &str) -> String {
    format!("{JOINED}{uid}")
}

/// As much of an identity as a label holds.
pub fn identity_label(identity: &str) -> &str {
    identity.get(..LABEL_DIGITS).unwrap_or(identity)
}

/// The beginning of a name, as a name of an object may begin.
fn readable(name: &str, most: usize) -> String {
    let plain = name.chars().map(|c| if c == '.' { '-' } else { c });
    let cut: String = plain.take(most).collect();
    cut.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_digest_do_not_run_into_each_other() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["ab"]), digest(&["ab", ""]));
    }

    #[test]
    fn s5_a_child_is_named_by_its_job_run_step_inputs_and_attempt() {
        let all = [
            child("a", "u1", "r1", Step::Prepare, "i1", 1),
            child("a", "u2", "r1", Step::Prepare, "i1", 1),
            child("a", "u1", "r2", Step::Prepare, "i1", 1),
            child("a", "u1", "r1", Step::Validate, "i1", 1),
            child("a", "u1", "r1", Step::Prepare, "i2", 1),
            child("a", "u1", "r1", Step::Prepare, "i1", 2),
        ];
        for (index, name) in all.iter().enumerate() {
            assert!(!all[..index].contains(name), "{name}");
        }
        assert_eq!(all[0], child("a", "u1", "r1", Step::Prepare, "i1", 1));
    }

    #[test]
    fn s5_a_build_is_named_by_its_namespace_destination_identity_and_attempt() {
        let all = [
            build("n", "r.example/n/nbvet", "i", 1),
            build("m", "r.example/n/nbvet", "i", 1),
            build("n", "r.example/m/nbvet", "i", 1),
            build("n", "r.example/n/nbvet", "j", 1),
            build("n", "r.example/n/nbvet", "i", 2),
        ];
        for (index, name) in all.iter().enumerate() {
            assert!(!all[..index].contains(name), "{name}");
        }
    }

    #[test]
    fn names_of_children_of_long_names_with_dots_fit_labels_and_pods() {
        let name = child(&"long.".repeat(50), "u", "r", Step::Validate, "i", 1);
        assert!(
            name.len() <= 57 && !name.contains('.') && !name.contains("--"),
            "{name}"
        );
        let cut_at_a_dash = child(&format!("{}-x", "a".repeat(30)), "u", "r", Step::Validate, "i", 1);
        assert!(!cut_at_a_dash.contains("--"), "{cut_at_a_dash}");
    }

    #[test]
    fn s5_an_annotation_of_a_join_is_read_as_it_was_written_and_without_a_limit_as_older_versions_wrote_it() {
        let (at, limit) = (Timestamp::UNIX_EPOCH, SignedDuration::from_mins(90));
        let written = joined_value("r1", at, limit);
        assert_eq!(written, "r1 1970-01-01T00:00:00Z 1h30m");
        assert_eq!(read_joined(&written), Some(("r1", at, Some(limit))));
        assert_eq!(read_joined("r1 1970-01-01T00:00:00Z"), Some(("r1", at, None)));
        assert_eq!(
            read_joined("r1 1970-01-01T00:00:00Z soon"),
            Some(("r1", at, None))
        );
        assert_eq!(read_joined("r1"), None);
    }
}
