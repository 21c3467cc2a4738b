//! Which path is answered by what, and the rules for all of them: GET, HEAD and OPTIONS, no request bodies.

use super::{
    Limits, Published,
    answer::{Answer, Kind},
    page,
    snapshot::{Asked, Newest, Snapshot, openmetrics},
};
use axum::{
    Router,
    extract::{Path, Query, RawQuery, Request, State, rejection::PathRejection},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use rocketmq_agent_domain::size::Size;
use std::sync::Arc;

const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const DESCRIPTION: &str = include_str!("openapi.json");

/// What the handlers share.
#[derive(Debug)]
struct Served {
    published: Published,
    newest: Newest,
    limits: Limits,
}

type App = State<Arc<Served>>;

/// Why there is no snapshot to show.
enum NoSnapshot {
    FirstPass,
    Stalled(u64),
}

impl NoSnapshot {
    fn in_words(&self) -> String {
        match self {
            NoSnapshot::FirstPass => "the agent has just started and has not looked at this host yet".to_owned(),
            NoSnapshot::Stalled(seconds) => {
                format!("the agent's loop has not turned for {seconds} s; what it last saw is out of date")
            }
        }
    }

    fn text(&self) -> Answer {
        Answer::text(StatusCode::SERVICE_UNAVAILABLE, self.in_words() + "\n")
    }

    fn json(&self) -> Answer {
        Answer::error(StatusCode::SERVICE_UNAVAILABLE, &self.in_words())
    }
}

impl Served {
    fn stalled(&self) -> Option<u64> {
        let age = self.published.heartbeat.age();
        (age >= self.limits.stalled).then_some(age.as_secs())
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, NoSnapshot> {
        match self.stalled() {
            Some(seconds) => Err(NoSnapshot::Stalled(seconds)),
            None => self.newest.get().ok_or(NoSnapshot::FirstPass),
        }
    }
}

/// Every path, once; `openapi.json` describes exactly these.
fn routes() -> [(&'static str, MethodRouter<Arc<Served>>); 14] {
    [
        ("/", get(status_page)),
        ("/livez", get(livez)),
        ("/readyz", get(readyz)),
        ("/health/{instance}", get(any_role)),
        ("/health/{instance}/master", get(master)),
        ("/health/{instance}/slave", get(slave)),
        ("/v1/host", get(host)),
        ("/v1/cluster", get(cluster)),
        ("/v1/config", get(config)),
        ("/v1/reach", get(reach)),
        ("/rocketmq/nsaddr", get(nsaddr)),
        ("/rocketmq/nsaddr-{unit}", get(nsaddr)),
        ("/metrics", get(metrics)),
        ("/openapi.json", get(openapi)),
    ]
}

/// The whole service.
pub(super) fn router(published: Published, limits: Limits) -> Router {
    let newest = Newest::new(published.report.clone());
    let served = Arc::new(Served { published, newest, limits });
    let add = |router: Router<_>, (path, route): (&str, MethodRouter<_>)| {
        router.route(path, route.options(options).fallback(other_method))
    };
    routes()
        .into_iter()
        .fold(Router::new(), add)
        .fallback(unknown_path)
        .layer(middleware::from_fn(refuse_bodies))
        .with_state(served)
}

/// Nothing here reads a body, so one is refused before it is sent; the connection ends with the answer.
async fn refuse_bodies(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let announced = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    if announced || headers.contains_key(header::TRANSFER_ENCODING) {
        let answer = Answer::text(StatusCode::PAYLOAD_TOO_LARGE, "no request body is read here\n");
        return ([(header::CONNECTION, HeaderValue::from_static("close"))], answer).into_response();
    }
    next.run(request).await
}

async fn options() -> Response {
    (StatusCode::NO_CONTENT, [(header::ALLOW, ALLOWED)]).into_response()
}

async fn other_method() -> Response {
    let answer = Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and OPTIONS: nothing is changed here\n");
    ([(header::ALLOW, ALLOWED)], answer).into_response()
}

async fn unknown_path() -> Answer {
    Answer::text(StatusCode::NOT_FOUND, "no such path; /openapi.json lists them, / is a page for people\n")
}

async fn livez(State(served): App) -> Answer {
    match served.stalled() {
        None => Answer::text(StatusCode::OK, "alive\n"),
        Some(seconds) => NoSnapshot::Stalled(seconds).text(),
    }
}

async fn readyz(State(served): App, RawQuery(query): RawQuery) -> Answer {
    let has_verbose = |query: String| query.split('&').any(|key| key == "verbose" || key.starts_with("verbose="));
    match served.snapshot() {
        Ok(snapshot) if query.is_some_and(has_verbose) => snapshot.verbose(),
        Ok(snapshot) => snapshot.readyz(),
        Err(missing) => missing.text(),
    }
}

fn instance(served: &Served, name: Result<Path<String>, PathRejection>, asked: Asked) -> Answer {
    match (served.snapshot(), name) {
        (Ok(snapshot), Ok(Path(name))) => snapshot.instance(&name, asked),
        (Err(missing), _) => missing.text(),
        (_, Err(_)) => Answer::text(StatusCode::NOT_FOUND, "the name is no text\n"),
    }
}

async fn any_role(State(served): App, name: Result<Path<String>, PathRejection>) -> Answer {
    instance(&served, name, Asked::Any)
}

async fn master(State(served): App, name: Result<Path<String>, PathRejection>) -> Answer {
    instance(&served, name, Asked::Master)
}

#[derive(serde::Deserialize)]
struct SlaveQuery {
    max_lag: Option<String>,
}

async fn slave(State(served): App, name: Result<Path<String>, PathRejection>, request: Request) -> Answer {
    let max_lag = match Query::<SlaveQuery>::try_from_uri(request.uri()) {
        Ok(Query(SlaveQuery { max_lag })) => max_lag.map(|text| text.parse::<Size>()).transpose(),
        Err(_) => return Answer::text(StatusCode::BAD_REQUEST, "max_lag may be given once\n"),
    };
    match max_lag {
        Ok(None) => instance(&served, name, Asked::Slave),
        Ok(Some(max_lag)) => instance(&served, name, Asked::SlaveWithin(max_lag)),
        Err(rule) => Answer::text(StatusCode::BAD_REQUEST, format!("max_lag {rule}\n")),
    }
}

async fn host(State(served): App) -> Answer {
    served.snapshot().map_or_else(|missing| missing.json(), |snapshot| snapshot.host())
}

async fn cluster(State(served): App) -> Answer {
    match served.snapshot() {
        Ok(snapshot) => Answer::json(&served.published.peers.cluster(&snapshot.report).await),
        Err(missing) => missing.json(),
    }
}

async fn config(State(served): App) -> Answer {
    let config = served.published.config.borrow().clone();
    Answer::json(&*config)
}

/// The one path that looks when it is asked, at most once in ten seconds: for `doctor` on the other hosts.
async fn reach(State(served): App) -> Answer {
    Answer::json(&served.published.reach.look().await.to_vec())
}

/// RocketMQ 5.5.0 `DefaultTopAddressing.fetchNSAddr` (4.9.4 `TopAddressing` alike): a GET of
/// `http://{domain}/rocketmq/{subgroup}`, with `-{unitName}?nofix=1` behind it where a unit is set; 200 and the list
/// up to the first newline. Other clients need not trim, so there is none. An error must have a body: without one
/// `HttpTinyClient.httpGet` of both releases throws a NullPointerException. The list comes from the cluster file, so
/// a loop that stands still does not make it untrue.
async fn nsaddr(State(served): App) -> Answer {
    let list = served.published.nsaddr.borrow().clone();
    if list.is_empty() {
        return Answer::text(StatusCode::SERVICE_UNAVAILABLE, "no NameServer is known yet\n");
    }
    Answer::text(StatusCode::OK, list.as_bytes().to_vec())
}

/// A loop that stands still fails the scrape: old figures must not pass for new ones, and `up` is what everybody
/// alerts on.
async fn metrics(State(served): App) -> Answer {
    match served.snapshot() {
        Ok(snapshot) => snapshot.metrics(),
        Err(NoSnapshot::FirstPass) => openmetrics(None),
        Err(stalled) => stalled.text(),
    }
}

async fn status_page(State(served): App) -> Answer {
    served.snapshot().map_or_else(|missing| page::without(&missing.in_words()), |snapshot| snapshot.page())
}

async fn openapi() -> Answer {
    Answer { status: StatusCode::OK, kind: Kind::Json, body: DESCRIPTION.into() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn openapi_json_has_every_route_and_no_other() {
        let described: serde_json::Value = serde_json::from_str(DESCRIPTION).unwrap();
        let mut described: Vec<&str> = described["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut routed: Vec<&str> = routes().into_iter().map(|(path, _)| path).collect();
        described.sort_unstable();
        routed.sort_unstable();
        assert_eq!(described, routed);
    }
}
