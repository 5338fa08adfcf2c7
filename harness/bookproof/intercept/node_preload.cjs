// Loaded into every Node.js process of an intercepted client (NODE_OPTIONS --require): TLS connections to other hosts go
// through the client's proxy. Node.js before 22.21 takes no proxy from the environment, and `ws` never does.
'use strict';

const net = require('node:net');
const { Duplex } = require('node:stream');
const tls = require('node:tls');

const port = Number(process.env.BOOKPROOF_PROXY_PORT);
const { connect } = tls;

/** A byte stream to host:port by way of the proxy. What is written before the proxy has agreed waits. */
class Tunnel extends Duplex {
    #raw = net.connect(port, '127.0.0.1');
    #open = false;
    #waiting = null;
    #head = Buffer.alloc(0);

    constructor(target) {
        super();
        this.#raw.setNoDelay(true);
        this.#raw.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
        this.#raw.on('data', (piece) => (this.#open ? this.#pass(piece) : this.#meet(piece)));
        this.#raw.on('end', () => this.push(null));
        this.#raw.on('error', (error) => this.destroy(error));
        this.#raw.on('close', () => this.destroy());
    }

    #meet(piece) {
        this.#head = Buffer.concat([this.#head, piece]);
        const end = this.#head.indexOf('\r\n\r\n');
        if (end === -1) return;
        const answer = this.#head.toString('latin1');
        if (!answer.startsWith('HTTP/1.1 200')) {
            this.destroy(new Error(`the proxy refused: ${answer.slice(end + 4).trim() || answer}`));
            return;
        }
        this.#open = true;
        if (end + 4 < this.#head.length) this.#pass(this.#head.subarray(end + 4));
        this.#waiting?.();
    }

    #pass(piece) {
        if (!this.push(piece)) this.#raw.pause();
    }

    _read() {
        this.#raw.resume();
    }

    _write(piece, _encoding, done) {
        this.#waiting = () => this.#raw.write(piece, done);
        if (this.#open) this.#waiting();
    }

    _final(done) {
        this.#raw.end(done);
    }

    _destroy(error, done) {
        this.#raw.destroy();
        done(error);
    }
}

/** tls.connect(options), (port, host, options), (path, options), each with a callback behind it or not. */
function named(words) {
    const callback = typeof words.at(-1) === 'function' ? words.at(-1) : undefined;
    const options = {};
    for (const word of words) {
        if (typeof word === 'number') options.port = word;
        else if (typeof word === 'string') options[options.port === undefined ? 'path' : 'host'] = word;
        else if (word !== null && typeof word === 'object') Object.assign(options, word);
    }
    return [options, callback];
}

const near = (host) => host === 'localhost' || host === '::1' || /^127\./.test(host);

tls.connect = function (...words) {
    const [options, callback] = named(words);
    const host = options.host ?? 'localhost';
    if (options.socket || options.path || near(host)) return connect.apply(this, words);
    const servername = options.servername ?? (net.isIP(host) ? '' : host);
    return connect.call(this, { ...options, servername, socket: new Tunnel(`${host}:${options.port}`) }, callback);
};
