//! A copy of the repository in which something can be changed.

use std::{collections::BTreeSet, fs, path::Path};

use crate::shell::{Outcome, command, output};

/// Makes the copy like the original. A file that is alike already is not touched, so that cargo builds nothing twice.
pub(super) fn refresh(original: &Path, copy: &Path) -> Outcome {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = output(command("git", list).current_dir(original))?;
    let wanted: BTreeSet<&str> = listed.split('\0').filter(|name| original.join(name).is_file()).collect();
    for name in &wanted {
        let (from, to) = (original.join(name), copy.join(name));
        let text = fs::read(&from)?;
        if fs::read(&to).is_ok_and(|there| there == text) {
            continue;
        }
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&to, text)?;
    }
    remove_others(copy, copy, &wanted)
}

fn remove_others(copy: &Path, directory: &Path, wanted: &BTreeSet<&str>) -> Outcome {
    for entry in fs::read_dir(directory)?.flatten() {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            remove_others(copy, &path, wanted)?;
        } else if path.strip_prefix(copy).is_ok_and(|name| !wanted.contains(&*name.to_string_lossy())) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
