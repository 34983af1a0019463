//! What tests of the rules look at: files in memory, made for Python 3.11 on Linux over a small base image.

use std::{collections::BTreeMap, fmt::Write as _, str::FromStr as _};

use nbvet_report::Readers;
use pep440_rs::Version;
use pep508_rs::{PackageName, Requirement, VerbatimUrl};

use super::{Allowed, BaseImage, Finding, Installed, Release, Releases, Review};
use crate::{
    Declared, Format, ImageReference, formats,
    requirements::{Fault, Source},
    rules,
    target::Target,
};

pub(crate) struct Files(BTreeMap<String, String>);

impl Source for Files {
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
        let text = self.0.get(file).ok_or("there is no such file")?;
        Ok(text.clone().into_bytes())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// A case: files, the first of them the one that is read, and what is known.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of one thing whether it is known"
)]
pub(crate) struct Case {
    files: BTreeMap<String, String>,
    first: String,
    pub(crate) python: &'static str,
    pub(crate) verify_hashes: bool,
    pub(crate) base_image: Option<String>,
    pub(crate) allowed: Allowed,
    pub(crate) with_target: bool,
    pub(crate) with_releases: bool,
    pub(crate) with_environment: bool,
}

impl Case {
    /// Text in which `# --- NAME` begins another file.
    pub(crate) fn new(text: &str) -> Self {
        let first = "requirements.txt".to_owned();
        let mut files = BTreeMap::from([(first.clone(), String::new())]);
        let mut name = first.clone();
        for line in text.lines() {
            if let Some(next) = line.strip_prefix("# --- ") {
                name = next.trim().to_owned();
            } else {
                let _ = writeln!(files.entry(name.clone()).or_insert_with(String::new), "{line}");
            }
        }
        Self {
            files,
            first,
            python: "3.11.9",
            verify_hashes: false,
            base_image: None,
            allowed: Allowed {
                indexes: vec!["https://packages.example/simple".to_owned()],
                hosts: vec!["packages.example".to_owned()],
            },
            with_target: true,
            with_releases: false,
            with_environment: false,
        }
    }

    /// One file of another format.
    pub(crate) fn of(name: &str, text: &str) -> Self {
        Self {
            files: BTreeMap::from([(name.to_owned(), text.to_owned())]),
            first: name.to_owned(),
            ..Self::new("")
        }
    }

    /// What the rules find.
    pub(crate) fn found(&self) -> Vec<Finding> {
        let declared = match self.declared(&self.first) {
            Ok(declared) => declared,
            Err(fault) => return vec![rules::of_fault(&fault)],
        };
        let source = self.files.contains_key("requirements.in").then(|| {
            self.declared("requirements.in")
                .expect("the test's file can be read")
        });
        let target = format!("cpython-{}-linux-x86_64-glibc2.28", self.python);
        let target = Target::from_str(&target).expect("it is a target");
        let reference = self
            .base_image
            .as_ref()
            .map(|image| ImageReference::from_str(image).expect("it is a name of an image"));
        let base = base();
        let releases = releases();
        let review = Review {
            target: self.with_target.then_some(&target),
            base: Some(&base),
            environment: self.with_environment.then_some(&*base),
            base_image: reference.as_ref().map(|reference| BaseImage {
                reference,
                place: None,
                digest: None,
            }),
            source: source.as_ref(),
            releases: self.with_releases.then_some(&releases),
            verify_hashes: self.verify_hashes,
            ..Review::new(&declared, &self.allowed)
        };
        rules::review(&review)
    }

    /// The findings as text: rule, place, texts, labels.
    pub(crate) fn told(&self) -> String {
        let mut told = String::new();
        for finding in self.found() {
            let place = finding
                .place
                .as_ref()
                .map(|place| format!("{}:{}", place.file, place.line));
            let place = place.unwrap_or_else(|| "-".to_owned());
            let most = finding
                .at_most
                .map(|most| format!(" (at most {most})"))
                .unwrap_or_default();
            let _ = writeln!(
                told,
                "{} {place}{most}: {}",
                finding.rule.meta.id, finding.message
            );
            if !finding.explanation.is_empty() {
                let _ = writeln!(told, "  why: {}", finding.explanation);
            }
            let _ = writeln!(told, "  help: {}", finding.help.to(Readers::Terminal));
            for label in &finding.labels {
                let _ = writeln!(
                    told,
                    "  {}:{}: {}",
                    label.place.file, label.place.line, label.text
                );
            }
        }
        told
    }

    fn declared(&self, file: &str) -> Result<Declared, Fault> {
        let name = file.rsplit('/').next().unwrap_or(file);
        let format = Format::of(name).expect("it has the name of a format");
        formats::read(format, file, &mut Files(self.files.clone()))
    }
}

fn name(text: &str) -> PackageName {
    PackageName::from_str(text).expect("it is a name")
}

fn base() -> Vec<Installed> {
    [("numpy", "1.26.4"), ("pandas", "2.2.3"), ("ipykernel", "6.29.5")]
        .map(|(package, version)| Installed {
            name: name(package),
            version: Version::from_str(version).expect("it is a version"),
        })
        .to_vec()
}

fn releases() -> Releases {
    let release = |requires: &[&str], files: &[&str]| Release {
        requires: Some(
            requires
                .iter()
                .map(|text| Requirement::<VerbatimUrl>::from_str(text).expect("it is a requirement"))
                .collect(),
        ),
        files: Some(files.iter().map(ToString::to_string).collect()),
        ..Release::default()
    };
    let yanked = Release {
        yanked: Some("breaks the build".to_owned()),
        ..release(
            &[],
            &[
                "attrs-21.1.0-py2.py3-none-any.whl",
                "attrs-21.1.0-py3-none-any.whl",
            ],
        )
    };
    let absent = Release {
        absent: true,
        newest: Some(Version::new([2, 2, 3])),
        ..Release::default()
    };
    let unknown = Release {
        absent: true,
        ..Release::default()
    };
    let new = Release {
        requires_python: Some(">=3.12".parse().expect("it is a range")),
        ..release(&[], &["scipy-1.99.0-py3-none-any.whl"])
    };
    let requests = [
        "urllib3<3,>=1.21.1",
        "idna<4,>=2.5",
        "pysocks!=1.5.7,>=1.5.6; extra == 'socks'",
        "pywin32; sys_platform == 'win32'",
        "numpy>=1",
    ];
    [
        (
            "requests",
            "2.32.3",
            release(&requests, &["requests-2.32.3-py3-none-any.whl"]),
        ),
        (
            "urllib3",
            "2.2.3",
            release(&[], &["urllib3-2.2.3-py3-none-any.whl"]),
        ),
        (
            "urllib3",
            "3.0.0",
            release(&[], &["urllib3-3.0.0-py3-none-any.whl"]),
        ),
        ("idna", "3.10", release(&[], &["idna-3.10-py3-none-any.whl"])),
        (
            "pysocks",
            "1.7.1",
            release(&[], &["PySocks-1.7.1-py3-none-any.whl"]),
        ),
        ("attrs", "21.1.0", yanked),
        (
            "attrs",
            "24.2.0",
            release(&[], &["attrs-24.2.0-py3-none-any.whl"]),
        ),
        ("pandas", "2.2.99", absent),
        ("nowhere", "1.0", unknown),
        ("scipy", "1.99.0", new),
        ("docopt", "0.6.2", release(&[], &["docopt-0.6.2.tar.gz"])),
    ]
    .into_iter()
    .map(|(package, version, release)| {
        let version = Version::from_str(version).expect("it is a version");
        ((name(package), version), release)
    })
    .collect()
}
