//! How much a wheel may be: far above every wheel there is, far below what harms the machine that reads it.

/// Bounds of a wheel.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Files; an archive of more would need the ZIP64 form of its directory, which is not taken.
    pub entries: usize,
    /// Folders that files lie in, those above them among them: names are short, and what they stand for may not be.
    pub folders: usize,
    /// Bytes of the archive's directory.
    pub directory: u64,
    /// Bytes of one file, unpacked.
    pub entry: u64,
    /// Bytes of all files, unpacked.
    pub unpacked: u64,
    /// Unpacked bytes for each packed one, where there are more than `ratio_from`. Deflate reaches 1032.
    pub ratio: u64,
    /// Unpacked bytes up to which the ratio does not matter: files of zeros are small.
    pub ratio_from: u64,
    /// Bytes of RECORD, and of each other file about the wheel that is read into memory.
    pub metadata: u64,
    /// Bytes of the scripts whose first line is rewritten, in all; and of the programs made of entry points.
    pub scripts: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 65_534,
            folders: 65_534,
            directory: 64 << 20,
            entry: 4 << 30,
            unpacked: 8 << 30,
            ratio: 200,
            ratio_from: 64 << 20,
            metadata: 16 << 20,
            scripts: 16 << 20,
        }
    }
}

/// A number of bytes as people read it.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} bytes"),
        1024..0x10_0000 => format!("{} KiB", count >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", count >> 20),
        _ => format!("{} GiB", count >> 30),
    }
}
