// Bookproof's driver protocol, version 1, for a client in JavaScript: JSON lines on stdin and stdout. See docs/adapters.md.
// Give `serve` what `hello` says and a function that makes a fresh adapter for every case:
//   { start(start), read?(symbol, channel), stop() }, each plain or async; start returns the depth shown (null: all).

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import tls from 'node:tls';
import { inspect } from 'node:util';

const MAX_LINE = 16 * 1024 * 1024;
const EXIT_PROTOCOL = 65;
const EXIT_ADAPTER = 70;

// Every TLS connection of this process trusts this PEM file (`start.tls_ca`) too: NODE_EXTRA_CA_CERTS is read only once.
export function trust(path) {
    const pem = readFileSync(path);
    const { createSecureContext } = tls;
    tls.createSecureContext = (options) => {
        const secure = createSecureContext(options);
        secure.context.addCACert(pem);
        return secure;
    };
}

export class Unsupported extends Error {}

/** One case: what an adapter shows, and to whom. What comes after its end is dropped. */
class Case {
    constructor(id, write) {
        this.id = id;
        this.open = true;
        this.last = new Map();
        this.write = write;
    }

    show(message) {
        if (!this.open) return;
        this.last.set(`${message.type} ${message.symbol}`, message);
        this.write({ ...message, case: this.id });
    }

    /** `message`: {symbol, bids, asks, claim?, version?}; a row is [price, size]. Rows are copied now. */
    book({ claim = 'live', ...rest }) {
        this.show({ type: 'book', claim, ...rest });
    }

    trade(trade) {
        this.show({ type: 'trade', ...trade });
    }

    /** What the client threw at its user. */
    error(error, { symbol, fatal = false } = {}) {
        this.event('error', String(error?.message ?? error), { symbol, fatal, exception: error?.constructor?.name });
    }

    event(kind, message, more = {}) {
        if (this.open) this.write({ type: 'event', case: this.id, kind, message, ...more });
    }
}

export async function serve(hello, create) {
    const toHarness = process.stdout.write.bind(process.stdout);
    process.stdout.write = process.stderr.write.bind(process.stderr); // the client's own prints
    const write = (message) => toHarness(JSON.stringify({ ...message, t: Number(process.hrtime.bigint()) }) + '\n');
    const leave = (status, why) => {
        if (why !== undefined) console.error(why);
        toHarness('', () => process.exit(status));
        return new Promise(() => {}); // nothing else happens
    };
    process.on('uncaughtException', (error) => leave(EXIT_ADAPTER, inspect(error)));
    process.on('unhandledRejection', (error) => leave(EXIT_ADAPTER, `unhandled rejection: ${inspect(error)}`));

    let now = null; // {test, adapter} while a case runs
    const { dialects, channels } = hello;
    for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
        if (line.length > MAX_LINE) await leave(EXIT_PROTOCOL, `a line is longer than ${MAX_LINE} bytes`);
        let message;
        try {
            message = JSON.parse(line);
        } catch (error) {
            await leave(EXIT_PROTOCOL, `the harness's line is not JSON: ${line.slice(0, 80)}`);
        }
        switch (message.type) {
            case 'hello':
                write({ type: 'hello', protocol: 1, ...hello });
                break;
            case 'start': {
                const test = new Case(message.case, write);
                try {
                    if (!dialects.includes(message.dialect)) throw new Unsupported(`the dialect ${message.dialect}`);
                    const other = message.channels.find((channel) => !channels.includes(channel));
                    if (other !== undefined) throw new Unsupported(`the channel ${other}`);
                    const adapter = create(test);
                    const depth = await adapter.start(message);
                    write({ type: 'started', case: test.id, depth_shown: depth ?? null });
                    now = { test, adapter };
                } catch (error) {
                    if (!(error instanceof Unsupported)) throw error;
                    write({ type: 'unsupported', case: message.case, reason: error.message });
                }
                break;
            }
            case 'read': {
                const { test, adapter } = now;
                const { id, symbol, channel = 'book' } = message;
                const shown = adapter.read?.(symbol, channel) ?? test.last.get(`${channel} ${symbol}`);
                const nothing = { type: channel, symbol, claim: 'none', bids: [], asks: [] };
                write({ ...(shown ?? nothing), case: test.id, read: id });
                break;
            }
            case 'stop':
                await now.adapter.stop();
                now.test.open = false;
                write({ type: 'stopped', case: now.test.id });
                now = null;
                break;
            case 'bye':
                await leave(0);
                break;
            default:
                await leave(EXIT_PROTOCOL, `unknown message type ${message.type}`);
        }
    }
    await leave(0);
}
