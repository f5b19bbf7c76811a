package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// PurposeError is the error that the function answers on purpose.
type PurposeError struct{}

func (PurposeError) Error() string { return "on purpose" }

var count = 0

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	count++
	var fields struct {
		Case string
		Size int
	}
	_ = json.Unmarshal(event, &fields) // what is no object is echoed
	switch fields.Case {
	case "error":
		return nil, PurposeError{}
	case "sleep":
		time.Sleep(time.Minute)
	case "exit":
		os.Exit(7)
	case "memory":
		fill()
	case "env":
		return environment(), nil
	case "context":
		return describe(ctx), nil
	case "layer":
		text, err := os.ReadFile("/opt/layer.txt")
		return string(text), err
	case "log":
		fmt.Println("printed by the function")
	case "size":
		return strings.Repeat("x", fields.Size), nil
	case "state":
		return map[string]int{"count": count, "pid": os.Getpid()}, nil
	case "tmp":
		return appendToTmp()
	case "read-only":
		var number syscall.Errno
		errors.As(os.WriteFile("/var/task/new", nil, 0o600), &number)
		return int(number), nil
	case "cwd":
		return os.Getwd()
	default:
		return event, nil
	}
	return nil, nil
}

func fill() {
	var held [][]byte
	for {
		more := make([]byte, 8<<20)
		for at := 0; at < len(more); at += 4096 {
			more[at] = 1
		}
		held = append(held, more)
	}
}

func environment() map[string]string {
	variables := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	return variables
}

func describe(ctx context.Context) map[string]any {
	found, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"requestId": found.AwsRequestID,
		"name":      lambdacontext.FunctionName,
		"version":   lambdacontext.FunctionVersion,
		"arn":       found.InvokedFunctionArn,
		"memory":    lambdacontext.MemoryLimitInMB,
		"group":     lambdacontext.LogGroupName,
		"stream":    lambdacontext.LogStreamName,
		"left":      time.Until(deadline).Milliseconds(),
		"client":    found.ClientContext.Custom,
	}
}

func appendToTmp() (int64, error) {
	kept, err := os.OpenFile("/tmp/kept", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer kept.Close()
	if _, err := kept.WriteString("x"); err != nil {
		return 0, err
	}
	status, err := kept.Stat()
	if err != nil {
		return 0, err
	}
	return status.Size(), nil
}

func main() { lambda.Start(handle) }
