//! What follows from a dependency file that nobody asked for: what was passed over, and what no image of wheels can hold.

use nbvet_deps::{
    Dependency, Wanted,
    detection::{Decision, Needs},
    lock, masked,
    policy::pins,
};

use nbvet_report::Readers;

use super::{Names, tell::Known};

/// Lines that are named; the others are counted.
const MOST_NAMED: usize = 3;

/// All there is to say, in words.
pub(super) fn all(known: &Known<'_>, names: &Names) -> Vec<String> {
    let notes = known.detection.iter().flat_map(|detection| &detection.notes);
    let mut told: Vec<String> = notes.map(|note| note.told(known.readers)).collect();
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
    told.extend(own_installs(known, names));
    told.extend(not_asked(known));
    told
}

/// What the notebook installs when it runs, which is in no image.
fn own_installs(known: &Known<'_>, names: &Names) -> Option<String> {
    let installs: Vec<_> = known.inference.own_installs().collect();
    let shown = installs.iter().take(MOST_NAMED).map(|(name, text, places)| {
        let at = places.first().map(ToString::to_string);
        let entries = known.declared.iter().flat_map(|declared| &declared.entries);
        let mut entries = entries.filter(|entry| name.is_some() && entry.name.as_ref() == *name);
        let asked = entries.next().map(|entry| {
            let place = format!("{}:{}", names.of(&entry.place.file), entry.place.line);
            format!("{place} asks for `{}`", masked(&entry.text))
        });
        let aside: Vec<String> = at.into_iter().chain(asked).collect();
        format!("`{text}` ({})", aside.join("; "))
    });
    let shown: Vec<String> = shown.collect();
    let more = more(installs.len());
    let file = known.detection.and_then(|detection| detection.file());
    let instead = match (file, known.readers) {
        (Some(file), _) => format!("let {} ask for it", names.of(file)),
        (None, Readers::Terminal) => "`nbvet deps --write` takes distributions over".to_owned(),
        (None, Readers::Cluster) => "let a requirements.txt beside the notebook ask for it".to_owned(),
    };
    (!shown.is_empty()).then(|| {
        format!(
            "the notebook itself installs {}{more}: what a run installs is in no image, and each run needs the network for it. Instead, {instead}",
            shown.join(", ")
        )
    })
}

/// What `--check-index` did not look at.
fn not_asked(known: &Known<'_>) -> Option<String> {
    let (declared, (releases, target)) = known.declared.zip(known.asked)?;
    let pins = pins(declared, target);
    let holds = |entry: &&Dependency| !entry.constraint && entry.marker.evaluate(target.markers(), &[]);
    let is_pinned = |entry: &Dependency| pins.iter().any(|(name, _)| entry.name.as_ref() == Some(name));
    let entries = declared.entries.iter().filter(holds);
    let open = entries.filter(|entry| matches!(entry.wanted, Wanted::Index(_)) && !is_pinned(entry));
    let open: Vec<String> = open.map(|entry| masked(&entry.text).into_owned()).collect();
    let nobody: Vec<String> = pins
        .iter()
        .filter(|pin| !releases.contains_key(*pin))
        .map(|(name, version)| format!("{name}=={version}"))
        .collect();
    let untold: Vec<String> = releases
        .iter()
        .filter(|(_, release)| !release.absent && release.requires.is_none())
        .map(|((name, version), _)| format!("{name}=={version}"))
        .collect();
    let absent: Vec<String> = releases
        .iter()
        .filter(|(_, release)| release.absent)
        .map(|((name, version), _)| format!("{name}=={version}"))
        .collect();
    let parts = [
        (open, "", ", as no single version stands in the line"),
        (nobody, "", ", as there is no index to ask"),
        (absent, "what is needed by ", ", as the index does not have it"),
        (
            untold,
            "what is needed by ",
            ", as the index tells it only in whole files",
        ),
    ];
    let told = parts.iter().filter(|(which, _, _)| !which.is_empty());
    let told = told.map(|(which, before, why)| {
        let shown: Vec<String> = which
            .iter()
            .take(MOST_NAMED)
            .map(|one| format!("`{one}`"))
            .collect();
        format!("{before}{}{}{why}", shown.join(", "), more(which.len()))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("`--check-index` did not look at {}", told.join("; nor at ")))
}

/// How many are not named.
fn more(all: usize) -> String {
    match all.saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}

/// The file as a whole asks for commands to run.
fn needs_commands(known: &Known<'_>, names: &Names) -> Option<String> {
    let detection = known.detection?;
    let Needs::Buildah(because) = detection.needs() else {
        return None;
    };
    let file = names.of(detection.file()?);
    let here = match (known.readers, &detection.decision) {
        (Readers::Cluster, _) => "",
        (_, Decision::Dockerfile { .. }) => ". Here, build it yourself with `podman build`",
        _ => ". Here, for `nbvet image`, list what it needs in a requirements.txt",
    };
    Some(format!(
        "no image can be assembled from {file}: {because}. {}{here}",
        by_commands(known.readers)
    ))
}

/// What a cluster does then.
const fn by_commands(readers: Readers) -> &'static str {
    match readers {
        Readers::Terminal => {
            "In a cluster such an image is built by commands (buildah), where the namespace allows that"
        }
        Readers::Cluster => "It is built by commands (buildah), where the namespace allows that",
    }
}

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
    Some(format!(
        "{what}: {}{more}. {}",
        shown.join("; "),
        by_commands(known.readers)
    ))
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
