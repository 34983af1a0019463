//! What a base image is: its Pythons, what they import, its C library and its kernels, read from its configuration
//! and its layers as they come from the registry. Nothing of it is run or written to a disk, and memory is bounded.

mod archive;
mod configuration;
mod distributions;
mod fault;
mod grown;
mod interpreters;
mod kept;
mod kernelspecs;
mod probe;
mod read;
mod scan;
mod tree;
mod zstd;

use std::{
    io::{self, BufRead as _, BufReader, Read},
    mem,
};

use flate2::bufread::MultiGzDecoder;

use archive::{Archive, Entry, Kind};
use configuration::Configuration;
pub use fault::Fault;
use grown::Grown;
pub use probe::{Distribution, Interpreter, Kernelspec, NoTarget, Origin, Probe, Running};
pub use read::{BaseError, probe};
use tree::{Content, Node, Tree};
use zstd::Zstd;

/// Bytes of all layers, unpacked: ten times the largest images that notebooks use.
const MOST_BYTES: u64 = 256 << 30;
/// Files of all layers: the same.
const MOST_ENTRIES: u64 = 5_000_000;

/// Bytes of the files that are looked into: programs, libraries and metadata. Real images have some hundred MiB.
const MOST_LOOKED_INTO: u64 = 4 << 30;

/// A base image that is being looked into: give it the configuration, then each layer, the lowest first.
#[derive(Debug)]
pub struct Prober {
    configuration: Configuration,
    tree: Tree,
    /// What may still be read.
    bytes: u64,
    entries: u64,
    looked_into: u64,
    grown: Grown,
}

impl Prober {
    /// Begins with the image's configuration, the JSON that its manifest names.
    pub fn new(configuration: &[u8]) -> Result<Self, Fault> {
        Ok(Self {
            configuration: Configuration::read(configuration)?,
            tree: Tree::default(),
            bytes: MOST_BYTES,
            entries: MOST_ENTRIES,
            looked_into: MOST_LOOKED_INTO,
            grown: Grown::default(),
        })
    }

    /// Reads the next layer, compressed as the registry gives it, to its last byte: a reader that compares digests at
    /// its end has seen all.
    pub fn layer(&mut self, blob: impl Read) -> Result<(), Fault> {
        let grown = mem::take(&mut self.grown);
        let mut blob = BufReader::with_capacity(128 * 1024, grown.packed(blob));
        self.tree.next_layer();
        match blob.fill_buf().map_err(Fault::Read)? {
            [0x1f, 0x8b, ..] => self.archive(grown.unpacked(MultiGzDecoder::new(&mut blob)))?,
            begin if zstd::is_begin(begin) => self.archive(grown.unpacked(Zstd::new(&mut blob)))?,
            _ => self.archive(&mut blob)?,
        }
        io::copy(&mut blob, &mut io::sink()).map_err(Fault::Read)?;
        drop(blob);
        self.grown = grown;
        Ok(())
    }

    fn archive(&mut self, content: impl Read) -> Result<(), Fault> {
        let mut content = content.take(self.bytes);
        let mut archive = Archive::new(&mut content);
        while let Some(entry) = archive.next()? {
            self.entries = self.entries.checked_sub(1).ok_or(Fault::TooMuch {
                what: "files",
                most: MOST_ENTRIES,
            })?;
            self.entry(&entry, &mut archive)?;
        }
        archive.finish().map_err(Fault::Read)?;
        self.bytes = content.limit();
        if self.bytes > 0 {
            return Ok(());
        }
        Err(Fault::TooMuch {
            what: "bytes",
            most: MOST_BYTES,
        })
    }

    fn entry<R: Read>(&mut self, entry: &Entry, archive: &mut Archive<R>) -> Result<(), Fault> {
        let place = self.tree.place(&entry.path)?;
        let (folder, name) = place.rsplit_once('/').unwrap_or(("", &place));
        if name == ".wh..wh..opq" {
            return self.tree.empty(folder);
        }
        if let Some(gone) = name.strip_prefix(".wh.") {
            // Others with this beginning twice are marks of old storage drivers.
            let is_mark = gone.starts_with(".wh.");
            return if is_mark {
                Ok(())
            } else {
                self.tree.white_out(&tree::join(folder, gone))
            };
        }
        match self.node(entry, &place, archive)? {
            Some(node) => self.tree.add(&place, node),
            None => self.tree.replace(&place, entry.kind == Kind::Folder),
        }
    }

    /// What is remembered of an entry.
    fn node<R: Read>(
        &mut self,
        entry: &Entry,
        place: &str,
        archive: &mut Archive<R>,
    ) -> Result<Option<Node>, Fault> {
        Ok(match entry.kind {
            Kind::Folder | Kind::Other => None,
            Kind::Symlink => Some(Node::Link(entry.target.clone())),
            Kind::HardLink => {
                let same = self.tree.at(&self.tree.place(&entry.target)?).cloned();
                same.or_else(|| kept::wish(place).map(|_| unread(true)))
            }
            Kind::File { executable } => match kept::wish(place) {
                None => None,
                Some(wish) => {
                    let mut bounded = archive.content().take(self.looked_into);
                    let content = kept::read(wish, &mut bounded).map_err(Fault::Read)?;
                    self.looked_into = bounded.limit();
                    if self.looked_into == 0 {
                        return Err(Fault::TooMuch {
                            what: "bytes of programs and metadata",
                            most: MOST_LOOKED_INTO,
                        });
                    }
                    content.map(|content| Node::File { executable, content })
                }
            },
        })
    }

    /// All that is known, when every layer was read. `image` is the digest of the manifest.
    pub fn finish(self, image: &str) -> Result<Probe, Fault> {
        let Self {
            configuration, tree, ..
        } = self;
        let mut notes = Vec::new();
        let first = kernelspecs::on_path(&tree, &configuration);
        let kernelspecs = kernelspecs::all(&tree, &configuration, first.as_ref(), &mut notes);
        let running = kernelspecs::running(&tree, &configuration, &kernelspecs, first, &mut notes);
        let mut interpreters = interpreters::all(&tree, &configuration);
        let (python, running) = running.unzip();
        interpreters.retain(|other| python.as_ref().is_none_or(|python| !is_same(python, other)));
        interpreters.extend(python.clone());
        interpreters.sort_by(|one, other| one.path.cmp(&other.path));
        let probe = Probe {
            version: Probe::VERSION,
            image: image.to_owned(),
            distributions: distributions::all(&tree, &interpreters, python.as_ref()),
            system: distributions::system(&tree),
            architecture: configuration.architecture,
            user: configuration.user,
            working_dir: configuration.working_dir,
            entrypoint: configuration.entrypoint,
            cmd: configuration.cmd,
            env: configuration.env,
            running,
            interpreters,
            kernelspecs,
            notes,
        };
        tree.check_looks()?;
        Ok(probe)
    }
}

/// Two names in one folder.
fn is_same(one: &Interpreter, other: &Interpreter) -> bool {
    one.program == other.program && one.prefix == other.prefix
}

fn unread(executable: bool) -> Node {
    Node::File {
        executable,
        content: Content::Unread,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const CONFIGURATION: &[u8] = br#"{"os": "linux"}"#;

    fn layer() -> Vec<u8> {
        let mut layer = tar::Builder::new(Vec::new());
        for path in ["usr/bin/python3", "usr/bin/other"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(8);
            layer.append_data(&mut header, path, &b"12345678"[..]).unwrap();
        }
        layer.into_inner().unwrap()
    }

    fn check(bound: impl Fn(&mut Prober), expected: &str) {
        let mut prober = Prober::new(CONFIGURATION).unwrap();
        bound(&mut prober);
        let said = prober.layer(&layer()[..]).unwrap_err().to_string();
        assert_eq!(
            said,
            format!("the image has more than {expected}, which is more than nbvet reads")
        );
    }

    #[test]
    fn an_image_without_end_is_refused() {
        check(|prober| prober.entries = 1, "5000000 files");
        check(
            |prober| prober.looked_into = 8,
            "4294967296 bytes of programs and metadata",
        );
        check(|prober| prober.bytes = 3072, "274877906944 bytes");
    }

    #[test]
    fn a_layer_that_unpacks_to_far_more_than_layers_do_is_refused_and_a_file_of_zeros_is_not() {
        let mut layer = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1 << 20);
        layer
            .append_data(&mut header, "var/log/lastlog", io::repeat(0).take(1 << 20))
            .unwrap();
        let layer = layer.into_inner().unwrap();
        let packed = |level| {
            let mut packed = GzEncoder::new(Vec::new(), level);
            packed.write_all(&layer).unwrap();
            packed.finish().unwrap()
        };
        for (level, free, refused) in [
            (Compression::best(), 1 << 21, false),
            (Compression::none(), 0, false),
            (Compression::best(), 0, true),
        ] {
            let mut prober = Prober::new(CONFIGURATION).unwrap();
            prober.grown.free = free;
            let read = prober.layer(&packed(level)[..]);
            assert_eq!(read.is_err(), refused, "{level:?} {free}");
            if let Err(fault) = read {
                assert!(
                    fault.to_string().contains("more than 100 times its size"),
                    "{fault}"
                );
            }
        }
        // What one layer leaves, the next does not get anew.
        let mut prober = Prober::new(CONFIGURATION).unwrap();
        prober.grown.free = 3 << 19;
        prober.layer(&packed(Compression::best())[..]).unwrap();
        prober.layer(&packed(Compression::best())[..]).unwrap_err();
    }

    #[test]
    fn a_layer_is_not_quoted_as_it_is() {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..4].copy_from_slice(b"a\x1b\nb");
        header.as_old_mut().size = *b"\x1b[31mnone\n\n\n";
        header.set_cksum();
        let mut prober = Prober::new(CONFIGURATION).unwrap();
        let said = prober.layer(&header.as_bytes()[..]).unwrap_err().to_string();
        assert!(said.starts_with("a layer is no proper tar archive: "), "{said:?}");
        assert!(!said.contains(char::is_control), "{said:?}");
    }

    #[test]
    fn a_configuration_is_not_quoted_whole() {
        let json = format!(r#"{{"config": "{}"}}"#, "x".repeat(1 << 20));
        let said = Prober::new(json.as_bytes()).unwrap_err().to_string();
        assert!(said.len() < 400, "{said}");
    }
}
