//! Registries and indexes, as a step's input names them, with credentials out of mounted files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nbvet_image::{
    http::Secret,
    index::{IndexConfig, Process},
    registry::Credentials,
};
use nbvet_report::step::{IndexInput, RegistryInput};

use crate::{image::network::Network, usage::UsageError};

/// Bytes of a name or a password.
const LARGEST: u64 = 64 << 10;

pub(super) fn network(registry: &RegistryInput, index: &IndexInput) -> Result<Network, UsageError> {
    let paths = |texts: &[String]| texts.iter().map(PathBuf::from).collect::<Vec<_>>();
    Network::of(
        Credentials::from_files(&paths(&registry.auth_files)),
        config(index)?,
        &paths(&registry.ca_files),
        &registry.insecure_hosts,
        false,
    )
}

fn config(input: &IndexInput) -> Result<IndexConfig, UsageError> {
    let mut config = IndexConfig::from_surroundings(&Process);
    if !input.urls.is_empty() {
        config.indexes = index_urls(input)?;
    }
    config
        .folders
        .extend(input.find_links.as_ref().map(PathBuf::from));
    Ok(config)
}

/// The addresses of the indexes that are named, with the credentials of the first.
pub(super) fn index_urls(input: &IndexInput) -> Result<Vec<Secret>, UsageError> {
    let login = input
        .credentials
        .as_deref()
        .map(|folder| login(Path::new(folder)));
    let mut login = login.transpose()?;
    let urls = input.urls.iter().map(|url| with_login(url, login.take()));
    urls.collect()
}

fn refused(message: String) -> UsageError {
    UsageError::Image { message, hint: None }
}

/// Where a job names them.
const SECRET: &str = "they are the keys `username` and `password` of the Secret in \
                      `spec.podConfig.buildConfig.packageIndex.secret`";

/// The name and the password of a mounted Secret.
fn login(folder: &Path) -> Result<(String, String), UsageError> {
    let read = |name: &str| -> Result<String, UsageError> {
        use io::Read as _;
        let path = folder.join(name);
        let mut text = String::new();
        let opened = fs::File::open(&path);
        let read = opened.and_then(|file| file.take(LARGEST).read_to_string(&mut text));
        read.map_err(|error| {
            refused(format!(
                "the credentials of the package index cannot be read: {}: {error}; {SECRET}",
                path.display()
            ))
        })?;
        Ok(text.trim_end_matches(['\n', '\r']).to_owned())
    };
    Ok((read("username")?, read("password")?))
}

/// A URL with credentials in it, which is how package indexes are told them; shown nowhere.
fn with_login(url: &str, login: Option<(String, String)>) -> Result<Secret, UsageError> {
    let (scheme, rest) = url
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "https" | "http"))
        .ok_or_else(|| {
            refused("packageIndex: the address is none; write `https://HOST/simple`".to_owned())
        })?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        let message = "packageIndex: the address holds credentials, and who reads this object reads them too: put them into a Secret";
        return Err(refused(message.to_owned()));
    }
    Ok(Secret::new(match login {
        None => url.to_owned(),
        Some((user, password)) => format!("{scheme}://{}:{}@{rest}", code(&user), code(&password)),
    }))
}

/// Every byte but letters and digits as `%XX`.
fn code(text: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_of_an_index_go_into_its_address_and_into_no_message() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("username"), "alice\n").unwrap();
        fs::write(folder.path().join("password"), "p@ss:w/rd\n").unwrap();
        let input = IndexInput {
            urls: vec![
                "https://index.example/simple".to_owned(),
                "https://other.example/simple".to_owned(),
            ],
            credentials: Some(folder.path().display().to_string()),
            find_links: None,
        };
        let config = config(&input).unwrap();
        let urls: Vec<_> = config.indexes.iter().map(Secret::reveal).collect();
        assert_eq!(
            urls,
            [
                "https://alice:p%40ss%3Aw%2Frd@index.example/simple",
                "https://other.example/simple"
            ]
        );
        assert!(!format!("{config:?}").contains("p%40ss"), "{config:?}");
    }

    #[test]
    fn an_address_with_credentials_is_refused_without_showing_them() {
        let input = IndexInput {
            urls: vec!["https://alice:hunter2@index.example/simple".to_owned()],
            ..IndexInput::default()
        };
        let error = config(&input).unwrap_err().to_string();
        assert!(
            error.contains("put them into a Secret") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
