//! Whether any version satisfies several conditions at once.
//!
//! Conditions change their answer only at the versions that they name and at the ends of the releases and prefixes
//! around them; so it is enough to try versions on, below and above these.

use std::collections::BTreeSet;

use pep440_rs::{
    LocalSegment, Operator, Prerelease, PrereleaseKind, Version, VersionSpecifier, VersionSpecifiers,
};

use crate::Specifier;

/// A version that satisfies all; `None`: there is none, so that the conditions contradict each other. Pre-releases count.
///
/// Where numbers are so large, or so many, that none beside them can be tried, the answer is `Some`: nothing is claimed.
pub(crate) fn common(specifiers: &[&Specifier]) -> Option<String> {
    let arbitrary = specifiers.iter().find_map(|specifier| match specifier {
        Specifier::Arbitrary(text) => Some(text.trim().to_owned()),
        Specifier::Version(_) => None,
    });
    if let Some(text) = arbitrary {
        let version = text.parse().ok();
        return satisfies(specifiers, &text, version.as_ref()).then_some(text);
    }
    let mut named: Vec<&VersionSpecifier> = specifiers
        .iter()
        .filter_map(|specifier| named(specifier))
        .collect();
    if named.iter().any(|named| cannot_be_tried(named.version())) {
        return Some("(not compared)".to_owned());
    }
    // Those that most versions satisfy come last, so that a version is soon given up.
    named.sort_by_key(|named| matches!(named.operator(), Operator::NotEqual | Operator::NotEqualStar));
    // Mostly one of those that are named will do, or one above all.
    let highest = Version::new([largest(&named) + 1]).with_epoch(
        named
            .iter()
            .map(|named| named.version().epoch())
            .max()
            .unwrap_or(0),
    );
    let likely = named.iter().map(|named| named.version().clone()).chain([highest]);
    likely
        .chain(std::iter::once_with(|| candidates(&named)).flatten())
        .find(|version| named.iter().all(|named| takes(named, version)))
        .map(|version| version.to_string())
}

/// Whether a version satisfies a condition, as Python's `packaging` has it (the crate differs in the corners): `<`
/// leaves out pre-releases of the version that is named, `>` its post-releases, and a version is compared with a prefix
/// as if it had as many numbers.
pub(crate) fn takes(specifier: &VersionSpecifier, version: &Version) -> bool {
    let named = specifier.version();
    match specifier.operator() {
        Operator::LessThan => {
            let below = if named.any_prerelease() {
                named.clone()
            } else {
                named.clone().with_dev(Some(0))
            };
            version.clone().without_local() < below
        }
        Operator::GreaterThan => {
            let version = version.clone().without_local();
            let is_post_of_it = version.is_post() && version.clone().with_post(None).with_dev(None) == *named;
            version > *named && (named.is_post() || !is_post_of_it)
        }
        Operator::EqualStar | Operator::NotEqualStar | Operator::TildeEqual
            if version.release().len() < named.release().len() =>
        {
            let mut release = version.release().to_vec();
            release.resize(named.release().len(), 0);
            specifier.contains(&version.clone().with_release(release))
        }
        _ => specifier.contains(version),
    }
}

/// Whether a version satisfies a whole range.
pub(crate) fn in_range(range: &VersionSpecifiers, version: &Version) -> bool {
    range.iter().all(|specifier| takes(specifier, version))
}

/// Whether a version satisfies all conditions.
pub(crate) fn takes_all(specifiers: &[Specifier], version: &Version) -> bool {
    specifiers.iter().all(|specifier| match specifier {
        Specifier::Version(wanted) => takes(wanted, version),
        Specifier::Arbitrary(wanted) => version.to_string().eq_ignore_ascii_case(wanted.trim()),
    })
}

/// As they would be written: `>=2,<3`.
pub(crate) fn listed(specifiers: &[Specifier]) -> String {
    let shown: Vec<String> = specifiers.iter().map(ToString::to_string).collect();
    shown.join(",")
}

fn named(specifier: &Specifier) -> Option<&VersionSpecifier> {
    match specifier {
        Specifier::Version(version) => Some(version),
        Specifier::Arbitrary(_) => None,
    }
}

fn satisfies(specifiers: &[&Specifier], text: &str, version: Option<&Version>) -> bool {
    specifiers.iter().all(|specifier| match specifier {
        Specifier::Arbitrary(wanted) => wanted.trim().eq_ignore_ascii_case(text),
        Specifier::Version(wanted) => version.is_some_and(|version| takes(wanted, version)),
    })
}

/// Numbers up to this have others above them.
const LARGE: u64 = u64::MAX / 4;
/// Numbers in a release; real ones have four or five.
const LONG: usize = 64;

fn cannot_be_tried(version: &Version) -> bool {
    let parts = [
        version.post(),
        version.dev(),
        version.pre().map(|pre| pre.number),
        Some(version.epoch()),
    ];
    let is_large = |number: u64| number > LARGE;
    version.release().len() > LONG
        || version.release().iter().copied().any(is_large)
        || parts.into_iter().flatten().any(is_large)
}

/// Versions of which one satisfies all, if any does.
fn candidates(specifiers: &[&VersionSpecifier]) -> Vec<Version> {
    let exact: Vec<&VersionSpecifier> = specifiers
        .iter()
        .copied()
        .filter(|named| is_exact(named))
        .collect();
    let locals = locals(specifiers);
    if let Some(exact) = exact.first() {
        return with_locals(exact.version(), &locals);
    }
    let longest = specifiers
        .iter()
        .map(|named| named.version().release().len())
        .max()
        .unwrap_or(1);
    let points = Points {
        length: longest + 1,
        above_all: largest(specifiers) + 1,
    };
    let mut tried = BTreeSet::from([Version::new([1])]);
    for specifier in specifiers {
        let version = specifier.version();
        points.around(version, &mut tried);
        // What a prefix ends before.
        if let Some(end) = ends(specifier) {
            points.around(&end, &mut tried);
        }
    }
    let all: Vec<Version> = tried.into_iter().collect();
    all.iter()
        .flat_map(|version| with_locals(version, &locals))
        .collect()
}

fn is_exact(specifier: &VersionSpecifier) -> bool {
    matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual)
}

/// Local parts that any of them names.
fn locals(specifiers: &[&VersionSpecifier]) -> Vec<Vec<LocalSegment>> {
    let mut locals: Vec<Vec<LocalSegment>> = specifiers
        .iter()
        .map(|named| named.version().local().to_vec())
        .filter(|local| !local.is_empty())
        .collect();
    locals.sort_unstable();
    locals.dedup();
    locals
}

fn with_locals(version: &Version, locals: &[Vec<LocalSegment>]) -> Vec<Version> {
    let mut all = vec![version.clone()];
    all.extend(
        locals
            .iter()
            .map(|local| version.clone().with_local(local.clone())),
    );
    all
}

fn largest(specifiers: &[&VersionSpecifier]) -> u64 {
    let numbers = specifiers.iter().flat_map(|named| {
        let version = named.version();
        let parts = [version.post(), version.dev(), version.pre().map(|pre| pre.number)];
        version
            .release()
            .iter()
            .copied()
            .chain(parts.into_iter().flatten())
    });
    numbers.max().unwrap_or(0)
}

/// Where the prefix of `==1.2.*`, `!=1.2.*` or `~=1.2.3` ends: 1.3.
fn ends(specifier: &VersionSpecifier) -> Option<Version> {
    let release = specifier.version().release();
    let prefix = match specifier.operator() {
        Operator::EqualStar | Operator::NotEqualStar => release,
        Operator::TildeEqual => release.split_last()?.1,
        _ => return None,
    };
    let (last, before) = prefix.split_last()?;
    let next = before.iter().copied().chain([last + 1]);
    Some(Version::new(next).with_epoch(specifier.version().epoch()))
}

/// Which versions lie beside others.
struct Points {
    /// Numbers in a release: one more than in any that is named.
    length: usize,
    /// A number larger than any that is named.
    above_all: u64,
}

impl Points {
    /// Versions on, just below and just above one, and in the releases beside it.
    fn around(&self, version: &Version, tried: &mut BTreeSet<Version>) {
        let release = self.padded(version.release());
        let final_ = Version::new(release.clone()).with_epoch(version.epoch());
        tried.insert(final_.clone());
        tried.insert(final_.clone().with_dev(Some(0)));
        tried.insert(final_.clone().with_post(Some(0)));
        tried.insert(final_.clone().with_post(Some(self.above_all)));
        tried.insert(final_.clone().with_pre(Some(pre(PrereleaseKind::Alpha, 0))));
        tried.insert(
            final_
                .clone()
                .with_pre(Some(pre(PrereleaseKind::Rc, self.above_all))),
        );
        self.in_release(&final_, version, tried);
        let mut above = release.clone();
        above.push(1);
        tried.insert(Version::new(above).with_epoch(version.epoch()));
        if let Some(below) = self.below(&release) {
            tried.insert(Version::new(below).with_epoch(version.epoch()));
        }
        tried.insert(Version::new(self.padded(&[])).with_epoch(version.epoch() + 1));
        if let Some(epoch) = version.epoch().checked_sub(1) {
            tried.insert(Version::new([self.above_all]).with_epoch(epoch));
        }
    }

    /// The pre-, post- and development releases beside a version that is one.
    fn in_release(&self, final_: &Version, version: &Version, tried: &mut BTreeSet<Version>) {
        let own = |pre, post, dev| final_.clone().with_pre(pre).with_post(post).with_dev(dev);
        let (pre, post, dev) = (version.pre(), version.post(), version.dev());
        tried.insert(own(pre, post, dev));
        tried.insert(own(pre, post, None));
        tried.insert(own(pre, post, Some(0)));
        tried.insert(own(pre, post, Some(self.above_all)));
        if let Some(dev) = dev {
            tried.insert(own(pre, post, Some(dev + 1)));
            tried.extend(dev.checked_sub(1).map(|dev| own(pre, post, Some(dev))));
        }
        if let Some(post) = post {
            tried.insert(own(pre, Some(post + 1), None));
            tried.insert(own(pre, Some(post + 1), Some(0)));
            tried.extend(post.checked_sub(1).map(|post| own(pre, Some(post), None)));
        }
        if let Some(pre) = pre {
            let beside = |number| {
                Some(Prerelease {
                    kind: pre.kind,
                    number,
                })
            };
            tried.insert(own(Some(pre), None, None));
            tried.insert(own(Some(pre), Some(0), None));
            tried.insert(own(Some(pre), Some(0), Some(0)));
            tried.insert(own(Some(pre), Some(self.above_all), None));
            tried.insert(own(beside(pre.number + 1), None, None));
            tried.insert(own(beside(pre.number + 1), None, Some(0)));
            tried.insert(own(beside(self.above_all), None, None));
            tried.extend(
                pre.number
                    .checked_sub(1)
                    .map(|number| own(beside(number), None, None)),
            );
        }
    }

    fn padded(&self, release: &[u64]) -> Vec<u64> {
        let mut padded = release.to_vec();
        padded.resize(self.length.max(release.len()), 0);
        padded
    }

    /// The release just below: 1.2 -> 1.1.9999; none below 0.
    fn below(&self, release: &[u64]) -> Option<Vec<u64>> {
        let at = release.iter().rposition(|number| *number > 0)?;
        let mut below = release.to_vec();
        below[at] -= 1;
        below[at + 1..].fill(self.above_all);
        below.push(self.above_all);
        Some(below)
    }
}

const fn pre(kind: PrereleaseKind, number: u64) -> Prerelease {
    Prerelease { kind, number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specifiers(text: &str) -> Vec<Specifier> {
        text.split(',')
            .map(|part| match part.strip_prefix("===") {
                Some(text) => Specifier::Arbitrary(text.to_owned()),
                None => Specifier::Version(part.parse().expect("it is a specifier")),
            })
            .collect()
    }

    fn has_common(text: &str) -> bool {
        let all = specifiers(text);
        common(&all.iter().collect::<Vec<_>>()).is_some()
    }

    #[test]
    fn conditions_that_no_version_satisfies_are_seen() {
        for (text, expected) in [
            (">=2,<3", true),
            (">=2,<2", false),
            (">2,<=2", false),
            (">=2,<=2", true),
            ("==2.2.3,==2.2.3.0", true),
            ("==2.2.3,==2.2.4", false),
            ("==2.*,>=2.9999", true),
            ("==2.*,>=3.dev0", false),
            ("==2.*,==2.1.*", true),
            ("==2.0.*,==2.1.*", false),
            ("~=2.2,<2.3", true),
            ("~=2.2.0,>=2.3", false),
            ("~=2.2,>=3", false),
            ("!=2.*,>=2,<3", false),
            ("!=2,>=2,<=2", false),
            ("!=2,>=2,<2.0.1", true),
            (">=2.0rc1,<2", false),
            (">=2.0rc1,<2.0rc2", true),
            ("<1,>0.9", true),
            ("<0.dev0", false),
            ("<0", false),
            ("==1.0,==1.0+cpu", true),
            ("==1.0+cu118,==1.0+cpu", false),
            ("==1.0+cpu,>1.0", false),
            ("===1.0,==1", true),
            ("===1.0,===1.0.0", false),
            ("===1.0,<1", false),
            ("===what,>=0", false),
            (">=1!0,<1", false),
            ("<1!0,>9", true),
            ("==18446744073709551615,<1", true),
        ] {
            assert_eq!(has_common(text), expected, "{text}");
        }
    }

    #[test]
    fn versions_are_taken_as_packaging_takes_them() {
        for (specifier, version, expected) in [
            ("<2", "2.0rc1", false),
            ("<2", "2.0.dev0", false),
            ("<2.0rc2", "2.0rc1", true),
            ("<2.0.post1", "2.0a0", true),
            ("<2.0.post1", "2.0.post1.dev0", false),
            ("<1!1", "1rc1", true),
            (">2", "2.post1", false),
            (">2", "2+local", false),
            (">2", "2.0.0.1", true),
            (">2.0rc1", "2.post0", true),
            (">2.0rc1", "2.0rc1.post0", false),
            (">2.post0", "2.post1", true),
            ("==1.2.*", "1", false),
            ("!=1.2.*", "1", true),
            ("==1.0.*", "1", true),
            ("~=1.2.3", "1", false),
        ] {
            let specifier = specifier.parse().expect("it is a specifier");
            let version = version.parse().expect("it is a version");
            assert_eq!(takes(&specifier, &version), expected, "{specifier} {version}");
        }
    }

    /// Numbers that look random and are the same each time.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % sides
        }

        fn specifier(&mut self) -> String {
            let operators = ["==", "!=", ">=", "<=", ">", "<", "~="];
            let operator = operators[usize::try_from(self.roll(7)).expect("it is small")];
            let epoch = ["", "", "", "", "1!"][usize::try_from(self.roll(5)).expect("it is small")];
            let mut version = format!("{epoch}{}.{}", self.roll(3), self.roll(3));
            if self.roll(3) == 0 {
                version = format!("{version}.{}", self.roll(2));
            }
            if matches!(operator, "==" | "!=") && self.roll(3) == 0 {
                return format!("{operator}{version}.*");
            }
            let ends = [
                "",
                "",
                "",
                "",
                "a1",
                "rc1",
                ".post1",
                ".dev1",
                "rc1.dev1",
                "rc1.post0",
            ];
            version += ends[usize::try_from(self.roll(10)).expect("it is small")];
            format!("{operator}{version}")
        }
    }

    /// Every version that differs for such conditions: small numbers, with all kinds of endings.
    fn universe() -> Vec<Version> {
        let ends = [
            "",
            "a0",
            "a1",
            "a1.dev1",
            "a2",
            "b0",
            "rc0",
            "rc1",
            "rc1.dev0",
            "rc1.dev1",
            "rc1.dev2",
            "rc1.post0.dev0",
            "rc1.post0",
            "rc1.post1",
            "rc2",
            "rc2.dev0",
            ".post0",
            ".post1.dev0",
            ".post1",
            ".post2",
            ".dev0",
            ".dev1",
            ".dev2",
        ];
        let mut all = Vec::new();
        for epoch in ["", "1!"] {
            for major in 0..4 {
                for minor in 0..4 {
                    for patch in ["0.0", "0.1", "1.0", "1.1", "2.0"] {
                        for end in ends {
                            let text = format!("{epoch}{major}.{minor}.{patch}{end}");
                            all.push(text.parse().expect("it is a version"));
                        }
                    }
                }
            }
        }
        all
    }

    #[test]
    fn what_trying_all_small_versions_finds_is_found() {
        let universe = universe();
        let mut dice = Dice(7);
        let mut contradictions = 0;
        for _ in 0..4000 {
            let parts: Vec<String> = (0..=dice.roll(3) + 1).map(|_| dice.specifier()).collect();
            let text = parts.join(",");
            let all = specifiers(&text);
            let named: Vec<&VersionSpecifier> = all.iter().filter_map(named).collect();
            let brute = universe
                .iter()
                .find(|version| named.iter().all(|named| takes(named, version)));
            let found = common(&all.iter().collect::<Vec<_>>());
            match (&found, brute) {
                (None, Some(version)) => panic!("{text}: {version} satisfies it"),
                (Some(version), _) => {
                    let version = version.parse().expect("it is a version");
                    assert!(
                        named.iter().all(|named| takes(named, &version)),
                        "{text}: {version}"
                    );
                }
                (None, None) => contradictions += 1,
            }
        }
        assert!(contradictions > 500, "{contradictions}");
    }
}
