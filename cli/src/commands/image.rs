//! `nbvet image`: the image that a notebook runs in, planned, built and published.

use std::time::Instant;

use nbvet_deps::{ImageReference, dockerfile::Recipe};
use nbvet_image::{
    assemble::{
        Built, Doing, Order, Shelf, Tools, build, choose, existing, groups, identity, interpreter, kept,
    },
    bytecode::Compilers,
};
use nbvet_report::ExitCode;
use serde::Serialize;

use crate::{
    args::{ImageBuildArgs, ImageCommand, ImagePlanArgs, ImagePublishArgs, ListFormat},
    image::{self, Prepared, Stop, failure, network::Network, prepare, tell},
    output,
    progress::Progress,
    usage::{UsageError, shown},
};

pub(crate) fn image(command: &ImageCommand) -> Result<ExitCode, UsageError> {
    let done = match command {
        ImageCommand::Plan(args) => plan(args),
        ImageCommand::Build(args) => build_image(args),
        ImageCommand::Publish(args) => publish(args).map_err(Stop::Usage),
    };
    done.or_else(|stop| match stop {
        Stop::Refused(code) => Ok(code),
        Stop::Usage(error) => Err(error),
    })
}

fn reference(text: &str) -> Result<ImageReference, UsageError> {
    text.parse()
        .map_err(|error: nbvet_deps::BadReference| failure(&error))
}

/// What is built into: a name without tag.
fn repository(text: &str) -> Result<ImageReference, UsageError> {
    let reference = reference(text)?;
    if reference.tag().is_some() || reference.digest().is_some() {
        return Err(UsageError::Image {
            message: format!(
                "`{text}` names an image, and a repository is needed: images in it are named by what they are made of"
            ),
            hint: Some(
                "leave out what stands behind the `:` or `@`; `nbvet image publish` gives names to people"
                    .into(),
            ),
        });
    }
    Ok(reference)
}

fn order(prepared: &Prepared) -> Order<'_> {
    Order {
        base: &prepared.base,
        known: &prepared.known,
        platform: &prepared.platform,
        lock: &prepared.lock,
        kernel: &prepared.kernel,
        target: &prepared.target,
    }
}

fn compilers(
    args: &crate::args::ImageSourceArgs,
    prepared: &Prepared,
) -> Result<(Option<Compilers>, String), UsageError> {
    let pinned = prepared.base.clone().pinned(prepared.known.digest.clone());
    image::compilers(&args.bytecode, &prepared.target, &prepared.known.probe, &pinned)
}

fn plan(args: &ImagePlanArgs) -> Result<ExitCode, Stop> {
    let network = Network::new(&args.source.registry, &args.source.index, args.offline)?;
    let into = args.repository.as_deref().map(repository).transpose()?;
    // A plan keeps nothing in the registry.
    let shelf = into.map(|into| Shelf::read_only(&network.registries, &into));
    let prepared = prepare(&args.source, args.format, &network, shelf.as_ref())?;
    if args.print_dockerfile || args.write_context.is_some() {
        dockerfile(args, &prepared)?;
        return Ok(ExitCode::Passed);
    }
    let (compilers, bytecode) = compilers(&args.source, &prepared)?;
    let python = compilers.as_ref().map(Compilers::python);
    let order = order(&prepared);
    let identity = identity(&order, python);
    let mut told = tell::Plan::new(&prepared, &order.installed(), identity.clone(), bytecode);
    if let Some(shelf) = &shelf {
        told.looked = true;
        let found = existing(&order, shelf, &identity).map_err(|error| failure(&error))?;
        told.image = found.map(|found| found.image);
    }
    if told.image.is_none() {
        let packages = network.packages()?;
        let chosen = choose(&order, &packages, &|_| ()).map_err(|error| failure(&error))?;
        let groups = groups(&chosen, prepared.kernel.lock(), prepared.known.layers, python);
        let groups = groups.map_err(|error| failure(&error))?;
        let kept = match &shelf {
            Some(shelf) => kept(&groups, shelf).map_err(|error| failure(&error))?,
            None => vec![None; groups.len()],
        };
        for (group, kept) in groups.into_iter().zip(kept) {
            let wheels = group.holds.iter().filter(|holding| holding.files);
            let unpacked: u64 = wheels.filter_map(|holding| chosen[holding.wheel].size).sum();
            told.layers.push(nbvet_image::assemble::Told {
                what: group.what,
                size: kept.as_ref().map_or(unpacked, |kept| kept.size),
                known: kept.is_some(),
            });
        }
    }
    told.warnings.extend(shelf.iter().flat_map(tell::unfit));
    output::print(&match args.format {
        ListFormat::Text => told.text(),
        ListFormat::Json => json(&told),
    });
    Ok(ExitCode::Passed)
}

/// Writes or prints the equivalent Dockerfile.
fn dockerfile(args: &ImagePlanArgs, prepared: &Prepared) -> Result<(), UsageError> {
    let pinned = prepared.base.clone().pinned(prepared.known.digest.clone());
    let python = interpreter(&prepared.known.probe).map_err(|error| failure(&error))?;
    let arch = prepared.target.platform().arch;
    let recipe = Recipe::new(pinned, arch, python, &prepared.lock, prepared.kernel.lock());
    let context = recipe.context(&prepared.lock);
    if let Some(kernel) = tell::of_kernel(&prepared.kernel) {
        output::note("kernel", &kernel);
    }
    if let Some(folder) = &args.write_context {
        context.write(folder).map_err(|error| UsageError::Image {
            message: format!("{} cannot be written: {error}", shown(folder)),
            hint: None,
        })?;
        output::note("context", &format!("written to {}", shown(folder)));
    }
    if args.print_dockerfile {
        output::print(&context.dockerfile);
    }
    Ok(())
}

fn build_image(args: &ImageBuildArgs) -> Result<ExitCode, Stop> {
    let begun = Instant::now();
    let network = Network::new(&args.source.registry, &args.source.index, false)?;
    let shelf = Shelf::of(&network.registries, &repository(&args.repository)?);
    let prepared = prepare(&args.source, args.format, &network, Some(&shelf))?;
    let (compilers, bytecode) = compilers(&args.source, &prepared)?;
    let order = order(&prepared);
    let failed = |error: nbvet_image::assemble::Error| Stop::Usage(failure(&error));
    let identity = identity(&order, compilers.as_ref().map(Compilers::python));
    let there = if args.no_reuse {
        None
    } else {
        existing(&order, &shelf, &identity).map_err(failed)?
    };
    let mut warnings = prepared.warnings.clone();
    warnings.extend(tell::unfit(&shelf));
    let mut built = if let Some(there) = there {
        there
    } else {
        let (built, unfit) = assembled(&order, &network, &shelf, compilers.as_ref(), &bytecode)?;
        warnings.extend(unfit);
        built
    };
    let traffic = network.registries.traffic();
    output::print(&match args.format {
        ListFormat::Text => tell::built(&built, begun.elapsed().as_secs_f64(), traffic),
        ListFormat::Json => {
            // People read them on stderr, and those of wheels with the result.
            warnings.append(&mut built.warnings);
            built.warnings = warnings;
            json(&built)
        }
    });
    Ok(ExitCode::Passed)
}

/// Builds, and shows what is being done; with what the repository keeps and does not fit, which was told.
fn assembled(
    order: &Order<'_>,
    network: &Network,
    shelf: &Shelf,
    compilers: Option<&Compilers>,
    bytecode: &str,
) -> Result<(Built, Vec<String>), Stop> {
    output::note("byte-code", bytecode);
    let scratch = tempfile::tempdir().map_err(|error| UsageError::Image {
        message: format!("a temporary folder cannot be made: {error}"),
        hint: Some("set TMPDIR to a folder with room".into()),
    })?;
    let progress = Progress::of_layers();
    let doing = |doing: Doing<'_>| progress.doing(doing);
    let tools = Tools {
        registries: &network.registries,
        index: &network.packages()?,
        shelf,
        scratch: scratch.path(),
        doing: &doing,
    };
    let built = build(order, &tools, compilers);
    progress.finish();
    let unfit = tell::unfit(shelf);
    let built = built.map_err(|error| Stop::Usage(failure(&error)))?;
    Ok((built, unfit))
}

/// What publishing did.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    image: String,
    name: String,
    digest: String,
    /// The digest that the name had before, where it was another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_from: Option<String>,
    was_there: bool,
}

fn publish(args: &ImagePublishArgs) -> Result<ExitCode, UsageError> {
    let from = reference(&args.image)?;
    let Some(digest) = from.digest().cloned() else {
        return Err(UsageError::Image {
            message: format!(
                "`{}` has no digest: a name may be another image tomorrow",
                args.image
            ),
            hint: Some("take the name that `nbvet image build` printed, with `@sha256:…`".into()),
        });
    };
    let to = reference(&args.to)?;
    let Some(tag) = to.tag().filter(|_| to.digest().is_none()) else {
        return Err(UsageError::Image {
            message: format!("`{}` has no tag", args.to),
            hint: Some("write one behind the name: `registry/team/name:1`".into()),
        });
    };
    let registries = Network::of_registries(&args.registry)?;
    let source = registries.repository(&from);
    let copied = source.copy_by_digest(digest.as_str(), &registries.repository(&to), tag);
    let copied = copied.map_err(|error| failure(&error))?;
    let published = Published {
        image: args.image.clone(),
        name: to.to_string(),
        digest: copied.digest.to_string(),
        moved_from: copied.moved_from.map(|digest| digest.to_string()),
        was_there: copied.was_there,
    };
    output::print(&match args.format {
        ListFormat::Text => published_text(&published),
        ListFormat::Json => json(&published),
    });
    Ok(ExitCode::Passed)
}

fn published_text(published: &Published) -> String {
    let said = match (&published.moved_from, published.was_there) {
        (Some(before), _) => format!("moved from {before}"),
        (None, true) => "was there".to_owned(),
        (None, false) => "new".to_owned(),
    };
    format!(
        "published  {}\n           {} · {said}\n",
        published.name, published.digest
    )
}

fn json(value: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "plain data with string keys")]
    let text = serde_json::to_string_pretty(value).expect("results serialize");
    nbvet_report::hidden::escaped(&text).into_owned() + "\n"
}
