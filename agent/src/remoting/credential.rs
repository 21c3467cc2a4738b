//! Who a client says it is, and how it signs that: the same for ACL 1.0 and 2.0. HMAC-SHA1 with the secret key over the
//! values of all fields, in the order of their names, and the body (`AclClientRPCHook` and `AclUtils` of 4.5.2 to 5.5.0).

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use std::{collections::BTreeMap, fmt};

/// A user's name and secret key. Nothing prints the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    access_key: String,
    secret_key: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.access_key)
    }
}

impl Credential {
    /// Of that user.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self { access_key: access_key.into(), secret_key: secret_key.into() }
    }

    /// The key itself, for the files that it belongs into.
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// Adds the user and the signature to a request's fields.
    pub(super) fn sign(&self, fields: &mut BTreeMap<String, String>, body: &[u8]) {
        fields.insert("AccessKey".to_owned(), self.access_key.clone());
        let parts = fields.values().map(String::as_bytes).chain([body]);
        let signature = BASE64_STANDARD.encode(self.signature(parts));
        fields.insert("Signature".to_owned(), signature);
    }

    /// The header `authorization` of a request over gRPC whose header `x-mq-date-time` says this: of the request itself
    /// nothing is signed (`Signature` of rocketmq-client-java 5.0.8, `DefaultAuthenticationContextBuilder` of 5.3.3).
    pub fn authorization(&self, date_time: &str) -> String {
        let tag = self.signature([date_time.as_bytes()].into_iter());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let name = &self.access_key;
        format!("MQv2-HMAC-SHA1 Credential={name}, SignedHeaders=x-mq-date-time, Signature={hex}")
    }

    fn signature<'p>(&self, parts: impl Iterator<Item = &'p [u8]>) -> hmac::Tag {
        let key = hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.secret_key.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        parts.for_each(|part| context.update(part));
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by `AclClientRPCHook.doBeforeRequest` of rocketmq-acl 4.7.0 and 4.9.4 and of rocketmq-client 5.5.0, for
    /// GET_MAX_OFFSET with its header class and UPDATE_BROKER_CONFIG with a body. The header of 5.x has one field more.
    #[test]
    fn a_request_is_signed_as_the_java_client_signs_it() {
        let credential = Credential::new("rocketmq-admin", "0123456789abcdef");
        let four = [("topic", "TopicTest"), ("queueId", "3")];
        let five = [("topic", "TopicTest"), ("queueId", "3"), ("committed", "true")];
        for (fields, body, signature) in [
            (&four[..], "", "7fX5mApUGA6u9cKnQWI+xPCu1Bo="),
            (&five[..], "", "TtnaTm010g/AEoIf2JMA4FTxtd8="),
            (&[][..], "fileReservedTime=48\n", "J9zm8Qld+LIie8ZG9phyUIr86Ts="),
        ] {
            let mut fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            credential.sign(&mut fields, body.as_bytes());
            assert_eq!(fields["Signature"], signature);
            assert_eq!(fields["AccessKey"], "rocketmq-admin");
        }
    }

    #[test]
    fn a_request_over_grpc_is_signed_by_its_time() {
        let said = Credential::new("rocketmq-admin", "0123456789abcdef").authorization("20261128T160000Z");
        let (head, signature) = said.rsplit_once(", Signature=").unwrap_or_default();
        assert_eq!(head, "MQv2-HMAC-SHA1 Credential=rocketmq-admin, SignedHeaders=x-mq-date-time");
        assert_eq!(signature, "0a62a4fa111df6e15d3f148c685abd70f753adb1");
    }

    #[test]
    fn a_secret_key_is_not_printed() {
        let shown = format!("{:?}", Credential::new("rocketmq-admin", "0123456789abcdef"));
        assert_eq!(shown, "Credential(rocketmq-admin)");
    }
}
