//! What several notebooks of one folder need together: they share its dependency file.

use std::sync::Arc;

use super::{At, Inference, Inferred, Origin, asked::Requests};

/// Why a line of one notebook is not proposed.
const OTHER_VERSION: &str = "another notebook asks for another version, which is the line above";

impl Inference {
    /// Takes in what another notebook needs. Places that name no file are those of the notebooks, by these names.
    pub fn take(&mut self, name: &str, mut other: Self, others_name: &str) {
        self.place(name);
        other.place(others_name);
        for module in other.modules {
            let known = self
                .modules
                .binary_search_by(|known| known.module.cmp(&module.module));
            match known {
                Ok(at) => join(&mut self.modules[at], module),
                Err(at) => self.modules.insert(at, module),
            }
        }
        self.requests.join(other.requests);
    }

    fn place(&mut self, name: &str) {
        let name: Arc<str> = name.into();
        let modules = self.modules.iter_mut().flat_map(|module| &mut module.places);
        for at in modules.chain(self.requests.places()) {
            at.file.get_or_insert_with(|| Arc::clone(&name));
        }
    }
}

/// The stronger need, and what is known where one of them does not tell.
fn join(known: &mut Inferred, other: Inferred) {
    known.need = known.need.min(other.need);
    if matches!(known.origin, Origin::Ambiguous { .. } | Origin::Unknown) {
        known.origin = other.origin;
    }
    known.places.extend(other.places);
}

impl Requests {
    fn places(&mut self) -> impl Iterator<Item = &mut At> {
        let lines = self.lines.values_mut().flat_map(|line| &mut line.places);
        lines.chain(self.others.iter_mut().map(|(_, _, at)| at))
    }

    /// Of a name that both ask for, a line that says which version counts, of two the first.
    fn join(&mut self, other: Self) {
        for (name, line) in other.lines {
            match self.lines.get_mut(&name) {
                None => {
                    self.lines.insert(name, line);
                }
                Some(known) if line.limits && known.limits && line.text != known.text => {
                    let shown = format!("pip install {}", line.text);
                    let others = line.places.into_iter();
                    self.others
                        .extend(others.map(|at| (shown.clone(), OTHER_VERSION, at)));
                }
                Some(known) => {
                    if line.limits && !known.limits {
                        (known.text, known.renamed, known.limits) = (line.text, line.renamed, true);
                    }
                    known.places.extend(line.places);
                }
            }
        }
        self.others.extend(other.others);
    }
}
