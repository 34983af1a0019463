//! `prepare`: the commit is fetched, what its notebook needs is found, judged and locked, and the image that would hold it
//! is named; nothing is built.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use nbvet_deps::{
    BadReference, ImageReference, Lock,
    detection::{Decision, Needs, Refused},
};
use nbvet_image::{
    assemble::{Order, Shelf, existing, identity},
    bytecode::Python,
    kernel::Kernel,
    reason, remedy,
};
use nbvet_report::{
    Diagnostic, ExitCode, Level, NotebookReport, Outcome, Reason,
    step::{
        Base, BuildWish, Builder, FetchedSource, FoundRequirements, PrepareInput, Prepared, Step, StepBody,
        StepCounts, StepEnd, StepInput,
    },
};
use nbvet_source::{Allowed, Fetched};

use super::{Ending, build::PLATFORM, commands, input, named, network::network, validate::dependencies};
use crate::{
    args::{JudgeArgs, RunArgs},
    image::{self, Found, Source, Stop, failure, network::Network},
    order::Order as Ordered,
    ordinary,
    settings::{Further, Resolver},
    usage::UsageError,
};

/// Bytes of a lock's text: a ConfigMap has to hold it.
const LARGEST_LOCK: usize = 900 << 10;

pub(crate) fn prepare(path: &Path, allowed: Allowed) -> Ending {
    prepared(path, allowed).unwrap_or_else(|ending| ending)
}

fn prepared(path: &Path, allowed: Allowed) -> Result<Ending, Ending> {
    let StepInput {
        source,
        golden,
        prepare,
        ..
    } = input::read(Step::Prepare, path)?;
    let source = input::part(Step::Prepare, "source", source)?;
    let wish = input::part(Step::Prepare, "prepare", prepare)?;
    let fetched = nbvet_source::fetch(&source, allowed);
    let mut fetched = fetched.map_err(|error| Ending::no_source(Step::Prepare, &error))?;
    let tree = source.into.first().map(PathBuf::from).unwrap_or_default();
    let notebook = named::notebook(&tree, &source.path);
    if let Some(golden) = &golden {
        named::golden(golden, notebook.as_ref(), allowed)?;
    }
    let warnings = named::odd_parameters(&wish.parameters, notebook.as_ref())?;
    drop(notebook);
    ordinary::confine(std::slice::from_ref(&tree))
        .and_then(|()| std::env::set_current_dir(&tree))
        .map_err(|error| internal(&format!("{}: {error}", tree.display())))?;
    let outside = std::mem::take(&mut fetched.outside);
    let preparing = Preparing {
        order: Ordered::of_job(&wish.validation, &wish.comparison).map_err(|error| usage(&error))?,
        judge: JudgeArgs::default(),
        network: network(&wish.registry, &wish.index).map_err(|error| usage(&error))?,
        notebook: PathBuf::from(&source.path),
        outside,
        wish: &wish,
    };
    let body = Prepared {
        source: of_source(fetched),
        level: Level::default(),
        requirements: None,
        lock: None,
        base: None,
        identity: None,
        image: None,
        compiler: Vec::new(),
        builder: Builder::None,
        because: None,
        dockerfile: None,
        warnings,
        diagnostics: Vec::new(),
    };
    match &wish.build {
        None => preparing.without_build(body),
        Some(build) => preparing.with_build(build, body),
    }
}

fn of_source(fetched: Fetched) -> FetchedSource {
    FetchedSource {
        commit: fetched.commit,
        path: fetched.notebook.path,
        notebook_digest: fetched.notebook.digest,
    }
}

fn internal(message: &str) -> Ending {
    Ending::error(Step::Prepare, Reason::InternalError, false, message)
}

fn usage(error: &UsageError) -> Ending {
    Ending::usage(Step::Prepare, error)
}

fn reference(text: &str) -> Result<ImageReference, Ending> {
    text.parse()
        .map_err(|error: BadReference| usage(&failure(&error)))
}

struct Preparing<'p> {
    /// What the job says about the validation.
    order: Ordered,
    /// Nobody gives options here.
    judge: JudgeArgs,
    network: Network,
    notebook: PathBuf,
    /// What symlinks name that lead out of the tree.
    outside: BTreeMap<String, PathBuf>,
    wish: &'p PrepareInput,
}

impl Preparing<'_> {
    fn platform(&self) -> &str {
        self.wish.platform.as_deref().unwrap_or(PLATFORM)
    }

    /// The image that the notebook runs in is named already: only which one it is has to be known.
    fn without_build(&self, mut body: Prepared) -> Result<Ending, Ending> {
        let further = Further {
            job: Some(self.order.clone()),
            ..Further::default()
        };
        let settings = Resolver::new(&self.judge, &RunArgs::default(), further)
            .and_then(|mut resolver| resolver.for_notebook(&self.notebook));
        body.level = settings.map_err(|error| usage(&error))?.engine.level;
        let base = self.look_up()?;
        let image = base.image.clone();
        body.base = Some(base);
        let message = told(&body.source, "no image is built");
        let mut ending = Ending::done(Step::Prepare, &message, Some(StepBody::Prepared(Box::new(body))));
        ending = ending.with_image(&image);
        Ok(ending)
    }

    /// The image by its digest, and its user.
    fn look_up(&self) -> Result<Base, Ending> {
        let reference = reference(&self.wish.image)?;
        let platform = image::platform(self.platform()).map_err(|error| usage(&error))?;
        let repository = self.network.registries.repository(&reference);
        let failed = |error: nbvet_image::registry::RegistryError| {
            let cause = reason::of_registry(&error, "");
            Ending::failed(Step::Prepare, cause, &error, &remedy::of_registry(&error))
        };
        let resolved = repository
            .resolve(reference.manifest(), &platform)
            .map_err(failed)?;
        let config = repository
            .blob_bytes(&resolved.manifest.config, 8 << 20)
            .map_err(failed)?;
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap_or_default();
        let user = config["config"]["User"].as_str().filter(|user| !user.is_empty());
        Ok(Base {
            name: self.wish.image.clone(),
            image: reference.pinned(resolved.asked).to_string(),
            user: user.map(|user| nbvet_report::step::plain(user, 100)),
            python: None,
        })
    }

    /// Which Python compiles, in a container of the base image, and its command there.
    fn compiler(&self, found: &Found) -> (Option<Python>, Vec<String>) {
        let socket = self.wish.compiler.as_deref();
        let python = socket.and_then(|_| image::of_base(&found.target, &found.known.digest));
        let command = socket.filter(|_| python.is_some());
        let command = command.map(|socket| image::beside_command(&found.known.probe, socket));
        (python, command.unwrap_or_default())
    }

    fn with_build(&self, asked: &BuildWish, mut body: Prepared) -> Result<Ending, Ending> {
        let into = reference(&asked.repository)?;
        let store = Shelf::of(&self.network.registries, &into);
        let source = Source {
            notebook: self.notebook.clone(),
            base_image: &self.wish.image,
            platform: self.platform(),
            dependencies: dependencies(Some(asked))?,
            judge: &self.judge,
            job: Some(&self.order),
            uv: None,
            lock_ttl: asked.lock_ttl.map(Duration::from_secs),
        };
        let found = image::find(&source, &self.network, Some(&store)).map_err(|error| usage(&error))?;
        let report = found.report();
        describe(&found, &report, &mut body);
        if report.verdict.exit_code != ExitCode::Passed {
            return Ok(refused(&found, &report, body));
        }
        if let Some((because, dockerfile)) = needs_commands(&found) {
            body.builder = Builder::Buildah;
            body.because = Some(because);
            body.dockerfile = dockerfile;
            return self.by_commands(&found, &report, asked, body, &store);
        }
        let (lock, _, from) = match image::lock(&source, &found, &self.network, Some(&store)) {
            Ok(locked) => locked,
            Err(Stop::Refused(_)) => return Ok(refused(&found, &report, body)),
            Err(Stop::Usage(error)) => return Err(with_body(usage(&error), body)),
        };
        let text = lock.to_string();
        if text.len() > LARGEST_LOCK {
            let message = format!(
                "the lock has {} bytes, and {LARGEST_LOCK} can be handed over",
                text.len()
            );
            let ending = Ending::error(Step::Prepare, Reason::BuildFailed, false, &message);
            return Err(with_body(ending, body));
        }
        body.lock = Some(text);
        if let Some(package) = lock.need_build().next() {
            body.builder = Builder::Buildah;
            body.because = Some(format!(
                "`{}` has only source, which a build would run",
                package.name
            ));
            let kernel = self.kernel(&lock, &found, &mut body)?;
            let networking = self.networking();
            let (known, _) = self.around(&found).of_sources(&lock, &kernel, &networking)?;
            return named_by_commands(&known, &from, &report, asked, body, &store);
        }
        self.by_nbvet((&found, &lock, &from), &report, asked, body, &store)
    }

    /// What is assembled of wheels.
    fn by_nbvet(
        &self,
        (found, lock, from): (&Found, &Lock, &str),
        report: &NotebookReport,
        asked: &BuildWish,
        mut body: Prepared,
        store: &Shelf,
    ) -> Result<Ending, Ending> {
        body.builder = Builder::Assemble;
        let (python, compiler) = self.compiler(found);
        body.compiler = compiler;
        if python.is_none() && self.wish.compiler.is_some() {
            body.warnings.push(format!(
                "the image gets no byte-code, which nbvet does not know of Python {}: notebooks start slower",
                found.target.python()
            ));
        }
        let named = |kernel: &Kernel| {
            let order = Order {
                base: &found.base,
                known: &found.known,
                platform: &found.platform,
                lock,
                kernel,
                target: &found.target,
            };
            let identity = identity(&order, python.as_ref());
            let there = if asked.reuse_if_exists == Some(false) {
                None
            } else {
                let there = existing(&order, store, &identity);
                there.map_err(|error| usage(&failure(&error)))?
            };
            Ok((identity, there.map(|there| there.image)))
        };
        let kernel = Kernel::of(lock, &found.known.probe, &found.target);
        let (mut identity, mut image) = named(&kernel)?;
        // Nobody is asked for the kernel of an image that is there.
        if image.is_none() && self.kernel(lock, found, &mut body)? != kernel {
            (identity, image) = named(&Kernel::Off)?;
        }
        body.identity = Some(identity.hex().to_owned());
        body.image = image;
        Ok(self::named(from, report, body))
    }

    /// The kernel that the image gets. Nobody has asked for it: where the index has not what nbvet's own lock names, there is
    /// none, and that is told.
    fn kernel(&self, lock: &Lock, found: &Found, body: &mut Prepared) -> Result<Kernel, Ending> {
        let kernel = Kernel::of(lock, &found.known.probe, &found.target);
        let mut lacks = |why: &str| {
            body.warnings.push(format!(
                "the image gets no kernel for Jupyter: {why}; lock `ipykernel` with the rest"
            ));
        };
        if let Kernel::Lacking { why } = &kernel {
            lacks(why);
        }
        let Some(added) = kernel.lock() else {
            return Ok(kernel);
        };
        let packages = self.network.packages().map_err(|error| usage(&error))?;
        match packages.choose(added, &found.target, &|_| ()) {
            Ok(_) => Ok(kernel),
            Err(error) if reason::of_index(&error).0 == Reason::DependencyConflict => {
                lacks(&error.to_string());
                Ok(Kernel::Off)
            }
            Err(error) => Err(usage(&failure(&error))),
        }
    }

    fn around<'f>(&'f self, found: &'f Found) -> commands::Around<'f> {
        commands::Around {
            step: Step::Prepare,
            base: &found.base,
            known: &found.known,
            arch: found.target.platform().arch,
            network: &self.network,
        }
    }

    fn networking(&self) -> commands::Networking<'_> {
        commands::Networking {
            registry: &self.wish.registry,
            index: &self.wish.index,
        }
    }

    /// What a Dockerfile or a build backend makes.
    fn by_commands(
        &self,
        found: &Found,
        report: &NotebookReport,
        asked: &BuildWish,
        body: Prepared,
        store: &Shelf,
    ) -> Result<Ending, Ending> {
        let dockerfile = body.dockerfile.as_deref();
        let known = self.around(found).of_tree(
            (Path::new("."), &self.outside),
            dockerfile.map(|file| (file, asked.target.as_deref())),
        )?;
        let detection = found.gathered.detection.as_ref();
        let from = detection.and_then(|detection| detection.file());
        named_by_commands(
            &known,
            from.unwrap_or("the base image"),
            report,
            asked,
            body,
            store,
        )
    }
}

/// The name of an image by commands.
fn named_by_commands(
    known: &commands::Known,
    from: &str,
    report: &NotebookReport,
    asked: &BuildWish,
    mut body: Prepared,
    store: &Shelf,
) -> Result<Ending, Ending> {
    // An image that may have been made from another base is not taken again.
    let there = if asked.reuse_if_exists == Some(false) || !known.is_sure {
        None
    } else {
        let there = store.repository().head_manifest(&known.identity.tag());
        there.map_err(|error| usage(&failure(&error)))?
    };
    body.identity = Some(known.identity.hex().to_owned());
    body.image = there.map(|there| format!("{}@{}", store.repository().image(), there.digest));
    Ok(named(from, report, body))
}

/// What was found, as far as it is known before there is a lock.
fn describe(found: &Found, report: &NotebookReport, body: &mut Prepared) {
    let gathered = &found.gathered;
    let count = |pinned: bool| {
        let lines = gathered.told.requirements.iter();
        u32::try_from(lines.filter(|line| line.pinned == pinned).count()).unwrap_or(u32::MAX)
    };
    body.level = found.settings.engine.level;
    body.requirements = Some(FoundRequirements {
        source: gathered.told.source.clone(),
        looked_at: gathered.told.looked_at.clone(),
        pinned: count(true),
        unpinned: count(false),
    });
    body.base = Some(Base {
        name: found.base.to_string(),
        image: found.base.clone().pinned(found.known.digest.clone()).to_string(),
        user: Some(found.known.probe.user.clone()).filter(|user| !user.is_empty()),
        python: Some(found.target.python().to_string()),
    });
    body.warnings.extend(gathered.told.remarks.iter().cloned());
    body.warnings.extend(image::missing(gathered));
    body.diagnostics.clone_from(&report.diagnostics);
}

/// Why commands have to run, where they have to, and the Dockerfile that says which.
fn needs_commands(found: &Found) -> Option<(String, Option<String>)> {
    let detection = found.gathered.detection.as_ref()?;
    let Needs::Buildah(because) = detection.needs() else {
        return None;
    };
    let dockerfile = match &detection.decision {
        Decision::Dockerfile { file, .. } => Some(file.to_string()),
        _ => None,
    };
    Some((because.to_string(), dockerfile))
}

/// The policy says no.
fn refused(found: &Found, report: &NotebookReport, body: Prepared) -> Ending {
    let level = report.verdict.level;
    let failing: Vec<&Diagnostic> = report.diagnostics.iter().filter(|one| level.fails(one)).collect();
    let outside = found.gathered.refused.as_ref().is_some_and(Refused::is_outside);
    let reason = if outside {
        Reason::PathNotAllowed
    } else if found.gathered.detection.is_none() {
        Reason::RequirementsNotFound
    } else {
        of_rules(failing.iter().map(|one| &*one.rule.id))
    };
    let place = |one: &Diagnostic| match &one.location.file {
        Some(file) => format!("{file}:{}: ", one.location.line),
        None => String::new(),
    };
    let first = failing.first().map_or_else(
        || "the dependencies are refused".to_owned(),
        |one| format!("{}{} ({})", place(one), one.message, one.rule.id),
    );
    let more = match failing.len() {
        0 | 1 => String::new(),
        many => format!("; {} more", many - 1),
    };
    let message = format!("refused at {level}: {first}{more}");
    let mut end = StepEnd::new(Step::Prepare, Outcome::Failed, reason, &message);
    end.counts = Some(StepCounts::from(&report.verdict));
    Ending::of(end, Some(StepBody::Prepared(Box::new(body))))
}

/// The reason of rules that refuse.
fn of_rules<'r>(rules: impl Iterator<Item = &'r str>) -> Reason {
    let reasons = rules.map(|rule| match rule {
        "NB901" | "NB902" | "NB903" | "NB905" => Reason::UnpinnedDependencies,
        "NB904" | "NB908" | "NB909" => Reason::HashMissing,
        "NB911" | "NB912" => Reason::DependencyConflict,
        _ => Reason::PolicyRefused,
    });
    // What takes most to mend is told first.
    let order = [
        Reason::HashMissing,
        Reason::UnpinnedDependencies,
        Reason::DependencyConflict,
        Reason::PolicyRefused,
    ];
    let most = reasons.max_by_key(|reason| order.iter().position(|known| known == reason));
    most.unwrap_or(Reason::PolicyRefused)
}

/// An error with what was found before it.
fn with_body(mut ending: Ending, body: Prepared) -> Ending {
    ending.body = Some(StepBody::Prepared(Box::new(body)));
    ending
}

/// The image has its name.
fn named(from: &str, report: &NotebookReport, body: Prepared) -> Ending {
    let is_there = body.image.is_some();
    let what = match (is_there, body.builder) {
        (true, _) => format!("from {from}, whose image is there"),
        (false, Builder::Buildah) => format!("from {from}, by commands"),
        (false, _) => format!("from {from}, by nbvet"),
    };
    let message = told(&body.source, &what);
    let image = body.image.clone();
    let mut ending = Ending::done(Step::Prepare, &message, Some(StepBody::Prepared(Box::new(body))));
    ending.end.counts = Some(StepCounts::from(&report.verdict));
    if let Some(image) = image {
        ending.end.reason = Reason::ImageReused;
        ending = ending.with_image(&image);
    }
    ending
}

fn told(source: &FetchedSource, what: &str) -> String {
    match &source.commit {
        Some(commit) => format!("{} of commit {}: {what}", source.path, &commit[..12]),
        None => format!("{}: {what}", source.path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s6_the_reason_of_a_refusal_is_that_of_its_rules() {
        let check =
            |rules: &[&str], expected| assert_eq!(of_rules(rules.iter().copied()), expected, "{rules:?}");
        check(&["NB901"], Reason::UnpinnedDependencies);
        check(&["NB908", "NB901", "NB908"], Reason::UnpinnedDependencies);
        check(&["NB908"], Reason::HashMissing);
        check(&["NB901", "NB911"], Reason::DependencyConflict);
        check(&["NB901", "NB910"], Reason::PolicyRefused);
    }
}
