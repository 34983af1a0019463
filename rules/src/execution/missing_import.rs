//! NB002 missing-import.

use std::borrow::Cow;

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::Hint;

use crate::{execution::uncaught_exception::raised, macros::rule};

rule! {
    /// An import of a module that the environment does not have.
    ///
    /// ## Why it matters
    ///
    /// The notebook needs a package that is not installed in the Python that ran it: the cell raises
    /// `ModuleNotFoundError` and nothing below runs.
    ///
    /// ## How to mend it
    ///
    /// Install the package into that environment, and write it into requirements.txt. If another environment was
    /// meant, name its Python: `--python path/to/python`.
    "NB002" "missing-import",
    group: Execution,
    row: Row::Fault,
    since: "0.1.0",
    check: Check::Run(&MissingImport),
}

struct MissingImport;

impl RunRule for MissingImport {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let Some((cell, error)) = raised(run).filter(|(_, error)| error.name == "ModuleNotFoundError") else {
            return;
        };
        let at = cx.at_line(cell.cell, error.line);
        let module = error.value.split('\'').nth(1).unwrap_or(&error.value);
        let package = package_of(module);
        cx.report(
            Finding::new(
                at,
                format!("there is no module `{module}` in the Python that ran the notebook"),
            )
            .because("The notebook stops here; the cells below did not run.")
            .help(help(module, &package)),
        );
    }
}

fn help(module: &str, package: &str) -> Hint {
    let unless = format!("if `{module}` is no misspelling and no file of your own");
    Hint::from(format!(
        "{unless}: install it (`pip install {package}`, or `pip install -r requirements.txt` where it is written), or name the Python that has it: `--python PATH`"
    ))
    .in_cluster(format!(
        "{unless}: write `{package}` into the dependency file that the image is built from (`spec.podConfig.buildConfig`), or name an image that has it in `spec.podConfig.containerImage`"
    ))
}

/// The package that brings a module, where the names differ.
fn package_of(module: &str) -> Cow<'_, str> {
    let top = module.split('.').next().unwrap_or(module);
    // The packages of these namespaces are named after the whole path.
    if matches!(top, "google" | "azure") && module.contains('.') {
        return Cow::Owned(module.replace('.', "-"));
    }
    Cow::Borrowed(match top {
        "cv2" => "opencv-python",
        "sklearn" => "scikit-learn",
        "skimage" => "scikit-image",
        "PIL" => "pillow",
        "yaml" => "pyyaml",
        "bs4" => "beautifulsoup4",
        "dotenv" => "python-dotenv",
        "Bio" => "biopython",
        top => top,
    })
}
