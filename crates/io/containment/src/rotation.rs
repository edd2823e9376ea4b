//! Log rotation by copy and truncate, so that the process that writes need not know.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// When a log is rotated, and how many old ones stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Rotate when the file is at least this long, in bytes.
    pub size_max: u64,
    /// How many old files (`stdout.1` is the youngest) are kept; 0: the log is just emptied.
    pub files: u32,
}

impl Rotation {
    /// Rotates `log` if it is long enough. True if it was.
    ///
    /// The writer appends (O_APPEND), so it goes on at the new end. What it writes between the last copied
    /// byte and the truncation is lost: the copy is repeated until it has caught up to keep that short.
    ///
    /// # Errors
    /// Those of the file system. A log that is not there is not an error.
    pub fn rotate(self, log: &Path) -> io::Result<bool> {
        let mut source =
            match fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(log) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            };
        let metadata = source.metadata()?;
        if !metadata.is_file() || metadata.len() < self.size_max.max(1) {
            return Ok(false);
        }
        if self.files > 0 {
            for number in (1..self.files).rev() {
                match fs::rename(numbered(log, number), numbered(log, number + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            let first = numbered(log, 1);
            match fs::remove_file(&first) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut copy = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(first)?;
            // A writer faster than the disk would keep us here for ever: three rounds are enough.
            for _ in 0..3 {
                if io::copy(&mut source, &mut copy)? == 0 {
                    break;
                }
            }
        }
        source.set_len(0)?;
        Ok(true)
    }
}

fn numbered(log: &Path, number: u32) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn rotates_and_the_writer_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("stdout");
        let rotation = Rotation { size_max: 10, files: 2 };
        assert!(!rotation.rotate(&log).unwrap());
        let mut writer = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        writer.write_all(b"short").unwrap();
        assert!(!rotation.rotate(&log).unwrap());
        writer.write_all(b"first-log").unwrap();
        assert!(rotation.rotate(&log).unwrap());
        writer.write_all(b"second-log-it-is").unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "second-log-it-is");
        assert!(rotation.rotate(&log).unwrap());
        writer.write_all(b"third-log-it-is").unwrap();
        assert!(rotation.rotate(&log).unwrap());
        assert_eq!(fs::read_to_string(numbered(&log, 1)).unwrap(), "third-log-it-is");
        assert_eq!(fs::read_to_string(numbered(&log, 2)).unwrap(), "second-log-it-is");
        assert!(!numbered(&log, 3).exists());
        assert_eq!(fs::metadata(&log).unwrap().len(), 0);
    }

    #[test]
    fn does_not_follow_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("precious");
        fs::write(&target, "0123456789").unwrap();
        let log = directory.path().join("stdout");
        std::os::unix::fs::symlink(&target, &log).unwrap();
        assert!(Rotation { size_max: 1, files: 1 }.rotate(&log).is_err());
        assert_eq!(fs::read(&target).unwrap().len(), 10);
    }
}
