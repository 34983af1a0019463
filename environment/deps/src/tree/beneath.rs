//! Opening a name below a folder without leaving it: by the kernel where it can (`openat2`, Linux 5.6 and newer), else
//! component by component, each symlink read and followed here. Both refuse the same: [`Errno::XDEV`] is a way out.

use std::{ffi::CString, os::fd::OwnedFd};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, openat, readlinkat, statat},
    io::Errno,
};

/// Symlinks on the way, at most: as many as Linux follows.
const MAX_SYMLINKS: usize = 40;

/// Opens a name below a folder.
pub(super) fn open(folder: &OwnedFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    match by_kernel(folder, name, flags) {
        // Not there; hidden by an older filter of system calls; a race that did not end.
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => by_component(folder, name, flags),
        opened => opened,
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn by_kernel(folder: &OwnedFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};

    const TRIES: usize = 8;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut opened = Err(Errno::AGAIN);
    for _ in 0..TRIES {
        opened = openat2(folder, name, flags, Mode::empty(), resolve);
        // `..` while something was renamed: the kernel asks to try again.
        if !matches!(opened, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    opened
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn by_kernel(_: &OwnedFd, _: &str, _: OFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

pub(super) fn by_component(root: &OwnedFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // The folders from below the root to where we are, and what is still to go, last first.
    let mut folders: Vec<OwnedFd> = Vec::new();
    let mut ahead: Vec<Vec<u8>> = Vec::new();
    go(&mut ahead, name.as_bytes());
    let mut symlinks = 0;
    while let Some(part) = ahead.pop() {
        if part == b".." {
            folders.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let here = folders.last().unwrap_or(root);
        let part = CString::new(part).map_err(|_| Errno::INVAL)?;
        let stat = statat(here, &part, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            symlinks += 1;
            if symlinks > MAX_SYMLINKS {
                return Err(Errno::LOOP);
            }
            let target = readlinkat(here, &part, Vec::new())?;
            if target.to_bytes().starts_with(b"/") {
                return Err(Errno::XDEV);
            }
            go(&mut ahead, target.to_bytes());
        } else if ahead.is_empty() {
            return openat(here, &part, flags | OFlags::NOFOLLOW, Mode::empty());
        } else {
            folders.push(openat(here, &part, folder_flags, Mode::empty())?);
        }
    }
    // The way ended with `.`, `..` or a symlink to them: a folder.
    openat(folders.last().unwrap_or(root), c".", flags, Mode::empty())
}

/// Puts the components of a way before what is still to go.
fn go(ahead: &mut Vec<Vec<u8>>, way: &[u8]) {
    let parts = way.split(|byte| *byte == b'/');
    let parts = parts.filter(|part| !part.is_empty() && *part != b".");
    ahead.extend(parts.rev().map(<[u8]>::to_vec));
}
