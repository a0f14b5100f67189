//! Reads a [`Trust`] from a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::string::ToString;
use std::vec::Vec;

use crate::transport::{Trust, TrustError};

/// The largest file in bytes. The authorities that a Linux distribution trusts take a quarter.
const MAX_FILE: u64 = 1024 * 1024;

impl Trust {
    /// Returns the trust in the authorities of a PEM file; see [`Trust::CaPem`].
    ///
    /// # Errors
    /// [`TrustError::File`] if the file cannot be read, is larger than 1 MiB or holds no usable
    /// certificate.
    pub fn from_ca_file(path: impl AsRef<Path>) -> Result<Self, TrustError> {
        checked(path.as_ref(), Self::CaPem)
    }

    /// Returns the trust in the one certificate of a file, PEM or DER; see [`Trust::ExactCert`].
    ///
    /// # Errors
    /// [`TrustError::File`] if the file cannot be read, is larger than 1 MiB or does not hold
    /// exactly one usable certificate.
    pub fn from_pin_file(path: impl AsRef<Path>) -> Result<Self, TrustError> {
        checked(path.as_ref(), Self::ExactCert)
    }

    /// Returns the trust in a gateway on this machine: [`Trust::StockCertificate`], or the pin in
    /// `pin_file` for a gateway with a certificate of its own.
    ///
    /// A dial that meets another certificate fails with
    /// [`ConnectError::certificate`](crate::ConnectError::certificate), which the application can
    /// save as the pin file of the next dial once its user has compared the fingerprint.
    ///
    /// # Errors
    /// As for [`Self::from_pin_file`]. A file that is missing is an error too, so that a lost pin
    /// is never replaced by the stock certificate.
    pub fn local_gateway(pin_file: Option<&Path>) -> Result<Self, TrustError> {
        pin_file.map_or(Ok(Self::StockCertificate), Self::from_pin_file)
    }
}

fn checked(path: &Path, trust: impl Fn(Vec<u8>) -> Trust) -> Result<Trust, TrustError> {
    let failed =
        |reason: &dyn ToString| TrustError::File { path: path.display().to_string(), reason: reason.to_string() };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes));
    let count = read.map_err(|error| failed(&std::format!("{error}; check the path and its permissions")))?;
    if u64::try_from(count).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(failed(&"the file is larger than 1 MiB, so it is no file of certificates: check the path"));
    }
    let trust = trust(bytes);
    trust.check().map_err(|error| failed(&error))?;
    Ok(trust)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_becomes_a_trust_or_an_error_with_its_path_and_what_to_do() {
        let folder = std::env::temp_dir().join(std::format!("ibws-trust-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap().cert;
        let path = folder.join("gateway.pem");
        fs::write(&path, certificate.pem()).unwrap();
        assert_eq!(Trust::from_pin_file(&path), Ok(Trust::ExactCert(certificate.pem().into())));
        assert_eq!(Trust::from_ca_file(&path), Ok(Trust::CaPem(certificate.pem().into())));
        assert_eq!(Trust::local_gateway(Some(&path)), Trust::from_pin_file(&path));
        assert_eq!(Trust::local_gateway(None), Ok(Trust::StockCertificate));
        assert!(matches!(Trust::local_gateway(Some(&folder.join("missing"))), Err(TrustError::File { .. })));
        fs::write(folder.join("gateway.der"), certificate.der()).unwrap();
        assert!(Trust::from_pin_file(folder.join("gateway.der")).is_ok());
        fs::write(folder.join("empty"), "").unwrap();
        fs::write(folder.join("cut"), &certificate.pem()[..100]).unwrap();
        fs::write(folder.join("large"), std::vec![b'x'; 1024 * 1024 + 1]).unwrap();
        for (name, text) in [
            ("missing", "check the path and its permissions"),
            ("", "check the path and its permissions"),
            ("empty", "holds no certificate"),
            ("cut", "damaged PEM"),
            ("large", "larger than 1 MiB"),
        ] {
            let path = folder.join(name);
            for error in [Trust::from_pin_file(&path).unwrap_err(), Trust::from_ca_file(&path).unwrap_err()] {
                let shown = error.to_string();
                let start = path.display().to_string();
                assert!(shown.starts_with(&start) && shown.contains(text), "{shown}");
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
