//! What is tried again and when: the table of section 8 as code. Knows no step's work.

use k8s_openapi::jiff::SignedDuration;
use nbvet_report::{Reason, step::Step};

use crate::{names, observed::Fault};

/// Tries of publishing after the first one.
pub(crate) const PUBLISH_RETRIES: u32 = 3;

/// After how long an object that was accepted and is not served yet is asked for again.
pub(crate) const SERVED_AFTER: [SignedDuration; 5] = [
    SignedDuration::from_millis(100),
    SignedDuration::from_millis(200),
    SignedDuration::from_millis(400),
    SignedDuration::from_millis(800),
    SignedDuration::from_millis(1600),
];

/// The first wait, and the longest.
const FIRST: SignedDuration = SignedDuration::from_secs(5);
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// Whether another try of a step may go well. What the notebook did itself, what its policy refused and what somebody
/// has to mend is never tried again, whatever a step says of it.
pub(crate) fn is_worth_it(step: Step, fault: &Fault) -> bool {
    match fault.reason {
        // Of the machine below, always.
        Reason::NodeLost | Reason::AgentLost | Reason::ReportLost => true,
        // Of a server or of the network, where the step says so; a pod that went past a limit of its own goes there again.
        Reason::Evicted | Reason::ImagePullFailed | Reason::Unreachable | Reason::InternalError => {
            fault.transient
        }
        Reason::BaseImageNotFound | Reason::BuildFailed => fault.transient && step != Step::Publish,
        Reason::PublishFailed => fault.transient && step == Step::Publish,
        _ => false,
    }
}

/// How long after its end the `failed`-th try (from 1) is followed by the next: doubled each time from 5 s to 5 min, and
/// up to half as much again by `seed`, so that many that failed together do not come back together.
pub(crate) fn delay(failed: u32, seed: &str) -> SignedDuration {
    let doubled = FIRST * 2_i32.saturating_pow(failed.clamp(1, 16) - 1);
    let base = doubled.min(LONGEST * 2 / 3);
    let digits = names::digest(&[seed]);
    let jitter = i32::from_str_radix(&digits[..4], 16).unwrap_or_default();
    (base + base * jitter / (2 * 0xffff)).min(LONGEST)
}
