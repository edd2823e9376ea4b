//! TLS as a client, with what Mesos's `LIBPROCESS_SSL_*` variables can say.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    },
};

/// Certificates, and whether they are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Whether the server must show a certificate that we trust, with its name (or address) in it.
    pub verify_server: bool,
    /// PEM certificates that we trust. With neither a file nor a directory, those that the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// A directory of such files, named as OpenSSL names them.
    pub ca_dir: Option<PathBuf>,
    /// The certificate, PEM, that we show if we are asked.
    pub cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTls {
    /// A file that cannot be read.
    #[error("cannot read {file}: {reason}")]
    File {
        /// Its name.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A certificate without a key, or a key without a certificate.
    #[error("a certificate and its key belong together: {missing} is missing")]
    Pair {
        /// Which is not there.
        missing: &'static str,
    },
    /// No certificate that we could trust.
    #[error("the server's certificate is to be checked, but there is none to check it with: {0}")]
    NoRoots(String),
    /// They are there, but not good.
    #[error("TLS: {0}")]
    Rustls(#[from] Error),
}

/// TLS, ready to be spoken. Clones share it.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`InvalidTls`].
    pub fn new(files: &TlsFiles) -> Result<Self, InvalidTls> {
        let provider = Arc::new(ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let config = if files.verify_server {
            config.with_root_certificates(roots(files)?)
        } else {
            config.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        };
        let config = match (&files.cert_file, &files.key_file) {
            (None, None) => config.with_no_client_auth(),
            (Some(_), None) => return Err(InvalidTls::Pair { missing: "the key" }),
            (None, Some(_)) => return Err(InvalidTls::Pair { missing: "the certificate" }),
            (Some(cert), Some(key)) => {
                let certificates = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
                let key_read = PrivateKeyDer::from_pem_file(key);
                config.with_client_auth_cert(read(cert, certificates)?, read(key, key_read)?)?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// Shakes hands with the server that is called `host`.
    pub(super) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.0.clone()).connect(name, stream).await
    }
}

fn read<T>(file: &Path, result: Result<T, impl fmt::Display>) -> Result<T, InvalidTls> {
    result.map_err(|error| InvalidTls::File { file: file.to_owned(), reason: error.to_string() })
}

fn roots(files: &TlsFiles) -> Result<RootCertStore, InvalidTls> {
    let TlsFiles { ca_file, ca_dir, .. } = files;
    let found = if ca_file.is_none() && ca_dir.is_none() {
        rustls_native_certs::load_native_certs()
    } else {
        rustls_native_certs::load_certs_from_paths(ca_file.as_deref(), ca_dir.as_deref())
    };
    let mut roots = RootCertStore::empty();
    let (good, _) = roots.add_parsable_certificates(found.certs);
    if good == 0 {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(InvalidTls::NoRoots(reasons.join("; ")));
    }
    Ok(roots)
}

/// Trusts whoever answers, as Mesos does by default; that it is the same one all the time is checked still.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
