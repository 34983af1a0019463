//! Tokens that begin with letters by which their service knows them.

use std::ops::Range;

use super::{
    Secret,
    chance::{is_mixed, is_random},
};

/// Shorter words are no token of any kind.
const SHORTEST: usize = 20;

/// What a kind of token looks like: what it begins with, how many characters follow, of which kinds.
struct Shape {
    kind: &'static str,
    prefix: &'static str,
    length: (usize, usize),
    letters: Letters,
}

/// The characters behind the prefix.
#[derive(Clone, Copy)]
enum Letters {
    /// Letters and digits.
    Plain,
    /// These, `-` and `_`.
    Url,
    /// Capitals and the digits 2 to 7.
    Base32,
    /// Small hexadecimal digits.
    Hex,
}

const fn shape(kind: &'static str, prefix: &'static str, length: (usize, usize), letters: Letters) -> Shape {
    Shape {
        kind,
        prefix,
        length,
        letters,
    }
}

pub(super) const AWS: &str = "an AWS access key";
const GITHUB: &str = "a GitHub token";
const OPENAI: &str = "an OpenAI key";
const SLACK: &str = "a Slack token";
const STRIPE: &str = "a Stripe key";
const MANY: usize = 300;

/// Longer prefixes stand before those that they begin with.
const SHAPES: &[Shape] = &[
    shape(AWS, "AKIA", (16, 16), Letters::Base32),
    shape(GITHUB, "ghp_", (36, 36), Letters::Plain),
    shape(GITHUB, "gho_", (36, 36), Letters::Plain),
    shape(GITHUB, "ghu_", (36, 36), Letters::Plain),
    shape(GITHUB, "ghs_", (36, 36), Letters::Plain),
    shape(GITHUB, "ghr_", (36, 76), Letters::Plain),
    shape(GITHUB, "github_pat_", (82, 82), Letters::Url),
    shape("a GitLab token", "glpat-", (20, 60), Letters::Url),
    shape("an Anthropic key", "sk-ant-", (80, MANY), Letters::Url),
    shape("an OpenRouter key", "sk-or-v1-", (64, 64), Letters::Hex),
    shape("a LangSmith key", "lsv2_pt_", (43, 43), Letters::Url),
    shape("a LangSmith key", "lsv2_sk_", (43, 43), Letters::Url),
    shape(OPENAI, "sk-proj-", (40, MANY), Letters::Url),
    shape(OPENAI, "sk-svcacct-", (40, MANY), Letters::Url),
    shape(OPENAI, "sk-admin-", (40, MANY), Letters::Url),
    shape(OPENAI, "sk-", (48, 48), Letters::Plain),
    shape(SLACK, "xoxb-", (30, 90), Letters::Url),
    shape(SLACK, "xoxp-", (30, 90), Letters::Url),
    shape(SLACK, "xoxa-", (30, 90), Letters::Url),
    shape(SLACK, "xoxs-", (30, 90), Letters::Url),
    shape("a Google API key", "AIza", (35, 35), Letters::Url),
    shape("a Google client secret", "GOCSPX-", (28, 28), Letters::Url),
    shape(STRIPE, "sk_live_", (24, 120), Letters::Plain),
    shape(STRIPE, "rk_live_", (24, 120), Letters::Plain),
    shape("a Hugging Face token", "hf_", (34, 38), Letters::Plain),
    shape("a Databricks token", "dapi", (32, 32), Letters::Hex),
    shape("an NVIDIA key", "nvapi-", (60, 70), Letters::Url),
    shape("a Groq key", "gsk_", (52, 52), Letters::Plain),
    shape("a Replicate token", "r8_", (37, 37), Letters::Plain),
    shape("a Pinecone key", "pcsk_", (60, 80), Letters::Url),
    shape("an npm token", "npm_", (36, 36), Letters::Plain),
    shape("a PyPI token", "pypi-AgEI", (60, MANY), Letters::Url),
    shape("a DigitalOcean token", "dop_v1_", (64, 64), Letters::Hex),
];

/// Bytes that tokens are made of.
const WORD: [bool; 256] = {
    let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let (mut word, mut index) = ([false; 256], 0);
    while index < letters.len() {
        word[letters[index] as usize] = true;
        index += 1;
    }
    word
};

/// First bytes of prefixes: of nearly every word this one byte tells that it is none.
const FIRST: [bool; 256] = {
    let (mut first, mut index) = ([false; 256], 0);
    while index < SHAPES.len() {
        first[SHAPES[index].prefix.as_bytes()[0] as usize] = true;
        index += 1;
    }
    first
};

pub(super) fn find(text: &str) -> Vec<Secret> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(window) = bytes.get(at..at + SHORTEST) {
        // From its end: where one byte is no part of a word, nothing before it is part of a word that is long enough.
        if let Some(last) = window.iter().rposition(|byte| !WORD[usize::from(*byte)]) {
            at += last + 1;
            continue;
        }
        let start = at;
        at += SHORTEST;
        while at < bytes.len() && WORD[usize::from(bytes[at])] {
            at += 1;
        }
        let at_word = |start: usize| {
            token(&text[start..at], start).or_else(|| {
                web_token(text, start..at).map(|end| Secret {
                    kind: "a web token (JWT)",
                    hidden: start + 3..end,
                    range: start..end,
                })
            })
        };
        let before = start.checked_sub(1).map(|before| bytes[before]);
        let signs = signs(before, &bytes[start..at]);
        if let Some(secret) = at_word(start).or_else(|| signs.and_then(|signs| at_word(start + signs))) {
            at = secret.range.end;
            found.push(secret);
        }
    }
    found
}

/// How many of a word's first bytes belong to an escape that begins before it: of `\n`, `\x1b` and `\u2192` in a string
/// of Python and in JSON, `%3D` in an address, `[32m` to a terminal. A text may be escaped more than once, so that the
/// number of backslashes tells nothing.
fn signs(before: Option<u8>, word: &[u8]) -> Option<usize> {
    match (before?, word.first()?) {
        (b'\\', b'x') => Some(3),
        (b'\\', b'u') => Some(5),
        (b'\\', b'U') => Some(9),
        (b'\\', _) => Some(1),
        (b'%', _) => Some(2),
        (b'[' | b';', _) => {
            let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
            word.get(digits)?.is_ascii_alphabetic().then_some(digits + 1)
        }
        _ => None,
    }
}

fn token(word: &str, start: usize) -> Option<Secret> {
    if !FIRST[usize::from(*word.as_bytes().first()?)] {
        return None;
    }
    let shape = SHAPES.iter().find(|shape| word.starts_with(shape.prefix))?;
    let (value, from) = (&word[shape.prefix.len()..], start + shape.prefix.len());
    let fits = (shape.length.0..=shape.length.1).contains(&value.len());
    (fits && is_made_of(value, shape.letters) && is_random(value)).then(|| Secret {
        kind: shape.kind,
        hidden: from..start + word.len(),
        range: start..start + word.len(),
    })
}

fn is_made_of(value: &str, letters: Letters) -> bool {
    let mut bytes = value.bytes();
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    match letters {
        // Some are of letters alone, but words of a language are not in both cases.
        Letters::Plain => {
            let has = |is: fn(&u8) -> bool| value.as_bytes().iter().any(is);
            bytes.all(|byte| byte.is_ascii_alphanumeric())
                && has(u8::is_ascii_lowercase)
                && has(u8::is_ascii_uppercase)
        }
        Letters::Url => has_digit && value.split(['-', '_']).map(str::len).max().unwrap_or(0) >= 8,
        Letters::Base32 => bytes.all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')),
        Letters::Hex => has_digit && bytes.all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
    }
}

/// `eyJ….eyJ….signature`: two objects of JSON in base64, and what proves them. Where it ends.
fn web_token(text: &str, header: Range<usize>) -> Option<usize> {
    let bytes = text.as_bytes();
    let part = |start: usize| {
        let length = bytes
            .get(start..)?
            .iter()
            .take_while(|byte| WORD[usize::from(**byte)])
            .count();
        Some(start..start + length)
    };
    if !text[header.clone()].starts_with("eyJ") || bytes.get(header.end) != Some(&b'.') {
        return None;
    }
    let payload = part(header.end + 1)?;
    if !text[payload.clone()].starts_with("eyJ") || bytes.get(payload.end) != Some(&b'.') {
        return None;
    }
    let signature = part(payload.end + 1)?;
    // Mapbox gives out keys to be seen by everybody: `pk.eyJ…`. They have two parts and are not met here.
    let value = &text[signature.clone()];
    let is_demo = text[payload].contains("IxMjM0NTY3ODkw");
    (value.len() >= SHORTEST && is_mixed(value) && is_random(value) && !is_demo).then_some(signature.end)
}
