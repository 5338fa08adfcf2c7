//! The adapter: lets Bookproof drive our client.
//!
//!     cargo build --release
//!     bookproof adapter check --client target/release/adapter
//!     bookproof run --client target/release/adapter --dialect kraken-v2
//!
//! Your client goes into the four places marked YOUR CLIENT. As it stands there is none, and no book is ever shown.

mod driver;

use driver::{serve, Adapter, Book, Case, Hello, Refusal, Start};

// --- YOUR CLIENT, 1 of 4: use it, and name it in Cargo.toml -------------------------------------------------------------
//     use my_client::Client;                     // Cargo.toml: my-client = { path = ".." }

// --- YOUR CLIENT, 2 of 4: what it is -----------------------------------------------------------------------------------
const HELLO: Hello = Hello {
    name: "my-client",
    version: "0.0.0",
    dialects: &["kraken-v2"], // what it speaks, of `bookproof list dialects`; other cases are refused for you
    channels: &["book"],      // "trades", too, if it shows trades
    push: false,              // true: it shows a book at every change, with test.book(…); else read() is asked
    claims: false,            // true: the client itself can say whether its book is live: Book.claim
    numbers: "string",        // "float": it holds floats. Never turn one into the other: that would hide errors
    isolation: "case",        // "process": it cannot be started twice in one process
};

struct ClientAdapter {
    #[allow(dead_code)]
    test: Case, // test.book(…), test.event(…), from any thread; it can be cloned: see driver.rs
    // client: Option<Client>,
}

impl Adapter for ClientAdapter {
    /// A case begins: start a fresh client on the mock exchange. It need not be in step when this returns.
    fn start(&mut self, start: &Start) -> Result<Option<u64>, Refusal> {
        // --- YOUR CLIENT, 3 of 4: start it on start.ws_url and start.rest_url, and subscribe to start.symbols -----------
        //     let client = Client::new(&start.ws_url, start.depth);
        //     if let Err(error) = client.subscribe(&start.symbols) { self.test.event("error", &error.to_string(), false); }
        //     self.client = Some(client);
        // An async client: keep a runtime in the adapter (tokio::runtime::Runtime) and use runtime.block_on(…) here.
        Ok(start.depth) // levels a side that the client keeps; None: all
    }

    /// What the client shows now, best first, the numbers as it has them; None: it has no book.
    fn read(&mut self, _symbol: &str) -> Option<Book> {
        //     let book = self.client.as_ref()?.book(symbol)?;
        //     let rows = |side: &[Level]| side.iter().map(|level| serde_json::json!([level.price, level.size])).collect();
        //     Some(Book { claim: "live", bids: rows(&book.bids), asks: rows(&book.asks), version: None })
        None
    }

    /// The case is over: close the client.
    fn stop(&mut self) {
        // --- YOUR CLIENT, 4 of 4: close it -----------------------------------------------------------------------------
        //     self.client = None;
    }
}

fn main() {
    serve(HELLO, |test| Box::new(ClientAdapter { test }))
}
