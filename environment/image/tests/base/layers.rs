//! Layers by hand: whiteouts, links, hostile archives; and Pythons that no base image of the tests has.

use std::{
    fmt::Write as _,
    io::{Read, Write as _},
    process::{Command, Stdio},
};

use expect_test::{Expect, expect};
use flate2::{Compression, write::GzEncoder};
use nbvet_image::base::{Fault, Probe, Prober};
use tar::{Builder, EntryType, Header};

/// A layer that is being written.
struct Layer(Builder<Vec<u8>>);

impl Layer {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn add(mut self, path: &str, kind: EntryType, target: &str, data: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(data.len() as u64);
        // By hand: the builder refuses what a hostile image holds.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        self.0.append(&header, data).unwrap();
        self
    }

    fn file(self, path: &str, data: impl AsRef<[u8]>) -> Self {
        self.add(path, EntryType::Regular, "", data.as_ref())
    }

    fn link(self, path: &str, target: &str) -> Self {
        self.add(path, EntryType::Symlink, target, b"")
    }

    fn hard_link(self, path: &str, target: &str) -> Self {
        self.add(path, EntryType::Link, target, b"")
    }

    fn folder(self, path: &str) -> Self {
        self.add(path, EntryType::Directory, "", b"")
    }

    fn distribution(self, site: &str, name: &str, version: &str) -> Self {
        let path = format!("{site}/{name}-{version}.dist-info/METADATA");
        self.file(
            &path,
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: 9\n"),
        )
    }

    /// A Python with its standard library and glibc.
    fn python(self, prefix: &str, version: &str) -> Self {
        let minor = version.rsplit_once('.').unwrap().0;
        self.file(
            &format!("{prefix}/bin/python{minor}"),
            format!("\x7fELF.3.49.1\0{version}\0"),
        )
        .link(&format!("{prefix}/bin/python3"), &format!("python{minor}"))
        .file(&format!("{prefix}/lib/python{minor}/os.py"), "")
        .file(
            "lib64/libc.so.6",
            "GNU C Library (GNU libc) stable release version 2.34.\n",
        )
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

const CONFIGURATION: &str =
    r#"{"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin"]}}"#;
const SITE: &str = "usr/lib/python3.11/site-packages";

fn probe_with(configuration: &str, layers: impl IntoIterator<Item = Layer>) -> Probe {
    let mut prober = Prober::new(configuration.as_bytes()).unwrap();
    for layer in layers {
        prober.layer(&layer.bytes()[..]).unwrap();
    }
    prober.finish("sha256:0").unwrap()
}

/// The running Python and what it imports, one a line.
fn check(configuration: &str, layers: impl IntoIterator<Item = Layer>, expected: &Expect) {
    let probe = probe_with(configuration, layers);
    let mut told = match (probe.target(), probe.running.as_ref()) {
        (Ok(target), Some(running)) => format!("{} {target}, {}\n", running.interpreter, running.because),
        (Err(error), _) => format!("{error}\n"),
        (Ok(_), None) => unreachable!("a target is that of what runs"),
    };
    for found in &probe.distributions {
        let mark = if found.used { "" } else { " (not used)" };
        let (name, version, location) = (&found.name, &found.version, &found.location);
        let _ = writeln!(told, "{name} {version} in {location}{mark}");
    }
    told.extend(probe.notes.iter().map(|note| format!("{note}\n")));
    expected.assert_eq(&told);
}

fn base() -> Layer {
    Layer::new()
        .python("usr", "3.11.9")
        .distribution(SITE, "six", "1.0")
}

#[test]
fn an_upper_layer_replaces_and_takes_away() {
    let upper = Layer::new()
        .file(&format!("{SITE}/.wh.six-1.0.dist-info"), "")
        .distribution(SITE, "six", "2.0");
    check(
        CONFIGURATION,
        [base(), upper],
        &expect![[r#"
            /usr/bin/python3 cpython-3.11.9-linux-x86_64-glibc2.34, the first on PATH
            six 2.0 in /usr/lib/python3.11/site-packages
        "#]],
    );
}

#[test]
fn a_whiteout_spares_what_its_own_layer_holds() {
    let upper = Layer::new()
        .distribution(SITE, "new", "1")
        .file(&format!("{SITE}/.wh..wh..opq"), "")
        .file("usr/bin/.wh..wh.plnk", "");
    check(
        CONFIGURATION,
        [base(), upper],
        &expect![[r#"
            /usr/bin/python3 cpython-3.11.9-linux-x86_64-glibc2.34, the first on PATH
            new 1 in /usr/lib/python3.11/site-packages
        "#]],
    );
}

#[test]
fn a_file_takes_the_place_of_a_folder_and_a_folder_that_of_a_link() {
    let upper = Layer::new()
        .file(&format!("./{SITE}/"), "")
        .folder("usr/bin/python3");
    let expected = &expect![[r#"
        no Python is on the PATH of the base image; name an image that has Python 3
    "#]];
    check(CONFIGURATION, [base(), upper], expected);
}

#[test]
fn entries_follow_links_of_lower_layers_to_their_folder() {
    let lower = base().link("packages", "/usr/lib/python3.11/site-packages");
    let upper = Layer::new().distribution("packages", "linked", "1");
    check(
        CONFIGURATION,
        [lower, upper],
        &expect![[r#"
            /usr/bin/python3 cpython-3.11.9-linux-x86_64-glibc2.34, the first on PATH
            linked 1 in /usr/lib/python3.11/site-packages
            six 1.0 in /usr/lib/python3.11/site-packages
        "#]],
    );
}

#[test]
fn a_hard_link_is_the_same_file() {
    let layer = base().distribution("opt/store", "kept", "1").hard_link(
        &format!("{SITE}/kept-1.dist-info/METADATA"),
        "opt/store/kept-1.dist-info/METADATA",
    );
    check(
        CONFIGURATION,
        [layer],
        &expect![[r#"
            /usr/bin/python3 cpython-3.11.9-linux-x86_64-glibc2.34, the first on PATH
            kept 1 in /usr/lib/python3.11/site-packages
            six 1.0 in /usr/lib/python3.11/site-packages
        "#]],
    );
}

#[test]
fn a_virtual_environment_hides_its_base_unless_it_says_otherwise() {
    let venv = |system: &str| {
        let text = format!("home = /usr/bin\ninclude-system-site-packages = {system}\nversion = 3.11.9\n");
        Layer::new()
            .file("opt/venv/pyvenv.cfg", text)
            .link("opt/venv/bin/python3", "/usr/bin/python3")
            .distribution("opt/venv/lib/python3.11/site-packages", "six", "3.0")
    };
    let configuration = CONFIGURATION.replace("/usr/bin", "/opt/venv/bin:/usr/bin");
    let expected = &expect![[r#"
        /opt/venv/bin/python3 cpython-3.11.9-linux-x86_64-glibc2.34, the first on PATH
        six 1.0 in /usr/lib/python3.11/site-packages (not used)
        six 3.0 in /opt/venv/lib/python3.11/site-packages
    "#]];
    check(&configuration, [base(), venv("true")], expected);
    check(&configuration, [base(), venv("false")], expected);
    let of = |system: &str| {
        probe_with(&configuration, [base(), venv(system)])
            .python()
            .unwrap()
            .site
            .len()
    };
    assert_eq!((of("true"), of("false")), (4, 2));
}

#[test]
fn the_version_may_stand_in_the_library_alone() {
    let layer = Layer::new()
        .python("usr", "3.12.4")
        .file("usr/bin/python3.12", "\x7fELF")
        .file("usr/lib64/libpython3.12.so.1.0", "x\x003.12.4\x00");
    check(
        CONFIGURATION,
        [layer],
        &expect![[r#"
            /usr/bin/python3 cpython-3.12.4-linux-x86_64-glibc2.34, the first on PATH
        "#]],
    );
}

#[test]
fn musl_and_free_threads_are_known() {
    let layer = Layer::new()
        .file(
            "usr/local/bin/python3.13t",
            "\x7fELF /lib/ld-musl-x86_64.so.1\0 3.13.1+\0",
        )
        .link("usr/bin/python3", "../local/bin/python3.13t")
        .file("usr/local/lib/python3.13t/os.py", "")
        .file("lib/ld-musl-x86_64.so.1", "musl libc\0\x001.2.5\0");
    check(
        CONFIGURATION,
        [layer],
        &expect![[r#"
            /usr/bin/python3 cpython-3.13.1t-linux-x86_64-musl1.2, the first on PATH
        "#]],
    );
}

#[test]
fn a_kernelspec_says_which_python_runs() {
    let kernel = |program: &str| {
        let text = format!(r#"{{"argv": ["{program}", "-m", "ipykernel_launcher"], "language": "python"}}"#);
        base()
            .python("opt/x", "3.12.1")
            .file("usr/share/jupyter/kernels/python3/kernel.json", text)
    };
    check(
        CONFIGURATION,
        [kernel("/opt/x/bin/python3")],
        &expect![[r#"
            /opt/x/bin/python3 cpython-3.12.1-linux-x86_64-glibc2.34, the kernelspec /usr/share/jupyter/kernels/python3/kernel.json
            six 1.0 in /usr/lib/python3.11/site-packages (not used)
        "#]],
    );
    check(
        CONFIGURATION,
        [kernel("/gone/python3")],
        &expect![[r#"
            /usr/bin/python3 cpython-3.11.9-linux-x86_64-glibc2.34, the first on PATH
            six 1.0 in /usr/lib/python3.11/site-packages
            /usr/share/jupyter/kernels/python3/kernel.json starts /gone/python3, which is not in the image
        "#]],
    );
}

#[test]
fn modules_are_those_of_the_record() {
    let record = "pkg/__init__.py,,\npkg/a.py,,\nsingle.py,,\nfast.cpython-311-x86_64-linux-gnu.so,,\n../../../bin/x,,\n\
                  pkg-1.dist-info/RECORD,,\n__pycache__/single.cpython-311.pyc,,\n\"od,d/x.py\",,\nREADME.txt,,\n";
    let layer = base()
        .distribution(SITE, "pkg", "1")
        .file(&format!("{SITE}/pkg-1.dist-info/RECORD"), record);
    let probe = probe_with(CONFIGURATION, [layer]);
    assert_eq!(
        probe.distribution("pkg").unwrap().modules,
        ["fast", "pkg", "single"]
    );
}

#[test]
fn secrets_of_the_configuration_are_left_out() {
    let configuration = CONFIGURATION.replace("[\"PATH", "[\"TOKEN=s3cret\", \"PATH");
    let json = probe_with(&configuration, [base()]).to_json();
    assert!(!String::from_utf8(json).unwrap().contains("s3cret"));
}

/// The message for a layer that is refused.
fn refused(layer: &[u8], expected: &Expect) {
    let mut prober = Prober::new(CONFIGURATION.as_bytes()).unwrap();
    let fault: Fault = prober.layer(layer).unwrap_err();
    expected.assert_eq(&fault.to_string());
}

#[test]
fn hostile_and_broken_layers_are_refused_in_words() {
    let gzip = |bytes: &[u8]| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let whole = base().bytes();
    refused(
        &[b'x'; 1024],
        &expect!["a layer is no proper tar archive: a header has a wrong checksum"],
    );
    refused(
        &gzip(&whole)[..200],
        &expect!["a layer cannot be read: incomplete deflate stream"],
    );
    refused(
        &whole[..520],
        &expect!["a layer cannot be read: unexpected end of file"],
    );
    let long = Layer::new().add("././@LongLink", EntryType::GNULongName, "", &vec![b'x'; 2 << 20]);
    refused(
        &long.bytes(),
        &expect!["a layer is no proper tar archive: an extended header is longer than 1 MiB"],
    );
}

/// Frames as the program `zstd` makes them: checksummed, of unknown length, of a window that it is told.
fn zstd(arguments: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    let started = Command::new("zstd")
        .args(["--stdout", "--quiet"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        println!("skipped: no zstd (make setup)");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(bytes).unwrap());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        Some(output.stdout)
    })
}

/// A frame that holds no content, as `zstd:chunked` and pzstd write them.
fn skippable(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&[0x5a, 0x2a, 0x4d, 0x18][..], &length.to_le_bytes(), bytes].concat()
}

/// A layer with content enough for several blocks of a frame.
fn large() -> Vec<u8> {
    let lines: Vec<String> = (0..60_000).map(|number| format!("line {number}\n")).collect();
    base().file("usr/share/words", lines.concat()).bytes()
}

#[test]
fn layers_of_zstd_are_read_frame_by_frame() {
    let whole = large();
    let (first, second) = whole.split_at(300_000);
    let pack = |bytes: &[u8]| zstd(&["-19"], bytes);
    let Some((first, second)) = pack(first).zip(pack(second)) else {
        return;
    };
    let chunked = [
        skippable(b"begin"),
        first,
        skippable(&vec![7; 100_000]),
        second,
        skippable(b""),
    ]
    .concat();
    let mut probes = [whole.clone(), zstd(&["-1"], &whole).unwrap(), chunked].map(|layer| {
        let mut blob = &layer[..];
        let mut prober = Prober::new(CONFIGURATION.as_bytes()).unwrap();
        prober.layer(blob.by_ref()).unwrap();
        assert!(blob.is_empty(), "a layer is read to its last byte");
        prober.finish("sha256:0").unwrap()
    });
    assert_eq!(probes[0], probes[1]);
    assert_eq!(probes[0], probes[2]);
    assert_eq!(probes[2].distributions.remove(0).name, "six");
}

#[test]
fn broken_and_hostile_layers_of_zstd_are_refused_in_words() {
    let whole = large();
    let Some(packed) = zstd(&["-3"], &whole) else {
        return;
    };
    refused(
        b"\x28\xb5\x2f\xfd rest",
        &expect![
            "a layer cannot be read: it is no proper zstd stream: Blocksize was bigger than the absolute maximum 131072 (128kb). Is: 953964"
        ],
    );
    refused(
        &packed[..packed.len() / 2],
        &expect!["a layer cannot be read: it is no proper zstd stream: it ends early"],
    );
    refused(
        &[&packed[..], b"more"].concat(),
        &expect!["a layer cannot be read: it is no proper zstd stream: Read wrong magic number: 0x65726F6D"],
    );
    refused(
        &skippable(b"")[..6],
        &expect!["a layer cannot be read: it is no proper zstd stream: it ends early"],
    );
    let mut cut = skippable(b"");
    cut[4] = 100;
    refused(&cut, &expect!["a layer cannot be read: a zstd frame ends early"]);
    // A window of 2 GiB, as `--long=31` asks for.
    refused(
        b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00",
        &expect![
            "a layer cannot be read: a zstd frame asks for 2147483648 bytes of memory, and 134217728 are given: compress it without `--long`"
        ],
    );
    // A dictionary.
    refused(
        b"\x28\xb5\x2f\xfd\x01\x58\x07\x01\x00\x00",
        &expect!["a layer cannot be read: a zstd frame needs a dictionary"],
    );
}

#[test]
fn changed_bytes_of_zstd_stop_nothing_but_their_layer() {
    let Some(packed) = zstd(&["-3"], &large()) else {
        return;
    };
    let (mut refused, mut state) = (0, 1_u64);
    for _ in 0..400 {
        let mut layer = packed.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(state >> 33).unwrap() % layer.len();
            layer[at] = layer[at].wrapping_add(u8::try_from(state >> 56).unwrap() | 1);
        }
        let mut prober = Prober::new(CONFIGURATION.as_bytes()).unwrap();
        refused += usize::from(prober.layer(&layer[..]).is_err());
    }
    assert!(refused > 100, "{refused} of 400");
}

#[test]
fn a_folder_of_many_libraries_that_all_levels_lead_to() {
    let mut layer = base();
    for number in 100..66_100 {
        layer = layer.file(&format!("big/python3.{number}/os.py"), "");
    }
    let mut folder = "usr".to_owned();
    for _ in 0..40 {
        folder += "/d";
        layer = layer
            .link(&format!("{folder}/lib"), "/big")
            .link(&format!("{folder}/lib64"), "/big");
    }
    let layer = layer.file(&format!("{folder}/bin/python3"), "\x7fELF.3.49.1\x003.11.9\0");
    let configuration = CONFIGURATION.replace("/usr/bin", &format!("/{folder}/bin"));
    check(
        &configuration,
        [layer],
        &expect![[r#"
        /usr/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/bin/python3 cpython-3.11.9-linux-x86_64-glibc2.34, the first on PATH
        six 1.0 in /usr/lib/python3.11/site-packages
    "#]],
    );
}

#[test]
fn an_image_that_takes_too_many_steps_is_refused() {
    let mut layer = base();
    for number in 100..66_100 {
        layer = layer.file(&format!("big/python3.{number}/os.py"), "");
    }
    for number in 0..80 {
        layer = layer
            .file(&format!("p{number}/bin/python3"), "")
            .link(&format!("p{number}/lib"), "/big");
    }
    let mut prober = Prober::new(CONFIGURATION.as_bytes()).unwrap();
    prober.layer(&layer.bytes()[..]).unwrap();
    let fault = prober.finish("sha256:0").unwrap_err();
    expect!["the image has more than 4000000 places in which a Python might find something, which is more than nbvet reads"].assert_eq(&fault.to_string());
}

#[test]
fn of_very_many_kernels_the_first_are_told() {
    let mut layer = base();
    for number in 1000..1300 {
        let file = format!("usr/share/jupyter/kernels/k{number}/kernel.json");
        layer = layer.file(&file, r#"{"argv": ["x"], "language": "x"}"#);
    }
    let probe = probe_with(CONFIGURATION, [layer]);
    assert_eq!(probe.kernelspecs.len(), 256);
    assert_eq!(probe.kernelspecs[255].name, "k1255");
    assert_eq!(
        probe.notes,
        ["it has more than 256 kernels, of which the first are told"]
    );
}

#[test]
fn circles_of_links_and_paths_that_leave_the_image_end() {
    let layer = base()
        .link("a", "b")
        .link("b", "a")
        .link("usr/bin/python", "/../../a/x")
        .file("a/deep/python3", "x")
        .file("../../../usr/bin/../../../etc/os-release", "PRETTY_NAME=\"Up\"\n");
    assert_eq!(probe_with(CONFIGURATION, [layer]).system.as_deref(), Some("Up"));
}

#[test]
fn a_layer_is_read_to_its_last_byte() {
    let mut bytes = base().bytes();
    bytes.extend([0; 4096]);
    let mut blob = &bytes[..];
    let mut prober = Prober::new(CONFIGURATION.as_bytes()).unwrap();
    prober.layer(blob.by_ref()).unwrap();
    assert!(blob.is_empty());
}

#[test]
fn long_names_are_read_from_both_kinds_of_headers() {
    let site = format!("usr/lib/{}/{SITE}", "deep/".repeat(30));
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_ustar();
    header.set_size(34);
    header.set_mode(0o644);
    let path = format!("{site}/pax-1.dist-info/METADATA");
    let record = format!(" path={path}\n");
    let length = record.len() + 3;
    let mut pax = Header::new_ustar();
    pax.set_entry_type(EntryType::XHeader);
    pax.set_size(length as u64);
    pax.set_cksum();
    builder
        .append(&pax, format!("{length}{record}").as_bytes())
        .unwrap();
    header.set_cksum();
    builder
        .append(&header, &b"Name: pax\nVersion: 1\nSummary: none"[..])
        .unwrap();
    let mut header = Header::new_gnu();
    header.set_size(20);
    header.set_mode(0o644);
    builder
        .append_data(
            &mut header,
            format!("{site}/gnu-1.dist-info/METADATA"),
            &b"Name: gnu\nVersion: 1"[..],
        )
        .unwrap();
    let configuration = CONFIGURATION.replace("\"]", &format!("\", \"PYTHONPATH=/{site}\"]"));
    let probe = probe_with(&configuration, [base(), Layer(builder)]);
    let names: Vec<_> = probe.installed().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["gnu", "pax", "six"]);
}
