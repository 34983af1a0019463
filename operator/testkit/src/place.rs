//! Where a cluster's programs run: on the machine's own loopback, or in a node's namespaces.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::AsFd as _,
    process::{Command, Output},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{Error, Result, process::mortal};

/// Seconds that a command of a node may take.
const LIMIT: &str = "60";

/// Where programs run.
#[derive(Debug)]
pub(crate) enum Place {
    /// As any process.
    Machine,
    /// With the first process of a node.
    Node(Namespaces),
}

/// The namespaces of a node.
#[derive(Debug)]
pub(crate) struct Namespaces {
    /// Their first process, as the machine counts.
    first: u32,
    network: File,
}

impl Place {
    /// A command that runs there and ends with this process.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Self::Machine => mortal(program),
            Self::Node(namespaces) => namespaces.command(program),
        }
    }
}

impl Namespaces {
    /// Of a node's first process.
    pub(crate) fn of(first: u32) -> Result<Self> {
        let path = format!("/proc/{first}/ns/net");
        let network = File::open(&path).map_err(Error::file(&path))?;
        Ok(Self { first, network })
    }

    /// Another hold on the same.
    pub(crate) fn try_clone(&self) -> Result<Self> {
        let network = self.network.try_clone().map_err(Error::other)?;
        let first = self.first;
        Ok(Self { first, network })
    }

    /// A command that runs in them and ends with this process.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = mortal("nsenter");
        self.enter(&mut command);
        command.arg(program);
        command
    }

    /// Runs a command in them to its end; what it printed, if it succeeded.
    pub(crate) fn run(&self, program: impl AsRef<OsStr>, arguments: &[&OsStr]) -> Result<Output> {
        let mut command = mortal("timeout");
        command.args([LIMIT, "nsenter"]);
        self.enter(&mut command);
        command.arg(program).args(arguments);
        let output = command.output().map_err(Error::file("setpriv"))?;
        if output.status.success() {
            return Ok(output);
        }
        Err(Error::command(&command, &output))
    }

    fn enter(&self, command: &mut Command) {
        command.args(["--target", &self.first.to_string()]);
        command.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--wd", "--"]);
    }

    /// Does something in their network: a socket stays in the network that it was made in, whoever uses it.
    pub(crate) fn in_network<T: Send>(&self, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let inside = || {
            move_into_link_name_space(self.network.as_fd(), Some(LinkNameSpaceType::Network))?;
            act()
        };
        // A thread of its own, since it never comes back.
        let joined = thread::scope(|scope| scope.spawn(inside).join());
        joined.unwrap_or_else(|_| Err(io::Error::other("a thread in a node's network has panicked")))
    }
}
