//! Pages of the simple repository API: PEP 691 JSON and PEP 503 HTML (bare folder listings of web servers too).

use std::cell::RefCell;

use html5ever::{
    tendril::StrTendril,
    tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts},
};
use nbvet_deps::Digest;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::Url;

/// What is asked for; JSON is smaller and exact.
pub(super) const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// Bytes of the names and URLs of all files, at most. A page is short, and what it makes of its base may not be.
const MOST: usize = 32 << 20;
/// What a file takes beside its texts.
const FILE: usize = 256;
/// The tokenizer compares each attribute of a tag with all others, so that long tags take long.
const CHUNK: usize = 8 << 10;

/// A file that an index offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) filename: String,
    pub(super) url: Url,
    /// As the index says; the lock decides.
    pub(super) sha256: Option<Digest>,
    pub(super) size: Option<u64>,
    /// Withdrawn, and why.
    pub(super) yanked: Option<String>,
    /// Which Pythons it is for.
    pub(super) requires_python: Option<String>,
    /// Its METADATA can be had alone (PEP 658), with its digest where that is said.
    pub(super) metadata: Option<Apart>,
}

/// METADATA that can be had without its wheel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Apart {
    /// Its digest, where the index says it.
    pub(super) sha256: Option<Digest>,
}

/// The files of one distribution's page that was answered from `base`.
pub(super) fn page(body: &[u8], content_type: Option<&str>, base: &Url) -> Result<Vec<Offered>, String> {
    let kind = content_type.unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match &*kind {
        "application/vnd.pypi.simple.v1+json" | "application/json" => json(body, base),
        "application/vnd.pypi.simple.v1+html" | "text/html" | "application/xhtml+xml" => html(body, base),
        other => Err(format!(
            "the answer is `{}`, not the page of a package index; is the URL that of its simple API, often ending in /simple?",
            crate::http::cut(&crate::http::cleaned(other), 60)
        )),
    }
}

#[derive(Deserialize)]
struct Page {
    meta: Meta,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    version: String,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: Hashes,
    size: Option<u64>,
    #[serde(default)]
    yanked: Yanked,
    #[serde(rename = "requires-python")]
    requires_python: Option<String>,
    #[serde(rename = "core-metadata", default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
struct Hashes {
    sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Yanked {
    Is(bool),
    Because(String),
    /// Some indexes write `null`.
    Unsaid(()),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Metadata {
    Is(bool),
    With(Hashes),
    Unsaid(()),
}

impl Default for Metadata {
    fn default() -> Self {
        Self::Is(false)
    }
}

impl Default for Yanked {
    fn default() -> Self {
        Self::Is(false)
    }
}

fn json(body: &[u8], base: &Url) -> Result<Vec<Offered>, String> {
    let page: Page = serde_json::from_slice(body).map_err(|error| {
        format!(
            "its JSON is not that of a package index (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    if page.meta.version.split('.').next() != Some("1") {
        return Err("it speaks a version of the simple API other than 1".to_owned());
    }
    let mut files = Files::default();
    for file in page.files {
        let Ok(url) = base.join(&file.url) else { continue };
        files.add(Offered {
            url,
            filename: file.filename,
            sha256: file.hashes.sha256.as_deref().and_then(digest),
            size: file.size,
            yanked: match file.yanked {
                Yanked::Because(why) => Some(why),
                Yanked::Is(true) => Some(String::new()),
                Yanked::Is(false) | Yanked::Unsaid(()) => None,
            },
            requires_python: file.requires_python,
            metadata: match file.metadata {
                Metadata::With(hashes) => Some(Apart {
                    sha256: hashes.sha256.as_deref().and_then(digest),
                }),
                Metadata::Is(true) => Some(Apart::default()),
                Metadata::Is(false) | Metadata::Unsaid(()) => None,
            },
        });
        if files.are_too_many() {
            break;
        }
    }
    files.all()
}

/// What a page offers, as far as it is kept.
#[derive(Default)]
struct Files {
    offered: Vec<Offered>,
    bytes: usize,
}

impl Files {
    fn add(&mut self, file: Offered) {
        let said = [&file.yanked, &file.requires_python];
        let said: usize = said.into_iter().flatten().map(String::len).sum();
        self.bytes += file.url.as_str().len() + file.filename.len() + said + FILE;
        if !self.are_too_many() {
            self.offered.push(file);
        }
    }

    const fn are_too_many(&self) -> bool {
        self.bytes > MOST
    }

    fn all(self) -> Result<Vec<Offered>, String> {
        if self.are_too_many() {
            return Err(format!(
                "its files have names and URLs of more than {} MiB in all, which no index has",
                MOST >> 20
            ));
        }
        Ok(self.offered)
    }
}

fn digest(hex: &str) -> Option<Digest> {
    format!("sha256:{}", hex.to_ascii_lowercase()).parse().ok()
}

/// Links of a page of HTML.
fn html(body: &[u8], base: &Url) -> Result<Vec<Offered>, String> {
    let links = Links(RefCell::new(Found {
        base: base.clone(),
        has_base: false,
        files: Files::default(),
        tokens: 0,
    }));
    let text = String::from_utf8_lossy(body);
    let input = BufferQueue::default();
    let tokenizer = Tokenizer::new(links, TokenizerOpts::default());
    let (mut rest, mut silent) = (&*text, 0);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.floor_char_boundary(CHUNK));
        rest = after;
        let before = tokenizer.sink.0.borrow().tokens;
        input.push_back(StrTendril::from(chunk));
        let _ = tokenizer.feed(&input);
        let found = tokenizer.sink.0.borrow();
        if found.files.are_too_many() {
            break;
        }
        silent = if found.tokens == before { silent + 1 } else { 0 };
        if silent == 2 {
            return Err(format!(
                "one tag or comment of it has more than {} KiB, which no index writes",
                (2 * CHUNK) >> 10
            ));
        }
    }
    tokenizer.end();
    tokenizer.sink.0.into_inner().files.all()
}

struct Links(RefCell<Found>);

struct Found {
    base: Url,
    has_base: bool,
    files: Files,
    /// How much came of the page so far.
    tokens: u64,
}

impl TokenSink for Links {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut found = self.0.borrow_mut();
        match token {
            // Comes in the middle of a tag.
            Token::ParseError(_) => {}
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                found.tokens += 1;
                found.tag(&tag);
            }
            _ => found.tokens += 1,
        }
        TokenSinkResult::Continue
    }
}

impl Found {
    fn tag(&mut self, tag: &Tag) {
        let attribute = |name: &str| {
            let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name);
            found.map(|attribute| attribute.value.to_string())
        };
        let Some(href) = attribute("href") else { return };
        match &*tag.name {
            // Only the first counts, as in browsers.
            "base" if !self.has_base => {
                self.has_base = true;
                if let Ok(base) = self.base.join(&href) {
                    self.base = base;
                }
            }
            "a" => {
                let metadata =
                    attribute("data-core-metadata").or_else(|| attribute("data-dist-info-metadata"));
                let found = offered(&self.base, &href).map(|file| Offered {
                    yanked: attribute("data-yanked"),
                    requires_python: attribute("data-requires-python"),
                    metadata: metadata.filter(|said| said != "false").map(|said| Apart {
                        sha256: said.strip_prefix("sha256=").and_then(digest),
                    }),
                    ..file
                });
                if let Some(file) = found {
                    self.files.add(file);
                }
            }
            _ => {}
        }
    }
}

fn offered(base: &Url, href: &str) -> Option<Offered> {
    let mut url = base.join(href.trim()).ok()?;
    let fragment = url.fragment().unwrap_or_default();
    let sha256 = fragment
        .split('&')
        .find_map(|part| part.strip_prefix("sha256="))
        .and_then(digest);
    url.set_fragment(None);
    let last = url.path_segments()?.next_back()?;
    let filename = percent_decode_str(last).decode_utf8().ok()?.into_owned();
    (!filename.is_empty()).then_some(Offered {
        filename,
        url,
        sha256,
        size: None,
        yanked: None,
        requires_python: None,
        metadata: None,
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};

    use super::*;

    fn check(kind: &str, body: &str, expected: &Expect) {
        let base = Url::parse("https://h/simple/six/").expect("a URL");
        let body = body.replace("AA", &"a".repeat(64));
        let told = match page(body.as_bytes(), Some(kind), &base) {
            Err(why) => format!("refused: {why}\n"),
            Ok(files) => files.iter().fold(String::new(), |mut told, file| {
                let digest = if file.sha256.is_some() { "AA" } else { "none" };
                let _ = writeln!(
                    told,
                    "{} {} {digest} {:?} {:?}",
                    file.filename, file.url, file.size, file.yanked
                );
                told
            }),
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn html_of_indexes_and_of_plain_listings_is_read() {
        check(
            "text/html; charset=utf-8",
            r#"<!DOCTYPE html><base href="/files/"><base href="/no/"><!-- <a href="no.whl"> -->
            <a href="six-1-py3-none-any.whl#sha256=AA">x</a>
            <A HREF='https://other/a%2Bb-1.tar.gz#md5=0&amp;sha256=AA' data-yanked="it &lt; broke">y</A>
            <a href="sub/">folder</a><a name="x">no</a><a href="http://[">no</a><a href="six-2.whl"#,
            &expect![[r#"
                six-1-py3-none-any.whl https://h/files/six-1-py3-none-any.whl AA None None
                a+b-1.tar.gz https://other/a%2Bb-1.tar.gz AA None Some("it < broke")
            "#]],
        );
    }

    #[test]
    fn json_is_read_with_sizes() {
        check(
            "application/vnd.pypi.simple.v1+json",
            r#"{"meta":{"api-version":"1.4"},"name":"six","files":[
              {"filename":"six-1-py3-none-any.whl","url":"../../p/six-1-py3-none-any.whl","hashes":{"sha256":"AA"},"size":9,"yanked":false},
              {"filename":"six-2.whl","url":"six-2.whl","hashes":{},"yanked":null},
              {"filename":"six-3.whl","url":"six-3.whl","hashes":{"sha256":"zz"},"yanked":"bad"}]}"#,
            &expect![[r#"
                six-1-py3-none-any.whl https://h/p/six-1-py3-none-any.whl AA Some(9) None
                six-2.whl https://h/simple/six/six-2.whl none None None
                six-3.whl https://h/simple/six/six-3.whl none None Some("bad")
            "#]],
        );
    }

    #[test]
    fn a_page_that_costs_far_more_than_it_is_long_is_refused() {
        let attributes = (0..20_000).fold("<a".to_owned(), |mut tag, number| {
            let _ = write!(tag, " {number:x}");
            tag
        });
        check(
            "text/html",
            &attributes,
            &expect![[r#"
                refused: one tag or comment of it has more than 16 KiB, which no index writes
            "#]],
        );
        let base = "b".repeat(8000);
        let links = "<a href=a.whl>".repeat(20_000);
        check(
            "text/html",
            &format!("<base href='/{base}/'>{links}"),
            &expect![[r#"
                refused: its files have names and URLs of more than 32 MiB in all, which no index has
            "#]],
        );
    }

    #[test]
    fn a_page_of_many_parts_is_read_to_its_end() {
        let base = Url::parse("https://h/simple/six/").expect("a URL");
        let links = (0..5000).fold(String::new(), |mut page, number| {
            let _ = write!(
                page,
                "<p>α{number} <a href='six-{number}.tar.gz'>six-{number}</a>"
            );
            page
        });
        let files = page(links.as_bytes(), Some("text/html"), &base).expect("a page");
        assert_eq!(files.len(), 5000);
        assert_eq!(files.last().map(|file| &*file.filename), Some("six-4999.tar.gz"));
    }

    #[test]
    fn what_is_no_page_of_an_index_is_refused() {
        check(
            "application/vnd.pypi.simple.v1+json",
            r#"{"meta":{"api-version":"2.0"},"files":[]}"#,
            &expect![[r#"
                refused: it speaks a version of the simple API other than 1
            "#]],
        );
        check(
            "application/json",
            "[1,",
            &expect![[r#"
                refused: its JSON is not that of a package index (line 1, column 2)
            "#]],
        );
        check(
            "image/png",
            "",
            &expect![[r#"
                refused: the answer is `image/png`, not the page of a package index; is the URL that of its simple API, often ending in /simple?
            "#]],
        );
    }
}
