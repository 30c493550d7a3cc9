use tracer_core::{span, traced};

fn spawn(_: impl std::future::Future + Send) {}

async fn send() {}

async fn held_over_an_await() {
    let _span = span!("request");
    send().await;
}

#[traced]
async fn held_in_a_traced_function() {
    let _span = span!("request");
    send().await;
}

fn main() {
    spawn(held_over_an_await());
    spawn(held_in_a_traced_function());
}

fn held_in_a_block() {
    spawn(async {
        let _span = span!("request", "cents" = 1);
        send().await;
    });
}
