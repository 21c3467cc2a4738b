//! One answer: status, content type and bytes, all made before it is known who asks, so that it can be kept and given
//! again at the price of a reference count.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;

/// What kind of body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Json,
    Metrics,
    Page,
}

/// An answer, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub kind: Kind,
    pub body: Bytes,
}

/// The page's own style and script, its own origin's JSON, nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

impl Answer {
    /// Lines of text; `body` ends in a newline where it is for people.
    pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, kind: Kind::Text, body: body.into() }
    }

    /// 200 with compact JSON.
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self { status: StatusCode::OK, kind: Kind::Json, body: body.into() },
            Err(error) => Self::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    /// `{"error": "…"}`, for the paths that answer JSON.
    pub fn error(status: StatusCode, what: &str) -> Self {
        let body = serde_json::json!({ "error": what }).to_string();
        Self { status, kind: Kind::Json, body: body.into() }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let kind = match self.kind {
            Kind::Text => "text/plain; charset=utf-8",
            Kind::Json => "application/json",
            Kind::Metrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Kind::Page => "text/html; charset=utf-8",
        };
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let mut put = |name: HeaderName, value| response.headers_mut().insert(name, HeaderValue::from_static(value));
        put(header::CONTENT_TYPE, kind);
        put(header::CACHE_CONTROL, "no-store");
        put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        if self.kind == Kind::Page {
            put(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
        }
        response
    }
}
