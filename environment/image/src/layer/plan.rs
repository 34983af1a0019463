//! Which wheels share a layer, and which lie below which. Pure: decided before a wheel is read.
//!
//! The reasons, with figures, are docs/decisions/0020-layer-plan.md. In short: a registry keeps each layer once, so that
//! layers of one wheel are shared best; a node keeps each layer once for each different stack below it, so that what most
//! images have, and what is large, lies at the bottom; and there may be only so many layers.

use sha2::{Digest, Sha256};

use super::key::{Content, Key};
use crate::bytecode::Python;

/// Runtimes refuse images of more than about 127 layers; some room is left for those who build on ours.
pub const MAX_LAYERS: usize = 120;
/// Of ours, at most: each costs a pull some tens of milliseconds.
pub const MAX_OURS: usize = 64;
/// From this size on a wheel is large: it has a layer of its own, whatever their number.
pub const LARGE: u64 = 1_000_000;
/// From this size on its byte-code has another, so that its files are shared with images of other Pythons.
pub const HUGE: u64 = 4_000_000;
/// With fewer, one changed wheel takes too many others along.
const MIN_BUNDLES: usize = 8;

/// Large distributions by their place from the bottom: those of the kernel, which are in every image; then, by size and
/// by how many have them, the stacks that are installed together.
const ORDER: &[&str] = &[
    "debugpy",
    "jedi",
    "pygments",
    "torch",
    "triton",
    "tensorflow",
    "jaxlib",
    "pyspark",
    "scipy",
    "numpy",
    "pyarrow",
    "llvmlite",
    "numba",
    "opencv-python",
    "opencv-python-headless",
    "pillow",
    "fonttools",
    "matplotlib",
    "kiwisolver",
    "scikit-learn",
    "xgboost",
    "pandas",
    "polars",
    "statsmodels",
    "plotly",
    "bokeh",
    "sympy",
    "transformers",
    "sqlalchemy",
    "botocore",
];

/// A wheel that is to be in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The distribution, normalised.
    pub name: String,
    /// The wheel's digest, in hexadecimal.
    pub sha256: String,
    /// Bytes of the wheel.
    pub size: u64,
}

/// A layer to be, with what it holds in the order in which it is laid down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Wheels by their place in the list that was planned for.
    pub holds: Vec<Holding>,
}

/// What a layer holds of a wheel: its files, its byte-code, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The wheel's place in the list that was planned for.
    pub wheel: usize,
    /// Its files.
    pub files: bool,
    /// Its byte-code.
    pub bytecode: bool,
}

impl Planned {
    /// What the layer is known by; `python` makes the byte-code.
    pub fn key(&self, wheels: &[Member], python: Option<&Python>) -> Key {
        let contents: Vec<Content<'_>> = (self.holds.iter())
            .filter_map(|holding| {
                let wheel = wheels.get(holding.wheel)?;
                Some(Content {
                    sha256: &wheel.sha256,
                    files: holding.files,
                    bytecode: python.filter(|_| holding.bytecode),
                })
            })
            .collect();
        Key::of(&contents)
    }
}

/// The base leaves no room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the base image has {base} layers: with those of the packages there would be more than {MAX_LAYERS}, which runtimes \
     refuse. Name a base of fewer layers: `podman build --squash-all` makes one of it"
)]
pub struct TooManyLayers {
    /// Layers of the base.
    pub base: usize,
}

/// The layers of wheels on a base, from the bottom up. `others` is how many more nbvet adds. With `bytecode` the layers
/// hold that too.
///
/// The order of `wheels` is no matter. A wheel that changes is a matter of its own layers, or of its bundle.
pub fn plan(
    wheels: &[Member],
    base: usize,
    others: usize,
    bytecode: bool,
) -> Result<Vec<Planned>, TooManyLayers> {
    if wheels.is_empty() {
        return Ok(Vec::new());
    }
    let budget = MAX_LAYERS
        .saturating_sub(base)
        .min(MAX_OURS)
        .saturating_sub(others);
    if budget == 0 {
        return Err(TooManyLayers { base });
    }
    let mut sorted: Vec<usize> = (0..wheels.len()).collect();
    sorted.sort_by_key(|&wheel| rank(&wheels[wheel]));
    let count = |from: u64| wheels.iter().filter(|wheel| wheel.size >= from).count();
    let (large, huge) = (count(LARGE), if bytecode { count(HUGE) } else { 0 });
    let shape = shape(budget, wheels.len() - large, large, huge);
    let (apart, small) = sorted.split_at(shape.apart);
    let mut layers: Vec<Planned> = Vec::with_capacity(budget);
    for &wheel in apart {
        if shape.split && bytecode && wheels[wheel].size >= HUGE {
            layers.push(one(wheel, true, false));
            layers.push(one(wheel, false, true));
        } else {
            layers.push(one(wheel, true, bytecode));
        }
    }
    match shape.bundles {
        None => layers.extend(small.iter().map(|&wheel| one(wheel, true, bytecode))),
        Some(count) => layers.extend(bundles(wheels, small, count, bytecode)),
    }
    Ok(layers)
}

fn one(wheel: usize, files: bool, bytecode: bool) -> Planned {
    Planned {
        holds: vec![Holding {
            wheel,
            files,
            bytecode,
        }],
    }
}

/// From the bottom up: large ones as [`ORDER`] says, then the other large ones by the power of two of their size, then the
/// small ones, which cost little when they are stored again.
fn rank(wheel: &Member) -> (bool, usize, u32, &str, &str) {
    let is_small = wheel.size < LARGE;
    let place = ORDER.iter().position(|name| *name == wheel.name);
    let place = place.filter(|_| !is_small).unwrap_or(ORDER.len());
    let size = if is_small { 0 } else { wheel.size.leading_zeros() };
    (is_small, place, size, &wheel.name, &wheel.sha256)
}

/// How a number of wheels fits into a number of layers.
struct Shape {
    /// Wheels from the bottom with a layer of their own.
    apart: usize,
    /// The byte-code of huge ones is in another layer.
    split: bool,
    /// The others share so many; `None`: each has its own.
    bundles: Option<usize>,
}

fn shape(budget: usize, small: usize, large: usize, huge: usize) -> Shape {
    for (split, taken) in [(true, large + huge), (false, large)] {
        let bundles = match budget.checked_sub(taken) {
            Some(room) if small <= room => None,
            Some(room @ MIN_BUNDLES..) => Some(power_of_two(room)),
            _ => continue,
        };
        return Shape {
            apart: large,
            split,
            bundles,
        };
    }
    // Too many are large: those highest up are bundled like small ones.
    let bundles = power_of_two(budget.div_ceil(2));
    Shape {
        apart: (budget - bundles).min(large),
        split: false,
        bundles: Some(bundles),
    }
}

/// The largest that is not above: some more or fewer wheels do not deal all bundles anew.
fn power_of_two(count: usize) -> usize {
    1 << count.max(1).ilog2()
}

/// Wheels are dealt to bundles by their names, so that another one does not move the rest.
fn bundles(wheels: &[Member], small: &[usize], count: usize, bytecode: bool) -> Vec<Planned> {
    let mut bundles = vec![Vec::new(); count];
    for &wheel in small {
        let digest = Sha256::digest(&wheels[wheel].name);
        let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) as usize % count;
        bundles[number].push(Holding {
            wheel,
            files: true,
            bytecode,
        });
    }
    bundles.retain(|holds| !holds.is_empty());
    bundles.into_iter().map(|holds| Planned { holds }).collect()
}
