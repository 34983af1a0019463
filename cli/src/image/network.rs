//! Registries and package indexes, as the command line and this machine have them.

use std::path::PathBuf;

use nbvet_deps::{
    Declared,
    policy::{Releases, pins},
    target::Target,
};
use nbvet_image::{
    http::{Http, HttpOptions, Secret},
    index::{IndexConfig, PackageIndex, Process, WheelCache},
    registry::{Credentials, Registries},
    resolve::{Resolver, TIME_LIMIT, Uv},
};
use nbvet_report::Readers;

use super::failure;
use crate::{
    args::{IndexArgs, RegistryArgs},
    usage::UsageError,
};

/// Everything that is asked over the network.
pub(crate) struct Network {
    pub(crate) registries: Registries,
    pub(crate) index: IndexConfig,
    http: Http,
    cache: PathBuf,
}

impl Network {
    /// `offline`: nobody is asked, and only what was looked up before is known.
    pub(crate) fn new(registry: &RegistryArgs, index: &IndexArgs, offline: bool) -> Result<Self, UsageError> {
        let credentials = match &registry.auth_file {
            Some(file) => Credentials::from_file(file),
            None => Credentials::from_environment(),
        };
        Self::of(
            credentials,
            index_config(index),
            &registry.ca_files,
            &registry.insecure_hosts,
            offline,
        )
    }

    /// The same of what somebody else has read.
    pub(crate) fn of(
        credentials: Credentials,
        mut index: IndexConfig,
        ca_files: &[PathBuf],
        insecure_hosts: &[String],
        offline: bool,
    ) -> Result<Self, UsageError> {
        // Whom registries are believed by, indexes are too, also when uv asks them.
        index.ca_files.extend_from_slice(ca_files);
        let options = index.http_options(HttpOptions {
            insecure_hosts: insecure_hosts.to_vec(),
            offline,
            ..HttpOptions::default()
        });
        let http = Http::new(options).map_err(|error| failure(&error))?;
        Ok(Self {
            registries: Registries::new(http.clone(), credentials),
            index,
            http,
            cache: cache_folder()?,
        })
    }

    /// Registries alone.
    pub(crate) fn of_registries(registry: &RegistryArgs) -> Result<Registries, UsageError> {
        Self::new(registry, &IndexArgs::default(), false).map(|network| network.registries)
    }

    /// A folder of this machine for what is kept from one command to the next.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.cache.join(name)
    }

    /// Where wheels come from.
    pub(crate) fn packages(&self) -> Result<PackageIndex, UsageError> {
        let cache = WheelCache::open(&self.folder("wheels")).map_err(|error| failure(&error))?;
        PackageIndex::new(&self.index, self.http.clone(), cache).map_err(|error| failure(&error))
    }

    /// Asks what the indexes tell of the versions that a file pins.
    pub(crate) fn releases(&self) -> impl Fn(&Declared, &Target) -> Result<Releases, String> {
        |declared, target| {
            let wanted = pins(declared, target);
            if wanted.is_empty() {
                return Ok(Releases::new());
            }
            let told = |error: UsageError| error.told(Readers::Terminal);
            let asked = self.packages().map_err(told)?;
            asked
                .releases(&wanted, target)
                .map_err(|error| told(failure(&error)))
        }
    }

    /// What finds versions, for a dependency file.
    pub(crate) fn resolver<'r>(&'r self, uv: &'r Uv) -> Resolver<'r> {
        Resolver {
            uv,
            config: &self.index,
            http: &self.http,
            surroundings: &Process,
            limit: TIME_LIMIT,
        }
    }

    /// The indexes, as they may be shown and compared.
    pub(crate) fn indexes(&self) -> Vec<String> {
        let shown = |url: &Secret| nbvet_deps::masked(url.reveal()).into_owned();
        let folders = self
            .index
            .folders
            .iter()
            .map(|folder| folder.display().to_string());
        self.index.indexes.iter().map(shown).chain(folders).collect()
    }
}

/// What the command line names comes in the place of what this machine is set up for.
fn index_config(args: &IndexArgs) -> IndexConfig {
    let mut config = IndexConfig::from_surroundings(&Process);
    if !args.indexes.is_empty() {
        config.indexes = args.indexes.iter().cloned().map(Secret::new).collect();
    }
    config.folders.extend(args.find_links.clone());
    config
}

fn cache_folder() -> Result<PathBuf, UsageError> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    caches
        .map(|caches| caches.join("nbvet"))
        .ok_or_else(|| UsageError::Image {
            message: "there is no folder to keep packages in".to_owned(),
            hint: Some("set HOME, or XDG_CACHE_HOME, to an absolute path".into()),
        })
}
