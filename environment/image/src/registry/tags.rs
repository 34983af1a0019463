//! The tags of a repository.

use serde::Deserialize;

use super::auth::Scope;
use super::{RegistryError, Repository};
use crate::http::{Response, is_same_server};

/// A page has no more bytes.
const LARGEST_PAGE: u64 = 4 << 20;
/// More pages than any repository has that is still of use.
const MOST_PAGES: usize = 200;

#[derive(Deserialize)]
struct Page {
    tags: Option<Vec<String>>,
}

impl Repository {
    /// All tags, sorted; none where there is no such repository.
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        const ACTION: &str = "list tags";
        let scope = Scope::pull(self.name());
        let mut all = Vec::new();
        let mut next = Some(self.url("tags/list?n=1000")?);
        for _ in 0..MOST_PAGES {
            let Some(url) = next else {
                // Not every registry sorts them.
                all.sort();
                all.dedup();
                return Ok(all);
            };
            let response = self.ask(&scope, ACTION, |http| {
                Ok(http.get(url.as_str()).buffered(LARGEST_PAGE))
            })?;
            if response.status() == 404 {
                return Ok(Vec::new());
            }
            let response = response.checked().map_err(|error| self.error(ACTION, error))?;
            next = following(&response);
            let page: Page = response
                .json(LARGEST_PAGE)
                .map_err(|error| self.error(ACTION, error))?;
            // What is no tag cannot be asked for either.
            let tags = page.tags.unwrap_or_default();
            all.extend(tags.into_iter().filter(|tag| is_tag(tag)));
        }
        Err(RegistryError::Unusable {
            image: self.image(),
            why: format!("its list of tags has more than {MOST_PAGES} pages"),
        })
    }
}

/// `Link: </v2/…>; rel="next"`, on the same server.
fn following(response: &Response) -> Option<url::Url> {
    let link = response
        .headers("link")
        .find(|link| link.contains("rel=\"next\"") || link.contains("rel=next"))?;
    let target = link.split_once('<')?.1.split_once('>')?.0;
    let url = response.url().join(target).ok()?;
    is_same_server(response.url(), &url).then_some(url)
}

pub(super) fn is_tag(tag: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=128).contains(&tag.len()) && tag.bytes().all(is_letter) && !tag.starts_with(['.', '-'])
}
