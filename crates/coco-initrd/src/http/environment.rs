//! Proxies, as curl and the container tools take them from the environment.

use ureq::Proxy;

use super::HttpError;

/// The proxy for one of the two schemes, if there is one: `HTTPS_PROXY` or `HTTP_PROXY`, else `ALL_PROXY`, each also in
/// small letters. Hosts of `NO_PROXY` go without, and so does this machine, which a proxy would take for its own.
pub(super) fn proxy(is_secure: bool) -> Result<Option<Proxy>, HttpError> {
    let own = if is_secure { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    let all = ["ALL_PROXY", "all_proxy"];
    let Some((name, text)) = own.into_iter().chain(all).find_map(|name| Some((name, variable(name)?))) else {
        return Ok(None);
    };
    // The text may have a password in it: the error names the variable alone.
    let wrong = |_| HttpError::Proxy(name);
    let said = Proxy::new(&text).map_err(wrong)?;
    let mut builder = Proxy::builder(said.protocol()).host(said.host()).port(said.port());
    if let Some(user) = said.username() {
        builder = builder.username(user);
    }
    if let Some(password) = said.password() {
        builder = builder.password(password);
    }
    let exceptions = ["NO_PROXY", "no_proxy"].into_iter().find_map(variable).unwrap_or_default();
    let exceptions = exceptions.split(',').map(str::trim).filter(|host| !host.is_empty());
    for host in exceptions.chain(["localhost", "127.0.0.1", "[::1]"]) {
        builder = builder.no_proxy(host);
    }
    builder.build().map(Some).map_err(wrong)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how the network is reached makes no difference to what is fetched"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
