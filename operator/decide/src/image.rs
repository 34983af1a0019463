//! An image by digest. Notebooks run in nothing else: a name can lie.

use std::fmt;

/// `registry/repository@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image(String);

impl Image {
    /// Takes a reference that names its image by digest; `None`: by a tag, or not at all.
    pub fn by_digest(reference: &str) -> Option<Self> {
        let (name, digest) = reference.split_once("@sha256:")?;
        let is_digest = digest.len() == 64
            && digest
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (is_digest && !name.is_empty()).then(|| Self(reference.to_owned()))
    }

    /// As containers name it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `registry/repository`, and the tag where one was written too.
    pub fn name(&self) -> &str {
        self.0.split_once('@').map_or(self.as_str(), |(name, _)| name)
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s37_only_a_digest_names_an_image_to_validate() {
        let digest = "a".repeat(64);
        let good = format!("registry.example/team/nbvet@sha256:{digest}");
        assert_eq!(
            Image::by_digest(&good).unwrap().name(),
            "registry.example/team/nbvet"
        );
        for bad in [
            "registry.example/team/nbvet:latest".to_owned(),
            "registry.example/team/nbvet".to_owned(),
            format!("@sha256:{digest}"),
            format!("registry.example/team/nbvet@sha256:{}", &digest[1..]),
            format!("registry.example/team/nbvet@sha256:{}G", &digest[1..]),
            String::new(),
        ] {
            assert_eq!(Image::by_digest(&bad), None, "{bad}");
        }
    }
}
