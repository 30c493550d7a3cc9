//! A client of the collector's query API.

use std::net::SocketAddr;

use reqwest::{Client, Error, StatusCode};
use serde_json::Value;

/// Asks one collector.
#[derive(Clone, Debug)]
pub struct Query {
    base: String,
    client: Client,
}

impl Query {
    /// The query API on this address.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            base: format!("http://{address}/api"),
            client: Client::new(),
        }
    }

    /// A trace with its spans; `None` if the collector does not know it.
    ///
    /// # Errors
    ///
    /// If there is no answer, or another one than a trace.
    pub async fn trace(&self, id: &str) -> Result<Option<Value>, Error> {
        let url = format!("{}/traces/{id}", self.base);
        let response = self.client.get(url).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mut answer: Value = response.error_for_status()?.json().await?;
        Ok(answer.get_mut("trace").map(Value::take))
    }

    /// How many spans of a trace are stored.
    ///
    /// # Errors
    ///
    /// As [`trace`](Self::trace).
    pub async fn span_count(&self, id: &str) -> Result<u64, Error> {
        let trace = self.trace(id).await?;
        let count = trace.and_then(|trace| trace.get("spanCount")?.as_u64());
        Ok(count.unwrap_or_default())
    }

    /// The summaries of all traces, the newest first.
    ///
    /// # Errors
    ///
    /// If there is no answer, or another one than traces.
    pub async fn summaries(&self) -> Result<Vec<Value>, Error> {
        let mut summaries = Vec::new();
        let mut page = String::new();
        loop {
            let url = format!("{}/traces?limit=1000{page}", self.base);
            let response = self.client.get(url).send().await?;
            let mut answer: Value = response.error_for_status()?.json().await?;
            if let Some(Value::Array(traces)) = answer.get_mut("traces").map(Value::take) {
                summaries.extend(traces);
            }
            match answer.get("nextPageToken").and_then(Value::as_str) {
                Some(token) => page = format!("&pageToken={token}"),
                None => return Ok(summaries),
            }
        }
    }

    /// The collector's own ledger.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn stats(&self) -> Result<Value, Error> {
        let response = self.client.get(format!("{}/stats", self.base)).send();
        response.await?.error_for_status()?.json().await
    }
}
