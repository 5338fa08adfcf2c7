// A small client of Kraken's WebSocket v2, as somebody might have written it: it applies what comes and checks nothing.

import { EventEmitter } from 'node:events';

export class Client extends EventEmitter {
    constructor({ url = 'wss://ws.kraken.com/v2', depth }) {
        super();
        this.url = url;
        this.depth = depth ?? 10;
        this.books = new Map();
    }

    subscribe(symbols) {
        return new Promise((subscribed) => {
            this.socket = new WebSocket(this.url);
            this.socket.onopen = () => {
                const params = { channel: 'book', symbol: symbols, depth: this.depth };
                this.socket.send(JSON.stringify({ method: 'subscribe', params }));
                subscribed();
            };
            this.socket.onmessage = ({ data }) => this.take(JSON.parse(data));
            this.socket.onerror = (event) => this.emit('error', event.error ?? new Error(event.message));
        });
    }

    take({ channel, type, data }) {
        if (channel !== 'book') return;
        for (const { symbol, bids, asks } of data) {
            const old = type === 'snapshot' ? { bids: [], asks: [] } : this.books.get(symbol);
            this.books.set(symbol, {
                bids: this.apply(old.bids, bids, (one, other) => other - one),
                asks: this.apply(old.asks, asks, (one, other) => one - other),
            });
        }
    }

    apply(rows, levels, order) {
        const side = new Map(rows);
        for (const { price, qty } of levels) {
            if (qty === 0) side.delete(price);
            else side.set(price, qty);
        }
        return [...side].sort(([one], [other]) => order(one, other)).slice(0, this.depth);
    }

    async close() {
        this.socket.close();
    }
}
