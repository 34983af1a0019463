//! What an image is to be made of: a notebook's dependencies, judged and locked for the base image's Python.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use nbvet_deps::{
    Declared, Format, ImageReference, Lock,
    detection::{Decision, Needs, Note},
    formats,
    policy::{Allowed, BaseImage, Review},
    requirements::{self, Opt},
    rules,
    target::Target,
};
use nbvet_image::{
    assemble::{Came, Known, Locks, Probes, Shelf, known},
    kernel::Kernel,
    registry::Platform,
    resolve::Uv,
};
use nbvet_render::{TextOptions, notebook_text};
use nbvet_report::{Diagnostic, ExitCode, Hint, Need, NeedStatus, NotebookReport, Reason};

use super::{failure, network::Network};
use crate::{
    args::{ImageSourceArgs, JudgeArgs, KernelWay, ListFormat, RunArgs},
    config::dependencies::DependencyConfig,
    dependencies::{self, Gathered, Place},
    order::Order,
    output, paths,
    pipeline::Opened,
    settings::{Further, NotebookSettings, Resolver},
    usage::{UsageError, shown},
};

/// How long versions that were found are taken, where nothing else is said: a week.
const TTL: Duration = Duration::from_hours(168);

/// What the notebook's imports are called in messages.
const PROPOSED: &str = "requirements.in";

/// Everything that decides an image.
pub(crate) struct Prepared {
    pub(crate) notebook: PathBuf,
    pub(crate) base: ImageReference,
    pub(crate) known: Known,
    pub(crate) platform: Platform,
    pub(crate) target: Target,
    pub(crate) lock: Lock,
    pub(crate) came: Came,
    pub(crate) kernel: Kernel,
    /// What the lock was made from, in words.
    pub(crate) from: String,
    /// What is to be known before an image is made, and stops nothing.
    pub(crate) warnings: Vec<String>,
}

/// Why there is nothing to build.
pub(crate) enum Stop {
    /// It was told; the command ends with this.
    Refused(ExitCode),
    /// The call, or what surrounds it, is at fault.
    Usage(UsageError),
}

impl From<UsageError> for Stop {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

/// What an image is asked for with.
pub(crate) struct Source<'s> {
    pub(crate) notebook: PathBuf,
    pub(crate) base_image: &'s str,
    pub(crate) platform: &'s str,
    pub(crate) dependencies: DependencyConfig,
    pub(crate) judge: &'s JudgeArgs,
    /// What a job of a cluster orders: see [`Further::job`].
    pub(crate) job: Option<&'s Order>,
    /// The program that resolves; `None`: that on PATH.
    pub(crate) uv: Option<&'s Path>,
    /// How long versions that were found are taken; `None`: as the settings say.
    pub(crate) lock_ttl: Option<Duration>,
}

/// What a notebook needs and what its base image holds, judged and not yet locked.
pub(crate) struct Found {
    pub(crate) notebook: PathBuf,
    pub(crate) base: ImageReference,
    pub(crate) known: Known,
    pub(crate) platform: Platform,
    pub(crate) target: Target,
    pub(crate) settings: NotebookSettings,
    pub(crate) gathered: Gathered,
}

/// Finds, judges and locks what a notebook needs.
pub(crate) fn prepare(
    args: &ImageSourceArgs,
    format: ListFormat,
    network: &Network,
    shelf: Option<&Shelf>,
) -> Result<Prepared, Stop> {
    let judge = args.policy.judge();
    let source = Source {
        notebook: notebook(args)?,
        base_image: &args.base_image,
        platform: &args.platform,
        dependencies: args.dependencies.config(),
        judge: &judge,
        job: None,
        uv: args.index.uv.as_deref(),
        lock_ttl: args.index.cache_ttl,
    };
    let found = find(&source, network, shelf)?;
    judged(&found, format)?;
    let warnings = warnings(&found);
    for warning in &warnings {
        output::warning(warning);
    }
    let (lock, came, from) = lock(&source, &found, network, shelf)?;
    let kernel = match args.kernel {
        KernelWay::Auto => Kernel::of(&lock, &found.known.probe, &found.target),
        KernelWay::None => Kernel::Off,
    };
    Ok(Prepared {
        notebook: found.notebook,
        base: found.base,
        known: found.known,
        platform: found.platform,
        target: found.target,
        lock,
        came,
        kernel,
        from,
        warnings,
    })
}

/// Finds what a notebook needs, and judges it by the rules of dependencies.
pub(crate) fn find(
    source: &Source<'_>,
    network: &Network,
    shelf: Option<&Shelf>,
) -> Result<Found, UsageError> {
    let notebook = source.notebook.clone();
    let base: ImageReference = source
        .base_image
        .parse()
        .map_err(|error: nbvet_deps::BadReference| failure(&error))?;
    let platform = platform(source.platform)?;
    let probes = Probes::new(network.folder("probes"));
    let found = known(&network.registries, &base, &platform, &probes, shelf);
    let (known, asked) = found.map_err(|error| failure(&error))?;
    let target = known.probe.target().map_err(|error| failure(&error))?;
    let further = Further {
        dependencies: source.dependencies.clone(),
        job: source.job.cloned(),
        ..Further::default()
    };
    let settings = Resolver::new(source.judge, &RunArgs::default(), further)?.for_notebook(&notebook)?;
    let opened = Opened::new(&notebook, None).map_err(|failure| UsageError::Image {
        message: failure.message,
        hint: failure.hint.map(Hint::from),
    })?;
    if opened.reading.notebook.is_none() {
        let problem = opened.reading.problems.first();
        let why = problem.map_or("it cannot be read", |problem| &problem.message);
        return Err(UsageError::Tool {
            message: format!("{} is no notebook: {why}", shown(&notebook)),
            hint: Some(Hint::from("`nbvet lint` says what is wrong with it").in_cluster("")),
            reason: Reason::NotebookFailed,
            transient: false,
        });
    }
    let index = network.releases();
    let place = Place {
        building: true,
        index: Some(&index),
        target: Some(&target),
        base: Some(&known.probe),
        base_image: Some(BaseImage {
            reference: &base,
            place: None,
            digest: Some(&asked),
        }),
        ..Place::default()
    };
    let gathered = dependencies::gather(&notebook, &opened.reading, &settings, place)
        .map_err(|message| UsageError::Image { message, hint: None })?;
    Ok(Found {
        notebook,
        base,
        known,
        platform,
        target,
        settings,
        gathered,
    })
}

/// Locks what was found for the base image's Python; and says what the lock was made from.
pub(crate) fn lock(
    source: &Source<'_>,
    found: &Found,
    network: &Network,
    shelf: Option<&Shelf>,
) -> Result<(Lock, Came, String), Stop> {
    let target = &found.target;
    let (declared, from) = declared(&found.gathered, &found.settings, target)?;
    check_indexes(&declared, network)?;
    let locks = Locks {
        folder: network.folder("locks"),
        shelf,
        ttl: source
            .lock_ttl
            .or(found.settings.dependencies.cache_ttl)
            .unwrap_or(TTL),
    };
    let resolve = || {
        let uv = match source.uv {
            Some(uv) => Uv::at(uv)?,
            None => Uv::find(&nbvet_image::index::Process, &declared.file)?,
        };
        Ok(network.resolver(&uv).resolve(&declared, target)?)
    };
    let locked = locks.lock(&declared, target, &network.indexes(), &resolve);
    let (lock, came) = locked.map_err(|error| failure(&error))?;
    Ok((lock, came, from))
}

/// The one notebook that is meant.
fn notebook(args: &ImageSourceArgs) -> Result<PathBuf, UsageError> {
    let mut found = paths::collect(std::slice::from_ref(&args.path))?.notebooks;
    if found.len() > 1 {
        return Err(UsageError::Image {
            message: format!(
                "there are {} notebooks in {}, and an image is made for one",
                found.len(),
                shown(&args.path)
            ),
            hint: Some(format!("name it: {}", shown(&found[0])).into()),
        });
    }
    Ok(found.swap_remove(0))
}

pub(crate) fn platform(text: &str) -> Result<Platform, UsageError> {
    match text.split('/').collect::<Vec<_>>()[..] {
        ["linux", arch @ ("amd64" | "arm64")] => Ok(Platform::linux(arch)),
        _ => Err(UsageError::Image {
            message: format!("`{text}` is no platform that images are assembled for"),
            hint: Some("write `linux/amd64` or `linux/arm64`".into()),
        }),
    }
}

impl Found {
    /// The verdict of the rules of dependencies.
    pub(crate) fn report(&self) -> NotebookReport {
        let gathered = &self.gathered;
        dependencies::report_of(
            &self.notebook,
            self.settings.engine.level,
            gathered.diagnostics.clone(),
            gathered.told.clone(),
            None,
        )
    }
}

/// Tells what was found, and stops where it is refused. stdout gets it for people alone: what reads JSON finds nothing.
fn judged(found: &Found, format: ListFormat) -> Result<(), Stop> {
    let (report, gathered) = (found.report(), &found.gathered);
    if report.verdict.exit_code == ExitCode::Passed {
        return Ok(());
    }
    let source = nbvet_render::NotebookSource {
        beside: gathered.texts.clone(),
        ..nbvet_render::NotebookSource::default()
    };
    let options = TextOptions {
        width: output::width(),
        ..TextOptions::default()
    };
    let told = notebook_text(&report, Some(&source), &options);
    match format {
        ListFormat::Text => {
            output::print(&told);
        }
        ListFormat::Json => output::told(&told),
    }
    output::note("image", "refused before anything was built");
    Err(Stop::Refused(report.verdict.exit_code))
}

/// Warnings that are told one by one.
const MOST_WARNINGS: usize = 20;

/// What stops nothing and decides what the image is, or whether the next one is the same: what was passed over, what is
/// not pinned, what nobody asked for.
fn warnings(found: &Found) -> Vec<String> {
    let gathered = &found.gathered;
    let index = gathered.index_failure.iter();
    let mut told: Vec<String> = index
        .map(|why| format!("{why}; what the index tells of versions was not looked at"))
        .collect();
    let notes = gathered.detection.iter().flat_map(|detection| &detection.notes);
    let notes = notes.filter(|note| note.is_warning() || matches!(note, Note::Empty { .. }));
    told.extend(notes.map(|note| note.told(found.settings.engine.readers)));
    told.extend(missing(gathered));
    // These are told above, or by the plan itself.
    let is_told = |rule: &str| ["NB918", "NB930", "NB932"].contains(&rule);
    let findings = gathered
        .diagnostics
        .iter()
        .filter(|finding| !is_told(&finding.rule.id));
    told.extend(findings.map(finding));
    let more = told.len().saturating_sub(MOST_WARNINGS);
    if more > 0 {
        told.truncate(MOST_WARNINGS);
        told.push(format!("{more} more, which `nbvet deps -v` shows"));
    }
    told
}

/// A finding in one line.
fn finding(found: &Diagnostic) -> String {
    let place = found.location.file.as_ref();
    let place = place.map_or_else(String::new, |file| format!("{file}:{}: ", found.location.line));
    let help = found
        .help
        .as_ref()
        .map_or_else(String::new, |help| format!("; {help}"));
    format!("{place}{} [{}]{help}", found.message, found.rule.id)
}

/// What the notebook will not find in the image: it cannot start there.
pub(crate) fn missing(gathered: &Gathered) -> Vec<String> {
    let is_inferred = matches!(
        gathered.detection.as_ref().map(|detection| &detection.decision),
        Some(Decision::Inferred)
    );
    let missing = gathered
        .told
        .needs
        .iter()
        .filter(|need| need.status == NeedStatus::Missing);
    let sentence = |need: &Need| {
        let distribution = need.distribution.as_ref().or(need.candidates.first());
        let of = distribution.map_or_else(String::new, |name| format!(" ({name})"));
        format!(
            "`{}`{of} is neither in the base image nor asked for: the notebook imports it",
            need.module
        )
    };
    missing.filter(|_| !is_inferred).map(sentence).collect()
}

/// Indexes that the file names, though they may stand there, are no settings of this command: what it says is where
/// packages come from.
fn check_indexes(declared: &Declared, network: &Network) -> Result<(), Stop> {
    let asked = network.indexes();
    let is_index = |opt: Opt| matches!(opt, Opt::IndexUrl | Opt::ExtraIndexUrl | Opt::FindLinks);
    let named = declared.options.iter().filter(|(_, given)| is_index(given.opt));
    for (place, given) in named {
        let url = given.value.as_deref().unwrap_or_default();
        let shown = nbvet_deps::masked(url);
        let same = |known: &String| known.trim_end_matches('/') == shown.trim_end_matches('/');
        if !asked.iter().any(same) {
            return Err(Stop::Usage(UsageError::Tool {
                reason: Reason::PolicyRefused,
                transient: false,
                message: format!(
                    "{}:{} names the index {shown}, and packages are looked for at {}",
                    place.file,
                    place.line,
                    asked.join(", ")
                ),
                hint: Some(
                    Hint::from(format!(
                        "if that index is meant: `--index-url {shown}`, once for each index, the first first"
                    ))
                    .in_cluster(
                        "if that index is meant, name it in `spec.podConfig.buildConfig.packageIndex.url`, and let the \
                         file name no other",
                    ),
                ),
            }));
        }
    }
    Ok(())
}

/// What is asked for, and where that comes from.
fn declared(
    gathered: &Gathered,
    settings: &NotebookSettings,
    target: &Target,
) -> Result<(Declared, String), Stop> {
    let refused = |message: String, hint: &'static str| {
        Stop::Usage(UsageError::Image {
            message,
            hint: Some(hint.into()),
        })
    };
    let Some(detection) = &gathered.detection else {
        return Err(Stop::Refused(ExitCode::Failed));
    };
    if let Needs::Buildah(because) = detection.needs() {
        let file = detection.file().unwrap_or_default();
        return Err(refused(
            format!("{file} cannot be assembled: {because}"),
            "build it yourself with `podman build` or `buildah bud`, or write what the notebook needs as requirements of pip",
        ));
    }
    match (&detection.decision, &gathered.declared) {
        (Decision::Dependencies { file, .. }, Some(declared)) => Ok((declared.clone(), file.to_string())),
        (Decision::Inferred, _) => inferred(gathered, settings, target),
        (Decision::BaseImageAlone, _) => Ok((nothing()?, "nothing: the base image alone".to_owned())),
        _ => Err(Stop::Refused(ExitCode::Failed)),
    }
}

/// What the notebook imports, as if it were written down. It is pinned by nobody, and judged as such.
fn inferred(
    gathered: &Gathered,
    settings: &NotebookSettings,
    target: &Target,
) -> Result<(Declared, String), Stop> {
    let text = gathered.inference.proposal(&gathered.notebook);
    let declared = in_memory(PROPOSED, text)?;
    let allowed = Allowed::default();
    let mut review = Review::new(&declared, &allowed);
    review.target = Some(target);
    let refused = rules::review(&review).into_iter().find(|finding| {
        let rule = &finding.rule.meta;
        let severity = settings.engine.severity(rule, false, false);
        settings.engine.level.fails_at(severity) || settings.engine.flags.raise(rule)
    });
    match refused {
        Some(finding) => Err(Stop::Usage(UsageError::Tool {
            reason: Reason::UnpinnedDependencies,
            transient: false,
            message: format!(
                "the notebook's imports tell no versions, and here unpinned packages are refused: {}",
                finding.message
            ),
            hint: Some(
                Hint::from("`nbvet deps --write` proposes a requirements.in to lock").in_cluster(
                    "write a requirements.txt beside the notebook that names versions, or set \
                     `spec.podConfig.buildConfig.allowUnpinned` to `true`",
                ),
            ),
        })),
        None => Ok((declared, "what the notebook imports".to_owned())),
    }
}

fn nothing() -> Result<Declared, Stop> {
    Ok(in_memory(PROPOSED, String::new())?)
}

/// A requirements file that is nowhere written down.
pub(crate) fn in_memory(name: &str, text: String) -> Result<Declared, UsageError> {
    struct Memory(String);

    impl requirements::Source for Memory {
        fn load(&mut self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.clone().into_bytes())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    let read = formats::read(Format::Requirements, name, &mut Memory(text));
    read.map_err(|fault| failure(&fault))
}
