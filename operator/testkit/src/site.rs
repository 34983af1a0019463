//! What stands around a team's cluster: a git server and a package index over https, which pods and this machine reach, and
//! the authority that vouches for both.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    sync::Arc,
};

use nbvet_testkit::{GitServer, PrivateIndex, bare_repository};

use crate::{
    Cluster, Error, NODE_ADDRESS, Result,
    forward::{Forwarder, Pace},
    node::from_kit,
};

/// How pods reach the git server and the index.
const GIT_PORT: u16 = 8443;
const INDEX_PORT: u16 = 8444;

/// The servers; they end with the value.
#[derive(Debug)]
pub struct Site {
    git: GitServer,
    index: PrivateIndex,
    _ways: [Forwarder; 2],
    /// In the cluster's, which goes away however the test ends.
    folder: PathBuf,
    authority: String,
}

impl Site {
    /// Starts both, with an index of the wheels of some folders.
    pub fn start(cluster: &Cluster, wheels: &[&Path]) -> Result<Self> {
        let folder = cluster.work().join("site");
        fs::create_dir(&folder).map_err(Error::file(&folder))?;
        let repositories = folder.join("repositories");
        fs::create_dir(&repositories).map_err(Error::file(&repositories))?;
        let authority = cluster.authority();
        let served = authority.server(&[NODE_ADDRESS, "127.0.0.1", "localhost"])?;
        let (certificate, key) = served.write(&folder, "server")?;
        let file = folder.join("ca.crt");
        fs::write(&file, &authority.certificate).map_err(Error::file(&file))?;
        let git = GitServer::start(&repositories, &certificate, &key, 0).map_err(from_kit)?;
        let offered = folder.join("wheels");
        offer(wheels, &offered)?;
        let index = PrivateIndex::under(&offered, Some((&certificate, &key))).map_err(from_kit)?;
        Ok(Self {
            _ways: [
                way(cluster, GIT_PORT, git.port(), None)?,
                way(cluster, INDEX_PORT, index.port(), None)?,
            ],
            git,
            index,
            authority: authority.certificate.clone(),
            folder,
        })
    }

    /// Makes an empty private repository; it is there for whoever knows [`nbvet_testkit::GIT_PASSWORD`].
    pub fn repository(&self, name: &str) -> Result<()> {
        let made = bare_repository(&self.folder.join("repositories"), name);
        made.map(drop).map_err(from_kit)
    }

    /// A private repository's address, as pods reach it.
    pub fn inside(&self, name: &str) -> String {
        format!("https://{NODE_ADDRESS}:{GIT_PORT}/private/{name}.git")
    }

    /// The same as this machine reaches it.
    pub fn outside(&self, name: &str) -> String {
        format!("https://127.0.0.1:{}/private/{name}.git", self.git.port())
    }

    /// The package index, as pods reach it; it wants [`nbvet_testkit::INDEX_PASSWORD`].
    pub fn index(&self) -> String {
        format!("https://{NODE_ADDRESS}:{INDEX_PORT}/simple")
    }

    /// A line of its own to the index, so many bytes a second slow for all who use it.
    pub fn slow_line(&self, cluster: &Cluster, bytes_per_second: u32) -> Result<SlowLine> {
        let pace = Arc::new(Pace::new(bytes_per_second));
        let way = way(cluster, 0, self.index.port(), Some(Arc::clone(&pace)))?;
        Ok(SlowLine { way, pace })
    }

    /// A folder that goes away however the test ends.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The certificate of the authority that vouches for both servers (PEM).
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The file of the same.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }
}

/// A slow line to the package index; ends with the value.
#[derive(Debug)]
pub struct SlowLine {
    way: Forwarder,
    pace: Arc<Pace>,
}

impl SlowLine {
    /// The index at its end, as pods reach it.
    pub fn index(&self) -> String {
        format!("https://{}/simple", self.way.address)
    }

    /// Bytes that have come from the index.
    pub fn carried(&self) -> u64 {
        self.pace.carried()
    }
}

/// Links the files of some folders into a new one.
fn offer(folders: &[&Path], goal: &Path) -> Result<()> {
    fs::create_dir(goal).map_err(Error::file(goal))?;
    for folder in folders {
        for entry in fs::read_dir(folder).map_err(Error::file(*folder))? {
            let entry = entry.map_err(Error::file(*folder))?;
            let link = goal.join(entry.file_name());
            // What stands in two of them is the same.
            if !link.exists() {
                std::os::unix::fs::symlink(entry.path(), &link).map_err(Error::file(&link))?;
            }
        }
    }
    Ok(())
}

/// From a port of the node to one of this machine's loopback.
fn way(cluster: &Cluster, port: u16, goal: u16, pace: Option<Arc<Pace>>) -> Result<Forwarder> {
    Forwarder::at(cluster.listen(port)?, pace, move || {
        TcpStream::connect(("127.0.0.1", goal))
    })
}
