//! Settings and baselines are read whole: only from ordinary files of a bounded size, since a pipe or a device may
//! never end.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

const LARGEST: u64 = 256 << 20;

pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    if !found.is_file() && !found.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no ordinary file",
        ));
    }
    let mut text = String::new();
    // Some files do not say how long they are.
    let read = fs::File::open(path)?
        .take(LARGEST + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > LARGEST) {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {} MiB", LARGEST >> 20),
        ));
    }
    Ok(text)
}
