//! The REST handler: performs the REST calls that the stream needs.

use core::future::Future;
use core::pin::Pin;
use std::boxed::Box;

use crate::rest::{RestRequest, RestResult};

/// What a [`RestHandler`] does for one request. `Ok(RestReply::Complete)` means that it was carried
/// out; an error says why not, and the client makes the request again for as long as it is needed.
/// With [`RestReply::Snapshot`](crate::rest::RestReply::Snapshot) the stream of orders reports what
/// a gap lost ([`Event::CaughtUp`](crate::Event::CaughtUp)).
pub type RestFuture = Pin<Box<dyn Future<Output = RestResult> + Send>>;

/// Performs the REST calls that the stream needs. [`RestRequest`] lists them.
///
/// The client waits for a request at most [`Config::prime_timeout`](crate::Config::prime_timeout)
/// (5 s by default) if it is a `Prime`, and at most
/// [`Config::rest_timeout`](crate::Config::rest_timeout) (30 s by default) otherwise. Then, or when
/// a later request supersedes it, the future is dropped. The future and its drop may use the
/// client.
///
/// ```
/// use ibws_proto::client::{BuildError, Builder, Client, RestFuture};
/// use ibws_proto::rest::{RestError, RestReply, RestRequest};
/// use ibws_proto::transport::Runtime;
///
/// /// Makes a call with the HTTP client of the application.
/// async fn get(path: &str) -> Result<Vec<u8>, String> {
///     # Err(path.into())
///     // …
/// }
///
/// async fn prime() -> Result<RestReply, String> {
///     get("/v1/api/iserver/accounts").await?;
///     get("/v1/api/iserver/account/orders?force=true").await?;
///     Ok(RestReply::Complete)
/// }
///
/// fn handle(request: RestRequest) -> RestFuture {
///     Box::pin(async move {
///         match request {
///             RestRequest::Prime(_) => prime().await.map_err(RestError::new),
///             _ => Err(RestError::new("only priming is implemented")),
///         }
///     })
/// }
///
/// fn client<R: Runtime>(runtime: R) -> Result<Client<R>, BuildError> {
///     Builder::new(runtime).rest_handler(handle).build()
/// }
/// ```
pub trait RestHandler: Send + Sync + 'static {
    /// Starts the calls for `request`. It runs on the client's own task, so it must not block.
    fn handle(&self, request: RestRequest) -> RestFuture;
}

/// Every function from a request to a future is a REST handler.
impl<F> RestHandler for F
where
    F: Fn(RestRequest) -> RestFuture + Send + Sync + 'static,
{
    fn handle(&self, request: RestRequest) -> RestFuture {
        self(request)
    }
}
