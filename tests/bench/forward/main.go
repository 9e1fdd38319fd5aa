// A frontend that hands every build to the Dockerfile frontend: the least that a frontend image of anybody's costs.
//
// It speaks gRPC over HTTP/2 on standard input and output as BuildKit's gateway does (frontend/gateway/gateway.go,
// v0.25), with Go's standard library alone: what it imports is less than a real frontend's.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Numbers of fields: frontend/gateway/pb/gateway.proto.
const (
	solveFrontend       = 2
	solveFrontendOpt    = 3
	solveResultReturn   = 5
	solveResultArrayRef = 6
	solvedResult        = 3
	returnResult        = 1
)

// A daemon at the other end of two pipes.
type pipes struct{}

func (pipes) Read(p []byte) (int, error)       { return os.Stdin.Read(p) }
func (pipes) Write(p []byte) (int, error)      { return os.Stdout.Write(p) }
func (pipes) Close() error                     { return nil }
func (pipes) LocalAddr() net.Addr              { return &net.UnixAddr{} }
func (pipes) RemoteAddr() net.Addr             { return &net.UnixAddr{} }
func (pipes) SetDeadline(time.Time) error      { return nil }
func (pipes) SetReadDeadline(time.Time) error  { return nil }
func (pipes) SetWriteDeadline(time.Time) error { return nil }

func main() {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols:          protocols,
		DisableCompression: true,
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return pipes{}, nil },
	}
	solved, err := call(transport, "Solve", solve())
	if err == nil {
		_, err = call(transport, "Return", field(nil, returnResult, find(solved, solvedResult)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The request that the Dockerfile frontend gets: the build's options as they came.
func solve() []byte {
	request := field(nil, solveFrontend, []byte("dockerfile.v0"))
	for number := 0; ; number++ {
		option, ok := os.LookupEnv(fmt.Sprintf("BUILDKIT_FRONTEND_OPT_%d", number))
		if !ok {
			break
		}
		key, value, _ := strings.Cut(option, "=")
		request = field(request, solveFrontendOpt, field(field(nil, 1, []byte(key)), 2, []byte(value)))
	}
	return append(request, solveResultReturn<<3, 1, solveResultArrayRef<<3, 1)
}

// Call a method and return its answer (gRPC over HTTP/2: a byte, a length, the message; the status is in the trailers).
func call(transport *http.Transport, method string, message []byte) ([]byte, error) {
	body := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	address := "http://daemon/moby.buildkit.v1.frontend.LLBBridge/" + method
	request, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(append(body, message...)))
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	status := response.Trailer.Get("Grpc-Status") + response.Header.Get("Grpc-Status")
	if status != "0" || len(answer) < 5 {
		return nil, fmt.Errorf("%s: status %s %s", method, status, response.Trailer.Get("Grpc-Message"))
	}
	return answer[5:], nil
}

// Append a field of bytes to a message.
func field(message []byte, number int, value []byte) []byte {
	message = binary.AppendUvarint(message, uint64(number)<<3|2)
	return append(binary.AppendUvarint(message, uint64(len(value))), value...)
}

// Find a field of bytes in a message whose fields are all such.
func find(message []byte, number uint64) []byte {
	for len(message) > 0 {
		tag, read := binary.Uvarint(message)
		length, more := binary.Uvarint(message[read:])
		value := message[read+more:][:length]
		if tag>>3 == number {
			return value
		}
		message = message[read+more+int(length):]
	}
	return nil
}
