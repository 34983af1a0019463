//! Whose certificates are believed: the system's (`SSL_CERT_FILE`, `SSL_CERT_DIR` honoured) and those of named files.

use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, PemItem, parse_pem};

use super::HttpError;

/// No file of certificates is larger.
const LARGEST: u64 = 16 << 20;

pub(super) fn roots(files: &[PathBuf]) -> Result<Vec<Certificate<'static>>, HttpError> {
    // Some of the system's files may be unreadable; what is missing shows when a server is not believed.
    let system = rustls_native_certs::load_native_certs().certs;
    let mut roots: Vec<_> = system
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    for file in files {
        roots.extend(read(file)?);
    }
    Ok(roots)
}

fn read(file: &Path) -> Result<Vec<Certificate<'static>>, HttpError> {
    let refused = |why: String| HttpError::Certificates {
        file: file.to_owned(),
        why,
    };
    let length = std::fs::metadata(file)
        .map_err(|error| refused(error.to_string()))?
        .len();
    if length > LARGEST {
        return Err(refused(format!(
            "it has {length} bytes; certificates are smaller"
        )));
    }
    let text = std::fs::read(file).map_err(|error| refused(error.to_string()))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|_| refused("its PEM text is broken".to_owned()))?
        {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(refused(
            "there is no PEM certificate in it (`-----BEGIN CERTIFICATE-----`)".to_owned(),
        ));
    }
    Ok(found)
}
