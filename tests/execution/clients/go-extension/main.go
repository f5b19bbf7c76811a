// An external extension as the Developer Guide describes one, with the standard library alone:
// registers, subscribes to telemetry, follows each invocation to its platform.runtimeDone, and says
// at SHUTDOWN what it was told.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

const listen = "sandbox.localdomain:4323"

var api = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")

type telemetry struct {
	Time   string          `json:"time"`
	Type   string          `json:"type"`
	Record json.RawMessage `json:"record"`
}

type lifecycle struct {
	EventType      string `json:"eventType"`
	RequestID      string `json:"requestId"`
	ShutdownReason string `json:"shutdownReason"`
	DeadlineMs     int64  `json:"deadlineMs"`
}

func call(method, path string, headers map[string]string, body any) (*http.Response, []byte) {
	encoded, err := json.Marshal(body)
	check(err)
	request, err := http.NewRequest(method, api+path, bytes.NewReader(encoded))
	check(err)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	check(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	check(err)
	if response.StatusCode != http.StatusOK {
		check(fmt.Errorf("%s %s: %s %s", method, path, response.Status, content))
	}
	return response, content
}

func check(err error) {
	if err != nil {
		fmt.Println("go extension failed:", err)
		os.Exit(1)
	}
}

// receive has every event of every batch in their order.
func receive() chan telemetry {
	events := make(chan telemetry, 10000)
	http.HandleFunc("/", func(_ http.ResponseWriter, request *http.Request) {
		var batch []telemetry
		check(json.NewDecoder(request.Body).Decode(&batch))
		for _, event := range batch {
			events <- event
		}
	})
	go func() { check(http.ListenAndServe(listen, nil)) }()
	return events
}

func register() string {
	response, _ := call("POST", "/2020-01-01/extension/register",
		map[string]string{"Lambda-Extension-Name": filepath.Base(os.Args[0])},
		map[string]any{"events": []string{"INVOKE", "SHUTDOWN"}})
	return response.Header.Get("Lambda-Extension-Identifier")
}

func subscribe(identifier map[string]string) {
	call("PUT", "/2022-07-01/telemetry", identifier, map[string]any{
		"schemaVersion": "2022-12-13",
		"types":         []string{"platform", "function"},
		"buffering":     map[string]int{"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
		"destination":   map[string]string{"protocol": "HTTP", "URI": "http://" + listen},
	})
}

func main() {
	events := receive()
	identifier := map[string]string{"Lambda-Extension-Identifier": register()}
	subscribe(identifier)
	counts := map[string]int{}
	until := func(kind string) {
		for event := range events {
			counts[event.Type]++
			if event.Type == kind {
				return
			}
		}
	}
	invokes := 0
	for {
		_, content := call("GET", "/2020-01-01/extension/event/next", identifier, nil)
		var event lifecycle
		check(json.Unmarshal(content, &event))
		if event.EventType == "SHUTDOWN" {
			for counts["platform.report"] < invokes {
				until("platform.report")
			}
			told, err := json.Marshal(counts)
			check(err)
			fmt.Println("go extension:", event.ShutdownReason, invokes, string(told))
			return
		}
		invokes++
		for counts["platform.runtimeDone"] < invokes {
			until("platform.runtimeDone")
		}
	}
}
