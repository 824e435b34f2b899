//! Names of hosts are asked for once: the client asks before every request, also where a connection is open.
//!
//! A fetch of sixty packages asked sixty times, and one answer that got lost cost it five seconds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Asks the system, and remembers what it says.
#[derive(Debug, Default)]
pub(super) struct Names {
    system: DefaultResolver,
    /// Addresses by scheme, host and port.
    known: Mutex<BTreeMap<String, ResolvedSocketAddrs>>,
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let name = format!("{scheme}://{}", uri.authority().map_or("", |authority| authority.as_str()));
        // Held while the system is asked: all who want the same name wait for one answer.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(addresses) = known.get(&name) {
            return Ok(addresses.clone());
        }
        let addresses = self.system.resolve(uri, config, timeout)?;
        known.insert(name, addresses.clone());
        Ok(addresses)
    }
}
