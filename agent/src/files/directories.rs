//! Folders: looked at, and made. In: paths, and whose they have to be. Out: what is there against that.

use super::{FileError, failed, folder_of, give};
use crate::{accounts::Account, untrusted};
use rocketmq_agent_domain::{desired::Owner, observed::DirectoryState};
use rustix::{
    fs::{Access, AtFlags, CWD, Mode, accessat, fchmod, fstat, mkdirat},
    io::Errno,
};
use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// Whose a folder has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This process must be able to write to it.
    Writable,
    /// Root's alone, as RocketMQ runs as this account.
    Root(Account),
    /// This account's.
    Account(Account),
}

impl Whose {
    /// Of a folder of a host on which RocketMQ runs as `account`, where the agent is root and gives that up for it.
    pub fn of(owner: Owner, account: Option<Account>) -> Self {
        match (owner, account) {
            (_, None) => Whose::Writable,
            (Owner::Agent, Some(account)) => Whose::Root(account),
            (Owner::RocketMq, Some(account)) => Whose::Account(account),
        }
    }
}

/// Looks at a folder.
pub fn observe_directory(path: &Path, whose: Whose) -> Result<DirectoryState, FileError> {
    let folder = match untrusted::folder(path) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            return Ok(missing(path));
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let above = path.parent().is_some_and(|above| fs::metadata(above).is_ok_and(|above| above.is_dir()));
            let why = if above { "is not a folder" } else { "lies below something that is not a folder" };
            return Ok(DirectoryState::Unusable(why.to_owned()));
        }
        Err(error) if error.kind() == io::ErrorKind::Other => {
            return Ok(DirectoryState::Unusable(format!("cannot be used: {error}")));
        }
        Err(error) => return Err(failed("look at folder", path)(error)),
    };
    let found = fstat(&folder).map_err(|error| failed("look at folder", path)(error.into()))?;
    if is_read_only(path) {
        return Ok(DirectoryState::ReadOnly);
    }
    let closed = |account: Account| {
        let why =
            |closed: &Path| format!("lies below {}, which user id {} may not enter", closed.display(), account.uid);
        closed_to(path, account).map_or(DirectoryState::Fine, |closed| DirectoryState::Unusable(why(closed)))
    };
    Ok(match whose {
        Whose::Account(account) if found.st_uid != account.uid => {
            DirectoryState::Unusable(format!("belongs to user id {}, not to {}", found.st_uid, account.uid))
        }
        Whose::Writable if accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_err() => {
            DirectoryState::Unusable("cannot be written to by this agent".to_owned())
        }
        Whose::Root(_) if !untrusted::is_sealed(&folder).map_err(failed("look at folder", path))? => {
            DirectoryState::Foreign(found.st_uid)
        }
        Whose::Root(account) | Whose::Account(account) => closed(account),
        Whose::Writable => DirectoryState::Fine,
    })
}

/// Looks at an instance's folder, and at whose that is what the agent keeps in it.
pub fn observe_home(path: &Path, account: Account) -> Result<DirectoryState, FileError> {
    let found = observe_directory(path, Whose::Root(account))?;
    if found != DirectoryState::Fine {
        return Ok(found);
    }
    let owned = untrusted::folder(path).and_then(untrusted::owned_by_root).map_err(failed("look at folder", path))?;
    Ok(if owned { DirectoryState::Fine } else { DirectoryState::Foreign(account.uid) })
}

/// Looks at the base folder, which must lie where nobody but root can put another one in its place.
pub fn observe_base(path: &Path, account: Account) -> Result<DirectoryState, FileError> {
    let is_open = |above: &Path| untrusted::folder(above).and_then(untrusted::is_open_to_account).unwrap_or(false);
    match path.ancestors().skip(1).find(|above| is_open(above)) {
        Some(above) => Ok(DirectoryState::Unusable(format!(
            "lies below {}, which user id {} can change: choose a base_dir that only root can move",
            above.display(),
            account.uid
        ))),
        None => observe_directory(path, Whose::Root(account)),
    }
}

/// The folder on the way to `path` that the account may not pass through, such as root's home.
fn closed_to(path: &Path, account: Account) -> Option<&Path> {
    path.ancestors().skip(1).find(|ancestor| {
        fs::metadata(ancestor).is_ok_and(|found| {
            let bit = match () {
                () if found.uid() == account.uid => 0o100,
                () if found.gid() == account.gid => 0o010,
                () => 0o001,
            };
            found.mode() & bit == 0
        })
    })
}

/// As the kernel mounts a disk that fails.
fn is_read_only(path: &Path) -> bool {
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS) == Err(Errno::ROFS)
}

/// A folder that is not there can be made if its nearest ancestor can be written to.
fn missing(path: &Path) -> DirectoryState {
    let ancestor = path.ancestors().skip(1).find(|ancestor| fs::symlink_metadata(ancestor).is_ok());
    match ancestor {
        Some(ancestor) if is_read_only(ancestor) => DirectoryState::ReadOnly,
        Some(ancestor) if accessat(CWD, ancestor, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_err() => {
            DirectoryState::Unusable(format!(
                "cannot be made: {} cannot be written to by this agent",
                ancestor.display()
            ))
        }
        _ => DirectoryState::Missing,
    }
}

/// Makes a folder, and those above it that are missing: they keep this process as owner, and let everybody pass
/// whatever the umask. One that is there already gets the mode; it is given to nobody.
pub fn make_directory(path: &Path, mode: u32, owner: Option<Account>) -> Result<(), FileError> {
    let missing: Vec<&Path> =
        path.ancestors().skip(1).take_while(|above| fs::symlink_metadata(above).is_err()).collect();
    for above in missing.into_iter().rev().filter(|above| !above.as_os_str().is_empty()) {
        make_one(above, 0o755, None).map_err(failed("make folder", above))?;
    }
    make_one(path, mode, owner).map_err(failed("make folder", path))
}

fn make_one(path: &Path, mode: u32, owner: Option<Account>) -> io::Result<()> {
    let (Some(name), above) = (path.file_name(), folder_of(path)) else { return Ok(()) };
    let above = untrusted::folder(above)?;
    let is_new = match mkdirat(&above, name, Mode::RWXU) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(error.into()),
    };
    let made = if is_new { untrusted::folder_in(&above, name)? } else { untrusted::folder(path)? };
    fchmod(&made, Mode::from_raw_mode(mode))?;
    match owner {
        Some(account) if is_new => Ok(give(&made, account)?),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    #[test]
    fn a_file_in_the_place_of_a_folder_is_unusable_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        assert_eq!(observe_directory(&path, Whose::Writable).unwrap(), DirectoryState::Missing);
        fs::write(&path, "").unwrap();
        assert!(matches!(observe_directory(&path, Whose::Writable).unwrap(), DirectoryState::Unusable(_)));
        assert!(matches!(
            observe_directory(&path.join("below"), Whose::Writable).unwrap(),
            DirectoryState::Unusable(_)
        ));
    }

    #[test]
    fn folders_on_the_way_are_made_so_that_others_can_pass() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/c");
        make_directory(&path, 0o750, None).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(&dir.path().join("a/b")), mode(&dir.path().join("a"))), (0o750, 0o755, 0o755));
    }

    #[test]
    fn a_folder_below_one_that_its_owner_may_not_enter_is_unusable() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        let path = dir.path().join("store");
        make_directory(&path, 0o755, None).unwrap();
        let own = fs::metadata(&path).unwrap().uid();
        assert_eq!(closed_to(&path, Account { uid: own, gid: own }), None);
        assert_eq!(closed_to(&path, Account { uid: own + 1, gid: own + 1 }), Some(dir.path()));
    }

    #[test]
    fn a_folder_of_somebody_else_is_reported_with_both_ids() {
        let dir = tempfile::tempdir().unwrap();
        let own = fs::metadata(dir.path()).unwrap().uid();
        let other = Account { uid: own + 1, gid: own + 1 };
        let DirectoryState::Unusable(why) = observe_directory(dir.path(), Whose::Account(other)).unwrap() else {
            unreachable!("it belongs to somebody else")
        };
        assert_eq!(why, format!("belongs to user id {own}, not to {}", own + 1));
    }
}
