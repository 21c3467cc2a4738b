//! What instances show of themselves over TLS.

use super::{Check, Finding, Host};
use crate::{accounts::Account, trust};
use rocketmq_agent_domain::{
    desired::properties,
    tls::{KeyFormat, Shown, config_file, enforces, key_format, shown},
};
use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    time::SystemTime,
};

pub(super) static CHECK: Check = Check {
    id: "tls",
    what: "The certificate and key that instances show over TLS are there and usable and belong together, only their \
           account can read the key, and they do not run out soon.",
    why: "A RocketMQ that cannot use them starts all the same, says so in its log alone, and refuses everybody who speaks \
          TLS. When the certificate has run out, clients that verify it cannot connect.",
    run,
    repair: None,
};

const PUT_THERE: &str = "put it there, readable by the account of the instances";

fn run(host: &Host) -> Vec<Finding> {
    let Ok(account) = host.account else { return vec![Finding::skipped("see `account`")] };
    let is_5 = host.inventory.as_ref().is_ok_and(|it| it.desired.version.is_5());
    let mut findings = Vec::new();
    // Most instances of a host have the same files.
    let mut seen: Vec<(&str, Shown)> = Vec::new();
    for instance in host.instances().iter().filter(|instance| !instance.launch.role.is_jar()) {
        let (name, options) = (instance.launch.instance.as_str(), instance.launch.arguments.as_slice());
        let file = Path::new(config_file(options));
        let is_named = options.iter().any(|option| option.starts_with("-Dtls.config.file="));
        let found = match read(file, account) {
            Ok(text) => shown(options, &properties::parse(&text)),
            Err(error) => {
                if is_named {
                    let what =
                        format!("{name}: {} cannot be read: {error}; RocketMQ goes on without it", file.display());
                    findings.push(Finding::fail(what, PUT_THERE));
                }
                shown(options, &BTreeMap::new())
            }
        };
        if !seen.iter().any(|(_, other)| *other == found) {
            findings.extend(judge(name, &found, enforces(options), account, is_5));
            seen.push((name, found));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::skipped("no instance is given a certificate: each makes itself one that nobody knows"));
    }
    findings
}

/// What is to be said of an instance that shows this.
fn judge(name: &str, shown: &Shown, enforces: bool, account: Option<Account>, is_5: bool) -> Vec<Finding> {
    let fix_test_mode = "set tls.test.mode.enable = false beside it";
    match (&shown.certificate, &shown.key) {
        (None, None) if shown.makes_its_own => Vec::new(),
        (Some(path), _) | (_, Some(path)) if shown.makes_its_own => {
            let what = format!("{name}: {path} is not used: it makes itself a certificate (tls.test.mode.enable)");
            vec![Finding::fail(what, fix_test_mode)]
        }
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (Path::new(certificate), Path::new(key));
            let mut found =
                vec![judge_certificate(certificate, account), judge_key(key, shown.has_password, account, is_5)];
            if trust::is_of_another(certificate, key) {
                let what = format!("{} is not the key of {}", key.display(), certificate.display());
                found.push(Finding::fail(what, "put both there as they were made, and restart"));
            }
            found
        }
        _ if enforces => {
            let what = format!("{name}: it has no certificate or no key to show, and refuses everybody");
            vec![Finding::fail(what, "set tls.server.certPath and tls.server.keyPath")]
        }
        _ => Vec::new(),
    }
}

fn judge_certificate(path: &Path, account: Option<Account>) -> Finding {
    let shown = path.display();
    if let Err(error) = read(path, account) {
        return unreadable(path, &error);
    }
    let now = SystemTime::now();
    match trust::validity(path) {
        Err(error) => Finding::fail(error.to_string(), "put a certificate there, as PEM"),
        Ok(validity) => match (validity.holds(now), validity.remark(now)) {
            (true, None) => Finding::ok(format!("{shown} holds for {}", validity.left(now))),
            (true, Some(_)) => Finding::warn(
                format!("{shown} runs out in {}", validity.left(now)),
                "put a new one and its key there, as docs/tls.md says",
            ),
            _ => Finding::fail(format!("{shown} does not hold at this time"), "put a new one there"),
        },
    }
}

fn judge_key(path: &Path, has_password: bool, account: Option<Account>, is_5: bool) -> Finding {
    let shown = path.display();
    let (text, file) = match read(path, account).and_then(|text| Ok((text, fs::metadata(path)?))) {
        Ok(found) => found,
        Err(error) => return unreadable(path, &error),
    };
    if is_open(&file, account) {
        return Finding::fail(format!("{shown} can be read by others"), "chown it to rocketmq, and chmod 600");
    }
    let to_pkcs8 = || format!("openssl pkcs8 -topk8 -nocrypt -in {shown} -out NEW");
    match key_format(&String::from_utf8_lossy(&text)) {
        None => Finding::fail(format!("{shown} holds no private key"), "put it there, as PEM"),
        Some(KeyFormat::Encrypted) if !has_password => {
            Finding::fail(format!("{shown} has a password, and tls.server.keyPassword is not said"), to_pkcs8())
        }
        Some(KeyFormat::Other) if is_5 => Finding::warn(
            format!("{shown} is not PKCS#8: 5.5.0 was seen to take it, and other releases may not"),
            to_pkcs8(),
        ),
        Some(KeyFormat::Other) => {
            Finding::fail(format!("{shown} is not PKCS#8: 4.9.4 was seen to end with such a key"), to_pkcs8())
        }
        Some(KeyFormat::Pkcs8 | KeyFormat::Encrypted) => Finding::ok(format!("{shown} is a key that is taken")),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Finding {
    let fix = match error.kind() {
        io::ErrorKind::NotFound => PUT_THERE,
        _ => "let the account of the instances read it",
    };
    Finding::fail(format!("{} cannot be read: {error}", path.display()), fix)
}

/// The file, where the account could read it too: this process mostly can.
fn read(path: &Path, account: Option<Account>) -> io::Result<Vec<u8>> {
    if let Some(account) = account {
        let path = path.canonicalize()?;
        for (at, needed) in path.ancestors().zip([0o4].into_iter().chain(std::iter::repeat(0o1))) {
            if !may(&fs::metadata(at)?, account, needed) {
                let of = format!("{} is closed to user id {}", at.display(), account.uid);
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, of));
            }
        }
    }
    fs::read(path)
}

/// Whether the account has a right, of the three of a mode.
fn may(file: &Metadata, account: Account, needed: u32) -> bool {
    let shift = match (file.uid() == account.uid, file.gid() == account.gid) {
        (true, _) => 6,
        (_, true) => 3,
        _ => 0,
    };
    file.mode() >> shift & needed == needed
}

/// Whether somebody can read it besides root and the account.
fn is_open(file: &Metadata, account: Option<Account>) -> bool {
    let owner = account.map_or(rustix::process::geteuid().as_raw(), |account| account.uid);
    let group_is_its = account.is_some_and(|account| account.gid == file.gid());
    let of_others = if group_is_its { 0o007 } else { 0o077 };
    file.mode() & of_others != 0 || (file.uid() != 0 && file.uid() != owner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use std::{os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

    fn pem(kind: &str, bytes: &[u8]) -> String {
        format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(bytes))
    }

    struct Files(tempfile::TempDir);

    impl Files {
        /// A certificate that holds for so many days, and its key.
        fn new(days: i64) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let key = rcgen::KeyPair::generate().unwrap();
            let mut certificate = rcgen::CertificateParams::new(vec!["broker".to_owned()]).unwrap();
            let now = SystemTime::now();
            let day = Duration::from_secs(24 * 3600);
            let end = if days < 0 { now - day * days.unsigned_abs() as u32 } else { now + day * days as u32 };
            (certificate.not_before, certificate.not_after) = ((now - 400 * day).into(), end.into());
            // Whoever vouches for it: it is not looked at.
            let authority = rcgen::KeyPair::generate().unwrap();
            let issuer = rcgen::Issuer::new(rcgen::CertificateParams::default(), authority);
            let made = certificate.signed_by(&key, &issuer).unwrap();
            fs::write(dir.path().join("cert.pem"), pem("CERTIFICATE", made.der())).unwrap();
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
            let files = Self(dir);
            files.key(&pem("PRIVATE KEY", &key.serialize_der()), 0o600);
            files
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn key(&self, pem: &str, mode: u32) {
            fs::write(self.path("key.pem"), pem).unwrap();
            fs::set_permissions(self.path("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
        }

        fn pem(&self) -> String {
            fs::read_to_string(self.path("key.pem")).unwrap()
        }

        fn verdicts(&self) -> [Verdict; 2] {
            let key = judge_key(&self.path("key.pem"), false, None, true);
            [judge_certificate(&self.path("cert.pem"), None).verdict, key.verdict]
        }
    }

    #[test]
    fn a_certificate_is_told_of_before_it_runs_out_and_refused_afterwards() {
        for (days, verdict) in [(200, Verdict::Ok), (20, Verdict::Warn), (-1, Verdict::Fail)] {
            assert_eq!(Files::new(days).verdicts(), [verdict, Verdict::Ok], "{days} days");
        }
        let files = Files::new(200);
        fs::write(files.path("cert.pem"), "nothing\n").unwrap();
        assert_eq!(files.verdicts()[0], Verdict::Fail);
    }

    #[test]
    fn a_key_is_for_one_account_and_in_a_format_that_is_taken() {
        let files = Files::new(200);
        let pem = files.pem();
        let kind = |kind: &str| pem.replace(" PRIVATE KEY", &format!(" {kind} PRIVATE KEY"));
        for (pem, mode, verdict) in [
            (pem.clone(), 0o400, Verdict::Ok),
            (pem.clone(), 0o640, Verdict::Fail),
            (kind("RSA"), 0o600, Verdict::Warn),
            (kind("ENCRYPTED"), 0o600, Verdict::Fail),
            ("none".to_owned(), 0o600, Verdict::Fail),
        ] {
            files.key(&pem, mode);
            assert_eq!(files.verdicts()[1], verdict, "{mode:o} {pem}");
        }
        files.key(&kind("ENCRYPTED"), 0o600);
        assert_eq!(judge_key(&files.path("key.pem"), true, None, true).verdict, Verdict::Ok);
        files.key(&kind("RSA"), 0o600);
        assert_eq!(judge_key(&files.path("key.pem"), false, None, false).verdict, Verdict::Fail);
    }

    #[test]
    fn a_key_that_is_not_of_the_certificate_is_named() {
        let files = Files::new(200);
        let shown = Shown {
            certificate: Some(files.path("cert.pem").display().to_string()),
            key: Some(files.path("key.pem").display().to_string()),
            has_password: false,
            makes_its_own: false,
        };
        let said = || judge("broker-a", &shown, true, None, true);
        assert!(said().iter().all(|it| it.verdict == Verdict::Ok), "{:?}", said());
        files.key(&Files::new(200).pem(), 0o600);
        let named: Vec<Finding> = said().into_iter().filter(|it| it.verdict == Verdict::Fail).collect();
        assert!(named.len() == 1 && named[0].what.contains("key.pem is not the key of "), "{named:?}");
    }

    #[test]
    fn what_the_account_cannot_read_is_named_with_the_folder_that_is_closed() {
        let files = Files::new(200);
        let stranger = Account { uid: 3000, gid: 3000 };
        let said = judge_certificate(&files.path("cert.pem"), Some(stranger));
        let closed = files.0.path().canonicalize().unwrap();
        assert_eq!(said.verdict, Verdict::Fail);
        assert!(said.what.contains(&format!("{} is closed to user id 3000", closed.display())), "{}", said.what);
    }

    #[test]
    fn a_certificate_that_is_not_used_is_named_and_so_is_one_that_is_missing() {
        let shown = |certificate: bool, makes_its_own| Shown {
            certificate: certificate.then(|| "/c".to_owned()),
            key: None,
            has_password: false,
            makes_its_own,
        };
        let said = |shown: Shown, enforces| judge("broker-a", &shown, enforces, None, true);
        assert!(said(shown(false, true), true).is_empty());
        assert!(said(shown(true, true), false)[0].what.contains("/c is not used"));
        assert!(said(shown(true, false), true)[0].what.contains("refuses everybody"));
        assert!(said(shown(false, false), false).is_empty());
    }
}
