//! The query API of the collector, as far as the demonstration asks it.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A trace with its spans.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Trace {
    /// 32 hex digits.
    pub trace_id: String,
    /// In microseconds.
    pub duration: u64,
    /// Spans whose parent is not there.
    pub orphan_span_count: u64,
    /// All spans.
    pub spans: Vec<Span>,
}

/// A span.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Span {
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits; none for the root.
    pub parent_span_id: Option<String>,
    /// Its name.
    pub operation_name: String,
    /// Whose it is.
    pub service_name: String,
    /// `SERVER`, `CLIENT`, `INTERNAL`, `PRODUCER` or `CONSUMER`.
    pub kind: String,
    /// In microseconds since the epoch.
    pub start_time: u64,
    /// In microseconds.
    pub duration: u64,
    /// How it ended.
    pub status: Status,
}

/// The status of a span.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Status {
    /// `UNSET`, `OK` or `ERROR`.
    pub code: String,
    /// What went wrong; may be empty.
    #[serde(default)]
    pub message: Option<String>,
}

/// What a search finds.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The ids of the traces, newest first, 1000 at most.
    pub trace_ids: Vec<String>,
    /// How many there are.
    pub total_count: u64,
}

/// A client of the query API.
#[derive(Clone, Debug)]
pub struct QueryClient {
    address: SocketAddr,
    client: Client,
}

impl QueryClient {
    /// Asks the collector at this address.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] if no HTTP client can be made.
    pub fn new(address: SocketAddr) -> Result<Self, Error> {
        let client = Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .no_proxy()
            .build()
            .map_err(Error::Client)?;
        Ok(Self { address, client })
    }

    /// The page of a trace, for a person.
    #[must_use]
    pub fn page(&self, trace_id: &str) -> String {
        format!("http://{}/trace/{trace_id}", self.address)
    }

    /// The trace of this id, if the collector has it.
    ///
    /// # Errors
    ///
    /// [`Error::CollectorGone`] if there is no proper answer.
    pub async fn trace(&self, trace_id: &str) -> Result<Option<Trace>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            trace: Trace,
        }
        let answer: Option<Answer> = self.ask(&format!("/api/traces/{trace_id}"), &[]).await?;
        Ok(answer.map(|answer| answer.trace))
    }

    /// The traces that match all of these parameters.
    ///
    /// # Errors
    ///
    /// [`Error::CollectorGone`] if there is no proper answer.
    pub async fn search(&self, parameters: &[(&str, &str)]) -> Result<Found, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            traces: Vec<Summary>,
            total_count: u64,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Summary {
            trace_id: String,
        }
        let mut query = parameters.to_vec();
        query.push(("limit", "1000"));
        let answer: Option<Answer> = self.ask("/api/traces", &query).await?;
        Ok(answer.map_or_else(Found::default, |answer| Found {
            trace_ids: answer
                .traces
                .into_iter()
                .map(|summary| summary.trace_id)
                .collect(),
            total_count: answer.total_count,
        }))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<T>, Error> {
        let gone = |source| Error::CollectorGone {
            address: self.address,
            source,
        };
        let request = self
            .client
            .get(format!("http://{}{path}", self.address))
            .query(query);
        let response = request.send().await.map_err(gone)?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        response
            .error_for_status()
            .map_err(gone)?
            .json()
            .await
            .map(Some)
            .map_err(gone)
    }
}
