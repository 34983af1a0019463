//! What a registry wants to see, from `WWW-Authenticate`.

/// How a registry asks who is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A password.
    Basic,
    /// A token from another place.
    Bearer { realm: String, service: Option<String> },
}

/// The challenge that can be met best: a token before a password.
pub(super) fn read<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut found = None;
    for (scheme, parameters) in headers.flat_map(challenges) {
        let value = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        if scheme == "bearer"
            && let Some(realm) = value("realm")
        {
            let service = value("service");
            return Some(Challenge::Bearer { realm, service });
        }
        if scheme == "basic" {
            found = Some(Challenge::Basic);
        }
    }
    found
}

type Parameters = Vec<(String, String)>;

/// `Scheme key="value", key=value, Scheme …`: a word without `=` begins the next challenge.
fn challenges(header: &str) -> Vec<(String, Parameters)> {
    let mut all: Vec<(String, Parameters)> = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find([' ', '=', ',', '\t']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let word = word.to_ascii_lowercase();
        if let Some(after) = after.strip_prefix('=') {
            let (value, after) = value(after);
            if let Some((_, parameters)) = all.last_mut() {
                parameters.push((word, value));
            }
            rest = after;
        } else {
            all.push((word, Vec::new()));
            rest = after;
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
        // A stray `=` would stand here for ever.
        rest = rest.strip_prefix('=').unwrap_or(rest);
    }
    all
}

fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
            })
        };
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#,
                bearer("https://auth.example/token", Some("registry.example")),
            ),
            ("bearer realm=https://a/t", bearer("https://a/t", None)),
            (
                r#"Basic realm="Registry Realm", charset="UTF-8""#,
                Some(Challenge::Basic),
            ),
            (
                r#"Basic realm="x", Bearer realm="https://a/t",service="s\"q""#,
                bearer("https://a/t", Some("s\"q")),
            ),
            ("Negotiate", None),
            ("Bearer", None),
            ("=== ,,, = \" ", None),
            ("", None),
        ] {
            assert_eq!(read([header].into_iter()), expected, "{header}");
        }
    }
}
