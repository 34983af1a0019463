//! Wheels that no one should have made: each is refused with a message that names it.

use expect_test::{Expect, expect};
use nbvet_image::wheel::{Limits, Wheel};
use zip::CompressionMethod;

use crate::{
    layers::{build, listing, text_of},
    made::{Made, is_stdlib, limits, open_bytes},
};

/// The message with which a wheel is refused, when it is opened or when its files are unpacked.
fn check(made: &Made, expected: Expect) {
    check_bytes(&made.bytes(), &made.filename, expected);
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "expectations are written where they are used"
)]
fn check_bytes(bytes: &[u8], filename: &str, expected: Expect) {
    let refused = match open_bytes(bytes, filename) {
        Ok(mut wheel) => wheel.verify().unwrap_err(),
        Err(refused) => refused,
    };
    expected.assert_eq(&refused.to_string());
}

fn entry(name: &str) -> Made {
    Made::new().file(name, "x")
}

#[test]
fn a_sound_wheel_is_taken() {
    let mut wheel = Made::new().file("демо/α,β.txt", "x").open().unwrap();
    wheel.verify().unwrap();
    assert_eq!(wheel.warnings(), []);
}

#[test]
fn names_that_lead_elsewhere() {
    check(
        &entry("/etc/passwd"),
        expect!["demo-1.0-py3-none-any.whl: `/etc/passwd`: a file cannot have this name: it is absolute"],
    );
    check(
        &entry("../demo.py"),
        expect![
            "demo-1.0-py3-none-any.whl: `../demo.py`: a file cannot have this name: it has `.` or `..` as a part"
        ],
    );
    check(
        &entry("a/../../demo.py"),
        expect![
            "demo-1.0-py3-none-any.whl: `a/../../demo.py`: a file cannot have this name: it has `.` or `..` as a part"
        ],
    );
    check(
        &entry("a/./b"),
        expect![
            "demo-1.0-py3-none-any.whl: `a/./b`: a file cannot have this name: it has `.` or `..` as a part"
        ],
    );
    check(
        &entry("a//b"),
        expect!["demo-1.0-py3-none-any.whl: `a//b`: a file cannot have this name: a part of it is empty"],
    );
    check(
        &entry("a\\b"),
        expect![[r#"demo-1.0-py3-none-any.whl: `a\\b`: a file cannot have this name: it has a backslash"#]],
    );
    check(
        &entry("a\nb"),
        expect![[
            r#"demo-1.0-py3-none-any.whl: `a\nb`: a file cannot have this name: it has a control character"#
        ]],
    );
    check(
        &entry("a\u{1b}[31mb"),
        expect![[
            r#"demo-1.0-py3-none-any.whl: `a\u{1b}[31mb`: a file cannot have this name: it has a control character"#
        ]],
    );
    check(
        &entry("a/.wh.b"),
        expect![
            "demo-1.0-py3-none-any.whl: `a/.wh.b`: a file cannot have this name: in a layer `.wh.` deletes files of the layers below"
        ],
    );
    check(
        &entry(&"a".repeat(300)),
        expect![
            "demo-1.0-py3-none-any.whl: `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…`: a file cannot have this name: a part of it is longer than 255 bytes"
        ],
    );
    check(
        &entry(&"a/".repeat(600)),
        expect![
            "demo-1.0-py3-none-any.whl: `a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/…`: a file cannot have this name: it is longer than 1024 bytes"
        ],
    );
}

#[test]
fn a_name_with_nul() {
    let bytes = entry("a0b").bytes();
    check_bytes(
        &replaced(&bytes, b"a0b", b"a\0b"),
        "demo-1.0-py3-none-any.whl",
        expect![[
            r#"demo-1.0-py3-none-any.whl: `a\0b`: a file cannot have this name: it has a control character"#
        ]],
    );
}

#[test]
fn files_for_one_place() {
    let bytes = entry("second.py").file("secone.py", "y").bytes();
    check_bytes(
        &replaced(&bytes, b"secone.py", b"second.py"),
        "demo-1.0-py3-none-any.whl",
        expect![
            "demo-1.0-py3-none-any.whl: two files for one place: an entry of the archive has the name of another"
        ],
    );
    check(
        &entry("demo").file("demo/x.py", "x"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo`: two files for one place: it is a file, and a folder of another"
        ],
    );
    check(
        &entry("demo-1.0.data/purelib/demo.py"),
        expect![
            "demo-1.0-py3-none-any.whl: two files for one place: `site/demo.py` would be installed twice"
        ],
    );
    check(
        &entry("a").file("demo-1.0.data/purelib/a/b", "x"),
        expect!["demo-1.0-py3-none-any.whl: two files for one place: `site/a` would be installed twice"],
    );
    // The file systems of images tell them apart.
    Made::new()
        .file("LICENSE", "x")
        .file("license", "y")
        .open()
        .unwrap();
}

#[test]
fn kinds_that_are_no_files() {
    let kind = |mode| Made::new().with_mode("a", "/etc/passwd", mode);
    check(
        &kind(0o120_777),
        expect![
            "demo-1.0-py3-none-any.whl: `a`: it is a symbolic link; a wheel holds files and folders only"
        ],
    );
    check(
        &kind(0o060_644),
        expect!["demo-1.0-py3-none-any.whl: `a`: it is a device; a wheel holds files and folders only"],
    );
    check(
        &kind(0o010_644),
        expect!["demo-1.0-py3-none-any.whl: `a`: it is a pipe; a wheel holds files and folders only"],
    );
    check(
        &kind(0o140_644),
        expect!["demo-1.0-py3-none-any.whl: `a`: it is a socket; a wheel holds files and folders only"],
    );
    check(
        &kind(0o104_755),
        expect![
            "demo-1.0-py3-none-any.whl: `a`: it is a file that runs as its owner or group; a wheel holds files and folders only"
        ],
    );
}

#[test]
fn bombs() {
    check(
        &entry("a").file("b", vec![0; 2 << 20]),
        expect![
            "demo-1.0-py3-none-any.whl: `b`: it unpacks to 1023 times its size: that is how archives fill a disk"
        ],
    );
    check(
        &entry("a").file("b", vec![0; 17 << 20]),
        expect![
            "demo-1.0-py3-none-any.whl: `b`: it unpacks to 17 MiB, more than the 16 MiB that are allowed"
        ],
    );
    let mut many = Made::new();
    many.method = CompressionMethod::Stored;
    check(
        &many
            .clone()
            .file("a", vec![0; 11 << 20])
            .file("b", vec![0; 11 << 20]),
        expect![
            "demo-1.0-py3-none-any.whl: `b`: with this the wheel unpacks to 22 MiB, more than the 20 MiB that are allowed"
        ],
    );
    for number in 0..2000 {
        many.files.push((format!("f{number}"), Vec::new(), 0o100_644));
    }
    check(
        &many,
        expect!["demo-1.0-py3-none-any.whl: 2004 files, more than the 2000 that are allowed"],
    );
}

#[test]
fn short_files_that_stand_for_much() {
    let deep = (0..10).fold(Made::new(), |made, number| {
        made.file(&format!("{number}/{}x", "d/".repeat(300)), "x")
    });
    check(
        &deep,
        expect![
            "demo-1.0-py3-none-any.whl: its files lie in too many folders, more than the 2000 that are allowed"
        ],
    );
    let points = (0..10_000).map(|number| format!("a{number}=b:c\n"));
    let points: Vec<String> = points.collect();
    check(
        &Made::new().file(
            "demo-1.0.dist-info/entry_points.txt",
            format!("[console_scripts]\n{}", points.concat()),
        ),
        expect![
            "demo-1.0-py3-none-any.whl: entry_points.txt: its programs have more than the 1 MiB that are allowed"
        ],
    );
    let mut large = Made::new();
    large.method = CompressionMethod::Stored;
    check(
        &large.file("demo-1.0.dist-info/METADATA", vec![b'x'; 2 << 20]),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.dist-info/METADATA`: it is 2 MiB, more than the 1 MiB that are allowed"
        ],
    );
    // 200 000 entries look like this: their number stands elsewhere.
    let mut many = Made::new().bytes();
    let end = many.len() - 22;
    many[end + 8..end + 12].fill(0xff);
    check_bytes(
        &many,
        "demo-1.0-py3-none-any.whl",
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: it has the ZIP64 form of more than 65534 files or 4 GiB; download it again, or ask who made it for a new one"
        ],
    );
}

#[test]
fn a_size_that_is_a_lie() {
    let bytes = entry("a").file("b", vec![b'b'; 1000]).bytes();
    let at = find(&bytes, b"PK\x01\x02", b"b");
    let local = find(&bytes, b"PK\x03\x04", b"b");
    let mut smaller = bytes.clone();
    smaller[at + 24..at + 28].copy_from_slice(&10_u32.to_le_bytes());
    check_bytes(
        &smaller,
        "demo-1.0-py3-none-any.whl",
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: invalid Zip archive: header inconsistency detected: uncompressed size mismatch (does not match central directory); download it again, or ask who made it for a new one"
        ],
    );
    smaller[local + 22..local + 26].copy_from_slice(&10_u32.to_le_bytes());
    check_bytes(
        &smaller,
        "demo-1.0-py3-none-any.whl",
        expect!["demo-1.0-py3-none-any.whl: `b`: RECORD and the archive differ: its line has another size"],
    );
    // RECORD joins in the lie.
    let mut made = entry("a").file("b", vec![b'b'; 1000]);
    made.record = Some(made.record_text().replace(",1000\n", ",10\n"));
    let mut bytes = made.bytes();
    bytes[at + 24..at + 28].copy_from_slice(&10_u32.to_le_bytes());
    bytes[local + 22..local + 26].copy_from_slice(&10_u32.to_le_bytes());
    check_bytes(
        &bytes,
        "demo-1.0-py3-none-any.whl",
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: invalid Zip archive: Invalid Central Directory header; download it again, or ask who made it for a new one"
        ],
    );
}

#[test]
fn archives_that_two_readers_read_in_two_ways() {
    let name = "demo-1.0-py3-none-any.whl";
    let bytes = Made::new().bytes();
    check_bytes(
        b"",
        name,
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: it is too short; download it again, or ask who made it for a new one"
        ],
    );
    check_bytes(
        b"<html>not found</html>    ",
        name,
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: its end is missing, or something follows it; download it again, or ask who made it for a new one"
        ],
    );
    check_bytes(
        &bytes[..bytes.len() - 5],
        name,
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: its end is missing, or something follows it; download it again, or ask who made it for a new one"
        ],
    );
    let mut before = b"#!/bin/sh\n".to_vec();
    before.extend(&bytes);
    check_bytes(
        &before,
        name,
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: its directory is not where its end says; download it again, or ask who made it for a new one"
        ],
    );
    let mut behind = bytes.clone();
    behind.extend(&bytes);
    check_bytes(
        &behind,
        name,
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: its directory is not where its end says; download it again, or ask who made it for a new one"
        ],
    );
    let mut comment = bytes.clone();
    let end = bytes.len();
    comment[end - 2] = 3;
    comment.extend(b"abc");
    check_bytes(
        &comment,
        name,
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: its end is missing, or something follows it; download it again, or ask who made it for a new one"
        ],
    );
    // A second entry over the bytes of the first.
    let two = entry("a1").file("a2", "x").bytes();
    let (first, second) = (find(&two, b"PK\x01\x02", b"a1"), find(&two, b"PK\x01\x02", b"a2"));
    let mut over = two.clone();
    over.copy_within(first + 42..first + 46, second + 42);
    check_bytes(
        &over,
        name,
        expect![
            "demo-1.0-py3-none-any.whl: it is no sound zip archive: invalid Zip archive: header inconsistency detected: Local file header filename mismatch (does not match central directory); download it again, or ask who made it for a new one"
        ],
    );
}

#[test]
fn packed_otherwise() {
    let bytes = entry("a").bytes();
    let name = "demo-1.0-py3-none-any.whl";
    let (at, local) = (
        find(&bytes, b"PK\x01\x02", b"a"),
        find(&bytes, b"PK\x03\x04", b"a"),
    );
    let mut encrypted = bytes.clone();
    encrypted[at + 8] |= 1;
    encrypted[local + 6] |= 1;
    check_bytes(
        &encrypted,
        name,
        expect![
            "demo-1.0-py3-none-any.whl: `a`: it is encrypted; wheels are packed by deflate or not at all"
        ],
    );
    let mut unknown = bytes;
    unknown[at + 10] = 12;
    unknown[local + 8] = 12;
    check_bytes(
        &unknown,
        name,
        expect![
            "demo-1.0-py3-none-any.whl: `a`: it is packed in another way; wheels are packed by deflate or not at all"
        ],
    );
}

#[test]
fn what_the_wheel_says_of_itself() {
    let info = |file: &str, text: &str| Made::new().file(&format!("demo-1.0.dist-info/{file}"), text);
    check(
        &Made::new().named("demo-1.0.zip"),
        expect![
            "demo-1.0.zip: the name of a wheel is `name-version-python-abi-platform.whl`: it does not end with `.whl`"
        ],
    );
    check(
        &Made::new().named("demo-1.0-py3-none.whl"),
        expect![
            "demo-1.0-py3-none.whl: the name of a wheel is `name-version-python-abi-platform.whl`: it has too few or too many parts"
        ],
    );
    check(
        &Made::new().named("demo-1.0-x1-py3-none-any.whl"),
        expect![
            "demo-1.0-x1-py3-none-any.whl: the name of a wheel is `name-version-python-abi-platform.whl`: its build number does not start with a digit"
        ],
    );
    check(
        &Made::new().named("demo-1.0-py3-none-any\n.whl"),
        expect![[
            r#"demo-1.0-py3-none-any\n.whl: the name of a wheel is `name-version-python-abi-platform.whl`: it has characters that no such name has"#
        ]],
    );
    check(
        &Made::new().named("other-1.0-py3-none-any.whl"),
        expect![
            "other-1.0-py3-none-any.whl: it holds `demo-1.0.dist-info`, which is not what its file name says"
        ],
    );
    check(
        &Made::new().named("demo-1.1-py3-none-any.whl"),
        expect![
            "demo-1.1-py3-none-any.whl: it holds `demo-1.0.dist-info`, which is not what its file name says"
        ],
    );
    check(
        &entry("other-2.0.dist-info/METADATA"),
        expect![
            "demo-1.0-py3-none-any.whl: it has the folders `demo-1.0.dist-info` and `other-2.0.dist-info`: a wheel is of one distribution"
        ],
    );
    check(
        &Made::new().without("demo-1.0.dist-info/WHEEL"),
        expect!["demo-1.0-py3-none-any.whl: `demo-1.0.dist-info/WHEEL` is missing"],
    );
    check(
        &Made::new().without("demo-1.0.dist-info/METADATA"),
        expect!["demo-1.0-py3-none-any.whl: `demo-1.0.dist-info/METADATA` is missing"],
    );
    check(
        &info("WHEEL", "Wheel-Version: 2.0\nRoot-Is-Purelib: true\n"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.dist-info/WHEEL`: its Wheel-Version is `2.0`, and 1 is what nbvet can read"
        ],
    );
    check(
        &info("WHEEL", "Wheel-Version: 1.0\n"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.dist-info/WHEEL`: it does not say Root-Is-Purelib: true or false"
        ],
    );
    check(
        &info("METADATA", "Name: other\nVersion: 1.0\n"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.dist-info/METADATA`: it is of `other 1.0`, which is not what the file name says"
        ],
    );
    check(
        &info("METADATA", "Name: demo\n\nVersion: 1.0\n"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.dist-info/METADATA`: it is of `demo `, which is not what the file name says"
        ],
    );
    // One name and version, written in two ways.
    Made::new().named("Demo-1-py3-none-any.whl").open().unwrap();
}

#[test]
fn record_differs() {
    let line = "demo.py,sha256=5pqUX3Iky6jP7PEgUuRVjPvdFhGpC8gZFXqVXQxfVbI,6\n";
    let with = |record: &str| Made::new().recorded(|text| text + record);
    check(
        &Made::new().recorded(|text| text.replace("demo.py,", "else.py,")),
        expect![
            "demo-1.0-py3-none-any.whl: `demo.py`: RECORD and the archive differ: RECORD has no line for the file"
        ],
    );
    check(
        &with("gone.py,sha256=5pqUX3Iky6jP7PEgUuRVjPvdFhGpC8gZFXqVXQxfVbI,6\n"),
        expect![
            "demo-1.0-py3-none-any.whl: `gone.py`: RECORD and the archive differ: RECORD has a line for it, and it is not there"
        ],
    );
    check(
        &with(line),
        expect![
            "demo-1.0-py3-none-any.whl: RECORD and the archive differ: line 5: the file has a line already"
        ],
    );
    check(
        &with("a,b\n"),
        expect![
            "demo-1.0-py3-none-any.whl: RECORD and the archive differ: line 5: it is not `path,algorithm=digest,size`"
        ],
    );
    check(
        &with("\"a,b,c\n"),
        expect![
            "demo-1.0-py3-none-any.whl: RECORD and the archive differ: line 5: it is not `path,algorithm=digest,size`"
        ],
    );
    check(
        &Made::new().recorded(|text| text.replace(",6\n", ",7\n")),
        expect![
            "demo-1.0-py3-none-any.whl: `demo.py`: RECORD and the archive differ: its line has another size"
        ],
    );
    let other = |from: &'static str, to: &'static str| {
        Made::new().recorded(move |text| {
            let demo = text.lines().next().unwrap().to_owned();
            text.replace(&demo, &demo.replace(from, to))
        })
    };
    check(
        &other("sha256", "md5"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo.py`: RECORD and the archive differ: its line has no digest by sha256, sha384 or sha512, without which nothing tells that it is the same file"
        ],
    );
    check(
        &other("sha256=", "sha256=A"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo.py`: RECORD and the archive differ: its line has no digest by sha256, sha384 or sha512, without which nothing tells that it is the same file"
        ],
    );
    let changed = Made::new().recorded(|text| text).file("demo.py", "x = 2\n");
    check(
        &changed,
        expect![
            "demo-1.0-py3-none-any.whl: `demo.py`: RECORD and the archive differ: the file has another digest"
        ],
    );
}

#[test]
fn the_digest_of_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let made = Made::new();
    let path = made.write(folder.path());
    let refused = Wheel::open(
        &path,
        &made.filename,
        Some("ab\u{7}"),
        &is_stdlib,
        &Limits::default(),
    )
    .unwrap_err();
    let said = refused.to_string();
    let found = Wheel::open(&path, &made.filename, None, &is_stdlib, &limits()).unwrap();
    expect![[r#"demo-1.0-py3-none-any.whl: its sha256 is FOUND, and ab\u{7} is asked for: it is another file than the one that was locked"#]].assert_eq(&said.replace(found.sha256(), "FOUND"));
    let gone = folder.path().join("gone.whl");
    let refused = Wheel::open(&gone, &made.filename, None, &is_stdlib, &limits()).unwrap_err();
    expect!["demo-1.0-py3-none-any.whl: cannot be read: No such file or directory (os error 2)"]
        .assert_eq(&refused.to_string());
}

#[test]
fn pythons_own_modules() {
    check(
        &entry("enum/__init__.py"),
        expect![
            "demo-1.0-py3-none-any.whl: `enum/__init__.py`: it would replace Python's own module `enum`, since PYTHONPATH comes before the standard library. Leave demo out of the requirements: this Python has `enum`; if something needs the wheel, build from a Dockerfile"
        ],
    );
    check(
        &entry("re.cpython-311-x86_64-linux-gnu.so"),
        expect![
            "demo-1.0-py3-none-any.whl: `re.cpython-311-x86_64-linux-gnu.so`: it would replace Python's own module `re`, since PYTHONPATH comes before the standard library. Leave demo out of the requirements: this Python has `re`; if something needs the wheel, build from a Dockerfile"
        ],
    );
    check(
        &entry("demo-1.0.data/platlib/typing.py"),
        expect![
            "demo-1.0-py3-none-any.whl: `typing.py`: it would replace Python's own module `typing`, since PYTHONPATH comes before the standard library. Leave demo out of the requirements: this Python has `typing`; if something needs the wheel, build from a Dockerfile"
        ],
    );
    // A folder of data hides no module.
    Made::new().file("enum/README.txt", "x").open().unwrap();
}

#[test]
fn places_that_are_not_the_wheels() {
    check(
        &entry("demo-1.0.data/data/site/x.py"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.data/data/site/x.py`: data may not go into `site`, which holds what nbvet installs"
        ],
    );
    check(
        &entry("demo-1.0.data/data/libexec/python"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.data/data/libexec/python`: data may not go into `libexec`, which holds what nbvet installs"
        ],
    );
    check(
        &entry("demo-1.0.data/data/bin/python3"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.data/data/bin/python3`: it would be found before the image's own program of that name"
        ],
    );
    check(
        &entry("demo-1.0.data/scripts/sh"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.data/scripts/sh`: it would be found before the image's own program of that name"
        ],
    );
    check(
        &entry("demo-1.0.data/scripts/a/b"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.data/scripts/a/b`: a program's name is of letters, digits, `-`, `_` and `.`"
        ],
    );
    check(
        &entry("demo-1.0.data/other/x"),
        expect![
            "demo-1.0-py3-none-any.whl: `demo-1.0.data/other/x`: `other` is none of purelib, platlib, headers, scripts, data"
        ],
    );
    check(
        &entry("demo-1.0.data/x"),
        expect!["demo-1.0-py3-none-any.whl: `demo-1.0.data/x`: it is in no folder of `.data`"],
    );
    check(
        &entry("else-1.0.data/purelib/x.py"),
        expect![
            "demo-1.0-py3-none-any.whl: `else-1.0.data/purelib/x.py`: its folder is not the wheel's own, `demo-1.0.data`"
        ],
    );
}

#[test]
fn entry_points() {
    let points = |line: &str| {
        Made::new().file(
            "demo-1.0.dist-info/entry_points.txt",
            format!("[console_scripts]\n{line}\n"),
        )
    };
    check(
        &points("a = demo"),
        expect![
            "demo-1.0-py3-none-any.whl: entry_points.txt: `a = demo`: behind `=` stands something other than `module:function`, each of plain Python names"
        ],
    );
    check(
        &points("a = demo:x;import os"),
        expect![
            "demo-1.0-py3-none-any.whl: entry_points.txt: `a = demo:x;import os`: behind `=` stands something other than `module:function`, each of plain Python names"
        ],
    );
    check(
        &points("a = demo:x()\n"),
        expect![
            "demo-1.0-py3-none-any.whl: entry_points.txt: `a = demo:x()`: behind `=` stands something other than `module:function`, each of plain Python names"
        ],
    );
    check(
        &points("a = demo: x\u{b}y"),
        expect![[
            r#"demo-1.0-py3-none-any.whl: entry_points.txt: `a = demo: x\u{b}y`: behind `=` stands something other than `module:function`, each of plain Python names"#
        ]],
    );
    check(
        &points("../a = demo:x"),
        expect![
            "demo-1.0-py3-none-any.whl: entry_points.txt: `../a = demo:x`: a program's name is of letters, digits, `-`, `_` and `.`"
        ],
    );
    check(
        &points("python3 = demo:x"),
        expect![
            "demo-1.0-py3-none-any.whl: entry_points.txt: `python3 = demo:x`: it would be found before the image's own program of that name"
        ],
    );
    check(
        &points("a\n"),
        expect!["demo-1.0-py3-none-any.whl: entry_points.txt: `a`: it is not `name = module:function`"],
    );
    check(
        &points("a = demo:x [b'; c]"),
        expect![[
            r#"demo-1.0-py3-none-any.whl: entry_points.txt: `a = demo:x [b\'; c]`: behind `=` stands something other than `module:function`, each of plain Python names"#
        ]],
    );
    points("a = demo.sub : x.y [extra]\n# b = c\n[other]\nnot read\n")
        .open()
        .unwrap();
}

#[test]
fn what_has_another_effect_is_told() {
    let mut wheel = Made::new()
        .file("a.pth", "import os; os.system('x')\n")
        .file("b.pth", "folder\n")
        .file("sitecustomize.py", "")
        .file("usercustomize/__init__.py", "")
        .file("usercustomize/other/__init__.py", "")
        .file("__pycache__/demo.cpython-311.pyc", "other code")
        .file("no_source.pyc", "")
        .open()
        .unwrap();
    let said: Vec<String> = wheel.warnings().iter().map(ToString::to_string).collect();
    expect![[r#"
        demo-1.0-py3-none-any.whl: byte-code that it brings is left out (1 file): Python would run it instead of the source beside it
        demo-1.0-py3-none-any.whl: the code in `a.pth` is not run: Python does not read `.pth` files on PYTHONPATH. If the package needs it, build from a Dockerfile
        demo-1.0-py3-none-any.whl: `b.pth` has no effect: Python does not read `.pth` files on PYTHONPATH
        demo-1.0-py3-none-any.whl: `sitecustomize.py` is run whenever a Python of the image starts, and hides a module of that name in the image
        demo-1.0-py3-none-any.whl: `usercustomize/__init__.py` is run whenever a Python of the image starts, and hides a module of that name in the image"#]].assert_eq(&said.join("\n"));
    let layer = build(std::slice::from_mut(&mut wheel));
    let files = listing(&layer);
    assert!(
        files.contains("no_source.pyc") && !files.contains("__pycache__"),
        "{files}"
    );
    let record = text_of(&layer, "RECORD");
    assert!(!record.contains("__pycache__"), "{record}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

/// The header of an entry.
fn find(bytes: &[u8], magic: &[u8], name: &[u8]) -> usize {
    let (length, at) = if magic == b"PK\x01\x02" {
        (28, 46)
    } else {
        (26, 30)
    };
    (0..bytes.len() - 46)
        .find(|start| {
            let head = &bytes[*start..];
            head.starts_with(magic) && usize::from(head[length]) == name.len() && head[at..].starts_with(name)
        })
        .unwrap()
}
