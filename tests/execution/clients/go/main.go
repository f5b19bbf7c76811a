package main

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type Event struct {
	Name string `json:"name"`
	Fail bool   `json:"fail"`
}

func handle(ctx context.Context, event Event) (map[string]any, error) {
	if event.Fail {
		return nil, errors.New("it failed")
	}
	found, _ := lambdacontext.FromContext(ctx)
	return map[string]any{"hello": event.Name, "arn": found.InvokedFunctionArn}, nil
}

func main() { lambda.Start(handle) }
