//! Every rule's page is its test; and what the rules say, whole.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use nbvet_report::{Flag, Level, Readers, Row};

use super::{ALL, find};
use crate::policy::{PolicyRule, testing::Case};

struct Example {
    image: bool,
    good: bool,
    text: String,
}

fn examples(rule: &PolicyRule) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in rule.meta.doc.lines() {
        let line = line.strip_prefix(' ').unwrap_or(line);
        match line {
            "```requirements bad" | "```requirements good" | "```image bad" | "```image good" => {
                inside = true;
                examples.push(Example {
                    image: line.starts_with("```image"),
                    good: line.ends_with("good"),
                    text: String::new(),
                });
            }
            "```" => inside = false,
            _ if inside => {
                let example = examples.last_mut().expect("it has begun");
                example.text += line;
                example.text += "\n";
            }
            _ => {}
        }
    }
    examples
}

#[test]
fn every_bad_example_is_reported_by_its_rule_and_no_good_one() {
    // These are about imports, which no file says.
    let of_files = |rule: &&PolicyRule| !["NB930", "NB932"].contains(&rule.meta.id);
    for rule in ALL.iter().filter(of_files) {
        let examples = examples(rule);
        for good in [true, false] {
            let has = examples.iter().any(|example| example.good == good);
            assert!(has, "{} has no example that is good: {good}", rule.meta.id);
        }
        for example in examples {
            let mut case = Case::new(if example.image { "" } else { &example.text });
            case.with_releases = true;
            case.with_environment = true;
            case.base_image = example.image.then(|| example.text.trim().to_owned());
            let told: Vec<&str> = case.found().iter().map(|finding| finding.rule.meta.id).collect();
            let reported = told.contains(&rule.meta.id);
            assert_eq!(
                reported, !example.good,
                "{}: {told:?}\n{}",
                rule.meta.id, example.text
            );
        }
    }
}

#[test]
fn every_page_says_what_why_and_how_to_mend_it() {
    let numbers = (900..=920).chain([930, 932, 933]);
    for (rule, number) in ALL.iter().zip(numbers) {
        assert_eq!(rule.meta.id, format!("NB{number}"));
        assert!(!rule.meta.summary().is_empty(), "{rule:?}");
        for part in ["## Why it matters", "## Examples", "## How to mend it"] {
            assert!(rule.meta.doc.contains(part), "{rule:?}: {part}");
        }
        assert_eq!(
            find(rule.meta.name).map(|found| found.meta.id),
            Some(rule.meta.id)
        );
    }
    assert_eq!(ALL.len(), 24);
}

/// The paragraph on NB901-NB920 of the table of severities.
#[test]
fn s2_dependencies_stand_in_the_rows_that_the_table_names() {
    let rows = |wanted: fn(Row) -> bool| -> Vec<&str> {
        ALL.iter()
            .filter(|rule| wanted(rule.meta.row))
            .map(|rule| rule.meta.id)
            .collect()
    };
    assert_eq!(
        rows(|row| row == Row::Unpinned),
        ["NB901", "NB902", "NB904", "NB905"]
    );
    assert_eq!(
        rows(|row| row == Row::Refused),
        ["NB900", "NB907", "NB908", "NB909", "NB910", "NB915"]
    );
    // NB918: images are assembled so that what the file pins hides what the base has.
    assert_eq!(
        rows(|row| row == Row::Advice),
        ["NB918", "NB919", "NB930", "NB933"]
    );
    assert_eq!(rows(|row| row == Row::Undeclared), ["NB932"]);
    assert_eq!(
        rows(|row| row == Row::From(Level::Production)),
        [
            "NB903", "NB906", "NB911", "NB912", "NB913", "NB914", "NB916", "NB917", "NB920"
        ]
    );
    let raised: Vec<_> = ALL
        .iter()
        .filter_map(|rule| Some((rule.meta.id, rule.meta.raised_by?)))
        .collect();
    assert_eq!(
        raised,
        [
            ("NB908", Flag::VerifyHashes),
            ("NB911", Flag::FailOnConflict),
            ("NB912", Flag::FailOnConflict)
        ]
    );
}

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&Case::new(text).told());
}

#[test]
fn what_is_not_pinned_is_told_with_the_command_that_pins_it() {
    check(
        "pandas>=2\nscikit-learn\nnumpy==1.*\nattrs===24.2.0\n",
        &expect![[r#"
            NB901 requirements.txt:1: 2 lines do not say which version is installed: `pandas>=2`, `scikit-learn`
              why: What is newest on the day of the build is installed, which may not be what you validated.
              help: pin the versions that you validated (`pip freeze` tells them), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
              requirements.txt:2: `scikit-learn`
            NB902 requirements.txt:3: `numpy==1.*` is no pin: the wildcard moves with each release of that series
              why: pip takes it for pinned, but installs the newest version that begins so.
              help: write the whole version that you validated, or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
            NB903 requirements.txt:4: `attrs===24.2.0` compares characters, not versions
              why: `===1.0` does not match 1.0.0, and what follows need not be a version.
              help: write `==` in place of `===`
        "#]],
    );
}

#[test]
fn a_pin_elsewhere_counts_unless_lines_have_hashes() {
    check(
        "-c c.txt\npandas\n# --- c.txt\npandas==2.2.3\n",
        &expect![[r#""#]],
    );
    check(
        "-c c.txt\npandas --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n# --- c.txt\npandas==2.2.3\n",
        &expect![[r#"
            NB901 requirements.txt:2: `pandas` needs its version with `==`, and nothing else, since lines have hashes
              why: With hashes, pip takes a package for pinned only if `==` stands alone on its first line, and refuses others.
              help: write the version with `==` on this line, and no other condition
        "#]],
    );
}

#[test]
fn urls_repositories_and_paths() {
    check(
        "t @ https://me:word@h.example/t-1.0-py3-none-any.whl\n\
         https://h.example/t-1.0-cp312-cp312-win_amd64.whl#sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709\n\
         t @ git+https://h.example/t.git@v1\nt @ git+https://h.example/t.git\nt @ git+https://h.example/t.git@e83c516\n\
         -e ./here\n../../x\nfile:///x/y-1-py3-none-any.whl\n",
        &expect![[r#"
            NB904 requirements.txt:1: nothing says that `https://****@h.example/t-1.0-py3-none-any.whl` is still the file that you validated
              why: What stands behind a URL can be replaced, and nothing would notice.
              help: add its digest, `--hash=sha256:…`; `curl -fsSL 'https://****@h.example/t-1.0-py3-none-any.whl' | sha256sum` prints it
            NB904 requirements.txt:2: `sha1` of `https://h.example/t-1.0-cp312-cp312-win_amd64.whl` can be forged
              why: Other files with the same md5 or sha1 can be made.
              help: add its digest, `--hash=sha256:…`; `curl -fsSL 'https://h.example/t-1.0-cp312-cp312-win_amd64.whl' | sha256sum` prints it
            NB905 requirements.txt:3: `v1` of `https://h.example/t.git` is a branch or a tag, which can move
              why: The next build may install other code than the one you validated.
              help: write the whole commit behind the `@`: `git ls-remote 'https://h.example/t.git' 'v1'` prints it
            NB905 requirements.txt:4: `https://h.example/t.git` is taken from its default branch, which moves with each commit
              why: The next build installs other code than the one you validated.
              help: write the whole commit behind the `@`: `git ls-remote 'https://h.example/t.git' 'HEAD'` prints it
            NB905 requirements.txt:5: `e83c516` of `https://h.example/t.git` is a short commit
              why: It may one day stand for two commits, and a branch or tag may have such a name.
              help: write the whole commit behind the `@`: `git ls-remote 'https://h.example/t.git' 'e83c516'` prints it
            NB906 requirements.txt:6: `./here` is editable: what is installed changes with the checkout
              why: The image cannot be made again from its list of packages.
              help: vendor a wheel: `pip wheel --no-deps --wheel-dir wheels FOLDER`, and name the file with its `--hash` (`pip hash` prints it)
            NB907 requirements.txt:7: `../../x` is not in this repository
              why: What is installed must be decided by what is in the repository alone.
              help: copy it into the repository and name it by its path from the file with this line
            NB907 requirements.txt:8: `file:///x/y-1-py3-none-any.whl` is not in this repository
              why: What is installed must be decided by what is in the repository alone.
              help: copy it into the repository and name it by its path from the file with this line
            NB910 requirements.txt:1: a password or a token stands in `https://****@h.example/t-1.0-py3-none-any.whl`
              why: It is in the history of the repository for good, and whoever reads that can use it.
              help: change it, take it out of the URL, and give the build a secret with it (`~/.netrc`)
            NB911 requirements.txt:2: `https://h.example/t-1.0-cp312-cp312-win_amd64.whl#sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709` contradicts `t @ https://****@h.example/t-1.0-py3-none-any.whl` in `requirements.txt:1`
              why: Both name a file or a repository for one package: the installation would stop.
              help: keep one of the lines, with the version that was validated
              requirements.txt:1: `t @ https://****@h.example/t-1.0-py3-none-any.whl` here
            NB916 requirements.txt:2: `https://h.example/t-1.0-cp312-cp312-win_amd64.whl#sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709` is a wheel for another Python or platform than Python 3.11.9 on linux-x86_64-glibc2.28
              why: It cannot be installed there.
              help: name the wheel for Python 3.11.9 on linux-x86_64-glibc2.28
        "#]],
    );
}

#[test]
fn lines_without_a_hash_are_listed_in_one_finding() {
    let hash = "--hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut text =
        format!("six==1 {hash}\nt @ git+https://h.example/t.git@e83c5163316f89bfbde7d9ab23ca2e25604af290\n");
    for number in 0..13 {
        let _ = writeln!(text, "p{number}==1");
    }
    check(
        &text,
        &expect![[r#"
            NB908 requirements.txt:2: 14 of 15 requirements have no hash, although this file asks for them: `t @ git+https://h.example/t.git@e83c5163316f89bfbde7d9ab23ca2e25604af290`
              why: One hash makes pip ask for a hash of every line and of all that the lines need: it would install nothing.
              help: vendor a wheel of what has no hash (`pip wheel --no-deps --wheel-dir wheels …`) and name it with its `--hash`; then keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
              requirements.txt:3: `p0==1`: no hash
              requirements.txt:4: `p1==1`: no hash
              requirements.txt:5: `p2==1`: no hash
              requirements.txt:6: `p3==1`: no hash
              requirements.txt:7: `p4==1`: no hash
              requirements.txt:8: `p5==1`: no hash
              requirements.txt:9: `p6==1`: no hash
              requirements.txt:10: `p7==1`: no hash
              requirements.txt:11: `p8==1`: no hash
              requirements.txt:12: `p9==1`: no hash; and 3 more
        "#]],
    );
}

#[test]
fn without_a_hash_anywhere_nothing_is_said_unless_hashes_are_to_be_verified() {
    let mut case = Case::new("six==1.17.0\n");
    assert_eq!(case.told(), "");
    case.verify_hashes = true;
    expect![[r#"
        NB908 requirements.txt:1: 1 of 1 requirement has no hash, and hashes are asked for (`verifyHashes`): `six==1.17.0`
          why: Without a hash, a file that was replaced on the index is installed without a word.
          help: keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
    "#]].assert_eq(&case.told());
}

#[test]
fn options_that_decide_where_packages_come_from() {
    check(
        "--extra-index-url https://u:word@pip.example/simple\n-i https://packages.example/simple/\n-f ./wheels\n\
         --trusted-host packages.example\n--use-feature=fast-deps\n--no-require-hashes\n",
        &expect![[r#"
            NB908 requirements.txt:6: `--no-require-hashes` switches the check of hashes off for everybody who installs this
              why: A file that was replaced on the index would be installed without a word.
              help: take the line out
            NB910 requirements.txt:1: `--extra-index-url https://****@pip.example/simple` lets whoever registers a name on either index decide what is installed
              why: pip takes the highest version of all indexes: your private package's name, registered on the public index with a higher version, is installed in its place (dependency confusion).
              help: take the line out and name one index that serves both where the build is configured, or allow this one: `--allow-index URL`, or `allowed-indexes` in `nbvet.toml`
            NB910 requirements.txt:3: `--find-links ./wheels` takes packages from a place that is not among the allowed ones
              why: Where packages come from is decided by whoever runs the build, not by the file.
              help: take the line out and name the index where the build is configured, or allow this one: `--allow-index URL`, or `allowed-indexes` in `nbvet.toml`
            NB910 requirements.txt:5: `--use-feature fast-deps` switches parts of pip on that change from version to version
              why: What is installed then depends on the version of pip.
              help: take the line out
            NB910 requirements.txt:1: a password or a token stands in `--extra-index-url https://****@pip.example/simple`
              why: It is in the history of the repository for good, and whoever reads that can use it.
              help: change it, take it out of the URL, and give the build a secret with it (`~/.netrc`)
        "#]],
    );
}

#[test]
fn lines_of_one_package_are_compared_over_all_files_and_markers() {
    check(
        "Num_Py==1.26.4\n-r more.txt\n-c limits.txt\nsix==1.17.0\nsix==1.17.0\nscipy>=1\nscipy!=1.*,<2\n\
         torch==2.0 ; sys_platform == \"win32\"\ntorch==2.1 ; sys_platform != \"win32\"\n\
         # --- more.txt\nnum-py>=2\n# --- limits.txt\nsix<1.17\nunnamed==1\n",
        &expect![[r#"
            NB901 requirements.txt:6: 2 lines do not say which version is installed: `scipy>=1`, `scipy!=1.*,<2`
              why: What is newest on the day of the build is installed, which may not be what you validated.
              help: pin the versions that you validated (`pip freeze` tells them), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
              requirements.txt:7: `scipy!=1.*,<2`
            NB911 more.txt:1: `num-py>=2` contradicts `Num_Py==1.26.4` in `requirements.txt:1`
              why: No version satisfies both lines: the installation would stop with `ResolutionImpossible`.
              help: keep one of the lines, with the version that was validated
              requirements.txt:1: `Num_Py==1.26.4` here
            NB911 requirements.txt:7: `scipy!=1.*,<2` contradicts `scipy>=1` in `requirements.txt:6`
              why: No version satisfies both lines: the installation would stop with `ResolutionImpossible`.
              help: keep one of the lines, with the version that was validated
              requirements.txt:6: `scipy>=1` here
            NB911 requirements.txt:5 (at most note): `six` is named on 2 lines
              why: They do not contradict each other, but one is forgotten when the other is changed.
              help: keep one of the lines
              requirements.txt:4: `six` here too
            NB912 limits.txt:1: the constraint `six<1.17` contradicts the requirement `six==1.17.0` in `requirements.txt:4`
              why: No version satisfies both: the installation would stop with `ResolutionImpossible`.
              help: bring the line and its constraint to the version that was validated
              requirements.txt:4: `six==1.17.0` here
        "#]],
    );
}

#[test]
fn lines_of_a_file_that_is_included_twice_are_told_once() {
    check(
        "-r a.txt\n-r b.txt\n# --- a.txt\n-r common.txt\n# --- b.txt\n-r common.txt\n\
         # --- common.txt\nsix==1.*\n--pre\n-f wheels\n",
        &expect![[r#"
            NB902 common.txt:1: `six==1.*` is no pin: the wildcard moves with each release of that series
              why: pip takes it for pinned, but installs the newest version that begins so.
              help: write the whole version that you validated, or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
            NB910 common.txt:3: `--find-links wheels` takes packages from a place that is not among the allowed ones
              why: Where packages come from is decided by whoever runs the build, not by the file.
              help: take the line out and name the index where the build is configured, or allow this one: `--allow-index URL`, or `allowed-indexes` in `nbvet.toml`
            NB917 common.txt:2: `--pre` lets versions in that are not final
              why: It counts for packages that these need as well, and for all of them with `--pre`.
              help: take the option out; pin by name what is needed before its final version
        "#]],
    );
}

#[test]
fn a_hash_of_a_constraint_makes_pip_ask_for_all() {
    let hash = "--hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    check(
        &format!("-c c.txt\nsix==1.17.0\n# --- c.txt\nsix==1.17.0 {hash}\n"),
        &expect![[r#"
            NB908 requirements.txt:2: 1 of 1 requirement has no hash, although this file asks for them: `six==1.17.0`
              why: One hash makes pip ask for a hash of every line and of all that the lines need: it would install nothing.
              help: keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
        "#]],
    );
}

/// As pip 23.2 does: tried with a wheel of six.
#[test]
fn of_several_lines_pip_looks_at_the_first_for_hash_and_pin() {
    let hash = "--hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (text, expected) in [
        (format!("six==1.17.0 {hash}\nsix==1.17.0\n"), &["NB911"][..]),
        (format!("six==1.17.0 {hash}\nsix\n"), &["NB911"]),
        (format!("six\nsix==1.17.0 {hash}\n"), &["NB901", "NB908", "NB911"]),
        (format!("six==1.17.0\nsix==1.17.0 {hash}\n"), &["NB908", "NB911"]),
        (format!("six>=1 {hash}\nsix==1.17.0\n"), &["NB901", "NB911"]),
        (format!("six==1.17.0,>=1 {hash}\n"), &["NB901"]),
    ] {
        let found = Case::new(&text).found();
        let ids: Vec<&str> = found.iter().map(|finding| finding.rule.meta.id).collect();
        assert_eq!(ids, expected, "{text}");
    }
}

/// The same where it is not known for which Python: a first line that counts elsewhere says nothing of the next.
#[test]
fn a_first_line_stands_for_those_that_its_marker_covers() {
    let hash = "--hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (first, second, expected) in [
        (
            " ; python_version < \"3\"",
            "six>=1",
            &["NB901", "NB908", "NB911"][..],
        ),
        (
            " ; python_version < \"3\"",
            "six>=1 ; python_version >= \"3\"",
            &["NB901", "NB908"],
        ),
        (
            " ; python_version >= \"3.8\"",
            "six>=1 ; python_version >= \"3.9\"",
            &["NB911"],
        ),
        ("", "six>=1 ; python_version >= \"3\"", &["NB911"]),
    ] {
        let mut case = Case::new(&format!("six==1.17.0{first} {hash}\n{second}\n"));
        case.with_target = false;
        let found = case.found();
        let ids: Vec<&str> = found.iter().map(|finding| finding.rule.meta.id).collect();
        assert_eq!(ids, expected, "{first} {second}");
    }
}

/// 8,000 conditions took 22 seconds.
#[test]
fn more_conditions_than_are_compared_are_told() {
    let line = |most: usize| {
        let parts: Vec<String> = (0..most).map(|number| format!("!={number}")).collect();
        format!("six{}\n", parts.join(","))
    };
    for (most, expected) in [
        (256, &["NB901"][..]),
        (257, &["NB901", "NB911"]),
        (8000, &["NB901", "NB911"]),
    ] {
        let found = Case::new(&line(most)).found();
        let ids: Vec<&str> = found.iter().map(|finding| finding.rule.meta.id).collect();
        assert_eq!(ids, expected, "{most}");
        if let Some(told) = found.get(1) {
            assert_eq!(
                told.message,
                format!("`six` is named with {most} conditions, too many to compare")
            );
        }
    }
}

#[test]
fn a_symlink_that_leads_out_of_the_repository_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let root = folder.path().join("repository");
    std::fs::create_dir(&root).expect("it is new");
    std::fs::write(folder.path().join("out.txt"), "six\n").expect("it can be written");
    std::fs::write(root.join("requirements.txt"), "\n-r link.txt\n").expect("it can be written");
    std::os::unix::fs::symlink("../out.txt", root.join("link.txt")).expect("it can be made");
    let mut tree = crate::Tree::open(&root).expect("it is a folder");
    let fault = crate::formats::read(crate::Format::Requirements, "requirements.txt", &mut tree)
        .expect_err("it leads out");
    let finding = super::of_fault(&fault);
    let place = finding.place.expect("a line includes it");
    assert_eq!(
        (finding.rule.meta.id, &*place.file, place.line),
        ("NB907", "requirements.txt", 2)
    );
    assert_eq!(finding.message, "`link.txt` is not in this repository");
}

/// Who stands where is above; here is how severe that is at learning, development, staging and production.
#[test]
fn s2_severities_at_the_levels() {
    let told = |id: &str| {
        let rule = find(id).expect("there is such a rule");
        rule.meta
            .severities()
            .map(|severity| severity.to_string())
            .join(" ")
    };
    for (ids, expected) in [
        (
            &["NB901", "NB902", "NB904", "NB905"][..],
            "note note warning error",
        ),
        (
            &["NB907", "NB908", "NB909", "NB910", "NB915"],
            "error error error error",
        ),
        (
            &[
                "NB903", "NB906", "NB911", "NB912", "NB913", "NB914", "NB916", "NB917", "NB920",
            ],
            "note note note warning",
        ),
        (&["NB918", "NB919", "NB933"], "note note note note"),
        (&["NB932"], "note warning warning error"),
    ] {
        for id in ids {
            assert_eq!(told(id), expected, "{id}");
        }
    }
}

#[test]
fn three_ranges_may_contradict_each_other_though_no_two_do() {
    check(
        "six!=1.1\nsix>=1.1\nsix<=1.1\n",
        &expect![[r#"
            NB901 requirements.txt:1: 3 lines do not say which version is installed: `six!=1.1`, `six>=1.1`, `six<=1.1`
              why: What is newest on the day of the build is installed, which may not be what you validated.
              help: pin the versions that you validated (`pip freeze` tells them), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
              requirements.txt:2: `six>=1.1`
              requirements.txt:3: `six<=1.1`
            NB911 requirements.txt:2: no version of `six` satisfies all of its 3 lines
              why: The installation would stop with `ResolutionImpossible`.
              help: keep one of the lines, with the version that was validated
              requirements.txt:1: `six` here too
              requirements.txt:3: `six` here too
        "#]],
    );
}

#[test]
fn files_that_break_a_rule_before_they_are_read() {
    let mut told = String::new();
    for text in [
        "-r more.txt\n# --- more.txt\n-c requirements.txt\n",
        "-r https://u:word@h.example/r.txt\n",
        "-r ../../r.txt\n",
        "six --hash=md5:00\n",
        "six --hash=sha256:00\n",
    ] {
        told += &Case::new(text).told();
    }
    expect![[r#"
        NB907 more.txt:1: `requirements.txt` includes itself, or files include each other too deep
          why: No list of packages follows from files that include each other.
          help: take the line out that closes the circle
        NB907 requirements.txt:1: `https://****@h.example/r.txt` is not in this repository
          why: What is installed must be decided by what is in the repository alone (there is no such file).
          help: copy the file into the repository and include it by its path from there
        NB907 requirements.txt:1: `../../r.txt` is not in this repository
          why: What is installed must be decided by what is in the repository alone (there is no such file).
          help: copy the file into the repository and include it by its path from there
        NB909 requirements.txt:1: --hash must be one of sha256, sha384, sha512, not `md5`
          why: pip refuses the whole file.
          help: `pip hash FILE` prints the hash of a file; `uv pip compile --generate-hashes` writes them all
        NB901 requirements.txt:1: `six` may install a different six tomorrow than the one you validated
          why: No version is named: the newest one on the day of the build is installed.
          help: pin the version that you validated (`pip freeze` tells it), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
        NB909 requirements.txt:1: 2 digits in place of 64 in the `sha256` of `six`
          why: No file matches it, so that nothing is installed, or it protects nothing.
          help: `pip hash FILE` prints the hash of a file; or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
    "#]].assert_eq(&told);
}

#[test]
fn ranges_of_a_project_are_mended_by_the_lock_of_its_own_tool() {
    let told = |name: &str, text: &str| {
        let mut told = String::new();
        for finding in Case::of(name, text).found() {
            let place = finding.place.expect("a line says it");
            let _ = writeln!(
                told,
                "{} {}: {}",
                finding.rule.meta.id, place.line, finding.message
            );
            let _ = writeln!(told, "  {}", finding.help.to(Readers::Terminal));
        }
        told
    };
    expect![[r#"
        NB901 5: `pandas>=2` may install a different pandas tomorrow than the one you validated
          lock it: `uv lock` (`poetry lock` for Poetry), or `uv pip compile a/pyproject.toml --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o a/requirements.txt`
        NB915 4: this is for Python `>=3.12`, and the image has 3.11.9
          take a base image with such a Python, or change the range and lock again
    "#]].assert_eq(&told(
        "a/pyproject.toml",
        "[project]\nname = \"x\"\nversion = \"1\"\nrequires-python = \">=3.12\"\n\
         dependencies = [\"pandas>=2\", \"six==1.17.0\"]\n\
         [project.optional-dependencies]\ndev = [\"pytest\"]\n",
    ));
    expect![[r#"
        NB901 6: `pandas = "*"` may install a different pandas tomorrow than the one you validated
          lock it: `pipenv lock`
    "#]]
    .assert_eq(&told(
        "Pipfile",
        "[[source]]\nurl = \"https://pypi.org/simple\"\nverify_ssl = true\nname = \"pypi\"\n\
         [packages]\npandas = \"*\"\n",
    ));
    expect![[r#"
        NB901 4: `pandas` may install a different pandas tomorrow than the one you validated
          write what is under `pip:` to `requirements.in` and lock it: `uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
    "#]].assert_eq(&told(
        "environment.yml",
        "dependencies:\n  - python=3.11\n  - pip:\n    - pandas\n    - six==1.17.0\n",
    ));
}

#[test]
fn of_a_lock_only_what_is_odd_is_told() {
    let lock = "version = 1\nrequires-python = \">=3.11\"\n\
        [[package]]\nname = \"x\"\nversion = \"1\"\nsource = { virtual = \".\" }\n\
        dependencies = [{ name = \"six\" }, { name = \"old\" }]\n\
        [[package]]\nname = \"six\"\nversion = \"1.17.0\"\n\
        source = { registry = \"https://private.example/simple\" }\n\
        wheels = [{ url = \"https://me:word@private.example/six-1.17.0-py2.py3-none-any.whl\", \
        hash = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }]\n\
        [[package]]\nname = \"old\"\nversion = \"2.0rc1\"\n\
        source = { registry = \"https://private.example/simple\" }\n\
        sdist = { url = \"https://private.example/old-2.0rc1.tar.gz\", hash = \"md5:d41d8cd98f00b204e9800998ecf8427e\" }\n";
    expect![[r#"
        NB909 uv.lock:14: `md5` is none of sha256, sha384 and sha512: the hash of `old==2.0rc1`
          why: No file matches it, so that nothing is installed, or it protects nothing.
          help: `pip hash FILE` prints the hash of a file; or lock again: `uv lock`
        NB910 uv.lock:9: this lock takes packages from `https://private.example/simple`, which is not among the allowed indexes
          why: Where packages come from is decided by whoever runs the build, not by the file.
          help: lock again with an allowed index, or allow this one: `--allow-index URL`, or `allowed-indexes` in `nbvet.toml`
        NB910 uv.lock:9: a password or a token stands in `https://****@private.example/six-1.17.0-py2.py3-none-any.whl`
          why: It is in the history of the repository for good, and whoever reads that can use it.
          help: change it, take it out of the URL, and give the build a secret with it (`~/.netrc`)
        NB916 uv.lock:14: `old==2.0rc1` has no wheel for Python 3.11.9 on linux-x86_64-glibc2.28
          why: A source distribution is built: code of its authors runs, and what comes out may differ each time.
          help: pin a version that has a wheel, or make one where its code may run: `pip wheel --no-deps --wheel-dir wheels old==2.0rc1`, and name its folder: `--find-links wheels`
        NB917 uv.lock:14: `old==2.0rc1` is not a final version
          why: Such versions change without notice, and are often deleted once the final one is out.
          help: pin the final version, and validate the notebook with it
    "#]].assert_eq(&Case::of("uv.lock", lock).told());
    let mut case = Case::of(
        "Pipfile.lock",
        r#"{"_meta": {"sources": [{"name": "p", "url": "https://packages.example/simple", "verify_ssl": true}]},
            "default": {"six": {"version": "==1.17.0"}}}"#,
    );
    assert_eq!(case.told(), "");
    case.verify_hashes = true;
    expect![[r#"
        NB908 Pipfile.lock:2: 1 of 1 requirement has no hash, and hashes are asked for (`verifyHashes`): `six==1.17.0`
          why: Without a hash, a file that was replaced on the index is installed without a word.
          help: lock again: `pipenv lock`
    "#]]
    .assert_eq(&case.told());
}

#[test]
fn what_the_index_knows() {
    let mut case = Case::new(
        "requests[socks]==2.32.3\nurllib3==3.0.0\nattrs==21.1.0\ndocopt==0.6.2\nscipy==1.99.0\npandas==2.2.99\nnowhere==1.0\n",
    );
    case.with_releases = true;
    expect![[r#"
        NB913 requirements.txt:1: `requests[socks]==2.32.3` needs `urllib3>=1.21.1,<3`, but `urllib3` 3.0.0 is pinned
          why: The installation would stop with ResolutionImpossible.
          help: keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
          requirements.txt:2: `urllib3==3.0.0` here
        NB913 requirements.txt:1: pinned packages need `idna`, `pysocks`, which no line names
          why: The index answers for it on the day of the build.
          help: keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
          requirements.txt:1: `requests[socks]==2.32.3` needs `idna`
          requirements.txt:1: `requests[socks]==2.32.3` needs `pysocks`
        NB914 requirements.txt:3: the authors withdrew `attrs==21.1.0`
          why: They say: `breaks the build`. A pin still installs it.
          help: pin another version (`pip index versions attrs` lists them) and validate with it, or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
        NB914 requirements.txt:6: the index has no `pandas==2.2.99`
          why: It was deleted, or the number is a typing error: nothing can be installed.
          help: pin a version that it has, such as pandas==2.2.3, its newest, and validate with it
        NB914 requirements.txt:7: the index has no `nowhere==1.0`, and knows no project `nowhere`
          why: The name is a typing error, or the project is on another index: nothing can be installed.
          help: write the name as its authors do, or name the index that has it with `--index-url`
        NB915 requirements.txt:5: `scipy==1.99.0` is for Python `>=3.12`, and the image has 3.11.9
          why: pip and uv refuse to install it there.
          help: take a base image with such a Python, or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 -o requirements.txt`
        NB916 requirements.txt:4: `docopt==0.6.2` has no wheel for Python 3.11.9 on linux-x86_64-glibc2.28
          why: A source distribution is built: code of its authors runs, and what comes out may differ each time.
          help: pin a version that has a wheel, or make one where its code may run: `pip wheel --no-deps --wheel-dir wheels docopt==0.6.2`, and name its folder: `--find-links wheels`
        NB918 requirements.txt:6: `pandas==2.2.99` hides 2.2.3 of the base image
          why: Packages of the base image that were built against the hidden version may not work with this one.
          help: pin the version of the base image where there is no reason for another, or take a base image without it
          requirements.txt:6: `pandas==2.2.99`; the base image has 2.2.3
    "#]].assert_eq(&case.told());
}

/// Work grows with the lines, not with their square.
#[test]
fn hostile_files_are_looked_at_in_little_time() {
    let mut same = String::new();
    let mut pairs = String::new();
    for number in 0..10_000 {
        let _ = writeln!(same, "six>=1.{number}");
        let _ = writeln!(pairs, "p{}>={number},!=7.{number}", number % 400);
    }
    // Each name has ranges that contradict each other only all together, and the contradiction comes last.
    let mut worst = String::new();
    for name in 0..300 {
        for number in 0..30 {
            let _ = writeln!(
                worst,
                "p{name}!={number},!={number}.1 ; python_version > '3.{}'",
                number % 5
            );
        }
        let _ = writeln!(worst, "p{name}<=0.1\np{name}>=0.1,!=0.1");
    }
    let long = format!("six>=1{}\nsix<1\n", ",!=1.2".repeat(40_000));
    let secret = format!("six @ https://h.example{}x.whl\n", "//a@b?".repeat(100_000));
    let begun = std::time::Instant::now();
    let told = Case::new(&same).told();
    assert!(
        told.contains("`six` is named with 10000 conditions, too many to compare"),
        "{told}"
    );
    assert!(Case::new(&long).told().contains("too many to compare"));
    assert!(Case::new(&pairs).found().len() < 100);
    let found = Case::new(&worst).found();
    assert!(found.iter().any(|finding| finding.rule.meta.id == "NB911"));
    assert!(Case::new(&secret).told().len() < 10_000);
    assert!(begun.elapsed().as_secs() < 120, "{:?}", begun.elapsed());
}
