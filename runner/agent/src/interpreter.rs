//! Which Python runs a notebook, and why that one. Looks at the file system and the environment; starts nothing.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nbvet_protocol::PythonRequest;
use nbvet_report::Hint;
use rustix::fs::{Access, access};
use serde::Deserialize;

use crate::start::ANOTHER_IMAGE;

/// The Python to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// An absolute path; symbolic links are kept, since a virtual environment is known by them.
    pub(crate) path: PathBuf,
    /// Why this one, and what was passed over.
    pub(crate) chosen: String,
}

/// No Python to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotFound {
    pub(crate) message: String,
    pub(crate) hint: Hint,
}

/// What the search knows of its surroundings.
pub(crate) struct Surroundings<'a> {
    pub(crate) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The notebook's folder, absolute.
    pub(crate) directory: &'a Path,
    pub(crate) request: &'a PythonRequest,
}

/// A place that may hold a Python.
enum Look {
    Usable(PathBuf),
    /// It should hold one, and does not: said.
    Broken(String),
    Absent,
}

impl Surroundings<'_> {
    pub(crate) fn find(&self) -> Result<Found, NotFound> {
        if let Some(explicit) = &self.request.explicit {
            return self.explicit(explicit);
        }
        let mut passed_over = Vec::new();
        for (why, look) in self.places() {
            match look {
                Look::Usable(path) => {
                    return Ok(Found {
                        path,
                        chosen: said(&why, &passed_over),
                    });
                }
                Look::Broken(reason) => passed_over.push(format!("{why}: {reason}")),
                Look::Absent => {}
            }
        }
        Err(NotFound {
            message: said(
                "no Python was found: no virtual environment, and no `python3` on the PATH",
                &passed_over,
            ),
            hint: Hint::from("install Python 3.9 or newer, or name one with `--python`")
                .in_cluster(ANOTHER_IMAGE),
        })
    }

    fn explicit(&self, name: &str) -> Result<Found, NotFound> {
        let path = Path::new(name);
        let look = if path.is_dir() {
            environment(path)
        } else if name.contains('/') {
            usable(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
        } else {
            self.on_path(name).map_or_else(
                || Look::Broken("no such command on the PATH".to_owned()),
                Look::Usable,
            )
        };
        match look {
            Look::Usable(path) => Ok(Found {
                path,
                chosen: "`--python`".to_owned(),
            }),
            Look::Broken(reason) => Err(reason),
            Look::Absent => Err("there is no such file".to_owned()),
        }
        .map_err(|reason| NotFound {
            message: format!("`{name}` cannot be used as the notebook's Python: {reason}"),
            hint: "name a Python, or the folder of a virtual environment".into(),
        })
    }

    /// Everywhere a Python may be, best first; a place is looked at when its turn comes.
    fn places(&self) -> impl Iterator<Item = (String, Look)> {
        let variables = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(|name| {
            let prefix = (self.variable)(name).filter(|value| !value.is_empty())?;
            let look = match environment(Path::new(&prefix)) {
                Look::Absent => Look::Broken(format!("{} is not there", Path::new(&prefix).display())),
                look => look,
            };
            Some((format!("`${name}`"), look))
        });
        let folders = self
            .directory
            .ancestors()
            .map(|folder| (self.beside(folder), nearby(folder)));
        let kernelspec = self
            .request
            .kernelspec
            .iter()
            .map(|name| (format!("kernelspec `{name}`"), self.kernelspec(name)));
        let on_path = ["python3", "python"].into_iter().map(|name| {
            (
                format!("`{name}` on the PATH"),
                self.on_path(name).map_or(Look::Absent, Look::Usable),
            )
        });
        variables.chain(folders).chain(kernelspec).chain(on_path)
    }

    fn beside(&self, folder: &Path) -> String {
        if folder == self.directory {
            "`.venv` beside the notebook".to_owned()
        } else {
            format!("`.venv` in {}", folder.display())
        }
    }

    fn on_path(&self, command: &str) -> Option<PathBuf> {
        env::split_paths(&(self.variable)("PATH")?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(command))
            .find(|path| matches!(usable(path), Look::Usable(_)))
    }

    fn kernelspec(&self, name: &str) -> Look {
        if name.is_empty() || name.contains('/') {
            return Look::Absent;
        }
        let file = self
            .jupyter_folders()
            .into_iter()
            .map(|folder| folder.join("kernels").join(name).join("kernel.json"))
            .find(|file| file.is_file());
        file.map_or(Look::Absent, |file| self.kernel_json(&file))
    }

    fn kernel_json(&self, file: &Path) -> Look {
        let shown = file.display();
        let read = fs::read(file)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<KernelSpec>(&bytes).ok());
        let Some(spec) = read else {
            return Look::Broken(format!("{shown} cannot be read"));
        };
        if spec
            .language
            .as_deref()
            .is_some_and(|language| !language.eq_ignore_ascii_case("python"))
        {
            return Look::Broken(format!("{shown} is for another language"));
        }
        let Some(program) = spec.argv.first() else {
            return Look::Broken(format!("{shown} names no program"));
        };
        if program.contains('/') {
            match usable(Path::new(program)) {
                Look::Absent => Look::Broken(format!("{shown} names {program}, which is not there")),
                look => look,
            }
        } else {
            self.on_path(program).map_or(Look::Absent, Look::Usable)
        }
    }

    /// Jupyter's data folders, as `jupyter --paths` lists them, without those of one environment.
    fn jupyter_folders(&self) -> Vec<PathBuf> {
        let variable = |name| (self.variable)(name).filter(|value: &OsString| !value.is_empty());
        let mut folders: Vec<_> = variable("JUPYTER_PATH")
            .iter()
            .flat_map(env::split_paths)
            .collect();
        let user = variable("JUPYTER_DATA_DIR")
            .map(PathBuf::from)
            .or_else(|| variable("XDG_DATA_HOME").map(|home| PathBuf::from(home).join("jupyter")))
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/share/jupyter")));
        folders.extend(user);
        folders.extend(["/usr/local/share/jupyter", "/usr/share/jupyter"].map(PathBuf::from));
        folders
    }
}

#[derive(Deserialize)]
struct KernelSpec {
    argv: Vec<String>,
    language: Option<String>,
}

fn said(what: &str, passed_over: &[String]) -> String {
    if passed_over.is_empty() {
        what.to_owned()
    } else {
        format!("{what} (passed over: {})", passed_over.join("; "))
    }
}

/// The `.venv` in a folder. One that belongs to another user is not started: shared folders are open to all.
fn nearby(folder: &Path) -> Look {
    let venv = folder.join(".venv");
    let Ok(metadata) = fs::metadata(&venv) else {
        return Look::Absent;
    };
    let me = rustix::process::geteuid();
    if !me.is_root() && metadata.uid() != me.as_raw() && metadata.uid() != 0 {
        return Look::Broken(format!("{} belongs to another user", venv.display()));
    }
    environment(&venv)
}

/// The Python of a virtual or conda environment.
fn environment(prefix: &Path) -> Look {
    if !prefix.is_dir() {
        return Look::Absent;
    }
    let looks = ["python", "python3"].map(|name| usable(&prefix.join("bin").join(name)));
    let mut broken = None;
    for look in looks {
        match look {
            Look::Usable(path) => return Look::Usable(std::path::absolute(&path).unwrap_or(path)),
            Look::Broken(reason) => broken = broken.or(Some(reason)),
            Look::Absent => {}
        }
    }
    Look::Broken(broken.unwrap_or_else(|| format!("{} has no bin/python", prefix.display())))
}

/// Whether a file can be started.
fn usable(path: &Path) -> Look {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Look::Broken(format!("{shown} is a folder")),
        Ok(_) if access(path, Access::EXEC_OK).is_err() => {
            Look::Broken(format!("{shown} may not be executed"))
        }
        Ok(_) => Look::Usable(path.to_owned()),
        Err(_) => match fs::read_link(path) {
            Ok(target) => Look::Broken(format!(
                "{shown} points to {}, which is not there",
                target.display()
            )),
            Err(_) => Look::Absent,
        },
    }
}

/// The version that the program's own name tells: links to `python3.11` are the rule.
pub(crate) fn version_by_name(python: &Path) -> Option<(u32, u32)> {
    let real = python.canonicalize().ok()?;
    let (major, minor) = real
        .file_name()
        .and_then(OsStr::to_str)?
        .strip_prefix("python")?
        .split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The virtual environment that a Python belongs to.
pub(crate) fn prefix_of(python: &Path) -> Option<&Path> {
    python
        .parent()?
        .parent()
        .filter(|prefix| prefix.join("pyvenv.cfg").is_file())
}

#[cfg(test)]
#[expect(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes its snapshots with them"
)]
mod tests {
    use std::{
        collections::BTreeMap,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use expect_test::{Expect, expect};
    use nbvet_report::Readers;

    use super::*;

    /// A tree of `path` (a program), `path -> target` (a link) and `path = text` (a file), searched from `work/nb`.
    fn check(tree: &[&str], variables: &[(&str, &str)], request: &PythonRequest, expected: &Expect) {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path().canonicalize().expect("it is there");
        fs::create_dir_all(root.join("work/nb")).expect("it can be made");
        for entry in tree {
            plant(&root, entry);
        }
        let variables: BTreeMap<_, _> = variables
            .iter()
            .map(|(name, value)| (*name, value.replace('@', &root.to_string_lossy())))
            .collect();
        let explicit = request
            .explicit
            .as_ref()
            .map(|name| name.replace('@', &root.to_string_lossy()));
        let found = Surroundings {
            variable: &|name| variables.get(name).map(OsString::from),
            directory: &root.join("work/nb"),
            request: &PythonRequest {
                explicit,
                kernelspec: request.kernelspec.clone(),
            },
        }
        .find();
        let text = match found {
            Ok(found) => format!("{}\n{}\n", found.path.display(), found.chosen),
            Err(error) => format!(
                "error: {}\nhint: {}\n",
                error.message,
                error.hint.to(Readers::Terminal)
            ),
        };
        expected.assert_eq(&text.replace(&*root.to_string_lossy(), "@"));
    }

    fn plant(root: &Path, entry: &str) {
        let name = entry.split(' ').next().expect("a name");
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        if let Some((_, target)) = entry.split_once(" -> ") {
            symlink(target, &path).expect("it can be made");
        } else if let Some((_, text)) = entry.split_once(" = ") {
            fs::write(&path, text.replace('@', &root.to_string_lossy())).expect("it can be written");
        } else {
            fs::write(&path, "").expect("it can be written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
    }

    fn asking(explicit: &str) -> PythonRequest {
        PythonRequest {
            explicit: Some(explicit.to_owned()),
            kernelspec: None,
        }
    }

    fn kernel(name: &str) -> PythonRequest {
        PythonRequest {
            explicit: None,
            kernelspec: Some(name.to_owned()),
        }
    }

    const ALL: &[&str] = &[
        "venv/bin/python",
        "conda/bin/python",
        "work/.venv/bin/python",
        "bin/python3",
    ];

    #[test]
    fn an_active_virtual_environment_comes_first() {
        let variables = [
            ("VIRTUAL_ENV", "@/venv"),
            ("CONDA_PREFIX", "@/conda"),
            ("PATH", "@/bin"),
        ];
        check(
            ALL,
            &variables,
            &PythonRequest::default(),
            &expect![[r#"
            @/venv/bin/python
            `$VIRTUAL_ENV`
        "#]],
        );
        check(
            ALL,
            &variables[1..],
            &PythonRequest::default(),
            &expect![[r#"
            @/conda/bin/python
            `$CONDA_PREFIX`
        "#]],
        );
    }

    #[test]
    fn the_environment_beside_the_notebook_comes_before_those_above_it() {
        check(
            ALL,
            &[("PATH", "@/bin")],
            &PythonRequest::default(),
            &expect![[r#"
            @/work/.venv/bin/python
            `.venv` in @/work
        "#]],
        );
        let tree = ["work/nb/.venv/bin/python", "work/.venv/bin/python"];
        check(
            &tree,
            &[("PATH", "@/bin")],
            &PythonRequest::default(),
            &expect![[r#"
            @/work/nb/.venv/bin/python
            `.venv` beside the notebook
        "#]],
        );
    }

    #[test]
    fn a_broken_environment_is_passed_over_and_said() {
        let tree = ["work/nb/.venv/bin/python -> /nowhere/python3.8", "bin/python3"];
        check(
            &tree,
            &[("PATH", "@/bin"), ("VIRTUAL_ENV", "@/gone")],
            &PythonRequest::default(),
            &expect![[r#"
            @/bin/python3
            `python3` on the PATH (passed over: `$VIRTUAL_ENV`: @/gone is not there; `.venv` beside the notebook: @/work/nb/.venv/bin/python points to /nowhere/python3.8, which is not there)
        "#]],
        );
    }

    #[test]
    fn a_python_that_was_asked_for_is_used_or_an_error() {
        check(
            ALL,
            &[("VIRTUAL_ENV", "@/conda")],
            &asking("@/venv/bin/python"),
            &expect![[r#"
            @/venv/bin/python
            `--python`
        "#]],
        );
        check(
            ALL,
            &[],
            &asking("@/venv"),
            &expect![[r#"
            @/venv/bin/python
            `--python`
        "#]],
        );
        check(
            ALL,
            &[("PATH", "@/bin")],
            &asking("python3"),
            &expect![[r#"
            @/bin/python3
            `--python`
        "#]],
        );
        check(
            ALL,
            &[("PATH", "@/bin")],
            &asking("python3.99"),
            &expect![[r#"
            error: `python3.99` cannot be used as the notebook's Python: no such command on the PATH
            hint: name a Python, or the folder of a virtual environment
        "#]],
        );
        check(
            &["old/bin/python -> /nowhere"],
            &[("PATH", "@/bin")],
            &asking("@/old"),
            &expect![[r#"
            error: `@/old` cannot be used as the notebook's Python: @/old/bin/python points to /nowhere, which is not there
            hint: name a Python, or the folder of a virtual environment
        "#]],
        );
        check(
            &["notes = text"],
            &[],
            &asking("@/notes"),
            &expect![[r#"
            error: `@/notes` cannot be used as the notebook's Python: @/notes may not be executed
            hint: name a Python, or the folder of a virtual environment
        "#]],
        );
    }

    #[test]
    fn the_notebooks_kernelspec_comes_before_the_path() {
        let tree = [
            "jupyter/kernels/lab/kernel.json = {\"argv\": [\"@/conda/bin/python\", \"-m\"], \"language\": \"python\"}",
            "jupyter/kernels/r/kernel.json = {\"argv\": [\"R\"], \"language\": \"R\"}",
            "conda/bin/python",
            "bin/python3",
        ];
        let variables = [("JUPYTER_PATH", "@/jupyter"), ("PATH", "@/bin")];
        check(
            &tree,
            &variables,
            &kernel("lab"),
            &expect![[r#"
            @/conda/bin/python
            kernelspec `lab`
        "#]],
        );
        check(
            &tree,
            &variables,
            &kernel("r"),
            &expect![[r#"
            @/bin/python3
            `python3` on the PATH (passed over: kernelspec `r`: @/jupyter/kernels/r/kernel.json is for another language)
        "#]],
        );
        check(
            &tree,
            &variables,
            &kernel("../lab"),
            &expect![[r#"
            @/bin/python3
            `python3` on the PATH
        "#]],
        );
    }

    #[test]
    fn without_any_python_the_message_says_what_to_do() {
        check(
            &[],
            &[("PATH", "@/bin")],
            &PythonRequest::default(),
            &expect![[r#"
            error: no Python was found: no virtual environment, and no `python3` on the PATH
            hint: install Python 3.9 or newer, or name one with `--python`
        "#]],
        );
    }

    #[test]
    fn links_tell_the_version() {
        let root = tempfile::tempdir().expect("a folder");
        plant(root.path(), "bin/python3.12");
        plant(root.path(), "venv/bin/python -> ../../bin/python3.12");
        assert_eq!(
            version_by_name(&root.path().join("venv/bin/python")),
            Some((3, 12))
        );
        plant(root.path(), "shims/python3");
        assert_eq!(version_by_name(&root.path().join("shims/python3")), None);
    }
}
