// The adapter: lets Bookproof drive our client.
//
//	go build -o adapter .
//	bookproof adapter check --client ./adapter
//	bookproof run --client ./adapter --dialect kraken-v2
//
// Your client goes into the four places marked YOUR CLIENT. As it stands there is none, and no book is ever shown.

package main

// --- YOUR CLIENT, 1 of 4: import it ------------------------------------------------------------------------------------
//
//	import "example.com/my/client"        // and in go.mod: go mod edit -replace example.com/my=.. ; go mod tidy

// --- YOUR CLIENT, 2 of 4: what it is -----------------------------------------------------------------------------------
var hello = Hello{
	Client:    ClientName{Name: "my-client", Version: "0.0.0", Language: "go"},
	Dialects:  []string{"kraken-v2"}, // what it speaks, of `bookproof list dialects`; other cases are refused for you
	Channels:  []string{"book"},      // "trades", too, if it shows trades
	Push:      false,                 // true: it shows a book at every change, with test.Book(…); else Read is asked
	Claims:    false,                 // true: the client itself can say whether its book is live: Book.Claim
	Numbers:   "string",              // "float": it holds floats. Never turn one into the other: that would hide errors
	Isolation: "case",                // "process": it cannot be started twice in one process
}

type clientAdapter struct {
	test *Case // test.Book(…), test.Event(…), test.Fatal(…): see driver.go
	// client *client.Client
}

// Start: a case begins. Start a fresh client on the mock exchange; it need not be in step when this returns.
func (a *clientAdapter) Start(start Start) (*int, error) {
	// --- YOUR CLIENT, 3 of 4: start it on start.WsURL and start.RestURL, and subscribe to start.Symbols --------------
	//
	//	a.client = client.New(client.Options{URL: start.WsURL, Depth: start.Depth})
	//	a.client.OnError = func(err error) { a.test.Event("error", err.Error()) }
	//	if err := a.client.Subscribe(start.Symbols); err != nil { a.test.Event("error", err.Error()) }
	return start.Depth, nil // levels a side that the client keeps; nil: all
}

// Read: what the client shows now, best first, the numbers as it has them; nil: it has no book.
func (a *clientAdapter) Read(symbol string) *Book {
	//	book, ok := a.client.Book(symbol)
	//	if !ok { return nil }
	//	shown := &Book{}
	//	for _, level := range book.Bids { shown.Bids = append(shown.Bids, Row{level.Price, level.Size}) }
	//	for _, level := range book.Asks { shown.Asks = append(shown.Asks, Row{level.Price, level.Size}) }
	//	return shown
	return nil
}

// Stop: the case is over. Close the client.
func (a *clientAdapter) Stop() error {
	// --- YOUR CLIENT, 4 of 4: close it --------------------------------------------------------------------------------
	//
	//	return a.client.Close()
	return nil
}

func main() {
	Serve(hello, func(test *Case) Adapter { return &clientAdapter{test: test} })
}
