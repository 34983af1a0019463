//! The container of the base image that compiles for `nbvet step build`, as a pod has it beside the build's own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Stdio},
};

use nbvet_report::step::Prepared;
use nbvet_testkit::{Base, Pulled, Runtime};

use crate::ground::{Ground, pulled};

/// A container that compiles until the build is over.
pub(crate) struct Compiler {
    running: Child,
    _image: Pulled,
}

/// The socket of a ground's compiler, as the build sees it.
pub(crate) fn socket(ground: &Ground) -> String {
    ground.path("agent/compiler").display().to_string()
}

impl Compiler {
    /// Under a uid that the image does not know, without network, with nothing to write but the folder of the socket.
    pub(crate) fn start(runtime: &Runtime, base: Base, ground: &Ground, prepared: &Prepared) -> Self {
        let folder = ground.path("agent");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let image = pulled(runtime, base, &ground.registry, &ground.base);
        let mut podman = runtime.podman();
        podman.args([
            "run",
            "--rm",
            "--network",
            "none",
            "--pull",
            "never",
            "--read-only",
        ]);
        // Without the right to raise limits, neither podman's defaults nor the host's can be set.
        podman.args(["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]);
        let (python, words) = prepared.compiler.split_first().unwrap();
        podman.args(["--user", "12345:0", "--cap-drop", "all", "--entrypoint", python]);
        podman.arg(format!("--volume={}:/nbvet/agent", folder.display()));
        podman.arg(&ground.base).args(words);
        let running = podman
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            running,
            _image: image,
        }
    }

    /// It ends by itself when the build is over.
    pub(crate) fn ended(self) {
        let output = self.running.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}
