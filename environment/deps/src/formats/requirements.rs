//! Requirements files: what pip's reader found, each entry taken apart.

use super::nothing;
use crate::{
    declared::{Declared, Format},
    requirement::{self, Markers},
    requirements::{self, Entry, Fault, Kind, Opt, Place, Source},
};

pub(super) fn read(file: &str, source: &mut dyn Source) -> Result<Declared, Fault> {
    let mut declared = nothing(Format::Requirements, file);
    take(requirements::read(file, false, source)?, &mut declared)?;
    Ok(declared)
}

/// Lines for pip in a file of another kind.
pub(super) fn of_lines(
    lines: &[(Place, &str)],
    source: &mut dyn Source,
    declared: &mut Declared,
) -> Result<(), Fault> {
    take(requirements::read_lines(lines, source)?, declared)
}

fn take(entries: Vec<Entry>, declared: &mut Declared) -> Result<(), Fault> {
    let markers = Markers::default();
    for entry in entries {
        let is_option = entry.kind == Kind::Options;
        declared
            .entries
            .extend(requirement::dependency(&entry, &markers)?);
        // Behind a requirement pip reads `--hash` and these two, and passes over the rest.
        let told = entry
            .options
            .into_iter()
            .filter(|given| is_option || matches!(given.opt, Opt::ConfigSettings | Opt::GlobalOption));
        declared
            .options
            .extend(told.map(|given| (entry.place.clone(), given)));
    }
    Ok(())
}
