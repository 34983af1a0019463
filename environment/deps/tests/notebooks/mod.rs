//! Notebooks of tests, and what the engine reads of them, as the inference takes it.

use nbvet_deps::{
    inference::{Asked, At, Imported, Need, Request},
    requirements::{self, Kind, Source},
};
use nbvet_engine::{Needs, Tool, Wanted, When};

pub(crate) fn needs_of(bytes: &[u8], mut load: impl FnMut(&str) -> Option<Vec<u8>>) -> Needs {
    nbvet_engine::needs(&nbvet_notebook::read(bytes), "work/a.ipynb", &mut load)
}

pub(crate) fn imported(needs: &Needs) -> Vec<Imported> {
    let one = |import: &nbvet_engine::Import| Imported {
        module: import.module.clone(),
        names: import.names.clone(),
        need: match import.when {
            When::Always | When::Called => Need::Needed,
            When::Guarded => Need::Optional,
            When::TypeChecking => Need::TypesOnly,
        },
        local: import.local.clone(),
        at: At {
            file: import.file.clone(),
            location: import.location.clone(),
        },
    };
    needs.imports.iter().map(one).collect()
}

pub(crate) fn asked(needs: &Needs) -> Vec<Asked> {
    let mut asked = Vec::new();
    for install in &needs.installs {
        for wanted in &install.wanted {
            let request = match (install.tool, wanted) {
                (Tool::Pip, Wanted::Requirement(word)) => Request::Pip(word.clone()),
                (Tool::Conda, Wanted::Requirement(word)) => Request::Conda(word.clone()),
                (_, Wanted::File(file)) => Request::File(file.clone()),
                (_, Wanted::Editable(folder)) => Request::Editable(folder.clone()),
            };
            let at = At {
                file: install.file.clone(),
                location: install.location.clone(),
            };
            asked.push(Asked { request, at });
        }
    }
    asked
}

struct Text<'t>(&'t str);

impl Source for Text<'_> {
    fn load(&mut self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.as_bytes().to_vec())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// A proposal is a requirements file: nothing in it but requirements.
pub(crate) fn read_back(proposal: &str) {
    let read = requirements::read("requirements.in", false, &mut Text(proposal));
    for entry in read.expect("a proposal is a requirements file") {
        let text = match &entry.kind {
            Kind::Requirement(text) => text.as_str(),
            Kind::Editable(_) | Kind::Options => "",
        };
        let requirement: Result<pep508_rs::Requirement, _> = text.parse();
        assert!(
            requirement.is_ok() && entry.options.is_empty(),
            "{entry:?}\n{proposal}"
        );
    }
}
