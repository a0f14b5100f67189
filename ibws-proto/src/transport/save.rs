//! Saves an unknown certificate as a pin, when the user of the application has approved it.

use std::format;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::string::{String, ToString};

use crate::UnknownCertificate;

/// A certificate that could not be saved.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// Something exists at the path, which is never replaced.
    #[error(
        "{path} exists and is never overwritten: compare it with the new certificate, then remove it or choose another path"
    )]
    Exists {
        /// The path.
        path: String,
    },
    /// The file cannot be written.
    #[error("cannot write {path} ({reason}): check the folder, its permissions and the free space")]
    Io {
        /// The path.
        path: String,
        /// The message of the system.
        reason: String,
    },
}

impl UnknownCertificate {
    /// Saves the certificate as PEM in a new file, which
    /// [`Trust::from_pin_file`](super::Trust::from_pin_file) reads.
    ///
    /// The library never calls this itself. An application calls it once its user has compared the
    /// fingerprint with the one of the gateway. The file is readable by everybody, because a
    /// certificate is public, and writable by its owner only.
    ///
    /// # Errors
    /// [`SaveError::Exists`] if there is anything at `path`: a file is never overwritten, and a
    /// link is never followed. [`SaveError::Io`] if the file cannot be created or written; no part
    /// of it remains then.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        let path = path.as_ref();
        let shown = || path.display().to_string();
        let io_error = |error: &io::Error| SaveError::Io { path: shown(), reason: error.to_string() };
        let mut options = OpenOptions::new();
        // Creation fails for anything that exists at the path, a dangling link included.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
        let mut file = options.open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => SaveError::Exists { path: shown() },
            _ => io_error(&error),
        })?;
        file.write_all(self.pem.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
            // A part of a certificate would be a damaged pin.
            match fs::remove_file(path) {
                Ok(()) => io_error(&error),
                Err(also) => SaveError::Io { path: shown(), reason: format!("{error}; removing it failed: {also}") },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A new folder, which is removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name = format!("ibws-save-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_certificate_is_saved_once_and_never_over_a_file() {
        let folder = Folder::new();
        let path = folder.0.join("gateway.pem");
        let certificate = UnknownCertificate::new("AA:BB", "-----BEGIN CERTIFICATE-----\n");
        certificate.save(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), &*certificate.pem);
        let other = UnknownCertificate::new("CC:DD", "another");
        let error = other.save(&path).unwrap_err();
        assert!(matches!(error, SaveError::Exists { .. }), "{error}");
        assert!(error.to_string().contains("gateway.pem exists and is never overwritten"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), &*certificate.pem);
        let error = other.save(folder.0.join("missing").join("gateway.pem")).unwrap_err();
        assert!(matches!(error, SaveError::Io { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_certificate_is_never_saved_through_a_link_and_others_cannot_write_it() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let folder = Folder::new();
        let certificate = UnknownCertificate::new("AA:BB", "pem");
        let (target, link) = (folder.0.join("target"), folder.0.join("link"));
        symlink(&target, &link).unwrap();
        assert!(matches!(certificate.save(&link), Err(SaveError::Exists { .. })), "a dangling link");
        assert!(!target.exists());
        fs::write(&target, "mine").unwrap();
        assert!(matches!(certificate.save(&link), Err(SaveError::Exists { .. })), "a link to a file");
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
        let path = folder.0.join("new");
        certificate.save(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o133, 0);
    }
}
