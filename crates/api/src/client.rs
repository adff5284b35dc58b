//! Who is at the other end: the client's address, through the proxies that the operator trusts and no others.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::Request;
use http::HeaderMap;
use ipnet::IpNet;

/// The address at the other end of the connection. The host puts it into each request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub SocketAddr);

/// That the client speaks TLS to the host, or to what the host stands behind for good. The host puts it into each such
/// request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverTls;

/// Whom a request is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    /// The nearest address that is no trusted proxy's.
    pub(crate) address: IpAddr,
    /// Whether the host knows, or a trusted proxy says, that the client speaks TLS.
    pub(crate) https: bool,
}

/// Whom `request` is from. A request without [`ClientAddr`] is from nowhere, `0.0.0.0`.
pub(crate) fn identify(request: &Request, trusted: &[IpNet]) -> Client {
    let peer = request
        .extensions()
        .get::<ClientAddr>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.0.ip())
        .to_canonical();
    let https = request.extensions().get::<OverTls>().is_some();
    if !is_trusted(peer, trusted) {
        return Client {
            address: peer,
            https,
        };
    }
    Client {
        address: forwarded_for(peer, request.headers(), trusted),
        https: https || is_forwarded_https(request.headers()),
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// Walks `X-Forwarded-For` from its end, where the nearest proxy wrote, to the first address that is no trusted
/// proxy's. What stands before that anybody may have written. Something that is no address ends the walk.
fn forwarded_for(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer;
    for line in headers.get_all("x-forwarded-for").into_iter().rev() {
        let Ok(line) = line.to_str() else {
            return nearest;
        };
        for entry in line.rsplit(',') {
            let Some(address) = parse(entry) else {
                return nearest;
            };
            nearest = address;
            if !is_trusted(address, trusted) {
                return nearest;
            }
        }
    }
    nearest
}

/// `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(entry);
    bare.parse()
        .or_else(|_| entry.parse().map(|address: SocketAddr| address.ip()))
        .map(|address: IpAddr| address.to_canonical())
        .ok()
}

/// The last word, which the nearest proxy wrote.
fn is_forwarded_https(headers: &HeaderMap) -> bool {
    headers
        .get_all("x-forwarded-proto")
        .into_iter()
        .next_back()
        .and_then(|line| line.to_str().ok())
        .and_then(|line| line.rsplit(',').next())
        .is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"]
            .iter()
            .map(|net| net.parse().unwrap())
            .collect();
        let mut request = Request::new(Body::empty());
        request
            .extensions_mut()
            .insert(ClientAddr(SocketAddr::new(peer.parse().unwrap(), 4711)));
        for line in forwarded {
            request
                .headers_mut()
                .append("x-forwarded-for", line.parse().unwrap());
        }
        let expected: IpAddr = expected.parse().unwrap();
        assert_eq!(
            identify(&request, &trusted).address,
            expected,
            "{forwarded:?}"
        );
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        check("203.0.113.7", &["198.51.100.1"], "203.0.113.7");
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_reached() {
        check(
            "10.0.0.1",
            &["1.1.1.1, 198.51.100.1, 10.0.0.2"],
            "198.51.100.1",
        );
        check(
            "10.0.0.1",
            &["1.1.1.1", "198.51.100.1", "10.0.0.2"],
            "198.51.100.1",
        );
        check("10.0.0.1", &["1.1.1.1, nonsense, 10.0.0.2"], "10.0.0.2");
    }

    #[test]
    fn the_farthest_proxy_counts_where_there_is_nobody_else() {
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
    }

    #[test]
    fn addresses_come_in_several_forms() {
        check("fd00::1", &["[2001:db8::1]:443"], "2001:db8::1");
        check("fd00::1", &["[2001:db8::1]"], "2001:db8::1");
        check("fd00::1", &["2001:db8::1"], "2001:db8::1");
        check("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1");
        check("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &[""], "10.0.0.1");
    }
}
