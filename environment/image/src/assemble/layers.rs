//! The layers of wheels: those that the repository keeps are taken, the others are made. Wheels of a layer are compiled
//! one after another by one Python while other layers are packed and sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
};

use nbvet_deps::{Lock, target::Target};
use serde::Serialize;

use super::{Error, Order, Tools, launcher};
use crate::{
    base::Probe,
    bytecode::{Bytecode, Compiler, Python},
    index::{Chosen, PackageIndex, Progress},
    layer::{
        self, Key, Layer, Made as MadeFile, Part, Stored,
        plan::{self, Holding},
    },
    layout,
    wheel::{Limits, Wheel},
};

/// Layers that are asked for, packed or sent at a time.
const JOBS: usize = 4;

/// Layers that are no wheels': that of [`top`].
const OTHERS: usize = 1;

/// What is being done, for who waits.
#[derive(Debug, Clone, Copy)]
pub enum Doing<'d> {
    /// It is looked up which files are needed.
    Choosing,
    /// So many layers are known, and so many are to be made.
    Planned {
        /// Known.
        known: usize,
        /// To be made.
        new: usize,
    },
    /// Something about a file.
    File(Progress<'d>),
    /// A layer is being made of these.
    Making(&'d str),
    /// A layer is there.
    Made(&'d str),
    /// The image is put together.
    Joining,
}

/// A layer and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// `pandas 2.2.3`, or `12 packages: attrs 23.1.0, …`.
    pub what: String,
    /// Bytes of the packed layer.
    pub size: u64,
    /// The repository had it.
    pub known: bool,
}

/// One layer that is to be.
#[derive(Debug, Clone)]
pub struct Group {
    /// What it is known by.
    pub key: Key,
    /// What it holds, in words.
    pub what: String,
    /// What it holds of which of the chosen files, by index.
    pub holds: Vec<Holding>,
}

pub(super) struct MadeLayers {
    pub(super) layers: Vec<(Stored, Told)>,
    pub(super) warnings: Vec<String>,
}

/// Which layers chosen files become, from below, on a base with so many layers. Each has a size.
pub fn groups(chosen: &[Chosen], base_layers: usize, python: Option<&Python>) -> Result<Vec<Group>, Error> {
    let member = |one: &Chosen| plan::Member {
        name: one.name.to_string(),
        sha256: one.sha256.hex().to_owned(),
        size: one.size.unwrap_or_default(),
    };
    let members: Vec<_> = chosen.iter().map(member).collect();
    let planned = plan::plan(&members, base_layers, OTHERS, python.is_some())?;
    let group = |layer: plan::Planned| Group {
        key: layer.key(&members, python),
        what: what(chosen, &layer.holds),
        holds: layer.holds,
    };
    Ok(planned.into_iter().map(group).collect())
}

fn what(chosen: &[Chosen], holds: &[Holding]) -> String {
    let name = |holding: &Holding| {
        let one = &chosen[holding.wheel];
        let part = if holding.files { "" } else { " (byte-code)" };
        format!("{} {}{part}", one.name, one.version)
    };
    match holds {
        [one] => name(one),
        many => {
            let shown: Vec<_> = many.iter().take(8).map(name).collect();
            let more = if many.len() > shown.len() { ", …" } else { "" };
            format!("{} packages: {}{more}", many.len(), shown.join(", "))
        }
    }
}

/// The file of each package of an order's lock, with its size. A size that no index tells is that of the file.
pub fn choose(
    lock: &Lock,
    target: &Target,
    index: &PackageIndex,
    doing: &(dyn Fn(Doing<'_>) + Sync),
) -> Result<Vec<Chosen>, Error> {
    let told = |progress: Progress<'_>| doing(Doing::File(progress));
    let mut chosen = index.choose(lock, target, &told)?;
    check_wheels(&chosen, target)?;
    let without: Vec<usize> = (0..chosen.len())
        .filter(|&at| chosen[at].size.is_none())
        .collect();
    let wanted: Vec<Chosen> = without.iter().map(|&at| chosen[at].clone()).collect();
    let files = index.fetch(&wanted, &told)?;
    for (at, file) in without.into_iter().zip(files) {
        let found = fs::metadata(&file).map_err(|error| Error::Temporary {
            folder: file.display().to_string(),
            error,
        })?;
        chosen[at].size = Some(found.len());
    }
    Ok(chosen)
}

/// All layers of an order's lock.
pub(super) fn ensure(
    order: &Order<'_>,
    base_layers: usize,
    tools: &Tools<'_>,
    compiler: Option<&mut Compiler>,
) -> Result<MadeLayers, Error> {
    (tools.doing)(Doing::Choosing);
    let chosen = choose(order.lock, order.target, tools.index, tools.doing)?;
    let groups = groups(&chosen, base_layers, compiler.as_deref().map(Compiler::python))?;
    let found = crate::index::parallel::each(&groups, 2 * JOBS, |group| tools.shelf.layer(&group.key))?;
    let new: Vec<&Group> = groups
        .iter()
        .zip(&found)
        .filter_map(|(group, found)| found.is_none().then_some(group))
        .collect();
    (tools.doing)(Doing::Planned {
        known: groups.len() - new.len(),
        new: new.len(),
    });
    let mut made = make(&new, &chosen, order, tools, compiler)?;
    let mut warnings = Vec::new();
    let layers = groups.iter().zip(found).map(|(group, found)| {
        let known = found.is_some();
        let stored = found.unwrap_or_else(|| {
            let (stored, said) = made.remove(0);
            warnings.extend(said);
            stored
        });
        let told = Told {
            what: group.what.clone(),
            size: stored.size,
            known,
        };
        (stored, told)
    });
    let layers = layers.collect();
    Ok(MadeLayers { layers, warnings })
}

fn check_wheels(chosen: &[Chosen], target: &Target) -> Result<(), Error> {
    let sources = chosen.iter().filter(|one| !one.is_wheel());
    let packages: Vec<String> = sources
        .map(|one| format!("{}=={}", one.name, one.version))
        .collect();
    if packages.is_empty() {
        return Ok(());
    }
    Err(Error::NeedsBuild {
        packages,
        target: target.to_string(),
    })
}

/// What a layer is made of, compiled and not yet packed.
struct Parts<'g> {
    position: usize,
    group: &'g Group,
    /// Those whose files it holds.
    wheels: Vec<Wheel>,
    bytecode: Vec<Bytecode>,
}

type MadeLayer = (Stored, Vec<String>);

/// Makes layers, and gives them in the order of the groups.
fn make(
    groups: &[&Group],
    chosen: &[Chosen],
    order: &Order<'_>,
    tools: &Tools<'_>,
    mut compiler: Option<&mut Compiler>,
) -> Result<Vec<MadeLayer>, Error> {
    let done: Mutex<Vec<Option<MadeLayer>>> = Mutex::new(vec![None; groups.len()]);
    let failed: Mutex<Option<Error>> = Mutex::new(None);
    let files = fetch(groups, chosen, tools)?;
    let (sender, receiver) = mpsc::sync_channel::<Parts<'_>>(1);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        for _ in 0..JOBS.min(groups.len()) {
            scope.spawn(|| {
                while let Some(parts) = next(&receiver) {
                    let position = parts.position;
                    match pack(parts, tools) {
                        Ok(made) => locked(&done)[position] = Some(made),
                        Err(error) => drop(locked(&failed).get_or_insert(error)),
                    }
                }
            });
        }
        for (position, group) in groups.iter().enumerate() {
            if locked(&failed).is_some() {
                break;
            }
            (tools.doing)(Doing::Making(&group.what));
            let parts = open(
                (position, group),
                (chosen, &files),
                order,
                tools,
                compiler.as_deref_mut(),
            );
            match parts {
                Ok(parts) => {
                    // Nobody receives any more only where all have failed.
                    let _ = sender.send(parts);
                }
                Err(error) => drop(locked(&failed).get_or_insert(error)),
            }
        }
        drop(sender);
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(done
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_iter()
            .flatten()
            .collect()),
    }
}

fn next<'g>(receiver: &Mutex<mpsc::Receiver<Parts<'g>>>) -> Option<Parts<'g>> {
    locked(receiver).recv().ok()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The files of all wheels that are needed, by their index.
fn fetch(groups: &[&Group], chosen: &[Chosen], tools: &Tools<'_>) -> Result<BTreeMap<usize, PathBuf>, Error> {
    let positions: Vec<usize> = groups
        .iter()
        .flat_map(|group| group.holds.iter().map(|holding| holding.wheel))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let wanted: Vec<Chosen> = positions.iter().map(|&wheel| chosen[wheel].clone()).collect();
    let told = |progress: Progress<'_>| (tools.doing)(Doing::File(progress));
    let files = tools.index.fetch(&wanted, &told)?;
    Ok(positions.into_iter().zip(files).collect())
}

/// Looks through the wheels of a layer and compiles them.
fn open<'g>(
    (position, group): (usize, &'g Group),
    (chosen, files): (&[Chosen], &BTreeMap<usize, PathBuf>),
    order: &Order<'_>,
    tools: &Tools<'_>,
    mut compiler: Option<&mut Compiler>,
) -> Result<Parts<'g>, Error> {
    let minor = order.target.minor();
    let is_stdlib = |module: &str| nbvet_deps::inference::is_standard(module, minor);
    let mut wheels = Vec::new();
    let mut bytecode = Vec::new();
    for holding in &group.holds {
        let (file, one) = (&files[&holding.wheel], &chosen[holding.wheel]);
        let sha256 = Some(one.sha256.hex());
        let mut wheel = Wheel::open(file, &one.filename, sha256, &is_stdlib, &Limits::default())?;
        if let Some(compiler) = compiler.as_deref_mut().filter(|_| holding.bytecode) {
            bytecode.push(compiler.compile(&mut wheel, tools.scratch)?);
        }
        if holding.files {
            wheels.push(wheel);
        }
    }
    Ok(Parts {
        position,
        group,
        wheels,
        bytecode,
    })
}

/// Packs a layer and keeps it.
fn pack(parts: Parts<'_>, tools: &Tools<'_>) -> Result<MadeLayer, Error> {
    let Parts {
        group,
        mut wheels,
        mut bytecode,
        ..
    } = parts;
    let said: Vec<String> = wheels
        .iter()
        .flat_map(|wheel| wheel.warnings().iter().map(ToString::to_string))
        .collect();
    let layer = {
        let mut all: Vec<Part<'_>> = wheels.iter_mut().map(Part::Wheel).collect();
        all.extend(bytecode.iter_mut().map(Part::Bytecode));
        layer::build(&mut all, tools.scratch)?
    };
    let clashes = layer.clashes.iter().map(|clash| {
        format!(
            "{} of {} is hidden by that of {}",
            clash.path, clash.hidden, clash.shown
        )
    });
    let said = said.into_iter().chain(clashes).collect();
    tools.shelf.keep_layer(&group.key, &layer)?;
    (tools.doing)(Doing::Made(&group.what));
    Ok((layer.stored, said))
}

/// The one layer that depends on the base image: what starts its Python.
pub(super) fn top(probe: &Probe, tools: &Tools<'_>) -> Result<(Stored, Told), Error> {
    let path = layout::PYTHON
        .strip_prefix(layout::PREFIX)
        .unwrap_or(layout::PYTHON);
    let made = [MadeFile {
        path: path.trim_start_matches('/').to_owned(),
        executable: true,
        bytes: launcher(probe)?.into_bytes(),
    }];
    let layer: Layer = layer::build(&mut [Part::Files(&made)], tools.scratch)?;
    tools.shelf.keep_blob(&layer)?;
    let told = Told {
        what: "what starts the base's Python".to_owned(),
        size: layer.stored.size,
        known: false,
    };
    Ok((layer.stored, told))
}
