// Lets Bookproof drive ccxt (ccxt.pro), unmodified: `watchOrderBook` and `watchTrades` in loops, as its users write them.
//
//     node adapter.mjs                                              # ccxt's own defaults
//     node adapter.mjs --config '{"options": {"watchOrderBook": {"checksum": true}}}'
//
// What is shown is what a user of ccxt is given: the book that `watchOrderBook` returned, when it returned. ccxt has no sign
// of its own for a book that is out of step, except the exception that comes out of the call: from then until the next
// return the book is `stale`. The exchange object is configured as by default, but for the URLs and for the markets to load
// (only spot: the others are other venues' APIs); `--config` or the case's `options` go on top.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import ccxt from 'ccxt';
import { serve, trust } from './driver.mjs';

// After one exception the loop calls again at once, as in ccxt's examples: the call reconnects. After several in a row it
// waits, as a user would: 0.5 s, 1 s … so that a storm of requests is ccxt's own doing and not this loop's.
const PAUSE_MOST = 4000;

// depth: levels a side that ccxt keeps if it is not asked for a number; null: all.
// nonceIsVersion: the book's `nonce` is the venue's sequence number of the last update. ccxt promises only that it grows; for
// MEXC it is the number with which the last message begins.
const VENUES = {
    'binance-spot': { exchange: 'binance', depth: 1000, nonceIsVersion: true, fetchMarkets: { types: ['spot'] } },
    'kraken-v2': { exchange: 'kraken', depth: 10, nonceIsVersion: true, fetchMarkets: {} },
    'mexc-v3': {
        exchange: 'mexc',
        depth: null,
        nonceIsVersion: false,
        fetchMarkets: { types: { spot: true, swap: { linear: false, inverse: false } } },
    },
};

class CcxtAdapter {
    constructor(test, config) {
        this.test = test;
        this.config = config;
        this.books = new Map();
        this.running = true;
    }

    async start(start) {
        this.venue = VENUES[start.dialect];
        const config = { options: { defaultType: 'spot', fetchMarkets: this.venue.fetchMarkets } };
        if (start.tls_ca) trust(start.tls_ca);
        const { deepExtend } = new ccxt.Exchange();
        this.exchange = new ccxt.pro[this.venue.exchange](deepExtend(config, this.config, start.options ?? {}));
        await this.exchange.loadHttpProxyAgent(); // else ccxt refuses ws://
        redirect(this.exchange.urls.api, origin(start.ws_url), origin(start.rest_url));
        for (const symbol of start.symbols) {
            if (start.channels.includes('book')) {
                const watch = (name) => this.exchange.watchOrderBook(name, start.depth ?? undefined);
                this.follow(symbol, watch, this.showBook, this.showStale);
            }
            if (start.channels.includes('trades')) {
                this.follow(symbol, (name) => this.exchange.watchTrades(name), this.showTrades, () => {});
            }
        }
        return start.depth ?? this.venue.depth;
    }

    /** The user's loop. `symbol` is the venue's spelling. */
    async follow(symbol, watch, show, failed) {
        let failures = 0;
        while (this.running) {
            let shown;
            try {
                if (!this.exchange.markets) await this.exchange.loadMarkets();
                shown = await watch(this.unified(symbol));
            } catch (error) {
                failed.call(this, symbol);
                this.test.error(error, { symbol });
                await sleep(failures === 0 ? 0 : Math.min(250 * 2 ** failures, PAUSE_MOST));
                failures += 1;
                continue;
            }
            failures = 0;
            show.call(this, symbol, shown);
        }
    }

    /** ccxt's spelling of the venue's symbol. */
    unified(symbol) {
        if (symbol in this.exchange.markets) return symbol; // Kraken's WebSocket v2 spells as ccxt does
        return this.exchange.markets_by_id[symbol].find((market) => market.spot).symbol;
    }

    showBook(symbol, book) {
        const shown = { symbol, bids: rows(book.bids), asks: rows(book.asks) };
        this.books.set(symbol, shown);
        this.test.book(this.venue.nonceIsVersion && book.nonce ? { ...shown, version: book.nonce } : shown);
    }

    showStale(symbol) {
        const shown = this.books.get(symbol);
        if (shown !== undefined) this.test.book({ ...shown, claim: 'stale' });
    }

    showTrades(symbol, trades) {
        for (const { price, amount, side, id } of trades) {
            this.test.trade({ symbol, price, size: amount, side, trade_id: id });
        }
    }

    async stop() {
        this.running = false;
        await this.exchange.close();
    }
}

/** The version of the package; `ccxt.version` may lag behind it. */
const version = () => JSON.parse(readFileSync(new URL('../package.json', import.meta.resolve('ccxt')))).version;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const rows = (side) => Array.from(side, ([price, size]) => [price, size]);

const origin = (url) => url.split('/').slice(0, 3).join('/');

/** Every URL of the exchange object to the mock exchange, with its path as it was. */
function redirect(urls, ws, rest) {
    for (const [name, url] of Object.entries(urls)) {
        if (typeof url === 'object') redirect(url, ws, rest);
        else urls[name] = (url.startsWith('ws') ? ws : rest) + url.slice(origin(url).length);
    }
}

const { values } = parseArgs({ options: { config: { type: 'string', default: '{}' } } });
const hello = {
    client: { name: 'ccxt', version: version(), language: 'javascript' },
    dialects: Object.keys(VENUES),
    channels: ['book', 'trades'],
    push: true,
    claims: false,
    numbers: 'float',
    isolation: 'process', // a request that waits for ccxt's rate limit is sent after close(), and its failure ends the process
};
await serve(hello, (test) => new CcxtAdapter(test, JSON.parse(values.config)));
