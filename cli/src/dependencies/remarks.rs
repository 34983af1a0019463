//! What follows from a dependency file that nobody asked for: what was passed over, and what no image of wheels can hold.

use nbvet_deps::{
    detection::{Decision, Needs},
    lock, masked,
};

use super::{Names, tell::Known};

/// Lines that are named; the others are counted.
const MOST_NAMED: usize = 3;

/// All there is to say, in words.
pub(super) fn all(known: &Known<'_>, names: &Names) -> Vec<String> {
    let notes = known.detection.iter().flat_map(|detection| &detection.notes);
    let mut told: Vec<String> = notes.map(ToString::to_string).collect();
    let is_found = known
        .detection
        .is_some_and(|detection| detection.file().is_some());
    if !is_found && !known.is_repository {
        told.push(
            "this is no git repository: dependency files were looked for in the notebook's folder alone"
                .to_owned(),
        );
    }
    told.extend(needs_commands(known, names));
    told.extend(not_assembled(known, names));
    told.extend(unread(known, names));
    told
}

/// The file as a whole asks for commands to run.
fn needs_commands(known: &Known<'_>, names: &Names) -> Option<String> {
    let detection = known.detection?;
    let Needs::Buildah(because) = detection.needs() else {
        return None;
    };
    let file = names.of(detection.file()?);
    let instead = match detection.decision {
        Decision::Dockerfile { .. } => "build it yourself with `podman build`",
        _ => "for `nbvet image`, list what it needs in a requirements.txt",
    };
    Some(format!(
        "no image can be assembled from {file}: {because}. {BY_COMMANDS}. Here, {instead}"
    ))
}

/// What a cluster does then.
const BY_COMMANDS: &str =
    "In a cluster such an image is built by commands (buildah), where the namespace allows that";

/// Lines of which no wheel is known.
fn not_assembled(known: &Known<'_>, names: &Names) -> Option<String> {
    let lines = lock::not_wheels(known.declared?);
    let shown: Vec<String> = lines
        .iter()
        .take(MOST_NAMED)
        .map(|line| {
            format!(
                "{}:{}: `{}` {}",
                names.of(&line.place.file),
                line.place.line,
                line.text,
                line.why
            )
        })
        .collect();
    let more = match lines.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let what = match lines.len() {
        0 => return None,
        1 => "1 line is no wheel, and images are assembled from wheels".to_owned(),
        lines => format!("{lines} lines are no wheels, and images are assembled from wheels"),
    };
    Some(format!("{what}: {}{more}. {BY_COMMANDS}", shown.join("; ")))
}

/// What could not be taken from the file.
fn unread(known: &Known<'_>, names: &Names) -> Vec<String> {
    let unread = known
        .declared
        .map(|declared| declared.unread.as_slice())
        .unwrap_or_default();
    let shown = unread.iter().take(MOST_NAMED).map(|unread| {
        let place = format!("{}:{}", names.of(&unread.place.file), unread.place.line);
        format!("{place}: {}: {}", masked(&unread.what), masked(&unread.why))
    });
    let mut told: Vec<String> = shown.collect();
    if let Some((next, others)) = unread.get(MOST_NAMED..).and_then(<[_]>::split_first) {
        let more = match others.len() {
            0 => String::new(),
            more => format!(", and of {more} more"),
        };
        let place = format!("{}:{}", names.of(&next.place.file), next.place.line);
        told.push(format!(
            "{place}: {}: the same holds of it{more}",
            masked(&next.what)
        ));
    }
    told
}
