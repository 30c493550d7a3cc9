//! The services: what each one does, and how one runs as a process.

mod gateway;
mod inventory;
mod log_lines;
mod notification;
mod orders;
mod payment;
mod run;

use std::fmt;
use std::str::FromStr;

use axum::Router;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tracer_instrument::reqwest::TracedClient;

use crate::Error;

pub use self::gateway::TRACE_ID_HEADER;
pub use self::inventory::FAR_AWAY_SKU;
pub use self::payment::UNREACHABLE_CARD;
pub use self::run::{LISTENING, run};

/// The name of a service.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Name {
    /// Takes the customers' requests.
    Gateway,
    /// Knows what is in stock.
    Inventory,
    /// Tells customers what happens to their orders.
    Notification,
    /// Prices an order and sees it through.
    Orders,
    /// Charges cards.
    Payment,
}

impl Name {
    /// All of them, each one after those it calls.
    pub const ALL: [Self; 5] = [
        Self::Inventory,
        Self::Payment,
        Self::Notification,
        Self::Orders,
        Self::Gateway,
    ];

    /// The name as `service.name` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Inventory => "inventory",
            Self::Notification => "notification",
            Self::Orders => "orders",
            Self::Payment => "payment",
        }
    }

    /// The services that this one calls.
    #[must_use]
    pub fn downstream(self) -> &'static [Self] {
        match self {
            Self::Gateway => &[Self::Orders],
            Self::Orders => &[Self::Inventory, Self::Payment, Self::Notification],
            Self::Inventory | Self::Notification | Self::Payment => &[],
        }
    }

    fn router(self, calls: Calls) -> Result<Router, Error> {
        Ok(match self {
            Self::Gateway => gateway::router(calls.to(Self::Orders)?),
            Self::Inventory => inventory::router(),
            Self::Notification => notification::router(),
            Self::Orders => orders::router(orders::Shop {
                inventory: calls.to(Self::Inventory)?,
                payment: calls.to(Self::Payment)?,
                notification: calls.to(Self::Notification)?,
            }),
            Self::Payment => payment::router(),
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| format!("the services are {known}"))
    }
}

/// Where a service is: `NAME=URL`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Downstream {
    /// The service.
    pub name: Name,
    /// Its address.
    pub url: Url,
}

impl FromStr for Downstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, url) = text.split_once('=').ok_or("expected NAME=URL")?;
        let url = url.parse().map_err(|error| format!("{error}"))?;
        Ok(Self {
            name: name.parse()?,
            url,
        })
    }
}

/// What a customer orders.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Order {
    /// What.
    pub sku: String,
    /// How many.
    pub quantity: u32,
    /// The card that pays.
    pub card: String,
}

impl Order {
    /// An order of one thing.
    pub fn new(sku: impl Into<String>, quantity: u32, card: impl Into<String>) -> Self {
        Self {
            sku: sku.into(),
            quantity,
            card: card.into(),
        }
    }
}

/// Makes the callers of a service's downstream services.
struct Calls<'d> {
    service: Name,
    client: TracedClient,
    downstream: &'d [Downstream],
}

impl Calls<'_> {
    fn to(&self, name: Name) -> Result<Callee, Error> {
        let known = self
            .downstream
            .iter()
            .find(|downstream| downstream.name == name);
        let known = known.ok_or(Error::DownstreamMissing {
            service: self.service,
            downstream: name,
        })?;
        Ok(Callee {
            client: self.client.clone(),
            base: known.url.as_str().trim_end_matches('/').to_owned(),
        })
    }
}

/// A service that is called.
#[derive(Clone, Debug)]
struct Callee {
    client: TracedClient,
    base: String,
}

impl Callee {
    /// Sends JSON to a path without parameters.
    async fn post<T: Serialize + ?Sized>(
        &self,
        path: &'static str,
        json: &T,
    ) -> Result<reqwest::Response, reqwest::Error> {
        self.client
            .post(format!("{}{path}", self.base))
            .url_template(path)
            .json(json)
            .send()
            .await
    }

    /// Asks for a path whose template has one parameter, in braces at its end.
    async fn get(
        &self,
        template: &'static str,
        parameter: &str,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let path = template.split_once('{').map_or(template, |(path, _)| path);
        self.client
            .get(format!("{}{path}{parameter}", self.base))
            .url_template(template)
            .send()
            .await
    }
}
