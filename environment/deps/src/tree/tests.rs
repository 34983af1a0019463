//! Ways out of a tree, none of which is taken.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    time::Instant,
};

use expect_test::{Expect, expect};
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    io::Errno,
};
use tempfile::TempDir;

use super::*;

/// `tree/` with files, folders and links, and `secret.txt` beside it.
fn ground() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("a/b")).unwrap();
    fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    fs::write(tree.join("top.txt"), "top").unwrap();
    fs::write(tree.join("a/one.txt"), "one").unwrap();
    fs::write(tree.join("a/b/deep.txt"), "deep").unwrap();
    for (name, target) in [
        ("to-one", "a/one.txt"),
        ("to-folder", "a/b"),
        ("a/b/up", "../one.txt"),
        ("out", "../secret.txt"),
        ("out-folder", ".."),
        ("absolute", "/etc/passwd"),
        ("circle", "circle"),
        ("nothing", "a/none.txt"),
        ("a/chain", "b/up"),
    ] {
        symlink(target, tree.join(name)).unwrap();
    }
    // An absolute target counts as outside even where it leads back in.
    symlink(tree.join("top.txt"), tree.join("absolute-inside")).unwrap();
    mkfifo(&tree.join("pipe"));
    folder
}

fn mkfifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Does it in a thread that may read no more than the owner's bits allow, for tests that run as root.
pub(crate) fn without_rights(then: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            #[cfg(target_os = "linux")]
            drop_capabilities();
            then();
        });
        thread.join().unwrap();
    });
}

#[cfg(target_os = "linux")]
fn drop_capabilities() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    let mut sets = capabilities(None).unwrap();
    sets.effective = CapabilitySet::empty();
    set_capabilities(None, sets).unwrap();
}

type Opener = fn(&OwnedFd, &str, OFlags) -> Result<OwnedFd, Errno>;

/// What comes of each name, by the kernel or by us.
fn read_by(open: Opener, names: &[&str]) -> String {
    let folder = ground();
    let tree = Tree::open(&folder.path().join("tree")).unwrap();
    let mut told = String::new();
    for name in names {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let text = open(&tree.folder, name, flags).map(|file| {
            let mut text = String::new();
            let read = File::from(file).read_to_string(&mut text);
            read.map_or_else(|error| error.kind().to_string(), |_| text)
        });
        let _ = writeln!(told, "{name}: {text:?}");
    }
    told
}

fn check(names: &[&str], expected: &Expect) {
    check_in(&ground().path().join("tree"), names, expected);
}

fn check_in(root: &Path, names: &[&str], expected: &Expect) {
    let tree = Tree::open(root).unwrap();
    let mut told = String::new();
    for name in names {
        let _ = match tree.read(name) {
            Ok(bytes) => writeln!(told, "{name} -> {}", String::from_utf8_lossy(&bytes)),
            Err(fault) => writeln!(told, "{fault}"),
        };
    }
    expected.assert_eq(&told);
}

const WAYS: &[&str] = &[
    "top.txt",
    "./a//one.txt",
    "a/../top.txt",
    "a/b/../../top.txt",
    "to-one",
    "to-folder/deep.txt",
    "to-folder/../one.txt",
    "a/b/up",
    "a/chain",
    "a",
    ".",
    "a/..",
    "..",
    "../tree/top.txt",
    "../secret.txt",
    "a/../../secret.txt",
    "out",
    "out-folder",
    "out-folder/secret.txt",
    "absolute",
    "absolute-inside",
    "circle",
    "circle/x",
    "nothing",
    "none.txt",
    "none/../top.txt",
    "top.txt/x",
    "pipe",
];

#[test]
fn reading_component_by_component_gives_what_the_kernel_gives() {
    let by_us = read_by(beneath::by_component, WAYS);
    assert!(by_us.contains("to-folder/../one.txt: Ok(\"one\")"), "{by_us}");
    let by_kernel = read_by(beneath::by_kernel, WAYS);
    if by_kernel.contains("NOSYS") {
        println!("skipped: no openat2 here");
        return;
    }
    assert_eq!(by_us, by_kernel);
}

#[test]
fn files_inside_are_read_through_dots_and_symlinks() {
    check(
        &[
            "top.txt",
            "a/../top.txt",
            "to-one",
            "to-folder/deep.txt",
            "a/chain",
        ],
        &expect![[r#"
            top.txt -> top
            a/../top.txt -> top
            to-one -> one
            to-folder/deep.txt -> deep
            a/chain -> one
        "#]],
    );
}

#[test]
fn ways_out_are_refused_and_told_as_such() {
    check(
        &[
            "../secret.txt",
            "a/../../secret.txt",
            "out",
            "out-folder/secret.txt",
            "absolute",
            "absolute-inside",
        ],
        &expect![[r#"
            ../secret.txt: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
            a/../../secret.txt: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
            out: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
            out-folder/secret.txt: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
            absolute: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
            absolute-inside: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
        "#]],
    );
}

#[test]
fn names_that_mean_no_file_are_refused() {
    check(
        &[
            "",
            "/etc/passwd",
            "a\nb.txt",
            "nul\0",
            "a\u{202e}txt.b",
            "https://me:pw@host/r.txt",
            "file:///etc/passwd",
            "a/",
        ],
        &expect![[r#"
            `` is no name of a file here: it is empty
            `/etc/passwd` is no name of a file here: it is absolute; write it as seen from the root of the tree
            `a\nb.txt` is no name of a file here: it holds a line break or another control character
            `nul\0` is no name of a file here: it holds a line break or another control character
            `a\u{202e}txt.b` is no name of a file here: it holds a line break or another control character
            `https://****@host/r.txt` is no name of a file here: it is a URL; only files of the tree are read
            `file:///etc/passwd` is no name of a file here: it is a URL; only files of the tree are read
            `a/` is no name of a file here: it names a folder
        "#]],
    );
    check(
        &[&"x".repeat(5000)],
        &expect![[r#"
        `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` is no name of a file here: it is too long
    "#]],
    );
}

#[test]
fn what_is_no_ordinary_file_is_refused_without_waiting() {
    let start = Instant::now();
    check(
        &["pipe", "a", "circle", "nothing", "none.txt", "top.txt/x"],
        &expect![[r#"
            pipe: it is a named pipe; only ordinary files are read
            a: it is a folder, not a file
            circle: its symlinks lead in a circle, or one to another too often
            nothing: there is no such file
            none.txt: there is no such file
            top.txt/x: there is no such file
        "#]],
    );
    assert!(start.elapsed().as_secs() < 5, "a pipe was waited for");
}

#[test]
fn large_files_are_refused_and_locks_may_be_larger() {
    let folder = tempfile::tempdir().unwrap();
    let large = vec![b'#'; MAX_BYTES + 1];
    for name in [
        "requirements.txt",
        "uv.lock",
        "pylock.gpu.toml",
        "pylock.a.b.toml",
    ] {
        fs::write(folder.path().join(name), &large).unwrap();
    }
    fs::write(folder.path().join("fits.txt"), &large[..MAX_BYTES]).unwrap();
    let mut tree = Tree::open(folder.path()).unwrap();
    let too_large = Err("it is larger than 1024 KiB".to_owned());
    assert_eq!(tree.load("requirements.txt"), too_large);
    assert_eq!(tree.load("pylock.a.b.toml"), too_large);
    for (name, length) in [
        ("uv.lock", MAX_BYTES + 1),
        ("pylock.gpu.toml", MAX_BYTES + 1),
        ("fits.txt", MAX_BYTES),
    ] {
        assert_eq!(tree.load(name).map(|bytes| bytes.len()), Ok(length));
    }
}

#[test]
fn folders_are_listed_sorted_and_without_names_that_break_lines() {
    let folder = ground();
    let root = folder.path().join("tree");
    fs::write(root.join("a/x\ny.txt"), "").unwrap();
    let tree = Tree::open(&root).unwrap();
    let named = |items: Vec<Item>| -> Vec<String> {
        items
            .into_iter()
            .map(|item| format!("{} {:?}", item.name, item.kind))
            .collect()
    };
    assert_eq!(
        named(tree.list("a").unwrap()),
        ["b Folder", "chain Symlink", "one.txt File"]
    );
    assert_eq!(tree.list("").unwrap(), tree.list("a/../").unwrap());
    let refused = tree.list("out-folder").unwrap_err();
    assert!(matches!(refused, Fault::LeadsOut { .. }), "{refused}");
    assert!(matches!(tree.list("top.txt"), Err(Fault::Missing { .. })));
    assert!(matches!(tree.list("/"), Err(Fault::Name { .. })));
}

#[test]
fn what_may_not_be_read_is_told_as_denied() {
    let folder = ground();
    let root = folder.path().join("tree");
    let closed =
        |name: &str| fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o000)).unwrap();
    closed("top.txt");
    closed("a/b");
    without_rights(|| {
        check_in(
            &root,
            &["top.txt", "a/b/deep.txt", "to-folder/deep.txt"],
            &expect![[r#"
                top.txt: permission denied; let the user that runs nbvet read it
                a/b/deep.txt: permission denied; let the user that runs nbvet read it
                to-folder/deep.txt: permission denied; let the user that runs nbvet read it
            "#]],
        );
        let tree = Tree::open(&root).unwrap();
        assert!(matches!(tree.list("a/b"), Err(Fault::Denied { .. })));
    });
}

#[test]
fn variables_are_those_that_were_given_and_never_those_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let given = BTreeMap::from([("TOKEN".to_owned(), "given".to_owned())]);
    let tree = Tree::open(folder.path()).unwrap().with_variables(given);
    assert_eq!(tree.variable("TOKEN").as_deref(), Some("given"));
    assert!(std::env::var_os("PATH").is_some());
    assert_eq!(tree.variable("PATH"), None);
}

#[test]
fn a_notebook_belongs_to_the_git_tree_around_it_or_to_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
    let found = |notebook: &str| {
        let (tree, name) = Tree::around(&at(notebook)).unwrap();
        let root = tree.root().strip_prefix(at("")).unwrap().display().to_string();
        (root, name)
    };
    fs::create_dir_all(at("plain/deep")).unwrap();
    fs::create_dir_all(at("repository/.git")).unwrap();
    fs::create_dir_all(at("repository/a/b")).unwrap();
    fs::create_dir_all(at("repository/module/c")).unwrap();
    fs::write(at("repository/module/.git"), "gitdir: ../.git/modules/module").unwrap();
    let pair = |root: &str, name: &str| (root.to_owned(), name.to_owned());
    assert_eq!(found("plain/deep/x.ipynb"), pair("plain/deep", "x.ipynb"));
    assert_eq!(found("repository/a/b/x.ipynb"), pair("repository", "a/b/x.ipynb"));
    assert_eq!(
        found("repository/module/c/x.ipynb"),
        pair("repository/module", "c/x.ipynb")
    );
    assert!(Tree::around(&at("none/x.ipynb")).is_err());
}
