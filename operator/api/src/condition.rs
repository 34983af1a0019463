//! Conditions: their types, and how one is set without losing since when it stands. The time is the caller's.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use nbvet_report::Reason;

/// The conditions of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// True only at the phase Succeeded.
    Ready,
    /// True at either end.
    Finished,
    /// True while something is under way.
    Reconciling,
    /// True at every end that is a failure.
    Stalled,
    /// The source was fetched, at the commit in `status.source`.
    SourceReady,
    /// The dependency policy has nothing against it.
    PolicyPassed,
    /// The image is there; reason `NotRequired` where none was asked for.
    ImageBuilt,
    /// The notebook was run and judged, and passed.
    Validated,
    /// As Validated, under the name that older clients look for.
    ValidationComplete,
    /// The image is published under the name asked for.
    Published,
    /// False where the spec has fields that this version does not act upon.
    FieldsSupported,
}

impl ConditionType {
    /// All of them, in the order of the reference.
    pub const ALL: [Self; 11] = [
        Self::Ready,
        Self::Finished,
        Self::Reconciling,
        Self::Stalled,
        Self::SourceReady,
        Self::PolicyPassed,
        Self::ImageBuilt,
        Self::Validated,
        Self::ValidationComplete,
        Self::Published,
        Self::FieldsSupported,
    ];

    /// The name, as it stands in `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Finished => "Finished",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::SourceReady => "SourceReady",
            Self::PolicyPassed => "PolicyPassed",
            Self::ImageBuilt => "ImageBuilt",
            Self::Validated => "Validated",
            Self::ValidationComplete => "ValidationComplete",
            Self::Published => "Published",
            Self::FieldsSupported => "FieldsSupported",
        }
    }

    /// What it says.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ready => "True only when the job has succeeded.",
            Self::Finished => "True at either end, a good one or a bad one.",
            Self::Reconciling => "True while something is under way.",
            Self::Stalled => "True at every end that is a failure.",
            Self::SourceReady => "The source was fetched, at the commit in `status.source`.",
            Self::PolicyPassed => "The dependency policy has nothing against it.",
            Self::ImageBuilt => "The image is there; reason NotRequired where none was asked for.",
            Self::Validated => "The notebook was run and judged, and passed.",
            Self::ValidationComplete => "As Validated, under the name that older clients look for.",
            Self::Published => "The image is published under the name asked for.",
            Self::FieldsSupported => "False where the spec has fields that this version does not act upon.",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holds {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody knows yet.
    Unknown,
}

impl Holds {
    /// The word that stands in `status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What a condition is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Which condition.
    pub kind: ConditionType,
    /// Whether it holds.
    pub holds: Holds,
    /// Why.
    pub reason: Reason,
    /// In words, for people.
    pub message: String,
}

/// The condition of a type, if it is there.
pub fn condition(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions
        .iter()
        .find(|condition| condition.type_ == kind.as_str())
}

/// Sets a condition. Its `lastTransitionTime` becomes `now` only where its status changes; one that says the same stays
/// as it is, so that a status that says nothing new is not written. Whether anything changed is returned.
pub fn set_condition(
    conditions: &mut Vec<Condition>,
    said: &Said,
    observed_generation: Option<i64>,
    now: &Time,
) -> bool {
    let mut new = Condition {
        type_: said.kind.as_str().to_owned(),
        status: said.holds.as_str().to_owned(),
        reason: said.reason.as_str().to_owned(),
        message: said.message.clone(),
        observed_generation,
        last_transition_time: now.clone(),
    };
    let there = conditions
        .iter_mut()
        .find(|condition| condition.type_ == new.type_);
    let Some(old) = there else {
        conditions.push(new);
        return true;
    };
    if old.status == new.status {
        new.last_transition_time = old.last_transition_time.clone();
    }
    let changed = *old != new;
    *old = new;
    changed
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    fn said(holds: Holds, reason: Reason) -> Said {
        Said {
            kind: ConditionType::Ready,
            holds,
            reason,
            message: String::new(),
        }
    }

    #[test]
    fn s6_a_condition_keeps_its_time_until_its_status_changes() {
        let mut conditions = Vec::new();
        assert!(set_condition(
            &mut conditions,
            &said(Holds::False, Reason::InProgress),
            Some(1),
            &at(1)
        ));
        assert!(!set_condition(
            &mut conditions,
            &said(Holds::False, Reason::InProgress),
            Some(1),
            &at(2)
        ));
        assert!(set_condition(
            &mut conditions,
            &said(Holds::False, Reason::Waiting),
            Some(1),
            &at(3)
        ));
        assert_eq!(
            (conditions.len(), &conditions[0].last_transition_time),
            (1, &at(1))
        );
        assert!(set_condition(
            &mut conditions,
            &said(Holds::True, Reason::Done),
            Some(2),
            &at(4)
        ));
        assert_eq!(conditions[0].last_transition_time, at(4));
    }

    #[test]
    fn s6_conditions_of_others_are_left_alone() {
        let foreign = Condition {
            type_: "example.com/Checked".to_owned(),
            status: "True".to_owned(),
            reason: "Seen".to_owned(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: at(1),
        };
        let mut conditions = vec![foreign.clone()];
        set_condition(&mut conditions, &said(Holds::True, Reason::Done), None, &at(2));
        assert_eq!((conditions.len(), &conditions[0]), (2, &foreign));
        assert_eq!(
            condition(&conditions, ConditionType::Ready).unwrap().status,
            "True"
        );
        assert_eq!(condition(&conditions, ConditionType::Stalled), None);
    }
}
