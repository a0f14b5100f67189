//! Runs a program as a user does, and reads what it prints.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

/// Returns the command of the `watch` example of the tokio adapter. A test run of the whole
/// workspace builds the example along with this test. A test run of this package builds it here,
/// once.
pub(crate) fn watch() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let tests = std::env::current_exe().unwrap();
        let examples = tests.ancestors().nth(2).unwrap().join("examples");
        let path = examples.join(format!("watch{}", std::env::consts::EXE_SUFFIX));
        if !path.exists() {
            let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--locked", "--workspace", "--example", "watch", "--profile", profile]);
            assert!(build.status().unwrap().success(), "watch does not build");
        }
        path
    });
    let mut command = Command::new(path);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running program, which is killed at the end of the test.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stdout: BufReader<std::process::ChildStdout>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Reads lines up to the first one that `matches` accepts, and returns it. `seen` receives each
    /// line.
    pub(crate) fn until(&mut self, mut seen: impl FnMut(&str), matches: impl Fn(&str) -> bool) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the program ended early");
            seen(line.trim_end());
            if matches(line.trim_end()) {
                return line.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end, and returns the remaining output, the error output and the exit status.
    pub(crate) fn remaining(mut self) -> (String, String, ExitStatus) {
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (out, err, self.child.wait().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
