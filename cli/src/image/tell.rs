//! What is told of a plan, a build and a publication.

use std::fmt::Write as _;

use nbvet_deps::{Lock, identity::Identity, lock::Package};
use nbvet_image::{
    assemble::{Built, Came, Shadowed, Shelf, Told},
    http::Traffic,
    kernel::{Kernel, Whose},
};
use nbvet_render::{bytes, harmless};
use serde::Serialize;

use super::Prepared;
use crate::output;

/// A plan, as `--format json` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    pub(crate) notebook: String,
    pub(crate) from: String,
    pub(crate) base: String,
    pub(crate) base_digest: String,
    pub(crate) target: String,
    pub(crate) packages: usize,
    pub(crate) lock: String,
    pub(crate) locked: Came,
    pub(crate) kernel: Kernel,
    pub(crate) bytecode: String,
    pub(crate) identity: Identity,
    /// The image, where the repository has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<String>,
    /// A repository was named in which it would be.
    #[serde(skip)]
    pub(crate) looked: bool,
    /// The layers, where it is known which there would be.
    pub(crate) layers: Vec<Told>,
    pub(crate) shadowed: Vec<Shadowed>,
    /// What is to be known before, as stderr told it.
    pub(crate) warnings: Vec<String>,
}

impl Plan {
    /// `installed`: the lock with the kernel that is added.
    pub(crate) fn new(prepared: &Prepared, installed: &Lock, identity: Identity, bytecode: String) -> Self {
        Self {
            notebook: crate::usage::shown(&prepared.notebook),
            from: prepared.from.clone(),
            base: prepared.base.to_string(),
            base_digest: prepared.known.digest.to_string(),
            target: prepared.target.to_string(),
            packages: prepared.lock.packages().len(),
            lock: prepared.lock.digest().to_string(),
            locked: prepared.came,
            kernel: prepared.kernel.clone(),
            bytecode,
            identity,
            image: None,
            looked: false,
            layers: Vec::new(),
            shadowed: nbvet_image::assemble::shadowed(&prepared.known.probe, installed),
            warnings: prepared.warnings.clone(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(out, "{name:<10} {}", harmless(value));
        };
        line("notebook", &self.notebook);
        line("from", &format!("{} ({})", self.from, came(self.locked)));
        line("packages", &self.packages.to_string());
        line("kernel", &kernel(&self.kernel));
        line("base", &self.base);
        line("", &self.base_digest);
        line("for", &self.target);
        line("byte-code", &self.bytecode);
        line("identity", &self.identity.to_string());
        match &self.image {
            Some(image) => line("image", &format!("{image} is there: nothing would be built")),
            None if self.looked => line("image", "not there"),
            None => line("image", "not looked for: name its repository with `--repository`"),
        }
        out += &shadowed_text(&self.shadowed);
        out += &layers_text(&self.layers);
        if !self.layers.is_empty() {
            out += "  (=: the repository has it; +: new, its size before it is packed)\n";
        }
        out
    }
}

/// What nobody asked for and is to be known: a kernel is added, or lacking.
pub(crate) fn of_kernel(of: &Kernel) -> Option<String> {
    matches!(of, Kernel::Added { .. } | Kernel::Lacking { .. }).then(|| kernel(of))
}

/// Which kernel Jupyter starts.
fn kernel(kernel: &Kernel) -> String {
    match kernel {
        Kernel::Off => "none is added: switched off".to_owned(),
        Kernel::There { version, by } => {
            let whose = match by {
                Whose::Lock => "as it is asked for",
                Whose::Base => "of the base image",
            };
            format!("ipykernel {version}, {whose}")
        }
        Kernel::Added { lock } => {
            let packages = lock.packages();
            let is_kernel = |package: &&Package| package.name.as_ref() == "ipykernel";
            let version = packages.iter().find(is_kernel);
            let version = version.map_or_else(String::new, |package| package.version.to_string());
            format!(
                "ipykernel {version} is added with {} packages that it needs: there was none (`--kernel none` leaves it out)",
                packages.len().saturating_sub(1)
            )
        }
        Kernel::Lacking { why } => {
            format!("none, so Jupyter runs nothing in this image: {why}. Lock `ipykernel` with the rest")
        }
    }
}

fn came(came: Came) -> &'static str {
    match came {
        Came::Complete => "a complete lock",
        Came::Kept => "versions as they were found before",
        Came::Resolved => "versions found now",
    }
}

fn shadowed_text(shadowed: &[Shadowed]) -> String {
    let mut out = String::new();
    for one in shadowed {
        // The version of the base is what a file in it says.
        let base = harmless(&one.base);
        let _ = writeln!(
            out,
            "shadows    {} {base} of the base; {} is imported",
            one.name, one.image
        );
    }
    out
}

fn layers_text(layers: &[Told]) -> String {
    let mut out = String::new();
    for layer in layers {
        let sign = if layer.known { "=" } else { "+" };
        // Nothing is known yet of the size of byte-code that is not made.
        let size = match layer.size {
            0 => "?".to_owned(),
            size => bytes(size),
        };
        let _ = writeln!(out, "  {sign} {size:>9}  {}", layer.what);
    }
    out
}

/// Tells what the repository keeps under names that it does not fit, and gives it.
pub(crate) fn unfit(shelf: &Shelf) -> Vec<String> {
    let unfit = shelf.take_unfit().into_iter();
    let told: Vec<String> = unfit.map(|unfit| unfit.to_string()).collect();
    for unfit in &told {
        output::warning(unfit);
    }
    told
}

/// `1 layer, 0 of them known`; `on` stands behind the number.
pub(crate) fn layers_counted(layers: usize, on: &str, known: usize) -> String {
    let noun = if layers == 1 { "layer" } else { "layers" };
    format!("{layers} {noun}{on}, {known} of them known")
}

/// What a build did, as people read it.
pub(crate) fn built(built: &Built, seconds: f64, traffic: Traffic) -> String {
    let mut out = String::new();
    if let Some(kernel) = of_kernel(&built.kernel) {
        let _ = writeln!(out, "kernel     {}", harmless(&kernel));
    }
    if !built.reused {
        out += &shadowed_text(&built.shadowed);
        for warning in &built.warnings {
            let _ = writeln!(out, "note       {}", harmless(warning));
        }
        out += &layers_text(&built.layers);
    }
    let known = built.layers.iter().filter(|layer| layer.known).count();
    let what = if built.reused {
        "was there".to_owned()
    } else {
        layers_counted(built.layers.len(), "", known)
    };
    let _ = writeln!(out, "image      {}", built.image);
    let _ = writeln!(
        out,
        "           {what} · {} sent · {seconds:.1} s",
        bytes(traffic.bytes_sent),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_the_base_neither_turns_the_line_nor_begins_one() {
        let text = shadowed_text(&[Shadowed {
            name: "six".to_owned(),
            base: "1\u{202e}\u{2028}\u{1b}[2J\nimage      x".to_owned(),
            image: "1.17.0".to_owned(),
        }]);
        let sign = char::REPLACEMENT_CHARACTER;
        assert_eq!(
            text,
            format!("shadows    six 1{sign}{sign}␛[2J␊image      x of the base; 1.17.0 is imported\n")
        );
    }
}
