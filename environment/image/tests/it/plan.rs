//! The plan of layers: what it promises for any wheels, and what it saves for ten notebooks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use expect_test::expect;
use nbvet_image::{
    bytecode::Python,
    layer::plan::{Member, Planned, plan},
};

fn member(name: &str, version: &str, size: u64) -> Member {
    Member {
        name: name.to_owned(),
        sha256: format!("{name}-{version}"),
        size,
    }
}

fn some(count: usize, large: usize) -> Vec<Member> {
    (0..count)
        .map(|number| {
            let size = if number < large {
                2_000_000 + number as u64 * 400_000
            } else {
                10_000
            };
            member(&format!("p{number}"), "1", size)
        })
        .collect()
}

fn python() -> Python {
    Python {
        tag: "cpython-311".to_owned(),
        magic: "a70d0d0a".to_owned(),
        version: "cpython-3.11.7".to_owned(),
        image: None,
    }
}

fn keys(wheels: &[Member], layers: &[Planned]) -> Vec<String> {
    let python = python();
    let key = |layer: &Planned| layer.key(wheels, Some(&python)).tag().to_owned();
    layers.iter().map(key).collect()
}

#[test]
fn every_wheel_is_laid_down_once_within_the_limit() {
    for (count, large) in [
        (1, 0),
        (1, 1),
        (30, 5),
        (52, 11),
        (70, 20),
        (150, 10),
        (200, 90),
        (400, 400),
    ] {
        for base in [0, 1, 40, 56, 57, 80, 110, 117, 118] {
            for bytecode in [false, true] {
                let wheels = some(count, large);
                let layers = plan(&wheels, base, 1, bytecode).unwrap();
                let said = format!("{count} {large} {base} {bytecode}");
                assert!(layers.len() <= 63 && layers.len() + base < 120, "{said}");
                let holds = || layers.iter().flat_map(|layer| &layer.holds);
                let files: Vec<usize> = holds().filter(|held| held.files).map(|held| held.wheel).collect();
                let codes = holds().filter(|held| held.bytecode).count();
                assert_eq!(files.len(), count, "{said}");
                assert_eq!(files.iter().collect::<HashSet<_>>().len(), count, "{said}");
                assert_eq!(codes, if bytecode { count } else { 0 }, "{said}");
            }
        }
    }
    assert_eq!(plan(&[], 200, 1, true).unwrap(), []);
    let refused = plan(&some(1, 0), 119, 1, true).unwrap_err();
    expect!["the base image has 119 layers: with those of the packages there would be more than 120, which runtimes refuse. Name a base of fewer layers: `podman build --squash-all` makes one of it"].assert_eq(&refused.to_string());
}

#[test]
fn the_order_of_the_lock_is_no_matter() {
    let wheels = some(150, 10);
    let mut turned = wheels.clone();
    turned.reverse();
    let layers = plan(&wheels, 3, 1, true).unwrap();
    assert_eq!(
        keys(&wheels, &layers),
        keys(&turned, &plan(&turned, 3, 1, true).unwrap())
    );
}

/// How many layers are new after a change.
fn check(before: &[Member], after: &[Member], most: usize) {
    let old: BTreeSet<String> = keys(before, &plan(before, 3, 1, true).unwrap())
        .into_iter()
        .collect();
    let new = keys(after, &plan(after, 3, 1, true).unwrap());
    let count = new.iter().filter(|key| !old.contains(*key)).count();
    assert!(count <= most, "{count} of {} are new", new.len());
}

#[test]
fn a_change_is_a_matter_of_few_layers() {
    for count in [40, 52, 150] {
        let wheels = some(count, 11);
        for changed in 0..count {
            let mut after = wheels.clone();
            after[changed].sha256.push('b');
            check(&wheels, &after, if changed < 11 { 2 } else { 1 });
            after.remove(changed);
            check(&wheels, &after, 1);
            check(&after, &wheels, if changed < 11 { 2 } else { 1 });
        }
    }
}

/// Of a distribution: packed and unpacked bytes of its layer and of that of its byte-code.
struct Sizes {
    wheel: u64,
    layer: [u64; 2],
    bytecode: [u64; 2],
}

/// numpy, pandas, scikit-learn, matplotlib, ipykernel and nbclient with all that they need, as built in November 2026.
fn mid() -> BTreeMap<&'static str, Sizes> {
    include_str!("mid.txt")
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap();
            let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
            let sizes = Sizes {
                wheel: numbers[0],
                layer: [numbers[1], numbers[2]],
                bytecode: [numbers[3], numbers[4]],
            };
            (name, sizes)
        })
        .collect()
}

const PANDAS: &[&str] = &["numpy", "pandas", "python-dateutil", "tzdata", "six"];
const SCIPY: &[&str] = &["numpy", "scipy"];
const LEARN: &[&str] = &[
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "threadpoolctl",
    "narwhals",
];
const PLOT: &[&str] = &[
    "numpy",
    "matplotlib",
    "contourpy",
    "cycler",
    "fonttools",
    "kiwisolver",
    "packaging",
    "pillow",
    "pyparsing",
    "python-dateutil",
    "six",
];
const CLOUD: &[&str] = &["cloudpickle"];

/// Ten notebooks: what each needs beside the kernel, and which of its pins are other ones.
const NOTEBOOKS: &[(&[&[&str]], &[&str])] = &[
    (&[PANDAS], &[]),
    (&[PANDAS, PLOT], &[]),
    (&[PANDAS, PLOT, LEARN], &[]),
    (&[PLOT], &[]),
    (&[LEARN, PANDAS], &["attrs"]),
    (&[SCIPY, PLOT], &[]),
    (&[PANDAS, LEARN, PLOT, CLOUD], &["pandas", "tzdata"]),
    (&[&["numpy"]], &[]),
    (&[PANDAS, CLOUD], &[]),
    (&[SCIPY, PANDAS, PLOT], &["traitlets", "ipykernel", "numpy"]),
];
/// Packed and unpacked bytes of a base: Debian with Python.
const BASE: [u64; 2] = [66_700_000, 196_600_000];

/// Bytes of the whole of ten notebooks: in a registry and on a node, against one layer for each notebook.
fn stored(is_pinned_alike: bool) -> String {
    let mid = mid();
    let others: HashSet<&str> = [LEARN, PLOT, CLOUD, &["pandas", "tzdata"]]
        .concat()
        .into_iter()
        .collect();
    let shared = ["packaging", "python-dateutil", "six"];
    let is_kernel = |name: &str| !others.contains(name) || shared.contains(&name);
    let (mut blobs, mut chains) = (HashMap::new(), HashMap::new());
    let (mut one_layer, mut most) = ([0; 2], 0);
    for (stacks, changed) in NOTEBOOKS {
        let wanted: HashSet<&str> = stacks.concat().into_iter().collect();
        let wheels: Vec<Member> = mid
            .iter()
            .filter(|(name, _)| is_kernel(name) || wanted.contains(*name))
            .map(|(name, sizes)| {
                let version = if changed.contains(name) && !is_pinned_alike {
                    "2"
                } else {
                    "1"
                };
                member(name, version, sizes.wheel)
            })
            .collect();
        let layers = plan(&wheels, 1, 1, true).unwrap();
        most = most.max(layers.len());
        let mut chain = String::new();
        for (layer, key) in layers.iter().zip(keys(&wheels, &layers)) {
            let mut bytes = [0; 2];
            for held in &layer.holds {
                let sizes = &mid[&*wheels[held.wheel].name];
                for (side, bytes) in bytes.iter_mut().enumerate() {
                    *bytes += if held.files { sizes.layer[side] } else { 0 };
                    *bytes += if held.bytecode { sizes.bytecode[side] } else { 0 };
                }
            }
            chain += &key;
            one_layer = [one_layer[0] + bytes[0], one_layer[1] + bytes[1]];
            chains.insert(chain.clone(), bytes[1]);
            blobs.insert(key, bytes[0]);
        }
    }
    let line = |name: &str, side: usize, ours: u64| {
        let (ours, theirs) = (ours + BASE[side], one_layer[side] + BASE[side]);
        let ratio = theirs * 100 / ours;
        format!(
            "{name}: {} MB instead of {} MB, {}.{:02}x\n",
            ours / 1_000_000,
            theirs / 1_000_000,
            ratio / 100,
            ratio % 100
        )
    };
    line("registry", 0, blobs.values().sum())
        + &line("node", 1, chains.values().sum())
        + &format!("layers: at most {most}\n")
}

#[test]
fn ten_notebooks() {
    expect![[r#"
        registry: 242 MB instead of 1002 MB, 4.13x
        node: 1658 MB instead of 3441 MB, 2.07x
        layers: at most 61
    "#]]
    .assert_eq(&stored(false));
    expect![[r#"
        registry: 207 MB instead of 1002 MB, 4.83x
        node: 1447 MB instead of 3441 MB, 2.37x
        layers: at most 61
    "#]]
    .assert_eq(&stored(true));
}
