//! The listen addresses and the data directory of the collector.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Listen addresses and data directory of a [`Collector`](crate::Collector).
///
/// Every address defaults to the loopback interface, so nothing is reachable from outside unless it
/// is configured. Port 0 lets the operating system choose, and the running collector returns the
/// chosen port.
///
/// # Examples
///
/// ```
/// use tracer_collector::CollectorConfig;
///
/// let config = CollectorConfig::default().query(([127, 0, 0, 1], 0).into());
/// assert_eq!(config.otlp_grpc_address().port(), 4317);
/// assert_eq!(config.query_address().port(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct CollectorConfig {
    otlp_grpc: SocketAddr,
    otlp_http: SocketAddr,
    query: SocketAddr,
    health: SocketAddr,
    data_dir: PathBuf,
}

impl CollectorConfig {
    /// Sets the address of the OTLP/gRPC receiver, `127.0.0.1:4317` by default.
    pub fn otlp_grpc(mut self, address: SocketAddr) -> Self {
        self.otlp_grpc = address;
        self
    }

    /// Sets the address of the OTLP/HTTP receiver (`POST /v1/traces`), `127.0.0.1:4318` by default.
    pub fn otlp_http(mut self, address: SocketAddr) -> Self {
        self.otlp_http = address;
        self
    }

    /// Sets the address of the query API and the page, `127.0.0.1:8080` by default.
    pub fn query(mut self, address: SocketAddr) -> Self {
        self.query = address;
        self
    }

    /// Sets the address of the health check, `127.0.0.1:13133` by default.
    pub fn health(mut self, address: SocketAddr) -> Self {
        self.health = address;
        self
    }

    /// Sets the directory that holds the store. It is created if it is missing.
    ///
    /// The default is [`default_data_dir`](Self::default_data_dir).
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = path.into();
        self
    }

    /// Returns the configured address of the OTLP/gRPC receiver.
    pub fn otlp_grpc_address(&self) -> SocketAddr {
        self.otlp_grpc
    }

    /// Returns the configured address of the OTLP/HTTP receiver.
    pub fn otlp_http_address(&self) -> SocketAddr {
        self.otlp_http
    }

    /// Returns the configured address of the query API.
    pub fn query_address(&self) -> SocketAddr {
        self.query
    }

    /// Returns the configured address of the health check.
    pub fn health_address(&self) -> SocketAddr {
        self.health
    }

    /// The directory that holds the store.
    pub fn data_dir_path(&self) -> &Path {
        &self.data_dir
    }

    /// Returns the default data directory: `$XDG_DATA_HOME/tracer-collector`, else
    /// `$HOME/.local/share/tracer-collector`, else `tracer-collector` under the system's directory
    /// for temporary files.
    ///
    /// A relative `XDG_DATA_HOME` is ignored, as the XDG Base Directory Specification asks.
    pub fn default_data_dir() -> PathBuf {
        choose_data_dir(
            std::env::var_os("XDG_DATA_HOME").map(PathBuf::from),
            std::env::var_os("HOME").map(PathBuf::from),
        )
    }
}

impl Default for CollectorConfig {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            otlp_grpc: loopback(4317),
            otlp_http: loopback(4318),
            query: loopback(8080),
            health: loopback(13133),
            data_dir: Self::default_data_dir(),
        }
    }
}

fn choose_data_dir(xdg: Option<PathBuf>, home: Option<PathBuf>) -> PathBuf {
    let absolute = |path: Option<PathBuf>| path.filter(|p| p.is_absolute());
    absolute(xdg)
        .or_else(|| absolute(home).map(|home| home.join(".local/share")))
        .unwrap_or_else(std::env::temp_dir)
        .join("tracer-collector")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(xdg: Option<&str>, home: Option<&str>, expected: PathBuf) {
        assert_eq!(
            choose_data_dir(xdg.map(PathBuf::from), home.map(PathBuf::from)),
            expected
        );
    }

    #[test]
    fn data_dir_follows_the_xdg_specification() {
        check(Some("/x"), Some("/h"), "/x/tracer-collector".into());
        check(None, Some("/h"), "/h/.local/share/tracer-collector".into());
        check(
            Some("relative"),
            Some("/h"),
            "/h/.local/share/tracer-collector".into(),
        );
        check(
            Some(""),
            None,
            std::env::temp_dir().join("tracer-collector"),
        );
    }

    #[test]
    fn every_default_address_is_loopback() {
        let config = CollectorConfig::default();
        for address in [
            config.otlp_grpc_address(),
            config.otlp_http_address(),
            config.query_address(),
            config.health_address(),
        ] {
            assert!(address.ip().is_loopback());
        }
    }
}
