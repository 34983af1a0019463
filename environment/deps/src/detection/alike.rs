//! What is there in place of a file that is not.

use super::{Refused, search};
use crate::{Tree, tree::Kind};

/// From here on, two names look alike.
const ALIKE: f64 = 0.85;
/// Entries of a folder that are compared, at most, and bytes of a name.
const COMPARED: usize = 10_000;
const MAX_NAME: usize = 255;
/// Names that are told, at most.
const TOLD: usize = 3;

/// The refusal of a named file that is not there, or is a symlink to nothing.
pub(super) fn missing(tree: &Tree, field: &'static str, file: &str, folders: &[String]) -> Refused {
    let own = search::folder_of(file);
    let mut around = vec![own];
    around.extend(folders.iter().map(String::as_str).filter(|folder| *folder != own));
    let wanted = name_of(file).to_lowercase();
    let mut alike: Vec<(f64, String)> = Vec::new();
    let mut there = Vec::new();
    for folder in around {
        for item in tree.list(folder).unwrap_or_default().into_iter().take(COMPARED) {
            let name = search::joined(folder, &item.name);
            if name == file && item.kind == Kind::Symlink {
                return Refused::dangling(file);
            }
            if item.kind == Kind::Folder || wanted.len() > MAX_NAME {
                continue;
            }
            let likeness = strsim::jaro_winkler(&wanted, &item.name.to_lowercase());
            if likeness >= ALIKE {
                alike.push((likeness, name));
            } else if is_known(field, &item.name) {
                there.push(name);
            }
        }
    }
    // Stable: of two that are as like, the nearer folder's comes first.
    alike.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    alike.truncate(TOLD);
    there.truncate(TOLD);
    Refused::Missing {
        field,
        file: file.escape_debug().to_string(),
        alike: alike.into_iter().map(|(_, name)| name).collect(),
        there,
    }
}

fn name_of(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

fn is_known(field: &str, name: &str) -> bool {
    if field == "dockerfile" {
        name == "Dockerfile"
    } else {
        name != "Dockerfile" && search::is_known(name)
    }
}
