//! The orders that the demonstration sends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Error;
use crate::service::{FAR_AWAY_SKU, Order, TRACE_ID_HEADER, UNREACHABLE_CARD};

/// How many orders are under way at once.
const CONCURRENCY: usize = 4;

/// How long a customer waits.
const CUSTOMER_TIMEOUT: Duration = Duration::from_secs(30);

/// What becomes of an order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// It is confirmed.
    Ok,
    /// It fails in payment.
    Failing,
    /// It takes long in inventory.
    Slow,
}

impl Kind {
    /// The kind of the order of this number, counted from 0, of so many: exactly one fails and one is slow, if there are
    /// three or more.
    #[must_use]
    pub fn of(number: usize, count: usize) -> Self {
        if number == count / 3 {
            Self::Failing
        } else if number == 2 * count / 3 {
            Self::Slow
        } else {
            Self::Ok
        }
    }

    /// The order itself. The numbers make them differ.
    #[must_use]
    pub fn order(self, number: usize) -> Order {
        const THINGS: [&str; 5] = ["teapot", "umbrella", "lamp", "globe", "kite"];
        let thing = THINGS
            .get(number % THINGS.len())
            .copied()
            .unwrap_or("teapot");
        let quantity = u32::try_from(1 + number % 12).unwrap_or(1);
        match self {
            Self::Ok => Order::new(thing, quantity, "4242-4242-4242-4242"),
            Self::Failing => Order::new(thing, quantity, UNREACHABLE_CARD),
            Self::Slow => Order::new(FAR_AWAY_SKU, quantity, "4242-4242-4242-4242"),
        }
    }

    /// The answer of the gateway.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Ok | Self::Slow => StatusCode::CREATED,
            Self::Failing => StatusCode::BAD_GATEWAY,
        }
    }
}

/// An order that was answered as its kind asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answered {
    /// Its kind.
    pub kind: Kind,
    /// The id of its trace, as the gateway told it.
    pub trace_id: String,
    /// When the answer was there.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
}

/// Sends this many orders, four at a time, and returns them in the order of their answers.
///
/// # Errors
///
/// [`Error::Order`] for the first one that is not answered as its kind asks for.
pub async fn send(gateway: &Url, count: usize) -> Result<Vec<Answered>, Error> {
    let client = Client::builder()
        .timeout(CUSTOMER_TIMEOUT)
        .no_proxy()
        .build()
        .map_err(Error::Client)?;
    let turns = Arc::new(Semaphore::new(CONCURRENCY));
    let mut sending = JoinSet::new();
    for number in 0..count {
        let (client, turns) = (client.clone(), Arc::clone(&turns));
        let request = client.post(format!("{gateway}api/orders"));
        sending.spawn(async move {
            // The semaphore is never closed; were it, more orders at once would be all.
            let _turn = turns.acquire().await;
            send_one(request, number, Kind::of(number, count)).await
        });
    }
    let mut answered = Vec::with_capacity(count);
    while let Some(joined) = sending.join_next().await {
        let number = answered.len() + 1;
        answered.push(joined.map_err(|_| Error::Order {
            number,
            answer: "not at all".to_owned(),
        })??);
    }
    Ok(answered)
}

async fn send_one(
    request: reqwest::RequestBuilder,
    number: usize,
    kind: Kind,
) -> Result<Answered, Error> {
    let order = |answer: String| Error::Order {
        number: number + 1,
        answer,
    };
    let start = Instant::now();
    let response = request
        .json(&kind.order(number))
        .send()
        .await
        .map_err(|error| order(error.to_string()))?;
    if response.status() != kind.status() {
        return Err(order(format!(
            "{} instead of {}",
            response.status(),
            kind.status()
        )));
    }
    let trace_id = response
        .headers()
        .get(TRACE_ID_HEADER)
        .and_then(|id| id.to_str().ok());
    let trace_id = trace_id
        .ok_or_else(|| order("without the id of its trace".to_owned()))?
        .to_owned();
    Ok(Answered {
        kind,
        trace_id,
        at: Instant::now(),
        took: start.elapsed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_order_fails_and_one_is_slow() {
        for count in 3..200 {
            let kinds: Vec<_> = (0..count).map(|number| Kind::of(number, count)).collect();
            for kind in [Kind::Failing, Kind::Slow] {
                assert_eq!(
                    kinds.iter().filter(|it| **it == kind).count(),
                    1,
                    "{kind:?} of {count}"
                );
            }
        }
    }
}
