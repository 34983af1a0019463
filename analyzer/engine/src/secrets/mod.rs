//! Secrets in texts, known by the shape of their values: what a token of a service begins with, how long it is and
//! which characters it has. Names of variables prove nothing and are not looked at, but for the name that AWS gives its
//! own.
//!
//! What is found is reported and, wherever a source is shown, masked: see [`masked`].

mod beside;
mod chance;
mod connection;
mod keys;
mod tokens;

use std::{borrow::Cow, ops::Range};

/// One secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it is, with its article: `an AWS access key`.
    pub kind: &'static str,
    /// The bytes that nobody must see. What stands before them (`ghp_`) only tells the kind.
    pub hidden: Range<usize>,
    /// The whole value.
    pub range: Range<usize>,
}

/// The secrets of a text in the order of their places; they do not overlap. The text may be Python, a shell line, an
/// output, or JSON as it stands in a file. Takes time in proportion to its length.
pub fn find(text: &str) -> Vec<Secret> {
    let mut found = tokens::find(text);
    if text.contains("PRIVATE KEY-----") {
        found.extend(keys::private_keys(text));
    }
    if text.contains("AccountKey=") {
        found.extend(keys::account_keys(text));
    }
    if text.contains("aws_secret") || text.contains("AWS_SECRET") {
        found.extend(keys::aws_keys(text));
    }
    if text.contains("://") {
        found.extend(connection::passwords(text));
    }
    found.sort_by_key(|secret| (secret.range.start, std::cmp::Reverse(secret.range.end)));
    let mut end = 0;
    found.retain(|secret| {
        let apart = secret.range.start >= end;
        if apart {
            end = secret.range.end;
        }
        apart
    });
    found
}

/// The text with a `*` for each character that must not be shown; lines and columns stay what they are.
/// Besides what is found, this hides what most likely belongs to it.
pub fn masked(text: &str) -> Cow<'_, str> {
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut hidden = beside::hidden(text, &found);
    hidden.extend(found.into_iter().map(|secret| secret.hidden));
    hidden.sort_by_key(|range| range.start);
    let mut shown = String::with_capacity(text.len());
    let mut end = 0;
    for range in hidden {
        let range = range.start.max(end)..range.end.max(end);
        shown.push_str(&text[end..range.start]);
        shown.extend(text[range.clone()].chars().map(|c| match c {
            '\n' | '\r' => c,
            _ => '*',
        }));
        end = range.end;
    }
    shown.push_str(&text[end..]);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters and digits that look random and are the same each time. No secret is written down in this file:
    /// scanners of repositories would find it.
    fn random(length: usize, alphabet: &str) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let mut state = 88_172_645_463_325_252_u64;
        (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                letters[usize::try_from(state % 997).expect("small") % letters.len()]
            })
            .collect()
    }

    const MIXED: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const HEX: &str = "0123456789abcdef";
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    fn secrets() -> Vec<(&'static str, String)> {
        vec![
            ("AKIA", format!("AKIA{}", random(16, BASE32))),
            ("ghp_", format!("ghp_{}", random(36, MIXED))),
            (
                "github_pat_",
                format!("github_pat_{}_{}", random(22, MIXED), random(59, MIXED)),
            ),
            ("sk-", format!("sk-{}", random(48, MIXED))),
            ("sk-proj-", format!("sk-proj-{}", random(120, MIXED))),
            ("sk-ant-", format!("sk-ant-api03-{}", random(95, MIXED))),
            (
                "xoxb-",
                format!("xoxb-{}-{}", random(12, "0123456789"), random(24, MIXED)),
            ),
            ("AIza", format!("AIza{}", random(35, MIXED))),
            ("sk_live_", format!("sk_live_{}", random(24, MIXED))),
            ("hf_", format!("hf_{}", random(34, LETTERS))),
            ("dapi", format!("dapi{}", random(32, HEX))),
            ("glpat-", format!("glpat-{}", random(20, MIXED))),
            (
                "eyJ",
                format!(
                    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI{}.{}",
                    random(40, MIXED),
                    random(43, MIXED)
                ),
            ),
            ("AccountKey=", format!("AccountKey={}==", random(86, MIXED))),
            ("aws", format!("aws_secret_access_key={}", random(40, MIXED))),
            (
                "postgres",
                format!(
                    "postgresql+psycopg2://report:{}@db.acme.io:5432/sales",
                    random(14, MIXED)
                ),
            ),
            (
                "-----BEGIN",
                format!(
                    "-----BEGIN PRIVATE KEY-----\\n{}\\n{}\\n-----END PRIVATE KEY-----",
                    random(64, MIXED),
                    random(64, MIXED)
                ),
            ),
        ]
    }

    #[test]
    fn every_kind_is_found_in_code_in_a_shell_line_and_in_json() {
        for (name, secret) in secrets() {
            for text in [
                format!("key = \"{secret}\""),
                format!("!export KEY={secret}"),
                format!("\"stdout\\n{secret}\\n\""),
                format!("\"'a\\\\n{secret}'\""),
                format!("\"\\u2192{secret}\""),
                format!("\u{1b}[1;32m{secret}\u{1b}[0m"),
                format!("r'C:\\{secret}'"),
                format!("?token%3D{secret}"),
                format!("client.login({secret:?}, True)  # é"),
            ] {
                assert_eq!(find(&text).len(), 1, "{name}: {text}");
                let shown = masked(&text);
                assert_eq!(shown.chars().count(), text.chars().count(), "{name}");
                let hidden = &text[find(&text)[0].hidden.clone()];
                assert!(hidden.len() >= 12, "{name}: {hidden}");
                assert!(!shown.contains(&hidden[..12]), "{name}: {shown}");
                assert!(find(&shown).is_empty(), "{name}: {shown}");
            }
        }
    }

    #[test]
    fn letters_of_many_bytes_at_any_place_break_nothing() {
        let marks = [
            "AccountKey=",
            "-----BEGIN RSA PRIVATE KEY-----",
            "postgres://user:",
            "ghp_",
            "eyJhbGciOiJIUzI1NiJ9.eyJ",
            "aws_secret_access_key='",
            "password='AKIAQ7XW4ZK2MB5NV3RT",
            "\\u2192sk-proj-",
            "%3D",
        ];
        for mark in marks {
            for ascii in 0..100 {
                let text = format!(
                    "{mark}{}{}==-----END@host'",
                    "aB3".repeat(ascii).split_at(ascii).0,
                    "ş€".repeat(40)
                );
                assert_eq!(masked(&text).chars().count(), text.chars().count(), "{text}");
            }
        }
    }

    #[test]
    fn placeholders_examples_and_local_services_are_no_secrets() {
        let counted = format!("ghp_{}", "1234567890".repeat(4).get(..36).expect("long"));
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "sk-YourOpenAIKeyGoesHereAndNothingElse0123456789abcd",
            "hf_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            "hf_your_token_here",
            "sk-<your-key>",
            "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            counted.as_str(),
            "sk-learn-contrib-metric-learning-package-name-for-all",
            "unsloth_eos_token = \"eos_token\"",
            "postgresql://user:password@db.acme.io/sales",
            "postgresql://postgres:x8Kq2vB91@localhost:5432/sales",
            "postgresql://{user}:{password}@db.acme.io/sales",
            "mongodb+srv://<user>:<password>@cluster0.mongodb.net",
            "https://user:$PASSWORD@git.acme.io",
            "https://example.com/a:b@c",
            "-----BEGIN PRIVATE KEY-----\\n...\\n-----END PRIVATE KEY-----",
            "AccountKey=<account-key>;EndpointSuffix=core.windows.net",
            "aws_secret_access_key = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"",
            "boto3.client(aws_secret_access_key=settings.storage_of_the_reports_secret)",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
    }

    #[test]
    fn a_key_of_many_lines_keeps_its_lines() {
        let (a, b) = (random(64, MIXED), random(63, MIXED));
        let text =
            format!("key = '''-----BEGIN RSA PRIVATE KEY-----\n{a}\n{b}\n-----END RSA PRIVATE KEY-----'''");
        let shown = masked(&text);
        assert_eq!(shown.lines().count(), 4);
        assert!(!shown.contains(&a) && !shown.contains(&b), "{shown}");
        assert!(shown.contains("-----END RSA PRIVATE KEY-----'''"));
    }

    #[test]
    fn a_key_in_a_list_of_its_lines_is_masked() {
        let line = random(64, MIXED);
        let text = format!(
            "x = ['-----BEGIN RSA PRIVATE KEY-----', '', '-----END', '{line}', '{line}', '-----END RSA PRIVATE KEY-----']"
        );
        assert!(!masked(&text).contains(&line[10..30]), "{}", masked(&text));
        let code = "if '-----BEGIN PRIVATE KEY-----' in text:\n    key = text.split('-----END')[0]\n"
            .to_owned()
            + &"    rows = Frame.read_text('a1.csv', Encoding='utf8', separators=3)\n".repeat(9);
        assert_eq!(find(&code), []);
    }

    #[test]
    fn many_beginnings_of_keys_cost_no_more_than_their_length() {
        // Each one looked for its end in the 16 KB behind it: more than a minute as tests are built.
        let start = std::time::Instant::now();
        assert_eq!(find(&"-----BEGIN PRIVATE KEY-----".repeat(4_000_000)), []);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }

    #[test]
    fn what_belongs_to_a_secret_is_masked_with_it() {
        let (id, key) = (format!("AKIA{}", random(16, BASE32)), random(40, MIXED));
        let password = "v8Kq2mXw71bT";
        for text in [
            format!("connect('{id}', '{key}', password='{password}')"),
            format!("connect('{id}', Password = rb\"{password}\")\nlogin('é', '{key}')"),
            format!("{{'id': '{id}', 'db_password': '{password}', 'k': '{key}'}}"),
            format!(r#""source": "connect(\"{id}\", password=\"{password}\", k=\"{key}\")""#),
            format!("secret_key='a\\'{password}'; {id}; {key}; token='é{id}"),
        ] {
            let shown = masked(&text);
            assert!(!shown.contains(password) && !shown.contains(&key), "{shown}");
            assert_eq!(shown.chars().count(), text.chars().count());
            assert_eq!(masked(&shown), shown);
        }
        let alone = format!("connect('{key}', password='{password}')");
        assert_eq!(masked(&alone), alone);
    }
}
