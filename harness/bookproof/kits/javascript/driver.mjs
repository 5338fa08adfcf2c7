// Bookproof's driver protocol, version 1: JSON lines on stdin and stdout. Leave this file as it is; adapter.mjs is yours.
//
// serve(hello, create): `hello` says what the client is, `create(test)` makes a fresh adapter for every case:
//     { start(start), read(symbol, channel), stop() }          each plain or async; start returns the depth shown (null: all)
// `test` is what the adapter may tell on its own: test.book({symbol, bids, asks}), test.trade({…}), test.event(kind, message, {…})
// and test.error(error, {symbol, fatal}). With `push: true` in hello read() is never called: reads are answered with what was
// shown last.

import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { inspect } from 'node:util';

const MAX_LINE = 16 * 1024 * 1024;
const EXIT_PROTOCOL = 65; // the harness's line was not understood
const EXIT_ADAPTER = 70; // an exception that nobody caught

/** Thrown out of start(): this case asks for what the client does not do. */
export class Unsupported extends Error {}

/** Every TLS connection of this process trusts this PEM file (`start.tls_ca`), too. */
export function trust(path) {
    const pem = readFileSync(path);
    const { createSecureContext } = tls;
    tls.createSecureContext = (options) => {
        const secure = createSecureContext(options);
        secure.context.addCACert(pem);
        return secure;
    };
}

class WrongLine extends Error {}

/** One case: what the adapter shows goes out under its name; what comes after its end is dropped. */
class Case {
    #id;
    #write;
    #open = true;
    #last = new Map();

    constructor(id, write) {
        this.#id = id;
        this.#write = write;
    }

    /** {symbol, bids, asks, claim?, version?}: a row is [price, size], best first. */
    book({ claim = 'live', ...rest }) {
        this.#last.set(rest.symbol, { type: 'book', claim, ...rest });
        this.#say(this.#last.get(rest.symbol));
    }

    /** {symbol, price, size, side?, trade_id?} */
    trade(trade) {
        this.#say({ type: 'trade', ...trade });
    }

    /** kind: error, warning, resync, disconnected or reconnected. more: {symbol?, channel?, exception?, fatal?} */
    event(kind, message, more = {}) {
        this.#say({ type: 'event', kind, message, ...more });
    }

    /** What the client threw at its user. fatal: it will not go on by itself. */
    error(error, { symbol, fatal = false } = {}) {
        this.event('error', String(error?.message ?? error), { symbol, fatal, exception: error?.constructor?.name });
    }

    /** For the driver: what was shown last. */
    last(symbol) {
        return this.#last.get(symbol);
    }

    /** For the driver: the case ends with this message. */
    end(message) {
        this.#say(message);
        this.#open = false;
    }

    #say(message) {
        if (this.#open) this.#write({ ...message, case: this.#id });
    }
}

export async function serve(hello, create) {
    const toHarness = process.stdout.write.bind(process.stdout);
    process.stdout.write = process.stderr.write.bind(process.stderr); // the client's own prints go to the log
    const write = (message) => toHarness(JSON.stringify({ ...message, t: Number(process.hrtime.bigint()) }) + '\n');
    const leave = (status, why) => {
        if (why !== undefined) console.error(why);
        toHarness('', () => process.exit(status)); // when everything is written
        return new Promise(() => {});
    };
    process.on('uncaughtException', (error) => leave(EXIT_ADAPTER, inspect(error)));
    process.on('unhandledRejection', (error) => leave(EXIT_ADAPTER, `unhandled rejection: ${inspect(error)}`));
    try {
        await converse({ dialects: [], channels: ['book'], ...hello }, create, write);
    } catch (error) {
        if (error instanceof WrongLine) await leave(EXIT_PROTOCOL, error.message);
        await leave(EXIT_ADAPTER, inspect(error));
    }
    await leave(0);
}

/** The whole conversation, until `bye` or the end of input. */
async function converse(hello, create, write) {
    let running = null; // {test, adapter} while a case runs
    for await (const line of lines(process.stdin)) {
        const message = parse(line);
        const { type } = message;
        if (type === 'bye') {
            return;
        } else if (type === 'hello') {
            write({ type: 'hello', protocol: 1, push: false, claims: false, numbers: 'string', ...hello });
        } else if (type === 'start' && running === null) {
            running = await start(message, hello, create, write);
        } else if (type === 'read' && running !== null) {
            const { id, symbol, channel = 'book' } = message;
            const { test, adapter } = running;
            const shown = hello.push ? test.last(symbol) : await adapter.read(symbol, channel);
            const { claim = 'live', ...book } = shown ?? { claim: 'none', bids: [], asks: [] };
            write({ type: 'book', symbol, claim, ...book, case: running.id, read: id });
        } else if (type === 'stop' && running !== null) {
            await running.adapter.stop?.();
            running.test.end({ type: 'stopped' });
            running = null;
        } else {
            const known = ['start', 'read', 'stop'].includes(type);
            const when = running === null ? 'no case is running' : 'a case is running';
            throw new WrongLine(known ? `the harness says '${type}' while ${when}` : `unknown message type '${type}'`);
        }
    }
}

async function start(message, hello, create, write) {
    const test = new Case(message.case, write);
    try {
        if (!hello.dialects.includes(message.dialect)) throw new Unsupported(`the dialect ${message.dialect}`);
        const other = message.channels.find((channel) => !hello.channels.includes(channel));
        if (other !== undefined) throw new Unsupported(`the channel ${other}`);
        const adapter = create(test);
        const depth = await adapter.start(message);
        write({ type: 'started', case: message.case, depth_shown: depth ?? null });
        return { id: message.case, test, adapter };
    } catch (error) {
        if (!(error instanceof Unsupported)) throw error;
        test.end({ type: 'unsupported', reason: error.message || 'unsupported' });
        return null;
    }
}

/** Whole lines, as buffers, whatever pieces they come in; none is ever longer than the protocol allows. */
async function* lines(input) {
    let parts = [];
    let size = 0;
    const add = (part) => {
        parts.push(part);
        size += part.length;
        if (size > MAX_LINE) throw new WrongLine(`a line of the harness is longer than ${MAX_LINE} bytes`);
    };
    for await (const piece of input) {
        let from = 0;
        for (let to; (to = piece.indexOf(10, from)) !== -1; from = to + 1) {
            add(piece.subarray(from, to));
            yield Buffer.concat(parts);
            [parts, size] = [[], 0];
        }
        add(piece.subarray(from));
    }
}

function parse(line) {
    try {
        const message = JSON.parse(line.toString('utf8'));
        if (typeof message?.type === 'string') return message;
    } catch {
        throw new WrongLine(`the harness's line is not JSON: ${line.subarray(0, 80)}`);
    }
    throw new WrongLine(`the harness's line has no type: ${line.subarray(0, 80)}`);
}
