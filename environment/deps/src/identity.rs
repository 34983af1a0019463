//! The identity of an image before it is built: what goes in, in one number. The same identity is the same image, so
//! it is what a registry is asked for; a tag that people choose can lie.

use std::{collections::BTreeMap, fmt};

use sha2::{Digest as _, Sha256};

use crate::{Digest, target::Arch};

/// First in every encoding: when its rules change, so must this.
const VERSION: &str = "nbvet-identity-2";

/// Everything that an image is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredients {
    /// The version of the builder: of what decides the image's bytes where the rest is the same.
    pub builder: String,
    /// The base image.
    pub base: Digest,
    /// The resolved lock.
    pub lock: Option<Digest>,
    /// The lock of the kernel that is added.
    pub kernel: Option<Digest>,
    /// The Dockerfile, where one is built.
    pub dockerfile: Option<Digest>,
    /// Its stage.
    pub target: Option<String>,
    /// The platform.
    pub arch: Arch,
    /// Files that are copied into the image, by their path there.
    pub files: BTreeMap<String, Copied>,
}

/// A file that is copied into an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Whether it may be run: the only bit of its mode that is kept.
    pub executable: bool,
    /// Its bytes.
    pub digest: Digest,
}

/// An image's identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(Digest);

impl Ingredients {
    /// Their identity.
    pub fn identity(&self) -> Identity {
        Identity(Digest::of_sha256(Sha256::digest(self.encoded()).into()))
    }

    /// Every field with its name and length, in one order: no two ingredients have the same bytes.
    fn encoded(&self) -> Vec<u8> {
        let mut encoding = Encoding(Vec::new());
        encoding.text(VERSION);
        encoding.field("builder", Some(&self.builder));
        encoding.field("base", Some(self.base.as_str()));
        encoding.field("lock", self.lock.as_ref().map(Digest::as_str));
        encoding.field("kernel", self.kernel.as_ref().map(Digest::as_str));
        encoding.field("dockerfile", self.dockerfile.as_ref().map(Digest::as_str));
        encoding.field("target", self.target.as_deref());
        encoding.field("platform", Some(&format!("linux/{}", self.arch.oci())));
        encoding.text("files");
        encoding.length(self.files.len());
        for (path, copied) in &self.files {
            encoding.text(path);
            encoding.0.push(u8::from(copied.executable));
            encoding.text(copied.digest.as_str());
        }
        encoding.0
    }
}

impl Identity {
    /// The tag under which the image is kept.
    pub fn tag(&self) -> String {
        format!("nbvet-{}", self.0.hex())
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> &str {
        self.0.hex()
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hex())
    }
}

impl serde::Serialize for Identity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct Encoding(Vec<u8>);

impl Encoding {
    fn length(&mut self, length: usize) {
        self.0.extend((length as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend(text.as_bytes());
    }

    fn field(&mut self, name: &str, value: Option<&str>) {
        self.text(name);
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            self.text(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::ImageReference;

    fn digest(of: &str) -> Digest {
        Digest::sha256(of.as_bytes())
    }

    fn plain() -> Ingredients {
        let copied = |executable, of| Copied {
            executable,
            digest: digest(of),
        };
        Ingredients {
            builder: "1".to_owned(),
            base: digest("base"),
            lock: Some(digest("lock")),
            kernel: None,
            dockerfile: None,
            target: None,
            arch: Arch::X86_64,
            files: BTreeMap::from([
                ("a/x.ipynb".to_owned(), copied(false, "x")),
                ("b.sh".to_owned(), copied(true, "b")),
            ]),
        }
    }

    #[test]
    fn an_identity_stays_what_it_was() {
        // When this changes, images in registries are no longer found: then VERSION must change too.
        assert_eq!(
            plain().identity().tag(),
            "nbvet-73a9a4919760a52bfa63555437df1cfd8342efe4b6daf20550318e569494b9c5"
        );
    }

    #[test]
    fn the_tag_is_one_that_every_registry_takes() {
        let tag = plain().identity().tag();
        let image: ImageReference = format!("registry:5000/team/nbvet:{tag}").parse().unwrap();
        assert_eq!(image.tag(), Some(&*tag));
    }

    #[test]
    fn every_ingredient_matters() {
        type Change = fn(&mut Ingredients);
        let changes: [Change; 17] = [
            |_| {},
            |all| all.builder = "2".to_owned(),
            |all| all.base = digest("lock"),
            |all| all.lock = None,
            |all| all.lock = Some(digest("base")),
            |all| all.kernel = Some(digest("lock")),
            |all| all.kernel = all.lock.take(),
            |all| all.dockerfile = Some(digest("lock")),
            |all| {
                all.dockerfile = all.lock.take();
            },
            |all| all.target = Some(String::new()),
            |all| all.target = Some("notebook".to_owned()),
            |all| all.arch = Arch::Aarch64,
            |all| all.files.clear(),
            |all| {
                all.files.remove("b.sh");
            },
            |all| {
                if let Some(copied) = all.files.get_mut("b.sh") {
                    copied.executable = false;
                }
            },
            |all| {
                if let Some(copied) = all.files.get_mut("b.sh") {
                    copied.digest = digest("c");
                }
            },
            |all| {
                if let Some(copied) = all.files.remove("b.sh") {
                    all.files.insert("c.sh".to_owned(), copied);
                }
            },
        ];
        let identities: HashSet<Identity> = changes
            .iter()
            .map(|change| {
                let mut all = plain();
                change(&mut all);
                all.identity()
            })
            .collect();
        assert_eq!(identities.len(), changes.len());
    }

    #[test]
    fn the_order_in_which_files_come_does_not_matter() {
        let mut other = plain();
        other.files.clear();
        for (path, copied) in plain().files.into_iter().rev() {
            other.files.insert(path, copied);
        }
        assert_eq!(other.identity(), plain().identity());
    }

    /// Texts that would run into each other without their lengths, put together in many ways.
    #[test]
    fn no_two_ingredients_have_the_same_bytes() {
        let texts = [
            "",
            "a",
            "aa",
            "ab",
            "b",
            "a\0",
            "\0\0\0\0\0\0\0\u{1}a",
            "target",
            "files",
        ];
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % below
        };
        let mut known: HashMap<Vec<u8>, Ingredients> = HashMap::new();
        for _ in 0..20_000 {
            let mut all = plain();
            all.builder = texts[next(texts.len())].to_owned();
            all.target = (next(2) == 0).then(|| texts[next(texts.len())].to_owned());
            all.lock = (next(2) == 0).then(|| digest(texts[next(2)]));
            all.kernel = (next(2) == 0).then(|| digest(texts[next(2)]));
            all.dockerfile = (next(2) == 0).then(|| digest(texts[next(2)]));
            all.files.clear();
            for _ in 0..next(3) {
                let copied = Copied {
                    executable: next(2) == 0,
                    digest: digest(texts[next(2)]),
                };
                all.files.insert(texts[next(texts.len())].to_owned(), copied);
            }
            let same = known.entry(all.encoded()).or_insert_with(|| all.clone());
            assert_eq!(*same, all);
        }
        assert!(known.len() > 5_000, "{}", known.len());
    }
}
