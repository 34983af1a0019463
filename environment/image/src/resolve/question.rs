//! What uv is asked: files of our own making with names of our own, made of checked values and of no user's text.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use nbvet_deps::{
    Declared, Dependency, Lock, Specifier, Wanted,
    lock::{Incomplete, Lacking, Why, is_plain_url},
    requirements::Opt,
    target::Target,
};
use tempfile::TempDir;

use super::ResolveError;

pub(super) const REQUIREMENTS: &str = "requirements.in";
pub(super) const CONSTRAINTS: &str = "constraints.txt";
pub(super) const AUTHORITIES: &str = "authorities.pem";

/// Requirements and constraints for one target: those that its markers leave out are left out already.
pub(super) struct Question<'d> {
    pub(super) requirements: String,
    pub(super) constraints: String,
    /// `--pre` stands in the file.
    pub(super) with_pre_releases: bool,
    /// The entries behind the requirements.
    pub(super) asked: Vec<&'d Dependency>,
}

impl<'d> Question<'d> {
    pub(super) fn of(declared: &'d Declared, target: &Target) -> Result<Self, ResolveError> {
        if let Err(mut incomplete) = Lock::from_declared(declared, target) {
            incomplete.lacking.retain(|lacking| !lacking.why.is_resolvable());
            if !incomplete.lacking.is_empty() {
                return Err(ResolveError::Lines(incomplete));
            }
        }
        let mut question = Self {
            requirements: String::new(),
            constraints: String::new(),
            with_pre_releases: declared.options.iter().any(|(_, given)| given.opt == Opt::Pre),
            asked: Vec::new(),
        };
        for entry in &declared.entries {
            if !entry.marker.evaluate(target.markers(), &[]) {
                continue;
            }
            let line = line(entry).map_err(|why| {
                ResolveError::Lines(Incomplete {
                    lacking: vec![Lacking {
                        place: entry.place.clone(),
                        text: nbvet_deps::masked(&entry.text).into_owned(),
                        why,
                    }],
                })
            })?;
            if entry.constraint {
                question.constraints.push_str(&line);
            } else {
                question.requirements.push_str(&line);
                question.asked.push(entry);
            }
        }
        Ok(question)
    }

    /// The files, in a folder that nobody else can read and that goes away with the value.
    pub(super) fn written(&self, ca_files: &[PathBuf]) -> io::Result<TempDir> {
        let folder = tempfile::Builder::new().prefix("nbvet-resolve-").tempdir()?;
        fs::write(folder.path().join(REQUIREMENTS), &self.requirements)?;
        fs::write(folder.path().join(CONSTRAINTS), &self.constraints)?;
        if !ca_files.is_empty() {
            write_authorities(&mut File::create(folder.path().join(AUTHORITIES))?, ca_files)?;
        }
        Ok(folder)
    }
}

/// One line out of checked values.
fn line(entry: &Dependency) -> Result<String, Why> {
    let name = entry.name.as_ref().ok_or(Why::Unnamed)?;
    let mut line = name.to_string();
    if !entry.extras.is_empty() && !entry.constraint {
        let mut extras: Vec<String> = entry.extras.iter().map(ToString::to_string).collect();
        extras.sort();
        line = format!("{line}[{}]", extras.join(","));
    }
    match &entry.wanted {
        Wanted::Index(specifiers) => {
            let specifiers: Vec<String> = specifiers.iter().map(specifier).collect::<Result<_, _>>()?;
            line.push_str(&specifiers.join(","));
        }
        Wanted::Url(url) => {
            let url = url.split('#').next().unwrap_or_default();
            if !is_plain_url(url) {
                return Err(Why::Unnamed);
            }
            line.push_str(" @ ");
            line.push_str(url);
        }
        Wanted::Vcs { .. } => return Err(Why::Vcs),
        Wanted::Path(_) => return Err(Why::Local),
    }
    line.push('\n');
    Ok(line)
}

fn specifier(specifier: &Specifier) -> Result<String, Why> {
    match specifier {
        Specifier::Version(specifier) => Ok(specifier.to_string()),
        Specifier::Arbitrary(text) => {
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._+!-".contains(letter);
            if text.is_empty() || !text.chars().all(is_plain) {
                return Err(Why::NoPin);
            }
            Ok(format!("==={text}"))
        }
    }
}

/// The system's certificates and those of some files, in one file: uv takes one.
fn write_authorities(file: &mut File, ca_files: &[PathBuf]) -> io::Result<()> {
    for certificate in rustls_native_certs::load_native_certs().certs {
        writeln!(file, "-----BEGIN CERTIFICATE-----")?;
        for line in STANDARD.encode(certificate.as_ref()).as_bytes().chunks(64) {
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        writeln!(file, "-----END CERTIFICATE-----")?;
    }
    for path in ca_files {
        let text = fs::read(path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        file.write_all(&text)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}
