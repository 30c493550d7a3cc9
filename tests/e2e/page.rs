//! A tab with the page in it.

use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tracer_tests::browser::Browser;

const LIMIT: Duration = Duration::from_secs(20);

pub struct Page {
    client: Client,
    base: String,
    session: String,
    http: reqwest::Client,
    // Last: the browser ends after everything that talks to it.
    _browser: Browser,
}

impl Page {
    /// Opens a browser on the server at `base` (scheme, host and port); `None` if there is no
    /// browser to be had.
    pub async fn open(base: &str) -> Option<Self> {
        let browser = Browser::start().expect("a browser")?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(browser.capabilities())
            .connect(&browser.driver_url())
            .await
            .expect("a session");
        let id = client.session_id().await.unwrap().unwrap();
        let session = format!("{}/session/{id}", browser.driver_url());
        Some(Self {
            client,
            base: base.to_owned(),
            session,
            http: reqwest::Client::new(),
            _browser: browser,
        })
    }

    pub async fn goto(&self, path: &str) {
        self.client
            .goto(&format!("{}{path}", self.base))
            .await
            .unwrap();
    }

    /// Runs the body of a function and returns its value.
    pub async fn run(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("{error}\nin {script}"))
    }

    /// Runs the body of an asynchronous function, in which `load(name)` imports a script of the
    /// page.
    pub async fn run_async(&self, script: &str) -> Value {
        let wrapped = format!(
            "const done = arguments[arguments.length - 1]; const load = (name) => import(`/assets/${{name}}.js`);
            (async () => {{ {script} }})().then((value) => done({{ value }}), (error) => done({{ error: `${{error}} ${{error.stack}}` }}));"
        );
        let mut answer = self
            .client
            .execute_async(&wrapped, Vec::new())
            .await
            .unwrap();
        assert!(answer.get("error").is_none(), "{answer}\nin {script}");
        answer["value"].take()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn until<'a>(&'a self, condition: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + LIMIT;
            while self.run(&format!("return Boolean({condition})")).await != true {
                if Instant::now() > deadline {
                    self.picture("failed").await;
                    let text = self
                        .run("return document.body.innerText.slice(0, 2000)")
                        .await;
                    panic!("{caller}: never came true: {condition}\nthe page shows: {text}");
                }
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
        }
    }

    pub async fn count(&self, selector: &str) -> usize {
        self.client
            .find_all(Locator::Css(selector))
            .await
            .unwrap()
            .len()
    }

    /// The rendered text of the first element that matches.
    pub async fn text(&self, selector: &str) -> String {
        self.client
            .find(Locator::Css(selector))
            .await
            .unwrap_or_else(|error| panic!("{selector}: {error}"))
            .text()
            .await
            .unwrap()
    }

    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let list = self
            .run(&format!(
                "return [...document.querySelectorAll({})].map((one) => one.textContent)",
                json!(selector)
            ))
            .await;
        serde_json::from_value(list).unwrap()
    }

    pub async fn click(&self, selector: &str) {
        let element = self
            .client
            .find(Locator::Css(selector))
            .await
            .unwrap_or_else(|error| panic!("{selector}: {error}"));
        element
            .click()
            .await
            .unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Types into the element; keys such as Enter are the characters WebDriver gives them.
    pub async fn keys(&self, selector: &str, keys: &str) {
        self.client
            .find(Locator::Css(selector))
            .await
            .unwrap()
            .send_keys(keys)
            .await
            .unwrap();
    }

    /// The path and query in the address bar.
    pub async fn address(&self) -> String {
        self.run("return location.pathname + location.search")
            .await
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What the browser complained about so far: script errors, violations of the policy, failed
    /// loads. Clears the list.
    pub async fn complaints(&self) -> Vec<String> {
        let answer = self.post("se/log", json!({ "type": "browser" })).await;
        let entries = answer["value"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| panic!("no console: {answer}"));
        entries
            .iter()
            .map(|entry| format!("{}: {}", entry["level"], entry["message"]))
            .collect()
    }

    /// Lets the page believe that the reader prefers a dark or light scheme.
    pub async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.post(
            "goog/cdp/execute",
            json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } }),
        )
        .await;
    }

    /// Makes the window as wide as a telephone.
    pub async fn go_narrow(&self) {
        let size = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size });
        self.post("goog/cdp/execute", command).await;
    }

    /// Cuts the network between browser and server.
    pub async fn go_offline(&self) {
        let conditions = json!({ "offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.post(
            "goog/cdp/execute",
            json!({ "cmd": "Network.enable", "params": {} }),
        )
        .await;
        self.post(
            "goog/cdp/execute",
            json!({ "cmd": "Network.emulateNetworkConditions", "params": conditions }),
        )
        .await;
    }

    /// Keeps a picture, if the caller of the tests asked for pictures.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("TRACER_SCREENSHOTS") else {
            return;
        };
        let bytes = self.client.screenshot().await.unwrap();
        std::fs::write(
            std::path::Path::new(&folder).join(format!("{name}.png")),
            bytes,
        )
        .unwrap();
    }

    /// A command of chromedriver beyond the WebDriver standard.
    async fn post(&self, command: &str, body: Value) -> Value {
        let answer = self
            .http
            .post(format!("{}/{command}", self.session))
            .json(&body)
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }
}
