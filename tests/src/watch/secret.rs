//! Where `watch` takes the session from: a file, standard input, the environment or a flag. No
//! error contains any of it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use ibws_proto::transport::{Secret, SecretError};

/// The environment variable that can hold the session.
const VARIABLE: &str = "IBWS_SESSION";
/// The greatest size of a session file in bytes. A session has 32.
const MAX_BYTES: usize = 4_096;

/// Returns the session of the environment; `None` if it is not set, or empty.
pub(super) fn variable() -> Option<OsString> {
    std::env::var_os(VARIABLE).filter(|session| !session.is_empty())
}

/// Returns the session of the one source that is given; `None` without any.
pub(super) fn read(
    flag: Option<String>,
    file: Option<&Path>,
    variable: Option<OsString>,
) -> Result<Option<Secret>, String> {
    let given: Vec<_> =
        [("--session", flag.is_some()), ("--session-file", file.is_some()), (VARIABLE, variable.is_some())]
            .into_iter()
            .filter_map(|(name, is_given)| is_given.then_some(name))
            .collect();
    if given.len() > 1 {
        return Err(format!("the session is given more than once, by {}: give it once", given.join(" and ")));
    }
    let (name, bytes) = match (flag, file, variable) {
        (Some(session), ..) => ("--session".into(), session.into_bytes()),
        (_, Some(file), _) => (format!("session file {}", file.display()), of_file(file)?),
        (.., Some(session)) => (VARIABLE.into(), session.into_encoded_bytes()),
        _ => return Ok(None),
    };
    secret(bytes).map(Some).map_err(|error| format!("bad {name}: {error}"))
}

fn secret(bytes: Vec<u8>) -> Result<Secret, SecretError> {
    match String::from_utf8(bytes) {
        Ok(text) => Secret::new(text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            error.into_bytes().fill(0);
            Err(SecretError::BadCharacter { at })
        }
    }
}

/// Reads a regular file, or standard input for `-`, without the line end that ends it.
fn of_file(file: &Path) -> Result<Vec<u8>, String> {
    let name = file.display();
    let cannot = |error: io::Error| format!("cannot read the session file {name}: {error}");
    // One byte more than fits shows that there is more. The buffer does not grow, which would leave
    // copies of the session in memory.
    let mut bytes = Vec::with_capacity(MAX_BYTES + 1);
    if file.as_os_str() == "-" {
        read_up_to(io::stdin().lock(), &mut bytes).map_err(cannot)?;
    } else {
        // Opening a pipe would wait for its writer, so the kind is checked before, and once more
        // for what was opened.
        let is_regular = fs::metadata(file).map_err(cannot)?.is_file();
        let opened = is_regular.then(|| File::open(file)).transpose().map_err(cannot)?;
        let opened = opened.filter(|opened| opened.metadata().is_ok_and(|found| found.is_file()));
        let Some(opened) = opened else {
            return Err(format!("the session file {name} is no regular file: name one, or - for standard input"));
        };
        read_up_to(opened, &mut bytes).map_err(cannot)?;
    }
    if bytes.len() > MAX_BYTES {
        bytes.fill(0);
        return Err(format!("the session file {name} has more than {MAX_BYTES} bytes: it must hold the session alone"));
    }
    let line_end = if bytes.ends_with(b"\r\n") { 2 } else { usize::from(bytes.ends_with(b"\n")) };
    bytes.truncate(bytes.len() - line_end);
    Ok(bytes)
}

fn read_up_to(source: impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    source.take(MAX_BYTES as u64 + 1).read_to_end(bytes).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "00112233445566778899aabbccddeeff";

    fn in_file(name: &str, contents: &[u8]) -> Result<String, String> {
        let path = std::env::temp_dir().join(format!("ibws-session-{}-{name}", std::process::id()));
        fs::write(&path, contents).unwrap();
        let read = read(None, Some(&path), None);
        fs::remove_file(&path).unwrap();
        read.map(|session| session.unwrap().expose().to_owned())
    }

    #[test]
    fn the_session_of_each_source_is_read() {
        let expose = |read: Result<Option<Secret>, String>| read.unwrap().unwrap().expose().to_owned();
        assert_eq!(expose(read(Some(SESSION.into()), None, None)), SESSION);
        assert_eq!(expose(read(None, None, Some(SESSION.into()))), SESSION);
        for end in ["", "\n", "\r\n"] {
            assert_eq!(in_file("good", format!("{SESSION}{end}").as_bytes()).unwrap(), SESSION);
        }
        assert_eq!(read(None, None, None), Ok(None));
    }

    #[test]
    fn several_sources_are_an_error_that_names_them() {
        let path = Path::new("some-file");
        let (flag, variable) = (|| Some(SESSION.to_owned()), || Some(OsString::from(SESSION)));
        for (result, names) in [
            (read(flag(), Some(path), None), "--session and --session-file"),
            (read(flag(), None, variable()), "--session and IBWS_SESSION"),
            (read(None, Some(path), variable()), "--session-file and IBWS_SESSION"),
            (read(flag(), Some(path), variable()), "--session and --session-file and IBWS_SESSION"),
        ] {
            let error = result.unwrap_err();
            assert!(error.contains(names) && !error.contains(SESSION), "{error}");
        }
    }

    #[test]
    fn a_bad_file_is_an_error_that_names_file_and_rule_and_no_content() {
        let long = SESSION.repeat(129);
        let not_utf8 = [SESSION.as_bytes(), b"\xff"].concat();
        for (contents, rule) in [
            (b"".as_slice(), "empty"),
            (b"\n", "empty"),
            (format!("{SESSION}\n\n").as_bytes(), "byte 32"),
            (format!("{SESSION} {SESSION}").as_bytes(), "byte 32"),
            (format!("{{\"session\":\"{SESSION}\"}}").as_bytes(), "byte 1"),
            (&not_utf8, "byte 32"),
            (long.as_bytes(), "4096 bytes"),
        ] {
            let error = in_file("bad", contents).unwrap_err();
            assert!(error.contains(rule) && error.contains("ibws-session-"), "{error}");
            assert!(!error.contains("0011") && !error.contains("ddeeff"), "{error}");
        }
        let directory = std::env::temp_dir();
        let error = read(None, Some(&directory), None).unwrap_err();
        assert!(error.contains("no regular file"), "{error}");
        let error = read(None, Some(Path::new("no-such-file")), None).unwrap_err();
        assert!(error.contains("cannot read the session file no-such-file"), "{error}");
    }
}
