//! Bookproof's driver protocol, version 1: JSON lines on stdin and stdout. Leave this file as it is; main.rs is yours.
#![allow(dead_code)] // not every client tells everything

use serde_json::{json, Map, Value};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::process::exit;
use std::sync::{Arc, Mutex};

const MAX_LINE: usize = 16 * 1024 * 1024;
const EXIT_PROTOCOL: i32 = 65; // the harness's line was not understood
const EXIT_ADAPTER: i32 = 70; // the adapter failed

/// What the client is and does.
pub struct Hello {
    pub name: &'static str,
    pub version: &'static str,
    pub dialects: &'static [&'static str],
    pub channels: &'static [&'static str],
    /// It shows a book at every change (`Case::book`); then `read` is never called, reads are answered with the last one.
    pub push: bool,
    /// The client itself can say whether its book is live.
    pub claims: bool,
    /// `"string"`, or `"float"` for a client that holds floats.
    pub numbers: &'static str,
    /// `"case"`, or `"process"` for a client that cannot be started twice in one process.
    pub isolation: &'static str,
}

/// What a case asks for.
#[derive(Clone, Debug)]
pub struct Start {
    pub case: String,
    pub dialect: String,
    /// To use instead of the venue's.
    pub ws_url: String,
    /// To use instead of the venue's.
    pub rest_url: String,
    /// As the venue spells them.
    pub symbols: Vec<String>,
    pub channels: Vec<String>,
    /// Levels a side; None: the dialect's default.
    pub depth: Option<u64>,
    /// Path of a PEM file to trust; None: none.
    pub tls_ca: Option<String>,
    /// The whole message: endpoints, market_type, credentials, time_base, options.
    pub message: Value,
}

/// What the client shows of one symbol, best first: `json!([price, size])` a row, texts or, where Hello says so, numbers.
#[derive(Clone, Debug)]
pub struct Book {
    /// `live` (also where it is empty), `stale` or `syncing`.
    pub claim: &'static str,
    pub bids: Vec<Value>,
    pub asks: Vec<Value>,
    /// The venue's sequence number, where the client knows it.
    pub version: Option<Value>,
}

/// What main.rs implements; every case gets a new one.
pub trait Adapter {
    /// Create a fresh client and subscribe. Returns how many levels a side the client keeps (None: all).
    fn start(&mut self, start: &Start) -> Result<Option<u64>, Refusal>;
    /// What the client shows now; None: it has no book.
    fn read(&mut self, symbol: &str) -> Option<Book>;
    /// Close the client.
    fn stop(&mut self);
}

/// Why `start` started nothing.
pub enum Refusal {
    /// The case asks for what the client does not do.
    Unsupported(String),
    /// Anything else; it ends the adapter.
    Failed(String),
}

/// What an adapter may tell on its own, from any thread. What comes after the case's end is dropped.
#[derive(Clone)]
pub struct Case {
    id: Arc<str>,
    state: Arc<Mutex<State>>,
}

struct State {
    out: File,
    /// The case that runs, None between two.
    open: Option<Arc<str>>,
    last: HashMap<String, Book>,
}

impl Case {
    /// Show a state that changed, where Hello says push.
    pub fn book(&self, symbol: &str, book: Book) {
        let mut state = self.state.lock().unwrap();
        if self.is_open(&state) {
            let message = self.message(symbol, Some(&book), None);
            state.last.insert(symbol.to_owned(), book);
            state.write(&message);
        }
    }

    /// Show a trade. `side`: "buy" or "sell", of the taker.
    pub fn trade(&self, symbol: &str, price: Value, size: Value, side: Option<&str>, trade_id: Option<&str>) {
        let (case, kind) = (&*self.id, "trade");
        self.say(json!({"type": kind, "case": case, "symbol": symbol, "price": price, "size": size, "side": side,
                        "trade_id": trade_id}));
    }

    /// Report what the client told its user. `kind`: error, warning, resync, disconnected or reconnected; `fatal`: it will
    /// not go on by itself.
    pub fn event(&self, kind: &str, message: &str, fatal: bool) {
        let case = &*self.id;
        self.say(json!({"type": "event", "case": case, "kind": kind, "message": message, "fatal": fatal}));
    }

    fn say(&self, message: Value) {
        let mut state = self.state.lock().unwrap();
        if self.is_open(&state) {
            state.write(&message);
        }
    }

    fn is_open(&self, state: &State) -> bool {
        state.open.as_ref() == Some(&self.id)
    }

    fn read(&self, push: bool, adapter: &mut dyn Adapter, symbol: &str, id: &Value) {
        let asked = if push { None } else { adapter.read(symbol) };
        let mut state = self.state.lock().unwrap();
        let shown = if push { state.last.get(symbol) } else { asked.as_ref() };
        let message = self.message(symbol, shown, Some(id));
        state.write(&message);
    }

    fn message(&self, symbol: &str, book: Option<&Book>, read: Option<&Value>) -> Value {
        let mut message = Map::new();
        message.insert("type".into(), "book".into());
        message.insert("case".into(), (&*self.id).into());
        message.insert("symbol".into(), symbol.into());
        message.insert("claim".into(), book.map_or("none", |book| book.claim).into());
        message.insert("bids".into(), book.map_or(vec![], |book| book.bids.clone()).into());
        message.insert("asks".into(), book.map_or(vec![], |book| book.asks.clone()).into());
        if let Some(version) = book.and_then(|book| book.version.as_ref()) {
            message.insert("version".into(), version.clone());
        }
        if let Some(id) = read {
            message.insert("read".into(), id.clone());
        }
        message.into()
    }

    fn end(&self, message: Value) {
        let mut state = self.state.lock().unwrap();
        state.open = None;
        state.write(&message);
    }
}

impl State {
    fn write(&mut self, message: &Value) {
        let line = format!("{message}\n");
        if let Err(error) = self.out.write_all(line.as_bytes()) {
            leave(EXIT_ADAPTER, &format!("the harness is gone: {error}"));
        }
    }
}

fn leave(status: i32, why: &str) -> ! {
    eprintln!("bookproof adapter: {why}");
    exit(status)
}

/// Talk with the harness until it says bye; `create` makes a fresh adapter for every case. Never returns.
pub fn serve(hello: Hello, create: impl Fn(Case) -> Box<dyn Adapter>) -> ! {
    let out = take_stdout().unwrap_or_else(|error| leave(EXIT_ADAPTER, &format!("no stdout: {error}")));
    let state = Arc::new(Mutex::new(State { out, open: None, last: HashMap::new() }));
    let mut input = io::stdin().lock();
    let mut running: Option<(Case, Box<dyn Adapter>)> = None;
    while let Some(line) = read_line(&mut input) {
        let message: Value = serde_json::from_slice(&line).unwrap_or_else(|error| {
            let start = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
            leave(EXIT_PROTOCOL, &format!("the harness's line is not JSON: {error}: {start}"))
        });
        match (message["type"].as_str().unwrap_or(""), running.take()) {
            ("bye", _) => exit(0),
            ("hello", now) => {
                state.lock().unwrap().write(&greeting(&hello));
                running = now;
            }
            ("start", None) => running = begin(&hello, message, &state, &create),
            ("read", Some((case, mut adapter))) => {
                let symbol = message["symbol"].as_str().unwrap_or("");
                case.read(hello.push, adapter.as_mut(), symbol, &message["id"]);
                running = Some((case, adapter));
            }
            ("stop", Some((case, mut adapter))) => {
                adapter.stop();
                case.end(json!({"type": "stopped", "case": &*case.id}));
            }
            (kind @ ("start" | "read" | "stop"), _) => {
                leave(EXIT_PROTOCOL, &format!("the harness says {kind} out of turn"))
            }
            (kind, _) => leave(EXIT_PROTOCOL, &format!("unknown message type {kind:?}")),
        }
    }
    exit(0)
}

fn greeting(hello: &Hello) -> Value {
    json!({
        "type": "hello",
        "protocol": 1,
        "client": {"name": hello.name, "version": hello.version, "language": "rust"},
        "dialects": hello.dialects,
        "channels": hello.channels,
        "push": hello.push,
        "claims": hello.claims,
        "numbers": hello.numbers,
        "isolation": hello.isolation,
    })
}

/// The answer to start: the case and its adapter, or None where it is not supported.
fn begin(
    hello: &Hello,
    message: Value,
    state: &Arc<Mutex<State>>,
    create: &impl Fn(Case) -> Box<dyn Adapter>,
) -> Option<(Case, Box<dyn Adapter>)> {
    let start = parse_start(message)
        .unwrap_or_else(|field| leave(EXIT_PROTOCOL, &format!("start: the field {field:?} is not understood")));
    let case = Case { id: start.case.as_str().into(), state: state.clone() };
    let refused = |reason: String| {
        case.end(json!({"type": "unsupported", "case": &*case.id, "reason": reason}));
        None
    };
    if !hello.dialects.contains(&start.dialect.as_str()) {
        return refused(format!("the dialect {}", start.dialect));
    }
    if let Some(other) = start.channels.iter().find(|channel| !hello.channels.contains(&channel.as_str())) {
        return refused(format!("the channel {other}"));
    }
    {
        let mut state = state.lock().unwrap();
        state.open = Some(case.id.clone());
        state.last.clear();
    }
    let mut adapter = create(case.clone());
    match adapter.start(&start) {
        Err(Refusal::Unsupported(reason)) => refused(reason),
        Err(Refusal::Failed(why)) => leave(EXIT_ADAPTER, &format!("the client cannot be started: {why}")),
        Ok(depth) => {
            state.lock().unwrap().write(&json!({"type": "started", "case": &*case.id, "depth_shown": depth}));
            Some((case, adapter))
        }
    }
}

/// The start, or the field that is wrong.
fn parse_start(message: Value) -> Result<Start, &'static str> {
    let text = |field: &'static str| message[field].as_str().map(str::to_owned).ok_or(field);
    let texts = |field: &'static str| {
        let list = message[field].as_array().ok_or(field)?;
        list.iter().map(|one| one.as_str().map(str::to_owned).ok_or(field)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Start {
        case: text("case")?,
        dialect: text("dialect")?,
        ws_url: text("ws_url")?,
        rest_url: text("rest_url")?,
        symbols: texts("symbols")?,
        channels: texts("channels")?,
        depth: message["depth"].as_u64(),
        tls_ca: message["tls_ca"].as_str().map(str::to_owned),
        message: message.clone(),
    })
}

/// A line without its end, None at the end of input; never keeps more than the protocol allows.
fn read_line(input: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    match input.take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line) {
        Err(error) => leave(EXIT_PROTOCOL, &format!("stdin: {error}")),
        Ok(_) if line.last() == Some(&b'\n') => {
            line.pop();
            Some(line)
        }
        Ok(_) if line.len() > MAX_LINE => leave(EXIT_PROTOCOL, &format!("a line is longer than {MAX_LINE} bytes")),
        Ok(_) => None,
    }
}

/// The protocol's own stdout; what the client prints goes to the log from here on.
#[cfg(unix)]
fn take_stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    extern "C" {
        fn dup2(from: i32, to: i32) -> i32;
    }
    let mine = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    // SAFETY: both descriptors are open; 1 now means what 2 does.
    match unsafe { dup2(2, 1) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(mine),
    }
}
