//! Poetry's conditions on versions, said in PEP 440: `^1.2`, `~1.2`, `1.*`, a version alone.

use pep440_rs::{Version, VersionSpecifier};

use crate::{
    declared::Specifier,
    requirement::{shown, specifiers_alone},
};

/// What the text asks for; an error says why it cannot be said in PEP 440.
pub(super) fn parse(text: &str) -> Result<Vec<Specifier>, String> {
    if text.contains('|') {
        return Err(format!(
            "`{}` names alternatives, which no requirement can: write one range, with != for what lies between",
            shown(text)
        ));
    }
    let mut found = Vec::new();
    for part in text.split(',') {
        let mut rest = part.trim();
        while !rest.is_empty() {
            let signs = rest.find(|c| !"<>=!~^".contains(c)).unwrap_or(rest.len());
            let (operator, behind) = rest.split_at(signs);
            let behind = behind.trim_start();
            let end = behind.find(char::is_whitespace).unwrap_or(behind.len());
            found.extend(one(operator, &behind[..end])?);
            rest = behind[end..].trim_start();
        }
    }
    Ok(found)
}

fn one(operator: &str, version: &str) -> Result<Vec<Specifier>, String> {
    match operator {
        "" | "==" | "=" if version == "*" => Ok(Vec::new()),
        "^" => range(version, caret),
        "~" => range(version, tilde),
        "" | "=" => specifiers_alone(&format!("=={version}")),
        _ => specifiers_alone(&format!("{operator}{version}")),
    }
}

fn range(text: &str, upper: fn(&[u64]) -> Vec<u64>) -> Result<Vec<Specifier>, String> {
    let lower: Version = text
        .parse()
        .map_err(|_| format!("`{}` is no version", shown(text)))?;
    let upper = Version::new(upper(lower.release())).with_epoch(lower.epoch());
    Ok(vec![
        Specifier::Version(VersionSpecifier::greater_than_equal_version(lower)),
        Specifier::Version(VersionSpecifier::less_than_version(upper)),
    ])
}

/// The first part that is not zero may not change.
fn caret(release: &[u64]) -> Vec<u64> {
    let fixed = release
        .iter()
        .position(|part| *part != 0)
        .unwrap_or(release.len().max(1) - 1);
    raised(release, fixed)
}

/// The second part may not change, or the only one.
fn tilde(release: &[u64]) -> Vec<u64> {
    raised(release, usize::from(release.len() > 1))
}

fn raised(release: &[u64], at: usize) -> Vec<u64> {
    let mut upper: Vec<u64> = release[..=at].to_vec();
    upper[at] = upper[at].saturating_add(1);
    upper
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn conditions_of_poetry_are_said_in_pep_440() {
        for (text, expected) in [
            ("*", ""),
            ("", ""),
            ("^1.2.3", ">=1.2.3 <2"),
            ("^0.2.3", ">=0.2.3 <0.3"),
            ("^0.0.3", ">=0.0.3 <0.0.4"),
            ("^0.0", ">=0.0 <0.1"),
            ("^0", ">=0 <1"),
            ("~1.2.3", ">=1.2.3 <1.3"),
            ("~1", ">=1 <2"),
            ("~=1.2", "~=1.2"),
            ("1.2", "==1.2"),
            ("1.*", "==1.*"),
            (">=1, <2 !=1.5", ">=1 <2 !=1.5"),
            (">= 1.0", ">=1.0"),
        ] {
            let found: Vec<String> = parse(text).expect(text).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
        for text in ["^1 || ^2", "^x", "1.2.3.foo", "^", ">"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
