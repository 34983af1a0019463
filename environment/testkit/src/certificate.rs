//! A certificate authority of the test's own, and a certificate for loopback that it signed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, Result, child::run};

/// The files of a served certificate.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// Who signed it, for clients.
    pub(crate) authority: PathBuf,
    /// The certificate, for the server.
    pub(crate) signed: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
}

/// Makes both in a folder, with the names that podman's `--cert-dir` wants: it takes `*.crt` for authorities, and
/// `*.key` for keys of clients.
pub(crate) fn make(folder: &Path) -> Result<Certificate> {
    let path = |name: &str| folder.join(name);
    let made = Certificate {
        authority: path("ca.crt"),
        signed: path("server.pem"),
        key: path("server-key.pem"),
    };
    let extensions = path("server.ext");
    let text =
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n";
    fs::write(&extensions, text).map_err(Error::file(&extensions))?;
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(
        folder,
        &format!("req -x509 {key} -keyout ca-key.pem -out ca.crt -days 30 -subj /CN=nbvet-test-ca"),
    )?;
    openssl(
        folder,
        &format!("req {key} -keyout server-key.pem -out server.csr -subj /CN=localhost"),
    )?;
    let sign = "x509 -req -in server.csr -CA ca.crt -CAkey ca-key.pem -CAcreateserial";
    openssl(
        folder,
        &format!("{sign} -out server.pem -days 30 -extfile server.ext"),
    )?;
    Ok(made)
}

fn openssl(folder: &Path, arguments: &str) -> Result<()> {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder);
    run(&mut command, "openssl").map(drop)
}
