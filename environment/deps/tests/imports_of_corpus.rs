//! Imports of real notebooks: how many come to a distribution, and whether it is the right one. Without a corpus, the
//! sample that was checked by hand still holds the table.

mod notebooks;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
};

use nbvet_deps::inference::{Imported, Inference, Inferred, Need, Origin, infer};
use sha2::{Digest as _, Sha256};

use notebooks::{asked, imported};

/// Python that the corpus is asked about.
const MINOR: u8 = 12;
/// Of all imports that are not Python's, so many come to a distribution. Modules of the repositories count against it:
/// the corpus has their notebooks alone.
const LEAST_RESOLVED: f64 = 0.95;
const SAMPLE: usize = 100;
/// `module, distribution, occurrences in the corpus, label, evidence`.
const CHECKED: &str = include_str!("imports_sample.tsv");

#[derive(Default)]
struct Tally {
    standard: usize,
    local: usize,
    resolved: usize,
    ambiguous: usize,
    elsewhere: BTreeMap<String, usize>,
    unknown: BTreeMap<String, usize>,
    pairs: BTreeMap<(String, String), usize>,
    repositories: BTreeMap<String, BTreeSet<String>>,
}

impl Tally {
    fn add(&mut self, repository: &str, inferred: &Inferred, times: usize) {
        let module = || inferred.module.clone();
        let mut resolve = |name: &str| {
            self.resolved += times;
            *self.pairs.entry((module(), name.to_owned())).or_default() += times;
        };
        match &inferred.origin {
            Origin::StandardLibrary | Origin::Removed { .. } => self.standard += times,
            Origin::Local(_) => self.local += times,
            Origin::Distribution { name, .. } => resolve(name.as_ref()),
            Origin::Ambiguous {
                candidates,
                preferred: true,
            } => resolve(candidates[0].name),
            Origin::Ambiguous { .. } => self.ambiguous += times,
            Origin::Elsewhere(_) => *self.elsewhere.entry(module()).or_default() += times,
            Origin::Unknown | Origin::InBase { .. } => {
                *self.unknown.entry(module()).or_default() += times;
                let repositories = self.repositories.entry(module()).or_default();
                repositories.insert(repository.to_owned());
            }
        }
    }

    fn share(&self) -> f64 {
        let unknown: usize = self.unknown.values().sum();
        let all = self.resolved + self.ambiguous + unknown;
        #[expect(clippy::cast_precision_loss, reason = "some ten thousand imports")]
        let share = self.resolved as f64 / all as f64;
        share
    }

    fn told(&self) -> String {
        let sum = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>();
        let mut text = format!(
            "imports: {} of the standard library, {} of the repository, {} to a distribution, {} to be chosen, {} from \
             elsewhere, {} unknown: {:.2} % resolved\n",
            self.standard,
            self.local,
            self.resolved,
            self.ambiguous,
            sum(&self.elsewhere),
            sum(&self.unknown),
            100.0 * self.share()
        );
        let mut unknown: Vec<_> = self.unknown.iter().collect();
        unknown.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        for (module, times) in unknown.iter().take(40) {
            let repositories = self.repositories[*module].iter().cloned().collect::<Vec<_>>();
            let _ = writeln!(text, "  {times} {module} {}", repositories.join(" "));
        }
        text
    }

    /// Distinct pairs, each the more likely the more often it occurs: those with the smallest of exponential
    /// variates, whose randomness is the digest of the pair.
    fn sample(&self) -> Vec<(&str, &str, usize)> {
        let mut drawn: Vec<_> = self
            .pairs
            .iter()
            .map(|((module, name), times)| {
                let digest = Sha256::digest(format!("nbvet imports 1\n{module}\n{name}"));
                let number = digest
                    .iter()
                    .take(6)
                    .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
                #[expect(clippy::cast_precision_loss, reason = "48 bits and small counts")]
                let key = -((number as f64 + 1.0) / 281_474_976_710_657.0).ln() / *times as f64;
                (key, module.as_str(), name.as_str(), *times)
            })
            .collect();
        drawn.sort_by(|left, right| left.0.total_cmp(&right.0));
        let mut sample: Vec<_> = drawn
            .into_iter()
            .take(SAMPLE)
            .map(|(_, m, n, t)| (m, n, t))
            .collect();
        sample.sort_unstable();
        sample
    }
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split('\t').collect())
}

fn tally(root: &Path, files: &[PathBuf]) -> Tally {
    let mut tally = Tally::default();
    for file in files {
        let Ok(bytes) = std::fs::read(file) else { continue };
        let inside = file.strip_prefix(root).expect("it was found there");
        let repository = inside.iter().next().unwrap_or_default().to_string_lossy();
        let needs = notebooks::needs_of(&bytes, |_| None);
        let (imports, asked) = (imported(&needs), asked(&needs));
        let whole = infer(&imports, &asked, &|_| false, &[], MINOR);
        notebooks::read_back(&whole.proposal(&inside.to_string_lossy()));
        // Each import alone, so that each counts as often as it is written.
        let inference: Vec<Inference> = imports
            .iter()
            .map(|import| infer(std::slice::from_ref(import), &asked, &|_| false, &[], MINOR))
            .collect();
        for inferred in inference.iter().flat_map(|inference| &inference.modules) {
            tally.add(&repository, inferred, 1);
        }
    }
    tally
}

#[test]
fn imports_of_real_notebooks_come_to_distributions() {
    let Some((root, files)) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let tally = tally(&root, &files);
    println!("{}", tally.told());
    assert!(tally.share() >= LEAST_RESOLVED, "{}", tally.told());
    let checked: Vec<(&str, &str)> = rows(CHECKED).map(|row| (row[0], row[1])).collect();
    let sample = tally.sample();
    let drawn: Vec<(&str, &str)> = sample.iter().map(|(module, name, _)| (*module, *name)).collect();
    let lines: Vec<String> = sample.iter().map(|(m, n, t)| format!("{m}\t{n}\t{t}")).collect();
    assert_eq!(
        drawn,
        checked,
        "the sample to be checked by hand:\n{}",
        lines.join("\n")
    );
}

#[test]
fn no_distribution_of_the_sample_is_wrong() {
    let mut checked = 0;
    for row in rows(CHECKED) {
        let [module, name, _, label, evidence] = row.as_slice() else {
            panic!("five columns: {row:?}");
        };
        assert_eq!(*label, "right", "{module}");
        assert!(!evidence.is_empty(), "{module}");
        let import = Imported {
            module: (*module).to_owned(),
            names: Vec::new(),
            need: Need::Needed,
            local: None,
            at: nbvet_deps::inference::At {
                file: None,
                location: nbvet_report::Location::file_start(),
            },
        };
        let own = nbvet_deps::inference::Asked {
            request: nbvet_deps::inference::Request::Pip((*name).to_owned()),
            at: import.at.clone(),
        };
        let own: Vec<_> = evidence
            .starts_with("installed")
            .then_some(own)
            .into_iter()
            .collect();
        let found = infer(&[import], &own, &|_| false, &[], MINOR);
        let mut tally = Tally::default();
        found
            .modules
            .iter()
            .for_each(|inferred| tally.add("", inferred, 1));
        let pair = ((*module).to_owned(), (*name).to_owned());
        assert!(tally.pairs.contains_key(&pair), "{module}: {:?}", tally.pairs);
        checked += 1;
    }
    assert_eq!(checked, SAMPLE);
}

/// The notebooks of the shared corpus, by path, with the corpus's own folder; none where it is not there.
fn corpus() -> Option<(PathBuf, Vec<PathBuf>)> {
    let shared = std::env::var_os("NBVET_SHARED")?;
    let root = Path::new(&shared).join("corpus/notebooks");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ipynb") {
                files.push(path);
            }
        }
    }
    files.sort();
    (!files.is_empty()).then_some((root, files))
}
