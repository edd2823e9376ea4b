//! How much of the disk a directory uses.

use std::{collections::HashSet, fs, os::unix::fs::MetadataExt as _, path::Path};

/// Bytes that `directory` and all below it take up on the disk, on its file system, without following links;
/// what has several names is counted once. What disappears meanwhile is not counted.
pub fn usage(directory: &Path) -> u64 {
    let Ok(root) = fs::symlink_metadata(directory) else { return 0 };
    let (device, mut total, mut linked) = (root.dev(), blocks(&root), HashSet::new());
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().filter_map(Result::ok) {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.dev() != device
                || (metadata.nlink() > 1 && !metadata.is_dir() && !linked.insert(metadata.ino()))
            {
                continue;
            }
            total += blocks(&metadata);
            if metadata.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    total
}

fn blocks(metadata: &fs::Metadata) -> u64 {
    metadata.blocks().saturating_mul(512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_on_the_disk_once() {
        let work = tempfile::tempdir().unwrap();
        let empty = usage(work.path());
        fs::create_dir(work.path().join("below")).unwrap();
        fs::write(work.path().join("below/file"), vec![1; 1 << 20]).unwrap();
        let one = usage(work.path());
        assert!(one >= empty + (1 << 20) && one < empty + (2 << 20), "{empty} {one}");
        fs::hard_link(work.path().join("below/file"), work.path().join("again")).unwrap();
        std::os::unix::fs::symlink("/", work.path().join("everything")).unwrap();
        assert!(usage(work.path()) < one + (1 << 16));
        assert_eq!(usage(Path::new("/no/such/directory")), 0);
    }
}
