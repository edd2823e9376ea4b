//! HTTP serving and calling, streaming bodies with bounded queues.
//!
//! This room carries bytes and knows what they are (a call, a record), never what they mean: no
//! decision about a cluster is made here. Every queue in it is bounded, and says what happens when it is full.
//!
//! | to | see |
//! |---|---|
//! | serve HTTP | [`serve`], [`Router`], [`Handler`], [`Response`] |
//! | keep an event stream open | [`stream()`], [`StreamSender`] |
//! | read a stream that a client sends | [`Upload`] |
//! | read and choose encodings | [`negotiate`] |
//! | call somebody's HTTP API | [`Client`], [`RecordStream`], [`Subscriber`], [`CallConnection`], [`Pipeline`] |

pub mod client;
pub mod exchange;
#[cfg(feature = "fake")]
pub mod fake;
pub mod h1;
pub mod negotiate;
pub mod net;
pub mod router;
pub mod server;
pub mod stream;
pub mod upload;

pub use client::{
    Authorization, Call, CallConnection, Client, ClientError, ClientOptions, ClientResponse, InvalidTls,
    Pipeline, RecordStream, Subscribed, Subscriber, Tls, TlsFiles, Url, Via,
};
pub use exchange::{Body, Request, Response};
pub use router::Router;
pub use server::{Answer, Handler, Listen, ServerOptions, serve};
pub use stream::{StreamBody, StreamError, StreamLimit, StreamSender, StreamWatch, stream};
pub use upload::{Upload, UploadError, UploadRecords};
