// The adapter: lets Bookproof drive our client.
//
//     javac -d build Adapter.java Driver.java Json.java
//     bookproof adapter check --client "java -cp build Adapter"
//     bookproof run --client "java -cp build Adapter" --dialect kraken-v2
//
// With the client on both class paths: javac -cp ../target/classes …; java -cp build:../target/classes Adapter. Java 17 or later.
// Your client goes into the four places marked YOUR CLIENT. As it stands there is none, and no book is ever shown.

import java.util.List;

// --- YOUR CLIENT, 1 of 4: import it ------------------------------------------------------------------------------------
//     import com.example.Client;

final class Adapter implements Driver.Client {
    // --- YOUR CLIENT, 2 of 4: what it is -------------------------------------------------------------------------------
    private static final Driver.Hello HELLO = new Driver.Hello(
            "my-client",
            "0.0.0",
            List.of("kraken-v2"), // what it speaks, of `bookproof list dialects`; other cases are refused for you
            List.of("book"), // "trades", too, if it shows trades
            false, // push: it shows a book at every change, with test.book(…); else read is asked
            false, // claims: the client itself can say whether its book is live
            "string", // or "float": it holds doubles. Never turn one into the other: that would hide a client's errors
            "case"); // or "process": it cannot be started twice in one process

    private final Driver.Case test; // test.book(…), test.event(…), test.error(…), from any thread: see Driver.java

    // private Client client;

    private Adapter(Driver.Case test) {
        this.test = test;
    }

    /** A case begins: start a fresh client on the mock exchange. It need not be in step when this returns. */
    @Override
    public Integer start(Driver.Start start) throws Exception {
        // --- YOUR CLIENT, 3 of 4: start it on start.wsUrl() and start.restUrl(), and subscribe to start.symbols() ------
        //     client = new Client(start.wsUrl(), start.depth());
        //     client.onError(error -> test.error(error, false));
        //     client.subscribe(start.symbols());
        return start.depth(); // levels a side that the client keeps; null: all
    }

    /** What the client shows now, best first, the numbers as it has them; null: it has no book. */
    @Override
    public Driver.Book read(String symbol) {
        //     var book = client.book(symbol);
        //     if (book == null) return null;
        //     return new Driver.Book(rows(book.bids()), rows(book.asks())); // a row: List.of(price, size)
        return null;
    }

    /** The case is over: close the client. */
    @Override
    public void stop() throws Exception {
        // --- YOUR CLIENT, 4 of 4: close it -----------------------------------------------------------------------------
        //     client.close();
    }

    public static void main(String[] arguments) {
        Driver.serve(HELLO, Adapter::new);
    }
}
