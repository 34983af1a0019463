//! Which C library a program was built for, by its ELF header. Reads one file and runs nothing.

use std::{fs::File, io::Read, path::Path};

/// The C libraries that a worker exists for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Libc {
    Gnu,
    Musl,
}

/// The program's C library; for scripts and everything else that has no ELF header the system's own.
pub(crate) fn libc_of(program: &Path) -> Libc {
    let mut start = Vec::new();
    let read = File::open(program).and_then(|file| file.take(64 * 1024).read_to_end(&mut start));
    match read.ok().and_then(|_| program_interpreter(&start)) {
        Some(interpreter) => libc_by_name(interpreter),
        None => system_libc(),
    }
}

fn libc_by_name(interpreter: &[u8]) -> Libc {
    if interpreter.windows(7).any(|window| window == b"ld-musl") {
        Libc::Musl
    } else {
        Libc::Gnu
    }
}

fn system_libc() -> Libc {
    let machine = std::env::consts::ARCH;
    if Path::new(&format!("/lib/ld-musl-{machine}.so.1")).exists()
        && !Path::new("/lib64/ld-linux-x86-64.so.2").exists()
    {
        Libc::Musl
    } else {
        Libc::Gnu
    }
}

/// The path in the `PT_INTERP` segment of a 64-bit little-endian ELF file.
fn program_interpreter(file: &[u8]) -> Option<&[u8]> {
    const PT_INTERP: u64 = 3;
    if file.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let table = number(file, 32, 8)?;
    let (size, count) = (number(file, 54, 2)?, number(file, 56, 2)?);
    (0..count)
        .filter_map(|index| usize::try_from(table.checked_add(index * size)?).ok())
        .find(|&header| number(file, header, 4) == Some(PT_INTERP))
        .and_then(|header| {
            let offset = usize::try_from(number(file, header.checked_add(8)?, 8)?).ok()?;
            let length = usize::try_from(number(file, header.checked_add(32)?, 8)?).ok()?;
            file.get(offset..offset.checked_add(length)?)
        })
}

fn number(file: &[u8], offset: usize, size: usize) -> Option<u64> {
    let bytes = file.get(offset..offset.checked_add(size)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(interpreter: &str) -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[32] = 64;
        file[54] = 56;
        file[56] = 1;
        let mut header = vec![0; 56];
        header[0] = 3;
        header[8] = 120;
        header[32] = u8::try_from(interpreter.len()).expect("it is short");
        file.extend(header);
        file.extend(interpreter.bytes());
        file
    }

    #[test]
    fn the_dynamic_loader_tells_the_library() {
        for (interpreter, libc) in [
            ("/lib64/ld-linux-x86-64.so.2", Libc::Gnu),
            ("/lib/ld-musl-x86_64.so.1", Libc::Musl),
        ] {
            let file = elf(interpreter);
            assert_eq!(program_interpreter(&file), Some(interpreter.as_bytes()));
            assert_eq!(libc_by_name(interpreter.as_bytes()), libc);
        }
    }

    #[test]
    fn broken_headers_are_no_reason_to_fail() {
        let whole = elf("/lib/ld-musl-x86_64.so.1");
        for length in 0..whole.len() {
            program_interpreter(&whole[..length]);
            let mut wild = whole.clone();
            wild[length] = 0xff;
            program_interpreter(&wild);
        }
        assert_eq!(program_interpreter(b"#!/bin/sh\n"), None);
    }
}
