//! The layers of wheels: those that the repository keeps are taken, the others are made. Wheels are compiled by a few Pythons
//! side by side while other layers are packed and sent.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    num::NonZero,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use nbvet_deps::{Lock, target::Target};
use serde::Serialize;

use super::{Error, Order, Shelf, Tools, interpreter};
use crate::{
    base::Probe,
    bytecode::{Bytecode, Compiler, Compilers, Python},
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

/// For so many bytes of wheels that are compiled one more Python is started: it takes as long as some 100 KiB.
const PER_COMPILER: u64 = 1 << 20;

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

/// Which layers chosen files become, from below, on a base with so many layers. Each has a size. Those of `kernel` are named
/// as what was added.
pub fn groups(
    chosen: &[Chosen],
    kernel: Option<&Lock>,
    base_layers: usize,
    python: Option<&Python>,
) -> Result<Vec<Group>, Error> {
    let member = |one: &Chosen| plan::Member {
        name: one.name.to_string(),
        sha256: one.sha256.hex().to_owned(),
        size: one.size.unwrap_or_default(),
    };
    let members: Vec<_> = chosen.iter().map(member).collect();
    let planned = plan::plan(&members, base_layers, OTHERS, python.is_some())?;
    let group = |layer: plan::Planned| Group {
        key: layer.key(&members, python),
        what: what(chosen, kernel, &layer.holds),
        holds: layer.holds,
    };
    Ok(planned.into_iter().map(group).collect())
}

fn what(chosen: &[Chosen], kernel: Option<&Lock>, holds: &[Holding]) -> String {
    let name = |holding: &Holding| {
        let one = &chosen[holding.wheel];
        let is_added = kernel.is_some_and(|kernel| kernel.get(&one.name).is_some());
        let part = match (is_added, holding.files) {
            (false, true) => "",
            (false, false) => " (byte-code)",
            (true, true) => " (kernel)",
            (true, false) => " (kernel, byte-code)",
        };
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

/// The file of each package of an order, with its size. A size that no index tells is that of the file.
pub fn choose(
    order: &Order<'_>,
    index: &PackageIndex,
    doing: &(dyn Fn(Doing<'_>) + Sync),
) -> Result<Vec<Chosen>, Error> {
    let mut chosen = chosen(order.lock, order.target, index, doing)?;
    if let Some(kernel) = order.kernel.lock() {
        let further = self::chosen(kernel, order.target, index, doing);
        chosen.extend(further.map_err(|error| Error::Kernel(Box::new(error)))?);
    }
    Ok(chosen)
}

fn chosen(
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

/// Those of some layers that a repository keeps, by their place.
pub fn kept(groups: &[Group], shelf: &Shelf) -> Result<Vec<Option<Stored>>, Error> {
    let found = crate::index::parallel::each(groups, 2 * JOBS, |group| shelf.layer(&group.key));
    Ok(found?)
}

/// All layers of an order's lock.
pub(super) fn ensure(
    order: &Order<'_>,
    base_layers: usize,
    tools: &Tools<'_>,
    compilers: Option<&Compilers>,
) -> Result<MadeLayers, Error> {
    (tools.doing)(Doing::Choosing);
    let chosen = choose(order, tools.index, tools.doing)?;
    let python = compilers.map(Compilers::python);
    let groups = groups(&chosen, order.kernel.lock(), base_layers, python)?;
    let found = kept(&groups, tools.shelf)?;
    let new: Vec<&Group> = groups
        .iter()
        .zip(&found)
        .filter_map(|(group, found)| found.is_none().then_some(group))
        .collect();
    (tools.doing)(Doing::Planned {
        known: groups.len() - new.len(),
        new: new.len(),
    });
    let mut made = make(&new, &chosen, order, tools, compilers)?;
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

/// What layers are made with and from.
struct Making<'m> {
    chosen: &'m [Chosen],
    /// By their place among the chosen ones.
    files: BTreeMap<usize, PathBuf>,
    order: &'m Order<'m>,
    tools: &'m Tools<'m>,
    compilers: Option<&'m Compilers>,
    failed: Mutex<Option<Error>>,
}

/// Makes layers, and gives them in the order of the groups.
fn make(
    groups: &[&Group],
    chosen: &[Chosen],
    order: &Order<'_>,
    tools: &Tools<'_>,
    compilers: Option<&Compilers>,
) -> Result<Vec<MadeLayer>, Error> {
    let making = Making {
        chosen,
        files: fetch(groups, chosen, tools)?,
        order,
        tools,
        compilers,
        failed: Mutex::new(None),
    };
    let done: Mutex<Vec<Option<MadeLayer>>> = Mutex::new(vec![None; groups.len()]);
    let units = units(groups);
    let taken = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel::<Parts<'_>>(1);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        for _ in 0..JOBS.min(groups.len()) {
            scope.spawn(|| {
                while let Some(parts) = next(&receiver) {
                    let position = parts.position;
                    match pack(parts, tools) {
                        Ok(made) => locked(&done)[position] = Some(made),
                        Err(error) => making.fail(error),
                    }
                }
            });
        }
        for _ in 0..making.openers(groups) {
            let sender = sender.clone();
            let (making, units, taken) = (&making, &units, &taken);
            scope.spawn(move || making.open_all(units, taken, &sender));
        }
        drop(sender);
    });
    match making.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(done
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_iter()
            .flatten()
            .collect()),
    }
}

/// Layers that are opened in one go: the byte-code of a huge wheel lies right above its files.
fn units<'g>(groups: &[&'g Group]) -> Vec<Vec<(usize, &'g Group)>> {
    let mut units: Vec<Vec<(usize, &Group)>> = Vec::new();
    for (position, group) in groups.iter().enumerate() {
        let of = |group: &Group| match group.holds[..] {
            [holding] => Some(holding.wheel),
            _ => None,
        };
        let last = units.last_mut().filter(|unit| {
            let before = unit.last().and_then(|(_, before)| of(before));
            before.is_some() && before == of(group)
        });
        match last {
            Some(unit) => unit.push((position, group)),
            None => units.push(vec![(position, group)]),
        }
    }
    units
}

impl Making<'_> {
    fn fail(&self, error: Error) {
        locked(&self.failed).get_or_insert(error);
    }

    /// How many open and compile side by side.
    fn openers(&self, groups: &[&Group]) -> usize {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let compiled = groups.iter().flat_map(|group| &group.holds);
        let compiled = compiled.filter(|holding| self.compilers.is_some() && holding.bytecode);
        let bytes: u64 = compiled
            .filter_map(|holding| self.chosen[holding.wheel].size)
            .sum();
        usize::try_from(bytes / PER_COMPILER)
            .unwrap_or(cores)
            .clamp(1, cores)
    }

    /// Opens one unit after another, as long as there are some, with a Python of its own.
    fn open_all<'g>(
        &self,
        units: &[Vec<(usize, &'g Group)>],
        taken: &AtomicUsize,
        sender: &mpsc::SyncSender<Parts<'g>>,
    ) {
        let mut compiler = None;
        while let Some(unit) = units.get(taken.fetch_add(1, Ordering::Relaxed)) {
            if locked(&self.failed).is_some() {
                break;
            }
            match self.open(unit, &mut compiler) {
                // Nobody receives any more only where all have failed.
                Ok(parts) => parts.into_iter().for_each(|parts| drop(sender.send(parts))),
                Err(error) => self.fail(error),
            }
        }
    }

    /// Looks through the wheels of some layers and compiles them.
    fn open<'g>(
        &self,
        unit: &[(usize, &'g Group)],
        compiler: &mut Option<Compiler>,
    ) -> Result<Vec<Parts<'g>>, Error> {
        let mut open: BTreeMap<usize, Wheel> = BTreeMap::new();
        let mut all = Vec::new();
        for &(position, group) in unit {
            (self.tools.doing)(Doing::Making(&group.what));
            let mut parts = Parts {
                position,
                group,
                wheels: Vec::new(),
                bytecode: Vec::new(),
            };
            for holding in &group.holds {
                let wheel = match open.entry(holding.wheel) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(self.wheel(holding.wheel)?),
                };
                if holding.bytecode {
                    parts.bytecode.extend(self.compile(wheel, compiler)?);
                }
            }
            all.push(parts);
        }
        for parts in &mut all {
            let files = parts.group.holds.iter().filter(|holding| holding.files);
            parts.wheels = files.filter_map(|holding| open.remove(&holding.wheel)).collect();
        }
        Ok(all)
    }

    fn wheel(&self, wheel: usize) -> Result<Wheel, Error> {
        let minor = self.order.target.minor();
        let is_stdlib = |module: &str| nbvet_deps::inference::is_standard(module, minor);
        let (file, one) = (&self.files[&wheel], &self.chosen[wheel]);
        let sha256 = Some(one.sha256.hex());
        Ok(Wheel::open(
            file,
            &one.filename,
            sha256,
            &is_stdlib,
            &Limits::default(),
        )?)
    }

    /// By the compiler of this thread, which is started for the first wheel.
    fn compile(&self, wheel: &mut Wheel, compiler: &mut Option<Compiler>) -> Result<Option<Bytecode>, Error> {
        let Some(compilers) = self.compilers else {
            return Ok(None);
        };
        let compiler = match compiler {
            Some(compiler) => compiler,
            None => compiler.insert(compilers.start()?),
        };
        Ok(Some(compiler.compile(wheel, self.tools.scratch)?))
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
        bytes: interpreter(probe)?.launcher().into_bytes(),
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
