package proto

import (
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/codes"
)

// Handshake is go-plugin's check that a program was started as a plugin of
// nascent. The versions offered are in the plugin sets.
var Handshake = goplugin.HandshakeConfig{
	MagicCookieKey:   "NASCENT_PLUGIN",
	MagicCookieValue: "evolve",
}

// SetName is the key of the one entry of go-plugin's plugin set.
const SetName = "nascent"

// Trouble is the code of an Open that comes to no answer. Its message says why.
const Trouble = codes.Aborted

// Environment variables by which the host tells a plugin process about itself.
const (
	// EnvCertificate is the host's certificate, PEM; empty without TLS.
	EnvCertificate = "PLUGIN_CLIENT_CERT" // go-plugin's name
	// EnvLifeline is the number of an open file descriptor. When reading from
	// it ends, the host is gone and the plugin must end, its children too.
	EnvLifeline = "NASCENT_LIFELINE"
	// EnvLevel is the lowest level of messages that the host keeps: trace,
	// debug, info, warn, error.
	EnvLevel = "NASCENT_LOG_LEVEL"
	// EnvSearch is the search's id, the same for all processes of one search.
	EnvSearch = "NASCENT_SEARCH"
	// EnvFolder is the folder where relative paths in options start.
	EnvFolder = "NASCENT_FOLDER"
	// EnvHost is the host's process id and start time, "1234-567890".
	EnvHost = "NASCENT_HOST"
	// EnvProcess is different for every plugin process, and inherited by what
	// it starts.
	EnvProcess = "NASCENT_PROCESS"
	// EnvPlace tells the processes of an evaluator in one search apart: 0 for
	// the first, and the same again for one that takes another's place.
	EnvPlace = "NASCENT_PLACE"
)
