//! Listen addresses as people write them.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

use thiserror::Error;

/// An error for a text that is not an address to listen on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It has no host or no port.
    #[error("expected HOST:PORT, such as localhost:4318")]
    Malformed,
    /// The host is not known.
    #[error("the host is not found")]
    NotFound(#[source] io::Error),
}

/// Reads `HOST:PORT`, where the host is an address or a name.
///
/// A name is looked up, which may wait for the network. If it has several addresses, the first IPv4
/// address is taken: the default addresses are IPv4 too.
///
/// # Errors
/// The text is not of this form, or the name is not known.
///
/// # Examples
/// ```
/// let address = tracer_collector::parse_address("localhost:4318")?;
/// assert!(address.ip().is_loopback());
/// assert_eq!(address.port(), 4318);
/// # Ok::<(), tracer_collector::AddressError>(())
/// ```
pub fn parse_address(text: &str) -> Result<SocketAddr, AddressError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::Malformed)?;
    let port: u16 = port.parse().map_err(|_| AddressError::Malformed)?;
    // A colon in the host means an IPv6 address without its brackets.
    if host.is_empty() || host.contains(':') {
        return Err(AddressError::Malformed);
    }
    let found = (host, port).to_socket_addrs();
    let found: Vec<SocketAddr> = found.map_err(AddressError::NotFound)?.collect();
    let best = found.iter().find(|address| address.is_ipv4());
    let nothing = || AddressError::NotFound(io::ErrorKind::NotFound.into());
    best.or(found.first()).copied().ok_or_else(nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_read() {
        for (text, expected) in [
            ("127.0.0.1:4318", "127.0.0.1:4318"),
            ("[::1]:0", "[::1]:0"),
            ("0.0.0.0:65535", "0.0.0.0:65535"),
            // RFC 6761 section 6.3: this name always means the loopback interface.
            ("localhost:4318", "127.0.0.1:4318"),
        ] {
            let expected: SocketAddr = expected.parse().unwrap();
            assert_eq!(parse_address(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_text_without_a_host_or_a_port_is_malformed() {
        for text in [
            "",
            "4318",
            ":4318",
            "localhost",
            "localhost:",
            "localhost:x",
            "localhost:65536",
            "::1:4318",
        ] {
            let error = parse_address(text);
            assert!(
                matches!(error, Err(AddressError::Malformed)),
                "{text}: {error:?}"
            );
        }
    }
}
