// Bookproof's driver protocol, version 1: JSON lines on stdin and stdout. Leave this file as it is; adapter.go is yours.

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	maxLine      = 16 * 1024 * 1024
	exitProtocol = 65 // the harness's line was not understood
	exitAdapter  = 70 // the adapter failed
)

// ClientName says who the client is.
type ClientName struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Language string `json:"language"`
}

// Hello says what the client is and does.
type Hello struct {
	Client   ClientName `json:"client"`
	Dialects []string   `json:"dialects"`
	Channels []string   `json:"channels"`
	// Push: it shows a book at every change (Case.Book); then Read is never called, reads are answered with the last one.
	Push bool `json:"push"`
	// Claims: the client itself can say whether its book is live.
	Claims bool `json:"claims"`
	// Numbers: "string", or "float" for a client that holds floats.
	Numbers string `json:"numbers"`
	// Isolation: "case", or "process" for a client that cannot be started twice in one process.
	Isolation string `json:"isolation"`
}

// Start says what a case asks for.
type Start struct {
	Case        string            `json:"case"`
	Dialect     string            `json:"dialect"`
	WsURL       string            `json:"ws_url"`   // to use instead of the venue's
	RestURL     string            `json:"rest_url"` // to use instead of the venue's
	Endpoints   map[string]string `json:"endpoints"`
	Symbols     []string          `json:"symbols"` // as the venue spells them
	MarketType  string            `json:"market_type"`
	Channels    []string          `json:"channels"`
	Depth       *int              `json:"depth"`  // levels a side; nil: the dialect's default
	TLSCA       *string           `json:"tls_ca"` // path of a PEM file to trust; nil: none
	Credentials map[string]string `json:"credentials"`
	TimeBase    int64             `json:"time_base"` // the exchange's clock at the start, ms since the epoch
	Options     map[string]any    `json:"options"`
}

// Row is one level: price and size (and the order's id, in a book of orders), texts or, where Hello says so, float64.
type Row []any

// Book is what the client shows of one symbol, best first.
type Book struct {
	Claim   string // "live" (also where it is empty), "stale" or "syncing"
	Bids    []Row
	Asks    []Row
	Version any // the venue's sequence number, where the client knows it
}

// Trade is one trade of the client's trades channel.
type Trade struct {
	Price   any    `json:"price"`
	Size    any    `json:"size"`
	Side    string `json:"side,omitempty"` // "buy" or "sell": of the taker
	TradeID string `json:"trade_id,omitempty"`
}

// Adapter is what adapter.go implements; every case gets a new one.
type Adapter interface {
	// Start creates a fresh client and subscribes. It returns how many levels a side the client keeps (nil: all).
	// Unsupported("…") where the case asks for what the client does not do; any other error ends the adapter.
	Start(start Start) (depthShown *int, err error)
	// Read returns what the client shows now; nil: it has no book.
	Read(symbol string) *Book
	// Stop closes the client.
	Stop() error
}

// Unsupported is the error with which Start refuses a case.
type Unsupported string

func (reason Unsupported) Error() string { return string(reason) }

// Case is what an adapter may tell on its own, from any goroutine. What comes after the case's end is dropped.
type Case struct {
	id   string
	out  *output
	open bool
	last map[string]Book
}

// Book shows a state that changed, where Hello says push.
func (c *Case) Book(symbol string, book Book) {
	c.out.mutex.Lock()
	defer c.out.mutex.Unlock()
	if c.open {
		c.last[symbol] = book
		c.out.write(c.bookMessage(symbol, &book, nil))
	}
}

// Trade shows a trade.
func (c *Case) Trade(symbol string, trade Trade) {
	c.say(struct {
		Type   string `json:"type"`
		Case   string `json:"case"`
		Symbol string `json:"symbol"`
		Trade
	}{"trade", c.id, symbol, trade})
}

// Event reports what the client told its user. kind: "error", "warning", "resync", "disconnected" or "reconnected".
func (c *Case) Event(kind, message string) { c.event(kind, message, false) }

// Fatal reports an error after which the client will not go on by itself.
func (c *Case) Fatal(message string) { c.event("error", message, true) }

func (c *Case) event(kind, message string, fatal bool) {
	c.say(map[string]any{"type": "event", "case": c.id, "kind": kind, "message": message, "fatal": fatal})
}

func (c *Case) say(message any) {
	c.out.mutex.Lock()
	defer c.out.mutex.Unlock()
	if c.open {
		c.out.write(message)
	}
}

func (c *Case) bookMessage(symbol string, book *Book, read *int64) any {
	message := map[string]any{
		"type": "book", "case": c.id, "symbol": symbol, "claim": "none", "bids": []Row{}, "asks": []Row{},
		"t": time.Since(began).Nanoseconds(),
	}
	if book != nil {
		message["claim"], message["bids"], message["asks"] = book.Claim, rows(book.Bids), rows(book.Asks)
		if book.Claim == "" {
			message["claim"] = "live"
		}
		if book.Version != nil {
			message["version"] = book.Version
		}
	}
	if read != nil {
		message["read"] = *read
	}
	return message
}

func rows(side []Row) []Row {
	if side == nil {
		return []Row{} // null is no list
	}
	return side
}

var began = time.Now()

type output struct {
	mutex sync.Mutex
	file  *os.File
}

// write writes one line; the mutex is held.
func (out *output) write(message any) {
	line, err := json.Marshal(message)
	if err != nil {
		leave(exitAdapter, "what is shown cannot be written as JSON: "+err.Error())
	}
	if _, err := out.file.Write(append(line, '\n')); err != nil {
		leave(exitAdapter, "the harness is gone: "+err.Error())
	}
}

func leave(status int, why string) {
	fmt.Fprintln(os.Stderr, "bookproof adapter: "+why)
	os.Exit(status)
}

// Serve talks with the harness until it says bye; `create` makes a fresh adapter for every case.
func Serve(hello Hello, create func(test *Case) Adapter) {
	out := &output{file: os.Stdout}
	os.Stdout = os.Stderr // the client's own prints go to the log
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	var test *Case
	var adapter Adapter
	for {
		line, err := readLine(in)
		if err == io.EOF {
			return
		} else if err != nil {
			leave(exitProtocol, "the harness's line cannot be read: "+err.Error())
		}
		var message struct {
			Type   string `json:"type"`
			ID     int64  `json:"id"`
			Symbol string `json:"symbol"`
		}
		if err := json.Unmarshal(line, &message); err != nil {
			leave(exitProtocol, fmt.Sprintf("the harness's line is not understood: %v: %.80s", err, line))
		}
		switch {
		case message.Type == "bye":
			return
		case message.Type == "hello":
			out.say(struct {
				Type     string `json:"type"`
				Protocol int    `json:"protocol"`
				Hello
			}{"hello", 1, hello})
		case message.Type == "start" && adapter == nil:
			var start Start
			if err := json.Unmarshal(line, &start); err != nil {
				leave(exitProtocol, "start is not understood: "+err.Error())
			}
			test = &Case{id: start.Case, out: out, open: true, last: map[string]Book{}}
			adapter = begin(hello, start, test, create)
		case message.Type == "read" && adapter != nil:
			test.read(hello.Push, adapter, message.Symbol, message.ID)
		case message.Type == "stop" && adapter != nil:
			if err := adapter.Stop(); err != nil {
				leave(exitAdapter, "the client cannot be stopped: "+err.Error())
			}
			test.end(map[string]any{"type": "stopped", "case": test.id})
			adapter = nil
		case message.Type == "start" || message.Type == "read" || message.Type == "stop":
			leave(exitProtocol, "the harness says "+message.Type+" out of turn")
		default:
			leave(exitProtocol, fmt.Sprintf("unknown message type %q", message.Type))
		}
	}
}

func (out *output) say(message any) {
	out.mutex.Lock()
	defer out.mutex.Unlock()
	out.write(message)
}

// begin answers start: with the adapter of the case, or nil where it is not supported.
func begin(hello Hello, start Start, test *Case, create func(test *Case) Adapter) Adapter {
	refuse := func(reason string) Adapter {
		test.end(map[string]any{"type": "unsupported", "case": test.id, "reason": reason})
		return nil
	}
	if !contains(hello.Dialects, start.Dialect) {
		return refuse("the dialect " + start.Dialect)
	}
	for _, channel := range start.Channels {
		if !contains(hello.Channels, channel) {
			return refuse("the channel " + channel)
		}
	}
	adapter := create(test)
	depth, err := adapter.Start(start)
	var unsupported Unsupported
	if errors.As(err, &unsupported) {
		return refuse(unsupported.Error())
	} else if err != nil {
		leave(exitAdapter, "the client cannot be started: "+err.Error())
	}
	test.out.say(map[string]any{"type": "started", "case": test.id, "depth_shown": depth})
	return adapter
}

func (c *Case) read(push bool, adapter Adapter, symbol string, id int64) {
	if push {
		c.out.mutex.Lock()
		defer c.out.mutex.Unlock()
		if book, there := c.last[symbol]; there {
			c.out.write(c.bookMessage(symbol, &book, &id))
		} else {
			c.out.write(c.bookMessage(symbol, nil, &id))
		}
		return
	}
	c.out.say(c.bookMessage(symbol, adapter.Read(symbol), &id))
}

func (c *Case) end(message any) {
	c.out.mutex.Lock()
	defer c.out.mutex.Unlock()
	c.out.write(message)
	c.open = false
}

func contains(all []string, one string) bool {
	for _, each := range all {
		if each == one {
			return true
		}
	}
	return false
}

// readLine returns a line without its end, and never keeps more than the protocol allows.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := in.ReadSlice('\n')
		line = append(line, piece...)
		if len(line) > maxLine+1 {
			return nil, fmt.Errorf("longer than %d bytes", maxLine)
		}
		if err == bufio.ErrBufferFull {
			continue
		} else if err != nil {
			return nil, err
		}
		return line[:len(line)-1], nil
	}
}
