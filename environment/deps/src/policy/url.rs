//! URLs of dependency files: what is secret in them, and whether two name one place.

/// The URL holds a password or a token. A user's name alone for ssh is none, nor is `${NAME}`, which is not put in.
pub(crate) fn credential(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else {
        return false;
    };
    let is_ssh = scheme
        .rsplit('+')
        .next()
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("ssh"));
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let tells = |part: &str| !part.is_empty() && !is_variable(part);
    tells(password) || (!is_ssh && password.is_empty() && tells(name))
}

fn is_variable(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        name.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

/// `file:`, also behind `git+`.
pub(crate) fn is_local_url(url: &str) -> bool {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme
        .rsplit('+')
        .next()
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("file"))
}

/// Both URLs name one place: credentials, letters of scheme and host, and a `/` at the end do not count.
pub(crate) fn same_place(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let scheme = scheme.to_ascii_lowercase();
    let default = match &*scheme {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(default).unwrap_or(&host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_tokens_are_told_from_names_and_variables() {
        for (url, expected) in [
            ("https://host/simple", false),
            ("https://user:word@host/simple", true),
            ("https://token@host/simple", true),
            ("https://${TOKEN}@host/simple", false),
            ("https://__token__:${TOKEN}@host/simple", false),
            ("https://${A}b@host/", true),
            ("git+ssh://git@host/x.git", false),
            ("ssh://git:word@host/x.git", true),
            ("https://host/a@b", false),
            ("https://@host/", false),
        ] {
            assert_eq!(credential(url), expected, "{url}");
        }
    }

    #[test]
    fn one_place_may_be_written_differently() {
        for (one, other, expected) in [
            ("https://pypi.org/simple", "https://PyPI.org/simple/", true),
            ("https://u:p@host/simple", "https://host:443/simple", true),
            ("https://host/simple", "http://host/simple", false),
            ("https://host/simple", "https://host.example/simple", false),
            ("https://host/Simple", "https://host/simple", false),
            ("./wheels/", "./wheels", true),
            ("https://host@evil/simple", "https://host/simple", false),
        ] {
            assert_eq!(same_place(one, other), expected, "{one} {other}");
        }
    }
}
