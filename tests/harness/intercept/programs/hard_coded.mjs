// A program as somebody might have: the venue's address stands in it, and it prints its book at every change.

const DEPTH = 10;
const books = new Map();

function applied(side, levels, order) {
    for (const { price, qty } of levels) side.set(price, qty);
    const best = [...side].filter(([, size]) => size !== 0).sort(([one], [other]) => order(one, other));
    return new Map(best.slice(0, DEPTH));
}

function connect() {
    const socket = new WebSocket('wss://ws.kraken.com/v2');
    socket.onopen = () => {
        const params = { channel: 'book', symbol: process.argv.slice(2), depth: DEPTH };
        socket.send(JSON.stringify({ method: 'subscribe', params }));
    };
    socket.onclose = () => setTimeout(connect, 100);
    socket.onerror = () => {};
    socket.onmessage = (event) => {
        const { channel, type, data } = JSON.parse(event.data);
        if (channel !== 'book') return;
        for (const { symbol, bids, asks } of data) {
            const old = type === 'snapshot' ? { bids: new Map(), asks: new Map() } : books.get(symbol);
            const book = {
                bids: applied(old.bids, bids, (one, other) => other - one),
                asks: applied(old.asks, asks, (one, other) => one - other),
            };
            books.set(symbol, book);
            console.log(JSON.stringify({ symbol, bids: [...book.bids], asks: [...book.asks] }));
        }
    };
}

connect();
