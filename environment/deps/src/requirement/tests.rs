//! Entries as they are written, and how they are taken apart.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use crate::{
    declared::{Dependency, Format},
    formats,
    requirements::Source,
};

struct One<'t>(&'t str);

impl Source for One<'_> {
    fn load(&mut self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.as_bytes().to_vec())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&told(text));
}

fn told(text: &str) -> String {
    match formats::read(Format::Requirements, "requirements.txt", &mut One(text)) {
        Err(fault) => format!("refused: {fault}\n"),
        Ok(declared) => declared.entries.iter().map(shown).collect(),
    }
}

fn shown(entry: &Dependency) -> String {
    let mut line = format!("{}:", entry.place.line);
    let name = entry.name.as_ref().map_or("?", |name| name.as_ref());
    let extras: Vec<&str> = entry.extras.iter().map(AsRef::as_ref).collect();
    let _ = write!(line, " {name}{extras:?} {:?}", entry.wanted);
    if let Some(marker) = entry.marker.try_to_string() {
        let _ = write!(line, " when {marker}");
    } else if entry.marker.is_false() {
        line.push_str(" never");
    }
    for hash in &entry.hashes {
        let _ = write!(line, " {}:{}", hash.algorithm, hash.digest);
    }
    if entry.editable {
        line.push_str(" editable");
    }
    line + "\n"
}

#[test]
fn names_extras_versions_and_markers_are_taken_apart() {
    check(
        "Six\nA.b_C[X, y]  >= 1.0 , <2 ; python_version<'3.9'and(os_name=='posix')\nd===1.0-odd\ne (==1.*)\nf~=1.4.2,\n",
        &expect![[r#"
            1: six[] Index([])
            2: a-b-c["x", "y"] Index([Version(VersionSpecifier { operator: GreaterThanEqual, version: "1.0" }), Version(VersionSpecifier { operator: LessThan, version: "2" })]) when python_full_version < '3.9' and os_name == 'posix'
            3: d[] Index([Arbitrary("1.0-odd")])
            4: e[] Index([Version(VersionSpecifier { operator: EqualStar, version: "1" })])
            5: f[] Index([Version(VersionSpecifier { operator: TildeEqual, version: "1.4.2" })])
        "#]],
    );
}

#[test]
fn urls_repositories_and_paths_are_taken_apart() {
    check(
        "https://h/a_b-1.0-py3-none-any.whl#sha256=00
n[x] @ https://u:p@h/n.zip#sha256=11&subdirectory=d ; sys_platform == 'linux'
git+https://h/o/r.git@v1#egg=Rep
s@ git+ssh://git@h:o/r.git@0123
./dir[x]
w/b-2-py3-none-any.whl ; python_version > '3' --hash=sha256:aa --hash sha512:bb
-e .
-e git+https://h/o/r#egg=r --hash=sha256:00
file:///srv/c.tar.gz
",
        &expect![[r#"
            1: a-b[] Url("https://h/a_b-1.0-py3-none-any.whl") sha256:00
            2: n["x"] Url("https://u:p@h/n.zip") when sys_platform == 'linux' sha256:11
            3: rep[] Vcs { scheme: "git", url: "https://h/o/r.git", revision: Some("v1") }
            4: s[] Vcs { scheme: "git", url: "ssh://git@h:o/r.git", revision: Some("0123") }
            5: ?["x"] Path("./dir")
            6: b[] Path("w/b-2-py3-none-any.whl") when python_full_version >= '3.1' sha256:aa sha512:bb
            7: ?[] Path(".") editable
            8: r[] Vcs { scheme: "git", url: "https://h/o/r", revision: None } editable
            9: ?[] Url("file:///srv/c.tar.gz")
        "#]],
    );
}

#[test]
fn what_pip_refuses_is_refused_with_what_is_wrong() {
    let mut all = String::new();
    for text in [
        "six=1.0",
        "six 1.0",
        "six>=1.0[x]",
        "six=>1",
        "six==",
        "six==1.0foo",
        "six>=1.*",
        "six[",
        "six[a,,b]",
        "-e https://h/a.zip",
        "-e git+https://h/a.git",
        "git@github.com:o/r.git",
        "n @ gopher://h/x",
        "https://h/a-1.whl",
        "https://h/a.zip#egg=a[b]",
        "git+https://h/r@#egg=r",
        "six; python_version",
        "six; python_version ~~ '3'",
        "six; 'a' == 'b'",
        "six; (os_name == 'nt'",
        "six; os_name == 'nt' six",
        "six; platform_release >= '5'",
        "\n\n!",
    ] {
        let _ = write!(all, "{text:?}\n    {}", told(text));
    }
    expect![[r#"
        "six=1.0"
            refused: requirements.txt:1: `six=1.0` is not understood from `=1.0` on: write `==`
        "six 1.0"
            refused: requirements.txt:1: `six 1.0` is not understood from `1.0` on: write `==` before the version
        "six>=1.0[x]"
            refused: requirements.txt:1: `>=1.0[x]` is no condition on a version: after parsing `1.0`, found `[x]`, which is not part of a valid version
        "six=>1"
            refused: requirements.txt:1: `six=>1` is not understood from `=>1` on: write `==`
        "six=="
            refused: requirements.txt:1: `==` is no condition on a version: Unexpected end of version specifier, expected version
        "six==1.0foo"
            refused: requirements.txt:1: `==1.0foo` is no condition on a version: after parsing `1.0`, found `foo`, which is not part of a valid version
        "six>=1.*"
            refused: requirements.txt:1: `>=1.*` is no condition on a version: Operator >= cannot be used with a wildcard version specifier
        "six["
            refused: requirements.txt:1: the end is no name of an extra
        "six[a,,b]"
            refused: requirements.txt:1: `,b]` is no name of an extra
        "-e https://h/a.zip"
            refused: requirements.txt:1: `-e https://h/a.zip` is neither a folder nor a repository: write `NAME @ URL` without -e
        "-e git+https://h/a.git"
            refused: requirements.txt:1: nothing tells the name of `git+https://h/a.git`: write `-e NAME @ URL`
        "git@github.com:o/r.git"
            refused: requirements.txt:1: pip gets nothing from `github.com:` URLs: write https:, file: or a repository such as git+https:. A repository is written `NAME @ git+https://HOST/PATH@COMMIT`
        "n @ gopher://h/x"
            refused: requirements.txt:1: pip gets nothing from `gopher:` URLs: write https:, file: or a repository such as git+https:
        "https://h/a-1.whl"
            refused: requirements.txt:1: `a-1.whl` is no name of a wheel: it has too few or too many parts (NAME-VERSION-PYTHON-ABI-PLATFORM.whl)
        "https://h/a.zip#egg=a[b]"
            refused: requirements.txt:1: `#egg=a[b]` is no package's name: write `NAME[EXTRA] @ URL` instead of `#egg=`
        "git+https://h/r@#egg=r"
            refused: requirements.txt:1: no revision follows the last `@` of `https://h/r@`: name a commit or leave the `@` out
        "six; python_version"
            refused: requirements.txt:1: the end is no comparison: write one of ==, !=, <, <=, >, >=, ~=, ===, in, not in
        "six; python_version ~~ '3'"
            refused: requirements.txt:1: `~~ '3'` is no comparison: write one of ==, !=, <, <=, >, >=, ~=, ===, in, not in
        "six; 'a' == 'b'"
            refused: requirements.txt:1: the marker compares two texts: one side must be a name such as `python_version`
        "six; (os_name == 'nt'"
            refused: requirements.txt:1: a parenthesis of the marker is not closed
        "six; os_name == 'nt' six"
            refused: requirements.txt:1: the marker goes on with `six` where `and`, `or` or its end was expected
        "six; platform_release >= '5'"
            refused: requirements.txt:1: the marker compares platform_release with `>=`: that is the kernel of the machine, which nbvet cannot know
        "\n\n!"
            refused: requirements.txt:3: `!` does not begin with a package's name
    "#]].assert_eq(&all);
}

#[test]
fn a_marker_that_would_grow_without_end_is_refused() {
    let many = |count: usize, one: &dyn Fn(usize) -> String| {
        let terms: Vec<String> = (0..count).map(one).collect();
        format!("six; {}", terms.join(" or "))
    };
    let wide = many(30, &|n| format!("('{n}' in os_name and 'x{n}' in sys_platform)"));
    assert!(
        told(&wide).contains("more than 1000 alternatives"),
        "{}",
        told(&wide)
    );
    let long = many(101, &|n| format!("os_name == '{n}'"));
    assert!(told(&long).contains("more than 100 times"), "{}", told(&long));
    let deep = format!("six; {}os_name == 'nt'{}", "(".repeat(5000), ")".repeat(5000));
    assert!(
        told(&deep).contains("more than 32 parentheses"),
        "{}",
        told(&deep)
    );
    let huge = told("six; python_version > '3.18446744073709551615'");
    assert!(huge.contains("no version of Python"), "{huge}");
}

#[test]
fn the_largest_marker_that_is_read_costs_little() {
    let keys = [
        "python_full_version",
        "implementation_version",
        "os_name",
        "sys_platform",
    ];
    let term = |n: usize| {
        let parts = keys.iter().enumerate().map(|(at, key)| {
            let value = (n * (at * 2 + 3)) % 25;
            let sign = if key.ends_with("version") { ">" } else { "==" };
            format!("{key} {sign} '3.{value}'")
        });
        format!("({})", parts.collect::<Vec<_>>().join(" and "))
    };
    let terms: Vec<String> = (0..25).map(term).collect();
    let began = std::time::Instant::now();
    let said = told(&format!("six; {}", terms.join(" or ")));
    assert!(said.starts_with("1: six"), "{said}");
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}
