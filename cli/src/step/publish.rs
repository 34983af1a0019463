//! `publish`: the validated image under a name for people: the same bytes, by the same digest.

use std::path::Path;

use nbvet_deps::ImageReference;
use nbvet_image::{reason, remedy};
use nbvet_report::{
    Reason,
    step::{IndexInput, PublishInput, Published, Step, StepBody, StepInput},
};

use super::{Ending, input, network::network};
use crate::image::failure;

pub(crate) fn publish(path: &Path) -> Ending {
    let StepInput { publish, .. } = match input::read(Step::Publish, path) {
        Ok(input) => input,
        Err(ending) => return ending,
    };
    input::part(Step::Publish, "publish", publish)
        .and_then(|wish| published(&wish))
        .unwrap_or_else(|ending| ending)
}

fn published(wish: &PublishInput) -> Result<Ending, Ending> {
    let invalid = |message: String| Ending::error(Step::Publish, Reason::InvalidField, false, &message);
    let read = |text: &str| {
        let reference = text.parse::<ImageReference>();
        reference.map_err(|error| Ending::usage(Step::Publish, &failure(&error)))
    };
    let (from, to) = (read(&wish.image)?, read(&wish.reference)?);
    let digest = from.digest().ok_or_else(|| {
        invalid(format!(
            "{}: an image is published by its digest alone",
            wish.image
        ))
    })?;
    let tag = to.tag().filter(|_| to.digest().is_none()).ok_or_else(|| {
        invalid(format!(
            "{}: a name for people has a tag, and no digest",
            wish.reference
        ))
    })?;
    let network = network(&wish.registry, &IndexInput::default());
    let registries = network
        .map_err(|error| Ending::usage(Step::Publish, &error))?
        .registries;
    let into = registries.repository(&to);
    let copied = registries
        .repository(&from)
        .copy_by_digest(digest.as_str(), &into, tag);
    let copied = copied.map_err(|error| {
        let hint = remedy::of_registry(&error);
        let (reason, transient) = reason::of_registry(&error, &into.image());
        // That there is no such image is no fault of a base image here.
        let reason = match reason {
            Reason::BaseImageNotFound | Reason::BuildFailed => Reason::PublishFailed,
            reason => reason,
        };
        Ending::failed(Step::Publish, (reason, transient), &error, &hint)
    })?;
    let said = match &copied.moved_from {
        Some(before) => format!("{to} moved from {before}"),
        None if copied.was_there => format!("{to} was there"),
        None => format!("{to} is new"),
    };
    let body = Published {
        reference: to.to_string(),
        tag: tag.to_owned(),
        digest: copied.digest.to_string(),
        previous_digest: copied.moved_from.map(|digest| digest.to_string()),
    };
    let ending = Ending::done(Step::Publish, &said, Some(StepBody::Published(body)));
    Ok(ending.with_image(&format!("{}@{}", into.image(), copied.digest)))
}
