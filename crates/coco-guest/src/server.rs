//! The server: the agent's service and its health, on one socket. What requests do is elsewhere.

use std::sync::Arc;

use coco_agent_api::agent_ttrpc::create_agent_service;
use coco_agent_api::health::health_check_response::ServingStatus;
use coco_agent_api::health::{CheckRequest, HealthCheckResponse, VersionCheckResponse};
use coco_agent_api::health_ttrpc::{Health, create_health};
use coco_agent_api::ttrpc::{self, Server, TtrpcContext};

use crate::details;
use crate::guest::Guest;

/// How many threads of a connection wait for requests: at least, usually, at most. Those that are busy
/// don't count, so requests that take long keep none from being answered.
const WAITING: [usize; 3] = [2, 4, 8];

/// Serves requests at an address as ttrpc has them, such as `vsock://-1:1024`, until the server is dropped.
pub(crate) fn start(guest: Arc<Guest>, address: &str) -> ttrpc::Result<Server> {
    let [least, usual, most] = WAITING;
    let mut server = Server::new()
        .bind(address)?
        .set_thread_count_min(least)
        .set_thread_count_default(usual)
        .set_thread_count_max(most)
        .register_service(create_agent_service(guest))
        .register_service(create_health(Arc::new(Well)));
    server.start()?;
    Ok(server)
}

/// Answered whatever the policy says.
struct Well;

impl Health for Well {
    fn check(&self, _: &TtrpcContext, _: CheckRequest) -> ttrpc::Result<HealthCheckResponse> {
        let status = ServingStatus::SERVING.into();
        Ok(HealthCheckResponse { status, ..HealthCheckResponse::default() })
    }

    fn version(&self, _: &TtrpcContext, _: CheckRequest) -> ttrpc::Result<VersionCheckResponse> {
        Ok(details::version())
    }
}
