//! The images that a Dockerfile starts from, as far as they can be told without running it.

use std::collections::HashSet;

/// The names behind `FROM`, but for stages of the file itself; `None`: one of them depends on an argument.
pub(super) fn from_images(text: &str) -> Option<Vec<String>> {
    let mut stages: HashSet<String> = HashSet::new();
    let mut known: HashSet<String> = HashSet::new();
    let mut images = Vec::new();
    for line in joined(text) {
        let mut words = line.split_ascii_whitespace();
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("FROM")) {
            continue;
        }
        let mut words = words.skip_while(|word| word.starts_with("--"));
        let image = words.next()?;
        if image.contains('$') {
            return None;
        }
        let is_stage = stages.contains(&image.to_ascii_lowercase());
        if !is_stage && image != "scratch" && known.insert(image.to_owned()) {
            images.push(image.to_owned());
        }
        let name = words
            .next()
            .filter(|word| word.eq_ignore_ascii_case("AS"))
            .and_then(|_| words.next());
        stages.extend(name.map(str::to_ascii_lowercase));
    }
    Some(images)
}

/// Lines with those joined that end with `\`.
fn joined(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(begun) => {
                open.push_str(begun);
                open.push(' ');
            }
            None => lines.push(std::mem::take(&mut open) + line),
        }
    }
    lines.push(open);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&[&str]>) {
        let found = from_images(text);
        assert_eq!(
            found
                .as_ref()
                .map(|images| images.iter().map(String::as_str).collect::<Vec<_>>())
                .as_deref(),
            expected
        );
    }

    #[test]
    fn images_are_told_once_and_stages_not_at_all() {
        check("FROM python:3.12\nRUN echo FROM x", Some(&["python:3.12"]));
        check(
            "# FROM no\nfrom --platform=linux/amd64 a:1 as build\nFROM \\\n  b AS last\nFROM Build\nCOPY --from=c . .\nFROM a:1",
            Some(&["a:1", "b"]),
        );
        check("FROM scratch", Some(&[]));
    }

    #[test]
    fn what_depends_on_an_argument_is_not_guessed() {
        check("ARG TAG=3.12\nFROM python:${TAG}", None);
        check("FROM", None);
    }

    #[test]
    fn a_megabyte_of_joined_lines_or_of_stages_is_read_in_a_moment() {
        let begun = std::time::Instant::now();
        let joined = format!("FROM a:1{}", " \\\n".repeat(300_000));
        check(&joined, Some(&["a:1"]));
        let stages: Vec<String> = (0..60_000).map(|n| format!("FROM a:{n} AS s{n}\n")).collect();
        assert_eq!(
            from_images(&stages.concat()).map(|images| images.len()),
            Some(60_000)
        );
        assert!(begun.elapsed().as_secs() < 3, "{:?}", begun.elapsed());
    }
}
