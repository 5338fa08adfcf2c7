import java.io.ByteArrayOutputStream;
import java.io.BufferedInputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Bookproof's driver protocol, version 1: JSON lines on stdin and stdout. Leave this file as it is; Adapter.java is yours.
 */
final class Driver {
    private static final int MAX_LINE = 16 * 1024 * 1024;
    private static final int EXIT_PROTOCOL = 65; // the harness's line was not understood
    private static final int EXIT_ADAPTER = 70; // the adapter failed

    /**
     * What the client is and does.
     *
     * @param push it shows a book at every change (Case.book); then read is never called, reads are answered with the last one
     * @param claims the client itself can say whether its book is live
     * @param numbers "string", or "float" for a client that holds doubles
     * @param isolation "case", or "process" for a client that cannot be started twice in one process
     */
    record Hello(
            String name,
            String version,
            List<String> dialects,
            List<String> channels,
            boolean push,
            boolean claims,
            String numbers,
            String isolation) {}

    /**
     * What a case asks for.
     *
     * @param wsUrl to use instead of the venue's
     * @param restUrl to use instead of the venue's
     * @param symbols as the venue spells them
     * @param depth levels a side; null: the dialect's default
     * @param tlsCa path of a PEM file to trust; null: none
     * @param message the whole message: endpoints, market_type, credentials, time_base, options
     */
    record Start(
            String name,
            String dialect,
            String wsUrl,
            String restUrl,
            List<String> symbols,
            List<String> channels,
            Integer depth,
            String tlsCa,
            Map<String, Object> message) {}

    /**
     * What the client shows of one symbol, best first: List.of(price, size) a row, Strings or, where Hello says so, Doubles.
     *
     * @param claim "live" (also where it is empty), "stale" or "syncing"
     * @param version the venue's sequence number where the client knows it, else null
     */
    record Book(String claim, List<? extends List<?>> bids, List<? extends List<?>> asks, Object version) {
        Book(List<? extends List<?>> bids, List<? extends List<?>> asks) {
            this("live", bids, asks, null);
        }
    }

    /** Thrown out of start: this case asks for what the client does not do. */
    static final class Unsupported extends Exception {
        private static final long serialVersionUID = 1;

        Unsupported(String reason) {
            super(reason);
        }
    }

    /** What Adapter.java implements; every case gets a new one. What it throws ends the adapter. */
    interface Client {
        /** Create a fresh client and subscribe. Returns how many levels a side the client keeps (null: all). */
        Integer start(Start start) throws Exception;

        /** What the client shows now; null: it has no book. */
        Book read(String symbol) throws Exception;

        /** Close the client. */
        void stop() throws Exception;
    }

    /** What an adapter may tell on its own, from any thread. What comes after the case's end is dropped. */
    final class Case {
        private final String id;
        private final Map<String, Book> last = new HashMap<>();
        private boolean open = true;

        private Case(String id) {
            this.id = id;
        }

        /** Show a state that changed, where Hello says push. */
        void book(String symbol, Book book) {
            synchronized (out) {
                last.put(symbol, book);
                say(bookMessage(symbol, book, null));
            }
        }

        /** Show a trade. side: "buy" or "sell", of the taker, or null. */
        void trade(String symbol, Object price, Object size, String side, String tradeId) {
            Map<String, Object> message = message("trade");
            message.put("symbol", symbol);
            message.put("price", price);
            message.put("size", size);
            message.put("side", side);
            message.put("trade_id", tradeId);
            say(message);
        }

        /** Report what the client told its user. kind: error, warning, resync, disconnected or reconnected. */
        void event(String kind, String text) {
            event(kind, text, false);
        }

        /** Report an exception that the client gave its user. fatal: it will not go on by itself. */
        void error(Throwable error, boolean fatal) {
            event("error", String.valueOf(error), fatal);
        }

        private void event(String kind, String text, boolean fatal) {
            Map<String, Object> message = message("event");
            message.put("kind", kind);
            message.put("message", text);
            message.put("fatal", fatal);
            say(message);
        }

        private void say(Map<String, Object> message) {
            synchronized (out) {
                if (open) write(message);
            }
        }

        private void answer(Client client, String symbol, Object read) throws Exception {
            Book asked = hello.push() ? null : client.read(symbol);
            synchronized (out) {
                write(bookMessage(symbol, hello.push() ? last.get(symbol) : asked, read));
            }
        }

        private void end(Map<String, Object> message) {
            synchronized (out) {
                say(message);
                open = false;
            }
        }

        private Map<String, Object> message(String type) {
            Map<String, Object> message = new LinkedHashMap<>();
            message.put("type", type);
            message.put("case", id);
            message.put("t", System.nanoTime());
            return message;
        }

        private Map<String, Object> bookMessage(String symbol, Book book, Object read) {
            Map<String, Object> message = message("book");
            message.put("symbol", symbol);
            message.put("claim", book == null ? "none" : book.claim());
            message.put("bids", book == null ? List.of() : book.bids());
            message.put("asks", book == null ? List.of() : book.asks());
            if (book != null && book.version() != null) message.put("version", book.version());
            if (read != null) message.put("read", read);
            return message;
        }
    }

    private static final class WrongLine extends Exception {
        private static final long serialVersionUID = 1;

        WrongLine(String why) {
            super(why);
        }
    }

    private final Hello hello;
    private final OutputStream out = new FileOutputStream(FileDescriptor.out);
    private final InputStream in = new BufferedInputStream(System.in, 1 << 16);

    private Driver(Hello hello) {
        this.hello = hello;
    }

    /** Talk with the harness until it says bye; `create` makes a fresh client for every case. Never returns. */
    static void serve(Hello hello, Function<Case, Client> create) {
        Driver driver = new Driver(hello);
        System.setOut(System.err); // the client's own prints go to the log
        try {
            driver.converse(create);
        } catch (WrongLine wrong) {
            leave(EXIT_PROTOCOL, wrong.getMessage());
        } catch (Throwable error) {
            error.printStackTrace();
            leave(EXIT_ADAPTER, "the adapter failed: " + error);
        }
        System.exit(0); // whatever threads the client left
    }

    private static void leave(int status, String why) {
        System.err.println("bookproof adapter: " + why);
        System.exit(status);
    }

    private void converse(Function<Case, Client> create) throws Exception {
        Case test = null;
        Client client = null;
        for (String line = readLine(); line != null; line = readLine()) {
            Map<String, Object> message = parse(line);
            String type = String.valueOf(message.get("type"));
            if (type.equals("bye")) {
                return;
            } else if (type.equals("hello")) {
                greet();
            } else if (type.equals("start") && client == null) {
                Start start = start(message);
                test = new Case(start.name());
                client = begin(start, test, create);
            } else if (type.equals("read") && client != null) {
                test.answer(client, String.valueOf(message.get("symbol")), message.get("id"));
            } else if (type.equals("stop") && client != null) {
                client.stop();
                test.end(test.message("stopped"));
                client = null;
            } else if (List.of("start", "read", "stop").contains(type)) {
                throw new WrongLine("the harness says " + type + " out of turn");
            } else {
                throw new WrongLine("unknown message type " + type);
            }
        }
    }

    /** Answers start: with the client of the case, or null where it is not supported. */
    private Client begin(Start start, Case test, Function<Case, Client> create) throws Exception {
        Map<String, Object> answer = test.message("started");
        try {
            if (!hello.dialects().contains(start.dialect())) throw new Unsupported("the dialect " + start.dialect());
            for (String channel : start.channels()) {
                if (!hello.channels().contains(channel)) throw new Unsupported("the channel " + channel);
            }
            Client client = create.apply(test);
            answer.put("depth_shown", client.start(start));
            synchronized (out) {
                write(answer);
            }
            return client;
        } catch (Unsupported reason) {
            answer.put("type", "unsupported");
            answer.put("reason", reason.getMessage());
            test.end(answer);
            return null;
        }
    }

    private void greet() {
        Map<String, Object> message = new LinkedHashMap<>();
        message.put("type", "hello");
        message.put("protocol", 1);
        message.put("client", Map.of("name", hello.name(), "version", hello.version(), "language", "java"));
        message.put("dialects", hello.dialects());
        message.put("channels", hello.channels());
        message.put("push", hello.push());
        message.put("claims", hello.claims());
        message.put("numbers", hello.numbers());
        message.put("isolation", hello.isolation());
        synchronized (out) {
            write(message);
        }
    }

    @SuppressWarnings("unchecked")
    private static Start start(Map<String, Object> message) throws WrongLine {
        try {
            Number depth = (Number) message.get("depth");
            return new Start(
                    (String) message.get("case"),
                    (String) message.get("dialect"),
                    (String) message.get("ws_url"),
                    (String) message.get("rest_url"),
                    (List<String>) message.get("symbols"),
                    (List<String>) message.get("channels"),
                    depth == null ? null : depth.intValue(),
                    (String) message.get("tls_ca"),
                    message);
        } catch (ClassCastException wrong) {
            throw new WrongLine("start is not understood: " + wrong.getMessage());
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> parse(String line) throws WrongLine {
        String quoted = line.substring(0, Math.min(80, line.length()));
        try {
            if (Json.parse(line) instanceof Map<?, ?> map) return (Map<String, Object>) map;
        } catch (IllegalArgumentException wrong) {
            throw new WrongLine("the harness's line is not JSON: " + wrong.getMessage() + ": " + quoted);
        }
        throw new WrongLine("the harness's line is no JSON object: " + quoted);
    }

    /** One line, in one write; the lock on `out` is held. */
    private void write(Map<String, Object> message) {
        try {
            out.write((Json.write(message) + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException gone) {
            leave(EXIT_ADAPTER, "the harness is gone: " + gone.getMessage());
        }
    }

    /** A line without its end, null at the end of input; never keeps more than the protocol allows. */
    private String readLine() throws IOException, WrongLine {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int next = in.read(); next != -1; next = in.read()) {
            if (next == '\n') {
                try {
                    return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(line.toByteArray())).toString();
                } catch (CharacterCodingException wrong) {
                    throw new WrongLine("the harness's line is not UTF-8");
                }
            }
            if (line.size() == MAX_LINE) throw new WrongLine("a line of the harness is longer than " + MAX_LINE + " bytes");
            line.write(next);
        }
        return null;
    }
}
