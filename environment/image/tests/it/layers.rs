//! Layers: what is in them, and that nothing but the wheels decides it.

use std::{fmt::Write as _, fs, io::Read};

use expect_test::expect;
use nbvet_image::{
    layer::{self, Layer, Part},
    layout::{self, Interpreter},
    wheel::Wheel,
};
use tempfile::TempDir;

use crate::made::Made;

pub(crate) fn build(wheels: &mut [Wheel]) -> Layer {
    let mut parts: Vec<Part<'_>> = wheels.iter_mut().map(Part::Wheel).collect();
    layer::build(&mut parts, &std::env::temp_dir()).unwrap()
}

pub(crate) fn archive(layer: &Layer) -> tar::Archive<impl Read> {
    tar::Archive::new(flate2::read::GzDecoder::new(
        fs::File::open(layer.path()).unwrap(),
    ))
}

pub(crate) fn listing(layer: &Layer) -> String {
    let mut text = String::new();
    for entry in archive(layer).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        writeln!(
            text,
            "{:o} {}:{} {} {:>5} {}",
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mtime().unwrap(),
            entry.size(),
            entry.path().unwrap().display()
        )
        .unwrap();
    }
    text
}

pub(crate) fn text_of(layer: &Layer, end: &str) -> String {
    let mut archive = archive(layer);
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry = entries
        .find(|entry| entry.path().unwrap().ends_with(end))
        .unwrap();
    let mut text = String::new();
    entry.read_to_string(&mut text).unwrap();
    text
}

fn full() -> Made {
    Made::new()
        .file("demo_data/table.csv", "a,b\n")
        .with_mode("demo_tool", "#!/bin/sh\n", 0o100_755)
        .file("demo-1.0.data/scripts/demo-script", "#!pythonw -x\nprint(1)\n")
        .file("demo-1.0.data/scripts/demo-shell", "#!/bin/sh\n")
        .file("demo-1.0.data/scripts/demo", "left out: the entry point makes it")
        .file("demo-1.0.data/data/share/jupyter/kernels/demo/kernel.json", "{}")
        .file("demo-1.0.data/data/etc/demo.conf", "")
        .file("demo-1.0.data/headers/demo.h", "")
        .file("demo-1.0.data/platlib/native.so", "ELF")
        .file(
            "demo-1.0.dist-info/entry_points.txt",
            "[console_scripts]\ndemo = demo.main:App.run\n",
        )
        .file("demo-1.0.dist-info/INSTALLER", "pip\n")
}

#[test]
fn files_lie_where_the_layout_says() {
    let layer = build(&mut [full().open().unwrap()]);
    expect![[r#"
        755 0:0 315532800     0 opt/
        755 0:0 315532800     0 opt/nbvet/
        775 0:0 315532800     0 opt/nbvet/env/
        775 0:0 315532800     0 opt/nbvet/env/bin/
        775 0:0 315532800   120 opt/nbvet/env/bin/demo
        775 0:0 315532800    41 opt/nbvet/env/bin/demo-script
        775 0:0 315532800    10 opt/nbvet/env/bin/demo-shell
        775 0:0 315532800     0 opt/nbvet/env/etc/
        664 0:0 315532800     0 opt/nbvet/env/etc/demo.conf
        775 0:0 315532800     0 opt/nbvet/env/include/
        775 0:0 315532800     0 opt/nbvet/env/include/demo/
        664 0:0 315532800     0 opt/nbvet/env/include/demo/demo.h
        775 0:0 315532800     0 opt/nbvet/env/share/
        775 0:0 315532800     0 opt/nbvet/env/share/jupyter/
        775 0:0 315532800     0 opt/nbvet/env/share/jupyter/kernels/
        775 0:0 315532800     0 opt/nbvet/env/share/jupyter/kernels/demo/
        664 0:0 315532800     2 opt/nbvet/env/share/jupyter/kernels/demo/kernel.json
        775 0:0 315532800     0 opt/nbvet/env/site/
        775 0:0 315532800     0 opt/nbvet/env/site/demo-1.0.dist-info/
        664 0:0 315532800     6 opt/nbvet/env/site/demo-1.0.dist-info/INSTALLER
        664 0:0 315532800    46 opt/nbvet/env/site/demo-1.0.dist-info/METADATA
        664 0:0 315532800  1075 opt/nbvet/env/site/demo-1.0.dist-info/RECORD
        664 0:0 315532800    75 opt/nbvet/env/site/demo-1.0.dist-info/WHEEL
        664 0:0 315532800    43 opt/nbvet/env/site/demo-1.0.dist-info/entry_points.txt
        664 0:0 315532800     6 opt/nbvet/env/site/demo.py
        775 0:0 315532800     0 opt/nbvet/env/site/demo_data/
        664 0:0 315532800     4 opt/nbvet/env/site/demo_data/table.csv
        775 0:0 315532800    10 opt/nbvet/env/site/demo_tool
        664 0:0 315532800     3 opt/nbvet/env/site/native.so
    "#]]
    .assert_eq(&listing(&layer));
    expect![[r#"
        ../bin/demo,sha256=9zVF3kr4IRGbhYXLjZyeilg7ouaKg_f-hf8zYQOeGiI,120
        ../bin/demo-script,sha256=87Y8P5kGp5FyrEL6K-k04tMLqxe3luUFk9yKv9c54TY,41
        ../bin/demo-shell,sha256=qAdtPSjSHgIBKyDq99v3VAmmJ3E0Q5Al8oLjaOMwWr8,10
        ../etc/demo.conf,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0
        ../include/demo/demo.h,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0
        ../share/jupyter/kernels/demo/kernel.json,sha256=RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o,2
        demo-1.0.dist-info/INSTALLER,sha256=PG_t4G202z32MQQFRdqpkwSyrwExtPRfmp-Nqkzmca0,6
        demo-1.0.dist-info/METADATA,sha256=NKonpgZPlYtBt4GiF_KQ_Qq1-WUeK25Kzas0G3uTwwU,46
        demo-1.0.dist-info/RECORD,,
        demo-1.0.dist-info/WHEEL,sha256=GOJWfGKy_s7ZRMtmrMyJFvIHxzo0gLZVhGWWyTqB6uo,75
        demo-1.0.dist-info/entry_points.txt,sha256=t8OsmisiXnqN0Kl786qJMC1TCbzbUj-T3trZU9xgxTM,43
        demo.py,sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q,6
        demo_data/table.csv,sha256=W-CMloSh0l787gkxggSCQniwi7-0rvlz_-_QuddHgxM,4
        demo_tool,sha256=qAdtPSjSHgIBKyDq99v3VAmmJ3E0Q5Al8oLjaOMwWr8,10
        native.so,sha256=cGq-PJAVIHXmVrZhB5cw-s8yPz68zadUfuGTXJCEWgk,3
    "#]]
    .assert_eq(&text_of(&layer, "demo-1.0.dist-info/RECORD"));
    expect![[r##"
        #!/opt/nbvet/env/libexec/python
        import sys
        from demo.main import App
        if __name__ == "__main__":
            sys.exit(App.run())
    "##]]
    .assert_eq(&text_of(&layer, "bin/demo"));
    expect![[r#"
        #!/opt/nbvet/env/libexec/python
        print(1)
    "#]]
    .assert_eq(&text_of(&layer, "bin/demo-script"));
}

#[test]
fn long_names_and_names_in_other_scripts_survive() {
    let deep = format!("{}/x.py", "folder/".repeat(40).trim_end_matches('/'));
    let long = format!("{}.py", "a".repeat(120));
    let layer = build(&mut [Made::new()
        .file(&deep, "1")
        .file(&long, "2")
        .file("пакет/данные.txt", "3")
        .open()
        .unwrap()]);
    let names = listing(&layer);
    for name in [&*deep, &long, "пакет/данные.txt"] {
        assert!(names.contains(&format!("opt/nbvet/env/site/{name}\n")), "{names}");
    }
}

/// The bytes of every layer follow from these: when the archive, the packer or the layout changes, so does this, and
/// `layout::VERSION` must be counted up, else two builders call two layers by one key.
#[test]
fn the_bytes_are_always_the_same() {
    let mut noise = Vec::new();
    let mut state = 1_u32;
    for _ in 0..400_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [random, _, _, choice] = state.rotate_left(8).to_le_bytes();
        let word = b"the quick brown fox"[usize::from(random) % 19];
        noise.push(if choice < 64 { random } else { word });
    }
    let layer = build(&mut [full().file("noise.bin", noise).open().unwrap()]);
    expect![[r#"
        (
            "2",
            Stored {
                digest: "sha256:933df68e6facc39c17f57b26520f1b5ba91ca02611fd1f2ca001782bfb6b700f",
                diff_id: "sha256:5ca87a0c365bc21d900cd1d30c97ff3ac82da7d6ce80f76bccfc9838bae8b60e",
                size: 294839,
                uncompressed: 424448,
            },
        )
    "#]]
    .assert_debug_eq(&(layout::VERSION, &layer.stored));
}

#[test]
fn the_order_of_entries_in_the_wheel_is_no_matter() {
    let made = full();
    let mut turned = made.clone();
    turned.files.reverse();
    turned.record = Some(made.record_text());
    let first = build(&mut [made.open().unwrap()]);
    let second = build(&mut [turned.open().unwrap()]);
    assert_eq!(first.stored, second.stored);
}

#[test]
fn a_wheel_that_lies_makes_no_layer() {
    let folder = TempDir::new().unwrap();
    let mut wheel = Made::new()
        .recorded(|text| text)
        .file("demo.py", "x = 2\n")
        .open()
        .unwrap();
    let error = layer::build(&mut [Part::Wheel(&mut wheel)], folder.path()).unwrap_err();
    expect![
        "demo-1.0-py3-none-any.whl: `demo.py`: RECORD and the archive differ: the file has another digest"
    ]
    .assert_eq(&error.to_string());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Linux starts a script by an interpreter that is a script itself.
#[test]
fn programs_start_by_the_launcher() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let python = std::process::Command::new(crate::pip::python())
        .args(["-c", "import sys; print(sys.executable, end='')"])
        .output()
        .unwrap();
    let python = String::from_utf8(python.stdout).unwrap();
    let launcher = write("python", &Interpreter::new(&python).unwrap().launcher());
    let layer = build(&mut [full().open().unwrap()]);
    let program = text_of(&layer, "bin/demo-script").replace(layout::PYTHON, launcher.to_str().unwrap());
    let program = write(
        "demo-script",
        &program.replace("print(1)", "import sys; print(sys.argv[1:])"),
    );
    let output = std::process::Command::new(program)
        .args(["a b", "$c"])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "['a b', '$c']\n",
        "{output:?}"
    );
    assert_eq!(Interpreter::new("python3"), None);
    assert_eq!(Interpreter::new("/bin/python3; rm -rf /"), None);
}

/// What is kept of a layer beside it in a registry is read back, and nothing else is.
#[test]
fn annotations_of_a_kept_layer() {
    let stored = build(&mut [full().open().unwrap()]).stored;
    let annotations = stored.annotations();
    let read = |digest: &str, size| {
        let annotation = |name: &str| {
            let found = annotations.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| value.as_str())
        };
        layer::Stored::read(digest, size, annotation)
    };
    assert_eq!(read(&stored.digest, stored.size), Some(stored.clone()));
    assert_eq!(read("sha256:abc", stored.size), None);
    assert_eq!(layer::Stored::read(&stored.digest, 1, |_| None), None);
    // No archive of this length can be packed into so many bytes, or none.
    assert_eq!(read(&stored.digest, 0), None);
    assert_eq!(read(&stored.digest, 2 * stored.uncompressed), None);
}

/// A wheel of one large file is never held: the room that the process takes stays far below its size.
#[test]
fn memory_does_not_grow_with_the_wheel() {
    let peak = || -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let folder = TempDir::new().unwrap();
    let (name, size) = ("demo-1.0-py3-none-any.whl", 600 << 20);
    let path = folder.path().join(name);
    crate::made::write_large(&path, size);
    let before = peak();
    let limits = nbvet_image::wheel::Limits::default();
    let mut wheel = Wheel::open(&path, name, None, &|_| false, &limits).unwrap();
    let layer = layer::build(&mut [Part::Wheel(&mut wheel)], folder.path()).unwrap();
    let grown = peak() - before;
    assert!(layer.stored.uncompressed > size, "{:?}", layer.stored);
    // Other tests run beside this one, in the same process.
    assert!(grown < 200 << 10, "{grown} KiB more");
}

const CHILD: &str = "NBVET_TEST_CHILD";

/// Another process with another umask, user, time zone, locale and folder for temporary files makes the same bytes.
#[test]
fn the_surroundings_are_no_matter() {
    use std::os::unix::{fs::PermissionsExt as _, process::CommandExt as _};
    let stored = build(&mut [full().open().unwrap()]).stored;
    if std::env::var_os(CHILD).is_some() {
        println!("{}", stored.digest);
        return;
    }
    let folder = TempDir::new().unwrap();
    let open_to_all = fs::Permissions::from_mode(0o1777);
    fs::set_permissions(folder.path(), open_to_all).unwrap();
    let program = folder.path().join("it");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let is_root = status.contains("Uid:\t0\t0");
    for (umask, zone, locale) in [("077", "Asia/Tokyo", "C"), ("000", "America/Lima", "tr_TR.UTF-8")] {
        let mut child = std::process::Command::new("sh");
        child.args(["-c", "umask $0; exec \"$@\"", umask]).arg(&program);
        child.args(["--exact", "layers::the_surroundings_are_no_matter", "--nocapture"]);
        child.envs([(CHILD, "1"), ("TZ", zone), ("LC_ALL", locale)]);
        child.env("TMPDIR", folder.path()).current_dir("/");
        if is_root {
            child.uid(65_534).gid(65_534);
        }
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains(&stored.digest),
            "{umask} {zone} {locale}: {output:?}"
        );
    }
}
