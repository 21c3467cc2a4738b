//! The cluster's certificate authority. In: a secret. Out: a certificate that is the same on every host, and
//! certificates of hosts that it signed. Its key is never written anywhere.

use super::{Identity, TrustError, secret::Secret};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, SerialNumber, date_time_ymd,
};
use ring::hkdf::{HKDF_SHA256, Salt};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the key is derived for. Another use of the same secret has another text here.
const PURPOSE: &[u8] = b"rocketmq-agent cluster CA 1 Ed25519";
/// PKCS #8 version 1 of an Ed25519 key, up to its 32 bytes (RFC 8410, section 7).
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

pub(super) struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

fn failed(error: impl std::fmt::Display) -> TrustError {
    TrustError::Certificate(error.to_string())
}

impl Authority {
    pub fn of(secret: &Secret) -> Result<Self, TrustError> {
        let mut seed = [0_u8; 32];
        let info = [PURPOSE];
        let key = Salt::new(HKDF_SHA256, b"rocketmq-agent").extract(secret.bytes());
        key.expand(&info, HKDF_SHA256).and_then(|key| key.fill(&mut seed)).map_err(failed)?;
        let pkcs8 = [PKCS8.as_slice(), seed.as_slice()].concat();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
        let key = KeyPair::from_der_and_sign_algo(&der, &PKCS_ED25519).map_err(failed)?;

        let mut params = CertificateParams::default();
        params.distinguished_name = named("rocketmq-agent cluster CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // Fixed, so that every host makes the same certificate: it ends when the secret is replaced.
        params.serial_number = Some(SerialNumber::from(1_u64));
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2120, 1, 1);
        Ok(Self { params, key })
    }

    pub fn certificate(&self) -> Result<CertificateDer<'static>, TrustError> {
        Ok(self.params.self_signed(&self.key).map_err(failed)?.der().clone())
    }

    /// A certificate for a host, and its new key.
    pub fn issue(
        self,
        identity: &Identity,
        from: SystemTime,
        until: SystemTime,
    ) -> Result<(CertificateDer<'static>, Vec<u8>), TrustError> {
        let own_key = KeyPair::generate_for(&PKCS_ED25519).map_err(failed)?;
        let mut params = CertificateParams::new(vec![identity.dns_name()]).map_err(failed)?;
        params.distinguished_name = named("rocketmq-agent host");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let since_1970 = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        params.not_before = date_time_ymd(1970, 1, 1) + since_1970(from);
        params.not_after = date_time_ymd(1970, 1, 1) + since_1970(until);
        let issuer = Issuer::new(self.params, self.key);
        let certificate = params.signed_by(&own_key, &issuer).map_err(failed)?;
        Ok((certificate.der().clone(), own_key.serialize_der()))
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
