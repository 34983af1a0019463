//! Where executed notebooks go (`--output`), and writing them so that no reader ever sees half a file.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs,
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
};

use nbvet_host::RunOutcome;
use nbvet_notebook::Output;
use nbvet_render::bytes;
use nbvet_report::CellRun;

use crate::usage::{UsageError, shown};

/// Where the executed notebooks of one command go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The one notebook's file.
    File(PathBuf),
    /// A folder that keeps the paths of the notebooks, without what leads out of it.
    Folder(PathBuf),
}

impl Destination {
    /// What `--output` means for these notebooks: with one, a file, unless it is a folder or ends in a slash.
    pub(crate) fn new(output: &Path, notebooks: &[&Path]) -> Result<Self, UsageError> {
        let named_folder = output.as_os_str().as_encoded_bytes().ends_with(b"/");
        if notebooks.len() == 1 && !output.is_dir() && !named_folder {
            return Ok(Self::File(output.to_owned()));
        }
        if output.is_file() {
            return Err(UsageError::OutputIsFile { path: shown(output) });
        }
        let named_notebook = output.extension().is_some_and(|end| end == "ipynb");
        if named_notebook && notebooks.len() > 1 && !output.is_dir() && !named_folder {
            return Err(UsageError::OutputIsNotebook {
                path: shown(output),
                notebooks: notebooks.len(),
            });
        }
        let folder = Self::Folder(output.to_owned());
        folder.check_apart(notebooks)?;
        Ok(folder)
    }

    /// No notebook may overwrite another's result.
    fn check_apart(&self, notebooks: &[&Path]) -> Result<(), UsageError> {
        let mut taken: HashMap<PathBuf, &Path> = HashMap::new();
        for second in notebooks {
            let file = self.file(second);
            if let Some(first) = taken.insert(file.clone(), second) {
                let (first, second, path) = (shown(first), shown(second), shown(&file));
                return Err(UsageError::SameOutput { first, second, path });
            }
        }
        Ok(())
    }

    /// The file for one notebook.
    pub(crate) fn file(&self, notebook: &Path) -> PathBuf {
        match self {
            Self::File(file) => file.clone(),
            Self::Folder(folder) => {
                let mut within = PathBuf::new();
                for part in notebook.components() {
                    match part {
                        Component::Normal(name) => within.push(name),
                        Component::ParentDir => {
                            within.pop();
                        }
                        Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
                    }
                }
                folder.join(within)
            }
        }
    }
}

/// The file that a path stands for: a link is followed, and what is no ordinary file is left as it is, since
/// renaming over a device would replace it.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::canonicalize(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not an ordinary file",
        )),
        Err(_) if path.is_symlink() => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a link to a file that is not there",
        )),
        Err(_) => Ok(path.to_owned()),
    }
}

/// Writes a file whole or not at all, and makes the folders that it needs.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &target(path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt as _;
        // As any new file: the umask takes away what it should.
        builder.permissions(fs::Permissions::from_mode(0o666))
    };
    let mut file = builder.prefix(".nbvet-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// What a cell put out; where something was left out, that is its last line.
pub(crate) fn outputs_of<'o>(outcome: &'o RunOutcome, run: &CellRun) -> Cow<'o, [Output]> {
    let outputs = outcome.outputs.of(run.cell);
    if run.output_bytes_cut == 0 {
        return Cow::Borrowed(outputs);
    }
    let said = format!("[nbvet: {} of output left out]\n", bytes(run.output_bytes_cut));
    let mut outputs = outputs.to_vec();
    match outputs.last_mut() {
        Some(Output::Stream { text, .. }) => {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&said);
        }
        _ => outputs.push(Output::Stream {
            name: "stdout".to_owned(),
            text: said,
        }),
    }
    Cow::Owned(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_notebooks_keep_their_paths_within_the_folder() {
        let folder = Destination::new(Path::new("out"), &["a".as_ref(), "b".as_ref()]).unwrap();
        let files = ["a/b.ipynb", "../a/b.ipynb", "/w/./c.ipynb", "a/../b.ipynb"]
            .map(|path| folder.file(Path::new(path)));
        assert_eq!(
            files,
            ["out/a/b.ipynb", "out/a/b.ipynb", "out/w/c.ipynb", "out/b.ipynb"].map(PathBuf::from)
        );
    }

    #[test]
    fn one_notebook_goes_to_the_file_or_into_the_folder_that_was_named() {
        let there = tempfile::tempdir().unwrap();
        let target = |output: &Path| {
            Destination::new(output, &["a/b.ipynb".as_ref()])
                .unwrap()
                .file(Path::new("a/b.ipynb"))
        };
        assert_eq!(target(Path::new("done.ipynb")), Path::new("done.ipynb"));
        assert_eq!(target(Path::new("new/")), Path::new("new/a/b.ipynb"));
        assert_eq!(target(there.path()), there.path().join("a/b.ipynb"));
    }

    #[test]
    fn a_file_is_no_place_for_two_notebooks() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Destination::new(file.path(), &["a".as_ref(), "b".as_ref()]).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("is a file, and there is more than one notebook"),
            "{error}"
        );
    }

    #[test]
    fn a_name_of_a_notebook_is_no_folder_for_two() {
        let two: [&Path; 2] = ["a.ipynb".as_ref(), "b.ipynb".as_ref()];
        let error = Destination::new(Path::new("done.ipynb"), &two).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`--output done.ipynb` names a notebook, and there are 2 to write"
        );
        assert!(Destination::new(Path::new("done.ipynb/"), &two).is_ok());
    }

    #[test]
    fn two_notebooks_never_share_a_file() {
        let error =
            Destination::new(Path::new("out"), &["a/b.ipynb".as_ref(), "../a/b.ipynb".as_ref()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the executed a/b.ipynb and ../a/b.ipynb would both be written to out/a/b.ipynb"
        );
    }

    #[test]
    fn a_written_file_replaces_the_old_one_and_leaves_nothing_beside_it() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("new/a.ipynb");
        for text in ["old", "new"] {
            write(&path, text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(there.path().join("new")).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_replaced_and_a_link_stays_one() {
        use std::os::unix::fs::FileTypeExt as _;
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.ipynb");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(
            write(&pipe, b"{}").unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());

        let (file, link) = (folder.path().join("file.ipynb"), folder.path().join("link.ipynb"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }
}
