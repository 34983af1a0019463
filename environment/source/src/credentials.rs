//! Credentials of a mounted folder, given to git and ssh in files that only this user reads: never in an argument, a
//! variable or an address.

use std::{
    borrow::Cow,
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    SourceError,
    address::{Address, Scheme},
};

/// Bytes of one credential.
const LARGEST: u64 = 256 << 10;
/// What `user:password@` may hold as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
/// The name that goes with a token where none is given: servers look at the token alone.
const TOKEN_USER: &str = "git";

/// What git is given.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// Words of git's configuration.
    pub(crate) config: Vec<String>,
    /// Words for ssh.
    pub(crate) ssh: Vec<String>,
    /// What must stand in no message.
    secrets: Vec<String>,
}

impl Given {
    /// A text of git's or of a server's, without secrets that it may repeat.
    pub(crate) fn masked(&self, text: &str) -> String {
        let secrets = self.secrets.iter();
        secrets.fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "****")
        })
    }
}

/// Reads the mounted folder, and writes what git needs of it into a folder of our own.
pub(crate) fn give(folder: Option<&Path>, address: &Address, scratch: &Path) -> Result<Given, SourceError> {
    let mounted = folder.map(|folder| Mounted { folder });
    match address.scheme {
        Scheme::Https | Scheme::Http => mounted.map_or(Ok(Given::default()), |mounted| {
            password(&mounted, address, scratch)
        }),
        Scheme::Ssh => {
            let missing = || SourceError::Authentication {
                address: address.to_string(),
                why: "ssh needs a Secret with `ssh-privatekey` and `known_hosts`, and none is named"
                    .to_owned(),
            };
            key(&mounted.ok_or_else(missing)?, scratch)
        }
        Scheme::Git | Scheme::File => Ok(Given::default()),
    }
}

struct Mounted<'m> {
    folder: &'m Path,
}

impl Mounted<'_> {
    fn fault(&self, why: impl Into<String>) -> SourceError {
        SourceError::Credentials {
            folder: self.folder.to_owned(),
            why: why.into(),
        }
    }

    /// The first of these files that is there.
    fn read(&self, names: &[&str]) -> Result<Option<Vec<u8>>, SourceError> {
        for name in names {
            let mut bytes = Vec::new();
            let opened = fs::File::open(self.folder.join(name));
            match opened.and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)) {
                Ok(_) if bytes.len() as u64 > LARGEST => {
                    return Err(self.fault(format!("`{name}` is larger than any credential")));
                }
                Ok(_) => return Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.fault(format!("`{name}`: {error}"))),
            }
        }
        Ok(None)
    }

    /// The same as a line; a line break at its end, which editors leave, is no part of it.
    fn line(&self, names: &[&str]) -> Result<Option<String>, SourceError> {
        let Some(bytes) = self.read(names)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).map_err(|_| self.fault(format!("`{}` is no text", names[0])))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.contains(|letter: char| letter.is_control()) {
            return Err(self.fault(format!("`{}` has more than one line", names[0])));
        }
        Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
    }
}

/// A file in the form of `git credential-store`, which gives it to its own scheme and host alone.
fn password(mounted: &Mounted<'_>, address: &Address, scratch: &Path) -> Result<Given, SourceError> {
    let user = mounted.line(&["username"])?;
    let password = match mounted.line(&["password"])? {
        Some(password) => password,
        None => mounted
            .line(&["token", "bearerToken"])?
            .ok_or_else(|| mounted.fault("it holds neither `password` nor `token`"))?,
    };
    let user = user.unwrap_or_else(|| TOKEN_USER.to_owned());
    let encoded = |text: &str| utf8_percent_encode(text, KEPT).to_string();
    let (user_code, password_code) = (encoded(&user), encoded(&password));
    let line = format!(
        "{}://{user_code}:{password_code}@{}\n",
        address.scheme.name(),
        address.host
    );
    let file = scratch.join("credentials");
    write(&file, line.as_bytes())?;
    Ok(Given {
        config: vec![format!("credential.helper=store --file={}", quoted(&file)?)],
        ssh: Vec::new(),
        secrets: secrets([password, password_code]),
    })
}

/// The key and the host's own key, which ssh takes from files.
fn key(mounted: &Mounted<'_>, scratch: &Path) -> Result<Given, SourceError> {
    let key = mounted
        .read(&["ssh-privatekey", "identity"])?
        .ok_or_else(|| mounted.fault("it holds no `ssh-privatekey`"))?;
    let hosts = mounted.read(&["known_hosts", "knownHosts"])?.ok_or_else(|| {
        mounted.fault("it holds no `known_hosts`: without the host's own key anybody could stand in for it (`ssh-keyscan HOST`)")
    })?;
    let (key_file, hosts_file) = (scratch.join("key"), scratch.join("known_hosts"));
    // ssh wants a line break at the end, which is lost where keys are copied by hand.
    let mut text = key.clone();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    write(&key_file, &text)?;
    write(&hosts_file, &hosts)?;
    let ssh = [
        "-o".to_owned(),
        format!("IdentityFile={}", quoted(&key_file)?),
        "-o".to_owned(),
        format!("UserKnownHostsFile={}", quoted(&hosts_file)?),
    ];
    Ok(Given {
        config: Vec::new(),
        ssh: ssh.to_vec(),
        secrets: secrets([String::from_utf8_lossy(&key).trim().to_owned()]),
    })
}

/// Short ones would take half of a message with them.
fn secrets<const N: usize>(all: [String; N]) -> Vec<String> {
    all.into_iter().filter(|secret| secret.len() >= 4).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SourceError> {
    let opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    opened
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| SourceError::folder(path, error))
}

/// A path for a shell: git gives these words to one.
fn quoted(path: &Path) -> Result<String, SourceError> {
    let odd = || {
        SourceError::folder(
            path,
            io::Error::other("the temporary folder has a name that no shell can be given"),
        )
    };
    let text = path.to_str().ok_or_else(odd)?;
    // ssh reads a space and a `%` in its options in ways of its own.
    if text.contains(['%', '"', '\'', ' ', '\n']) {
        return Err(odd());
    }
    shlex::try_quote(text).map(Cow::into_owned).map_err(|_| odd())
}

/// The file of authorities for git: ours beside those of the system, which it would forget otherwise.
pub(crate) fn authorities(file: &Path, scratch: &Path) -> Result<PathBuf, SourceError> {
    const SYSTEM: [&str; 3] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    ];
    let mut bytes = fs::read(file).map_err(|error| SourceError::folder(file, error))?;
    bytes.push(b'\n');
    let system = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let mut system = system.into_iter().chain(SYSTEM.map(PathBuf::from));
    bytes.extend(system.find_map(|file| fs::read(file).ok()).unwrap_or_default());
    let joined = scratch.join("authorities.pem");
    write(&joined, &bytes)?;
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use nbvet_report::Reason;

    use super::*;
    use crate::Allowed;

    fn mounted(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn given(url: &str, files: &[(&str, &str)]) -> (Result<Given, SourceError>, tempfile::TempDir) {
        let folder = mounted(files);
        let scratch = tempfile::tempdir().unwrap();
        let address = Address::read(url, Allowed::default()).unwrap();
        (give(Some(folder.path()), &address, scratch.path()), scratch)
    }

    #[test]
    fn a_password_goes_into_a_file_for_its_host_alone_and_into_no_argument() {
        let files = [("username", "al ice\n"), ("password", "p@ss/w:örd%\r\n")];
        let (given, scratch) = given("https://git.example:8443/nbs", &files);
        let given = given.unwrap();
        let file = scratch.path().join("credentials");
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "https://al%20ice:p%40ss%2Fw%3A%C3%B6rd%25@git.example:8443\n"
        );
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(
            !format!("{:?}", given.config).contains("ss/w"),
            "{:?}",
            given.config
        );
        assert_eq!(
            given.masked("fatal: p@ss/w:örd% and p%40ss%2Fw%3A%C3%B6rd%25"),
            "fatal: **** and ****"
        );
    }

    #[test]
    fn a_token_needs_no_name() {
        let (given, scratch) = given("https://git.example/nbs", &[("token", "t0ken")]);
        given.unwrap();
        let text = fs::read_to_string(scratch.path().join("credentials")).unwrap();
        assert_eq!(text, "https://git:t0ken@git.example\n");
    }

    #[test]
    fn a_key_without_known_hosts_is_refused_and_a_lost_line_break_is_mended() {
        let (refused, _) = given("git@git.example:nbs", &[("ssh-privatekey", "KEY")]);
        let error = refused.unwrap_err();
        assert_eq!(error.reason(), Reason::AuthenticationFailed);
        assert!(error.to_string().contains("no `known_hosts`"), "{error}");
        let (given, scratch) = given(
            "git@git.example:nbs",
            &[("identity", "KEY"), ("known_hosts", "HOST")],
        );
        assert_eq!(given.unwrap().ssh.len(), 4);
        assert_eq!(fs::read_to_string(scratch.path().join("key")).unwrap(), "KEY\n");
    }

    #[test]
    fn credentials_that_cannot_be_used_are_told_without_their_value() {
        let check = |files: &[(&str, &str)], expected: &str| {
            let error = given("https://git.example/nbs", files).0.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        };
        check(&[], "neither `password` nor `token`");
        check(&[("password", "\n")], "neither `password` nor `token`");
        check(&[("password", "hunter2\nhost=other")], "more than one line");
        check(
            &[("username", "a\nb"), ("password", "hunter2")],
            "more than one line",
        );
        check(
            &[("password", &"x".repeat(300_000))],
            "larger than any credential",
        );
    }
}
