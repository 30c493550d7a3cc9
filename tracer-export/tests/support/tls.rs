//! A server that speaks TLS with a certificate that no public authority has signed.

use std::{
    io::Read as _,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, Stream,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// A certificate for `localhost` and `127.0.0.1`, valid until 2120. It and its key are used nowhere
/// else.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----
MIIBjDCCATKgAwIBAgIBATAKBggqhkjOPQQDAjAeMRwwGgYDVQQDDBNBIHByaXZh
dGUgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAU
MRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARN
irz0yKIUCdp2S98ZfS/v36PCGBPByk6+aEfTwCZLR7jy27ZbwjXwjBbqah4D0T7h
bh5VEeUbq2fD0fKigzilo2kwZzAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEw
CQYDVR0TBAIwADAdBgNVHQ4EFgQUq9wJNfLVGmxRtbRgxzyjDUBq7sIwHwYDVR0j
BBgwFoAUG0nLr7Swu6mHfLwc2vYmWWJ0VJYwCgYIKoZIzj0EAwIDSAAwRQIgCOb4
BIloFk/ZTrJL+hMCK62zUywkUjiTCXOtKbQRIdICIQDdGnOQ7uSOhdju6MC0zCnB
bmFMLTCDKfqRDoILiyxkmA==
-----END CERTIFICATE-----
";
const KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8QZZI8rBvkH5dWjq
cg10zDYG1y4A3/8dov1rILqON9ehRANCAARNirz0yKIUCdp2S98ZfS/v36PCGBPB
yk6+aEfTwCZLR7jy27ZbwjXwjBbqah4D0T7hbh5VEeUbq2fD0fKigzil
-----END PRIVATE KEY-----
";

/// Listens on loopback until dropped.
pub struct TlsServer {
    pub address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl TlsServer {
    pub fn start() -> Self {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stopped);
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                if is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let config = Arc::clone(&config);
                thread::spawn(move || {
                    let mut connection = ServerConnection::new(config).unwrap();
                    // The client ends the handshake.
                    let _ = Stream::new(&mut connection, &mut stream).read(&mut [0]);
                });
            }
        });
        Self { address, stopped }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes `accept`.
        let _ = TcpStream::connect(self.address);
    }
}
