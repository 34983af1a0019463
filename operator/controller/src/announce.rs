//! Events: what people are told beside a status. Nothing depends on them; knows nothing of what is decided.

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, Resource as _, api::PostParams};
use nbvet_operator_api::{NotebookValidationJob, Reason, text};
use nbvet_operator_decide::{names, plan::Announcement};

use crate::{client::Clock, error::is_code};

/// Bytes of what is told.
const MOST: usize = 1000;

/// Who tells.
#[derive(Clone)]
pub(crate) struct Teller {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    /// Who this is.
    pub(crate) identity: String,
}

impl Teller {
    /// Tells of an object, as it was seen. Each is an event of its own: those of one reason must not become one that says the
    /// first of them many times. The same of the same object is told once.
    pub(crate) async fn tell(&self, about: ObjectReference, seen: &str, what: &Announcement) {
        let reason = what.reason.as_str();
        let uid = about.uid.as_deref().unwrap_or_default();
        let digest = names::digest(&[uid, seen, reason, &what.note]);
        let name: String = about
            .name
            .iter()
            .flat_map(|name| name.chars())
            .take(200)
            .collect();
        let namespace = about.namespace.clone().unwrap_or_default();
        let event = Event {
            metadata: ObjectMeta {
                name: Some(format!("{}.{}", name.trim_end_matches(['.', '-']), &digest[..16])),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            type_: Some(if what.warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(reason.to_owned()),
            note: Some(text::cut(&what.note, MOST)),
            action: Some("Validate".to_owned()),
            regarding: Some(about),
            event_time: Some(MicroTime(self.clock.now())),
            reporting_controller: Some(names::MANAGED_BY.1.to_owned()),
            reporting_instance: Some(self.identity.chars().take(128).collect()),
            ..Event::default()
        };
        let api = Api::<Event>::namespaced(self.client.clone(), &namespace);
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => {}
            // Told already: by a request whose answer was lost, or by the controller before this one.
            Err(error) if is_code(&error, 409) => {}
            Err(error) => tracing::warn!(namespace, "event: {error}"),
        }
    }

    /// Tells the owner of a job that cannot be read, by what is known of it, and goes on meanwhile.
    pub(crate) fn unreadable(&self, meta: &ObjectMeta, why: &str) {
        let job = NotebookValidationJob {
            metadata: ObjectMeta {
                name: meta.name.clone(),
                namespace: meta.namespace.clone(),
                uid: meta.uid.clone(),
                ..ObjectMeta::default()
            },
            ..NotebookValidationJob::default()
        };
        let what = Announcement {
            warning: true,
            reason: Reason::InvalidField,
            note: format!(
                "this job cannot be read, and nothing is done for it: {}; mend or remove that field and apply the job again",
                text::one_line(why, MOST / 2)
            ),
        };
        let teller = self.clone();
        tokio::spawn(async move { teller.tell(job.object_ref(&()), "", &what).await });
    }
}
