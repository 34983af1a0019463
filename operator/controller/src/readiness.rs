//! What keeps the controller from working, for `/readyz`.

use std::sync::{Arc, Mutex, PoisonError};

/// How far the program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Our kind is not served yet.
    NoKind,
    /// Another controller works; this one takes over when it ends.
    Standby,
    /// The stores of these scopes are not full yet; none: it works.
    Leading(Vec<String>),
    /// It ends.
    Ending,
}

/// Shared by those who know and the one who tells.
#[derive(Debug, Clone)]
pub(crate) struct Readiness(Arc<Mutex<Standing>>);

impl Readiness {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Standing::NoKind)))
    }

    pub(crate) fn set(&self, standing: Standing) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// A scope has seen everything.
    pub(crate) fn complete(&self, scope: &str) {
        if let Standing::Leading(missing) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            missing.retain(|one| one != scope);
        }
    }

    /// Whether it is ready, and the words for it.
    pub(crate) fn answer(&self) -> (bool, String) {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Standing::NoKind => (
                false,
                "the cluster does not serve NotebookValidationJobs; apply the definition in operator/deploy/crd\n"
                    .to_owned(),
            ),
            Standing::Standby => (true, "standby: another controller holds the lease\n".to_owned()),
            Standing::Leading(missing) if missing.is_empty() => (true, "leader: all is seen\n".to_owned()),
            Standing::Leading(missing) => (
                false,
                format!("leader: not everything is seen yet in {}\n", missing.join(", ")),
            ),
            Standing::Ending => (false, "ending\n".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_ready_as_a_standby_and_when_all_scopes_are_seen() {
        let readiness = Readiness::new();
        assert!(!readiness.answer().0);
        readiness.set(Standing::Standby);
        assert!(readiness.answer().0);
        readiness.set(Standing::Leading(vec!["a".to_owned(), "b".to_owned()]));
        assert!(!readiness.answer().0);
        readiness.complete("a");
        assert_eq!(readiness.answer().1, "leader: not everything is seen yet in b\n");
        readiness.complete("b");
        assert!(readiness.answer().0);
        readiness.set(Standing::Ending);
        assert!(!readiness.answer().0);
    }
}
