// The adapter: lets Bookproof drive our client.
//
//     bookproof adapter check --client "node adapter.mjs"
//     bookproof run --client "node adapter.mjs" --dialect kraken-v2
//
// Your client goes into the four places marked YOUR CLIENT. As it stands there is none, and no book is ever shown.

import { serve } from './driver.mjs';

// --- YOUR CLIENT, 1 of 4: import it ------------------------------------------------------------------------------------
//     import { Client } from '../src/client.js';

// --- YOUR CLIENT, 2 of 4: what it is -----------------------------------------------------------------------------------
const hello = {
    client: { name: 'my-client', version: '0.0.0', language: 'javascript' },
    dialects: ['kraken-v2'], // what it speaks, of `bookproof list dialects`; other cases are refused for you
    channels: ['book'], // 'trades', too, if it shows trades
    push: false, // true: it shows a book at every change, with test.book(…); else read() is asked
    claims: false, // true: the client itself can say whether its book is live, and read() passes that on as `claim`
    numbers: 'string', // 'float': it holds numbers. Never turn one into the other: that would hide a client's errors
    isolation: 'case', // 'process': it cannot be started twice in one process
};

class ClientAdapter {
    constructor(test) {
        this.test = test; // test.book(…), test.error(…), test.event(…): see driver.mjs
    }

    /** A case begins: start a fresh client on the mock exchange. It need not be in step when this returns. */
    async start(start) {
        // --- YOUR CLIENT, 3 of 4: start it on these addresses ----------------------------------------------------------
        // start.ws_url     the WebSocket address to use instead of the venue's       start.symbols  as the venue spells them
        // start.rest_url   the REST address to use instead of the venue's            start.depth    levels a side; null: default
        // start.tls_ca     a CA file to trust (with `bookproof run --tls`), or null: `trust(start.tls_ca)` of driver.mjs
        //
        //     this.client = new Client({ url: start.ws_url, depth: start.depth });
        //     this.client.on('error', (error) => this.test.error(error));
        //     await this.client.subscribe(start.symbols);
        return start.depth; // levels a side that the client keeps; null: all
    }

    /** What the client shows now, best first, the numbers as it has them; null: it has no book. */
    read(symbol, channel) {
        //     const book = this.client.books.get(symbol);
        //     return book ? { bids: book.bids, asks: book.asks } : null; // [[price, size], …]
        //
        // A client that claims adds claim: 'live', 'stale' or 'syncing'.
        return null;
    }

    /** The case is over: close the client. */
    async stop() {
        // --- YOUR CLIENT, 4 of 4: close it -----------------------------------------------------------------------------
        //     await this.client.close();
    }
}

await serve(hello, (test) => new ClientAdapter(test));
