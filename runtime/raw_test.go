package runtime_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// rawConn is a connection to send frames on that no grpc client sends. It
// acknowledges nothing.
type rawConn struct {
	t      *testing.T
	conn   net.Conn
	framer *http2.Framer
	block  bytes.Buffer
	hpack  *hpack.Encoder
	next   uint32 // the next stream's number
}

func dialRaw(t *testing.T, address string, settings ...http2.Setting) *rawConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &rawConn{t: t, conn: conn, framer: http2.NewFramer(conn, conn), next: 1}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.hpack = hpack.NewEncoder(&c.block)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := c.framer.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	return c
}

// rawCall is the headers of one stream and what follows them.
type rawCall struct {
	method, path string            // POST and PutThing's, unless set
	header       map[string]string // added to the usual ones or instead of them
	data         []byte            // nil: none; the stream ends with its headers
	open         bool              // the stream is left open
}

// frame is one message as grpc frames it.
func frame(message string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// open sends the call and returns its stream's number.
func (c *rawConn) open(call rawCall) uint32 {
	c.t.Helper()
	fields := map[string]string{"content-type": "application/grpc", "te": "trailers"}
	for k, v := range call.header {
		fields[k] = v
	}
	c.block.Reset()
	write := func(name, value string) {
		if err := c.hpack.WriteField(hpack.HeaderField{Name: name, Value: value}); err != nil {
			c.t.Fatal(err)
		}
	}
	if call.method == "" {
		call.method = "POST"
	}
	if call.path == "" {
		call.path = "/" + thingService + "/PutThing"
	}
	write(":method", call.method)
	write(":scheme", "http")
	write(":path", call.path)
	write(":authority", "test")
	for k, v := range fields {
		write(k, v)
	}
	stream := c.next
	c.next += 2
	for block, first := c.block.Bytes(), true; first || len(block) > 0; first = false {
		part := block[:min(len(block), 16<<10)]
		block = block[len(part):]
		var err error
		if first {
			err = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: part, EndHeaders: len(block) == 0, EndStream: call.data == nil && !call.open})
		} else {
			err = c.framer.WriteContinuation(stream, len(block) == 0, part)
		}
		if err != nil {
			return stream // the server has hung up: answer tells
		}
	}
	for data, first := call.data, true; data != nil && (first || len(data) > 0); first = false {
		part := data[:min(len(data), 16<<10)]
		data = data[len(part):]
		_ = c.framer.WriteData(stream, !call.open && len(data) == 0, part)
	}
	return stream
}

// rawAnswer is how a stream ended.
type rawAnswer struct {
	http   string        // :status
	code   string        // grpc-status
	text   string        // grpc-message
	reset  http2.ErrCode // of RST_STREAM, if reset
	closed bool          // the connection ended instead
	info   *errdetails.ErrorInfo
	retry  bool // there is RetryInfo
}

// answer reads until the stream has ended.
func (c *rawConn) answer(stream uint32) (a rawAnswer) {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		f, err := c.framer.ReadFrame()
		if err != nil {
			if errors.Is(err, io.EOF) || strings.Contains(err.Error(), "reset") {
				a.closed = true
				return a
			}
			c.t.Fatalf("no answer: %v", err)
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			if f.StreamID == stream {
				for _, field := range f.Fields {
					a.read(c.t, field)
				}
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == stream && a.code == "" {
				a.reset = f.ErrCode
				return a
			}
		}
		if h := f.Header(); h.StreamID == stream && h.Flags.Has(http2.FlagDataEndStream) && h.Type != http2.FrameRSTStream {
			return a
		}
	}
}

func (a *rawAnswer) read(t *testing.T, field hpack.HeaderField) {
	switch field.Name {
	case ":status":
		a.http = field.Value
	case "grpc-status":
		a.code = field.Value
	case "grpc-message":
		a.text = field.Value
	case "grpc-status-details-bin":
		encoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(field.Value, "="))
		var s rpcstatus.Status
		if err := errors.Join(err, proto.Unmarshal(encoded, &s)); err != nil {
			t.Fatal(err)
		}
		for _, detail := range s.Details {
			switch m, _ := detail.UnmarshalNew(); m := m.(type) {
			case *errdetails.ErrorInfo:
				a.info = m
			case *errdetails.RetryInfo:
				a.retry = true
			}
		}
		if got := codes.Code(s.Code); got.String() == "" {
			t.Errorf("details of code %d", s.Code)
		}
	}
}
