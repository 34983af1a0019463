//! Whether unpacked assets are still what the binary carries. A notebook runs as the same user and may have written
//! over them, and programs that clean caches delete files. What nbvet itself loads is compared byte for byte by its
//! digest; the kit, where one is needed, which is other people's packages as those of the environment are, by the
//! presence and size of its files. What Python compiles from them beside them is not looked at: whoever can write
//! that can write into the interpreter's own packages too.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use rustix::{
    fs::{Mode, OFlags, open},
    process::geteuid,
};
use sha2::{Digest, Sha256};

/// What this process found to be right, by path: as long as inode and change time stay, so does the content. No
/// program can set a change time.
static SEEN: Mutex<Option<HashMap<String, Stamp>>> = Mutex::new(None);

type Stamp = (u64, u64, i64, i64);

/// One file of the list made by the build script.
struct Listed<'a> {
    digest: &'a str,
    size: u64,
    name: &'a str,
}

fn listed(list: &str) -> impl Iterator<Item = Listed<'_>> {
    list.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ' ');
        Some(Listed {
            digest: parts.next()?,
            size: parts.next()?.parse().ok()?,
            name: parts.next()?,
        })
    })
}

/// Whether the folder holds what the list says, of the kits the named one, and nobody else can write to it.
pub(crate) fn is_intact(folder: &Path, list: &str, kit: Option<&str>) -> bool {
    let mut own = listed(list).filter(|file| !file.name.starts_with("kit/"));
    is_private(folder)
        && own.all(|file| has_digest(&folder.join(file.name), &file).unwrap_or(false))
        && kit.is_none_or(|kit| is_kit_intact(folder, list, &format!("kit/{kit}/")))
}

fn is_kit_intact(folder: &Path, list: &str, prefix: &str) -> bool {
    let mut files = listed(list).filter(|file| file.name.starts_with(prefix));
    files.all(|file| {
        fs::symlink_metadata(folder.join(file.name))
            .is_ok_and(|found| found.is_file() && found.len() == file.size && is_ours(&found))
    })
}

/// A real folder of this user that no other one can write to.
pub(crate) fn is_private(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir() && is_ours(&found))
}

fn is_ours(found: &Metadata) -> bool {
    found.uid() == geteuid().as_raw() && found.mode() & 0o022 == 0
}

fn has_digest(path: &Path, listed: &Listed<'_>) -> io::Result<bool> {
    // A link could lead anywhere, and a pipe never answers.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    if !found.is_file() || !is_ours(&found) || found.len() != listed.size {
        return Ok(false);
    }
    let stamp = (found.dev(), found.ino(), found.ctime(), found.ctime_nsec());
    let key = format!("{} {}", listed.digest, path.display());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = seen.get_or_insert_default();
    if seen.get(&key) == Some(&stamp) {
        return Ok(true);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let digest = Sha256::digest(&bytes);
    let hex = digest
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let right = hex == listed.digest;
    if right {
        seen.insert(key, stamp);
    }
    Ok(right)
}
