// Package proto is the wire contract between nascent and its plugins:
// nascent.proto, the Go code generated from it, and convert.go, the one place
// where wire types become the engine's words and back.
//
// The generated code is made with protoc-gen-go v1.36.12 and
// protoc-gen-go-grpc v1.6.2 on PATH, and the protoc of Python's grpcio-tools.
//
//go:generate python3 -m grpc_tools.protoc -I . --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative nascent.proto
package proto
