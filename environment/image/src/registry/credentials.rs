//! Who to be at a registry: Docker's `config.json`, podman's `auth.json` and a cluster's `.dockerconfigjson`, read as
//! those tools read them. Nothing is read before a registry asks who is there.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::CredentialsError;
use super::credential_program::{self, Kept};
use crate::http::Secret;

/// No file of credentials is larger.
const LARGEST: u64 = 1 << 20;

/// Where credentials are looked for.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    files: Vec<PathBuf>,
    /// Whether the file was named, so that it must be there.
    is_named: bool,
}

/// Who to be, and who says so.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) kind: LoginKind,
    /// `~/.docker/config.json`, for messages.
    pub(super) from: String,
}

#[derive(Debug, Clone)]
pub(super) enum LoginKind {
    Password {
        user: String,
        password: Secret,
    },
    /// Exchanged for a token where the registry says.
    Identity(Secret),
    /// Sent as it is.
    Token(Secret),
}

impl Credentials {
    /// Nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// A file of Docker's or podman's form, or a folder that holds `config.json` or `.dockerconfigjson`.
    pub fn from_file(path: &Path) -> Self {
        let within = ["config.json", ".dockerconfigjson"].map(|name| path.join(name));
        let file = within.into_iter().find(|file| file.is_file());
        Self {
            files: vec![file.unwrap_or_else(|| path.to_owned())],
            is_named: true,
        }
    }

    /// Several such files; the first that knows a repository wins.
    pub fn from_files(paths: &[PathBuf]) -> Self {
        let files = paths.iter().flat_map(|path| Self::from_file(path).files);
        Self {
            files: files.collect(),
            is_named: true,
        }
    }

    /// Where `docker login` and `podman login` leave them: `$REGISTRY_AUTH_FILE`, else `$DOCKER_CONFIG`, podman's
    /// files and `~/.docker/config.json`, the first that knows the registry.
    pub fn from_environment() -> Self {
        Self::read(|name| std::env::var_os(name).map(PathBuf::from))
    }

    fn read(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let variable = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
        if let Some(file) = variable("REGISTRY_AUTH_FILE") {
            return Self::from_file(&file);
        }
        let home = variable("HOME");
        let settings = variable("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
        let podman = "containers/auth.json";
        let docker = variable("DOCKER_CONFIG").or_else(|| home.map(|home| home.join(".docker")));
        let files = [
            docker.map(|folder| folder.join("config.json")),
            variable("XDG_RUNTIME_DIR").map(|folder| folder.join(podman)),
            settings.map(|folder| folder.join(podman)),
        ];
        Self {
            files: files.into_iter().flatten().collect(),
            is_named: false,
        }
    }

    /// Who to be in a repository.
    pub(super) fn find(&self, registry: &str, repository: &str) -> Result<Option<Login>, CredentialsError> {
        for file in &self.files {
            if let Some(config) = Config::open(file, self.is_named)?
                && let Some(login) = config.find(registry, repository)?
            {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    /// Where was looked, for messages.
    pub(super) fn places(&self) -> String {
        let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        files.join(", ")
    }
}

/// One file.
pub(super) struct Config<'a> {
    file: &'a Path,
    content: Map<String, Value>,
}

impl<'a> Config<'a> {
    fn open(file: &'a Path, must_exist: bool) -> Result<Option<Self>, CredentialsError> {
        let refused = |why: String| CredentialsError::File {
            file: file.to_owned(),
            why,
        };
        let opened = match File::open(file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => return Ok(None),
            Err(error) => return Err(refused(error.to_string())),
        };
        let mut text = Vec::new();
        let read = opened.take(LARGEST + 1).read_to_end(&mut text);
        read.map_err(|error| refused(error.to_string()))?;
        if text.len() as u64 > LARGEST {
            return Err(refused(format!("it has more than {LARGEST} bytes")));
        }
        Self::read(file, &text).map(Some)
    }

    pub(super) fn read(file: &'a Path, text: &[u8]) -> Result<Self, CredentialsError> {
        let refused = |why: String| CredentialsError::File {
            file: file.to_owned(),
            why,
        };
        match serde_json::from_slice(text) {
            Ok(Value::Object(content)) => Ok(Self { file, content }),
            Ok(_) => Err(refused("it is no JSON object".to_owned())),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                Err(refused(format!("it is no JSON (line {line}, column {column})")))
            }
        }
    }

    /// The program for the registry, else the entry that names most of the repository's path, else the program for all.
    pub(super) fn find(&self, registry: &str, repository: &str) -> Result<Option<Login>, CredentialsError> {
        if let Some(name) = self.helper_for(registry)? {
            return self.ask(&name, "credHelpers", registry);
        }
        if let Some(login) = self.entry_for(registry, repository)? {
            return Ok(Some(login));
        }
        match self.content.get("credsStore") {
            None => Ok(None),
            Some(Value::String(name)) if name.is_empty() => Ok(None),
            Some(Value::String(name)) => self.ask(name, "credsStore", registry),
            Some(_) => Err(self.wrong("credsStore", "it should be a name")),
        }
    }

    fn helper_for(&self, registry: &str) -> Result<Option<String>, CredentialsError> {
        for (key, name) in self.object("credHelpers")? {
            if normal(key) == registry {
                return match name {
                    Value::String(name) => Ok(Some(name.clone())),
                    _ => Err(self.wrong(&format!("credHelpers.{key:?}"), "it should be a name")),
                };
            }
        }
        Ok(None)
    }

    fn entry_for(&self, registry: &str, repository: &str) -> Result<Option<Login>, CredentialsError> {
        // Before `auths` the file was the table itself (`.dockercfg`).
        let (table, entries) = if self.content.contains_key("auths") {
            ("auths.", self.object("auths")?)
        } else {
            (
                "",
                self.content
                    .iter()
                    .filter(|(_, value)| value.is_object())
                    .collect(),
            )
        };
        let whole = format!("{registry}/{repository}");
        let mut wanted = whole.as_str();
        loop {
            for (key, entry) in &entries {
                if normal(key) == wanted
                    && let Some(kind) = self.login(&format!("{table}{key:?}"), entry)?
                {
                    let from = self.file.display().to_string();
                    return Ok(Some(Login { kind, from }));
                }
            }
            match wanted.rsplit_once('/') {
                Some((shorter, _)) => wanted = shorter,
                None => return Ok(None),
            }
        }
    }

    /// An entry without content only says that a program has the password.
    fn login(&self, key: &str, entry: &Value) -> Result<Option<LoginKind>, CredentialsError> {
        let Value::Object(entry) = entry else {
            return Err(self.wrong(key, "it should be an object"));
        };
        let field = |name: &str| match entry.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(self.wrong(&format!("{key}.{name}"), "it should be a text")),
        };
        if let Some(token) = field("identitytoken")? {
            return Ok(Some(LoginKind::Identity(Secret::new(token))));
        }
        if let Some(token) = field("registrytoken")? {
            return Ok(Some(LoginKind::Token(Secret::new(token))));
        }
        let (user, password) = match (field("auth")?, field("username")?, field("password")?) {
            (_, Some(user), Some(password)) => (user.to_owned(), Secret::new(password)),
            (Some(auth), ..) => self.decoded(&format!("{key}.auth"), auth)?,
            (None, Some(_), None) => return Err(self.wrong(key, "it has a `username` and no `password`")),
            (None, None, Some(_)) => return Err(self.wrong(key, "it has a `password` and no `username`")),
            (None, None, None) => return Ok(None),
        };
        Ok(Some(LoginKind::Password { user, password }))
    }

    fn decoded(&self, key: &str, auth: &str) -> Result<(String, Secret), CredentialsError> {
        let bytes = STANDARD.decode(auth.trim());
        let bytes = bytes.map_err(|_| self.wrong(key, "it is not base64"))?;
        let text =
            String::from_utf8(bytes).map_err(|_| self.wrong(key, "what its base64 holds is no text"))?;
        match text.split_once(':') {
            Some((user, password)) => Ok((user.to_owned(), Secret::new(password.trim_end_matches('\0')))),
            None => Err(self.wrong(key, "what its base64 holds is not `user:password`")),
        }
    }

    fn ask(&self, name: &str, key: &str, registry: &str) -> Result<Option<Login>, CredentialsError> {
        let kept = credential_program::get(name, registry).map_err(|why| match why {
            credential_program::Failure::Name => self.wrong(
                key,
                "a name of lower-case letters, digits and `-` should stand there",
            ),
            credential_program::Failure::Program(why) => CredentialsError::Helper {
                file: self.file.to_owned(),
                program: credential_program::program(name),
                registry: registry.to_owned(),
                why,
            },
        })?;
        Ok(kept.map(|Kept { user, secret }| Login {
            // The word that Docker uses for it.
            kind: if user == "<token>" {
                LoginKind::Identity(secret)
            } else {
                LoginKind::Password {
                    user,
                    password: secret,
                }
            },
            from: format!("{} ({})", credential_program::program(name), self.file.display()),
        }))
    }

    fn object(&self, key: &str) -> Result<Vec<(&String, &Value)>, CredentialsError> {
        match self.content.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Object(map)) => Ok(map.iter().collect()),
            Some(_) => Err(self.wrong(key, "it should be an object")),
        }
    }

    fn wrong(&self, key: &str, why: &str) -> CredentialsError {
        CredentialsError::Entry {
            file: self.file.to_owned(),
            key: key.to_owned(),
            why: why.to_owned(),
        }
    }
}

/// A key as `registry` or `registry/path`: Docker writes URLs, podman may add a path, and Docker Hub has many names.
fn normal(key: &str) -> String {
    let (is_url, rest) = match key.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, key),
    };
    let rest = rest.trim_end_matches('/');
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, ""), |(host, path)| (host, path));
    let host = match host.to_ascii_lowercase() {
        host if matches!(host.as_str(), "index.docker.io" | "registry-1.docker.io") => "docker.io".to_owned(),
        host => host,
    };
    if is_url || matches!(path, "" | "v1" | "v2") {
        host
    } else {
        format!("{host}/{path}")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Who a file says to be, by `user:password`.
    fn check(config: &str, registry: &str, repository: &str, expected: &Expect) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let found = Credentials::from_file(folder.path()).find(registry, repository);
        let shown = match found {
            Ok(None) => "nobody".to_owned(),
            Ok(Some(login)) => match login.kind {
                LoginKind::Password { user, password } => format!("{user}:{}", password.reveal()),
                LoginKind::Identity(token) => format!("identity {}", token.reveal()),
                LoginKind::Token(token) => format!("token {}", token.reveal()),
            },
            Err(error) => error.to_string().replace(folder.path().to_str().unwrap(), ""),
        };
        assert!(
            !shown.contains("hunter2") || !shown.contains("config.json"),
            "{shown}"
        );
        expected.assert_eq(&shown);
    }

    #[test]
    fn keys_are_found_as_docker_and_podman_write_them() {
        let auth = STANDARD.encode("me:hunter2");
        for key in [
            "https://quay.io",
            "quay.io",
            "quay.io/",
            "https://quay.io/v2/",
            "quay.io/v1/",
            "QUAY.io",
        ] {
            let config = format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#);
            check(&config, "quay.io", "org/a", &expect!["me:hunter2"]);
            check(&config, "quay.io:443", "org/a", &expect!["nobody"]);
        }
        for key in ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io"] {
            let config = format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#);
            check(&config, "docker.io", "library/python", &expect!["me:hunter2"]);
        }
        let old = format!(r#"{{"https://quay.io":{{"auth":"{auth}","email":"x"}}}}"#);
        check(&old, "quay.io", "a", &expect!["me:hunter2"]);
    }

    #[test]
    fn the_longest_path_wins() {
        let config = r#"{"auths":{
            "quay.io":{"username":"all","password":"p"},
            "quay.io/org":{"username":"org","password":"p"},
            "quay.io/org/a":{"username":"a","password":"p"}}}"#;
        check(config, "quay.io", "org/a", &expect!["a:p"]);
        check(config, "quay.io", "org/ab", &expect!["org:p"]);
        check(config, "quay.io", "other/a", &expect!["all:p"]);
    }

    #[test]
    fn tokens_and_empty_entries() {
        let config = r#"{"auths":{"a.io":{"auth":"bWU6","identitytoken":"idt"},"b.io":{},"c.io":{"registrytoken":"rt"}}}"#;
        check(config, "a.io", "x", &expect!["identity idt"]);
        check(config, "b.io", "x", &expect!["nobody"]);
        check(config, "c.io", "x", &expect!["token rt"]);
    }

    #[test]
    fn what_is_wrong_is_named_by_file_and_key_and_never_shown() {
        for (config, expected) in [
            (
                "{",
                expect![[r#"/config.json: credentials cannot be read: it is no JSON (line 1, column 1)"#]],
            ),
            (
                r#"["hunter2"]"#,
                expect!["/config.json: credentials cannot be read: it is no JSON object"],
            ),
            (
                r#"{"auths":"hunter2"}"#,
                expect!["/config.json: `auths`: it should be an object"],
            ),
            (
                r#"{"auths":{"a.io":"hunter2"}}"#,
                expect![[r#"/config.json: `auths."a.io"`: it should be an object"#]],
            ),
            (
                r#"{"auths":{"a.io":{"auth":"hunter2!"}}}"#,
                expect![[r#"/config.json: `auths."a.io".auth`: it is not base64"#]],
            ),
            (
                r#"{"auths":{"a.io":{"auth":"aHVudGVyMg=="}}}"#,
                expect![[
                    r#"/config.json: `auths."a.io".auth`: what its base64 holds is not `user:password`"#
                ]],
            ),
            (
                r#"{"auths":{"a.io":{"auth":["hunter2"]}}}"#,
                expect![[r#"/config.json: `auths."a.io".auth`: it should be a text"#]],
            ),
            (
                r#"{"auths":{"a.io":{"password":"hunter2"}}}"#,
                expect![[r#"/config.json: `auths."a.io"`: it has a `password` and no `username`"#]],
            ),
            (
                r#"{"credHelpers":{"a.io":"../evil"}}"#,
                expect![
                    "/config.json: `credHelpers`: a name of lower-case letters, digits and `-` should stand there"
                ],
            ),
            (
                r#"{"credsStore":"nbvet-is-not-installed"}"#,
                expect![
                    "`docker-credential-nbvet-is-not-installed`, which /config.json names for a.io: it cannot be started: no folder of PATH that begins with `/` holds it"
                ],
            ),
        ] {
            check(config, "a.io", "x", &expected);
        }
    }

    #[test]
    fn files_are_looked_for_where_the_tools_leave_them() {
        let places = |variables: &[(&str, &str)]| {
            let read = Credentials::read(|name| {
                let found = variables.iter().find(|(known, _)| *known == name)?;
                Some(PathBuf::from(found.1))
            });
            read.places()
        };
        let home = ("HOME", "/h/me");
        expect!["/h/me/.docker/config.json, /h/me/.config/containers/auth.json"].assert_eq(&places(&[home]));
        expect!["/d/config.json, /run/u/containers/auth.json, /h/me/.config/containers/auth.json"].assert_eq(
            &places(&[home, ("DOCKER_CONFIG", "/d"), ("XDG_RUNTIME_DIR", "/run/u")]),
        );
        expect!["/a.json"].assert_eq(&places(&[home, ("REGISTRY_AUTH_FILE", "/a.json")]));
    }

    #[test]
    fn a_named_file_must_be_there() {
        let error = Credentials::from_file(Path::new("/nowhere/config.json"))
            .find("a.io", "x")
            .unwrap_err();
        expect!["/nowhere/config.json: credentials cannot be read: No such file or directory (os error 2)"]
            .assert_eq(&error.to_string());
    }
}
