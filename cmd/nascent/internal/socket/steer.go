package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/nascent-nas/nascent/engine"
)

// SteerPath takes an engine.Request as JSON and answers with an engine.Receipt, or with
// a Refusal.
const SteerPath = "/steer"

// Refusal is why a request was not carried out.
type Refusal struct {
	Error string `json:"error"`           // one line, with what to do
	Exit  int    `json:"exit"`            // what a command exits with
	Again bool   `json:"again,omitempty"` // the run ended before it was recorded: give the same request again
}

// mostSteer is how many bytes a request may have.
const mostSteer = 64 << 20

func (h *Host) steer(w http.ResponseWriter, r *http.Request) {
	var rec engine.Receipt
	req, err := ReadRequest(r.Body)
	if err == nil {
		rec, err = h.Steer(req)
	}
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		json.NewEncoder(w).Encode(rec)
		return
	}
	status := http.StatusBadRequest
	no := Refusal{Error: err.Error(), Exit: h.Exit(err), Again: errors.Is(err, engine.ErrLate)}
	if no.Again {
		status = http.StatusConflict
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(no)
}

// ReadRequest reads one as JSON, and refuses what is no part of it.
func ReadRequest(from io.Reader) (r engine.Request, err error) {
	d := json.NewDecoder(io.LimitReader(from, mostSteer))
	d.DisallowUnknownFields()
	err = d.Decode(&r)
	var known *engine.Mistake
	if err != nil && !errors.As(err, &known) {
		return r, fmt.Errorf("%w: this is no request: %w", engine.ErrConfig, inWords(err))
	}
	if err == nil && d.More() {
		return r, fmt.Errorf("%w: this is more than one request: give them one by one", engine.ErrConfig)
	}
	return r, err
}

// inWords says what is wrong with a text that is no request.
func inWords(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	case !errors.As(err, &kind):
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	takes := "a text"
	switch t := kind.Type; t.Kind() {
	case reflect.Struct, reflect.Map:
		takes = "an object, such as {}"
	case reflect.Slice:
		takes = "a list"
	case reflect.Bool:
		takes = "true"
	case reflect.Float64:
		takes = "a number"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		takes = "a whole number from 0"
	}
	if kind.Field == "" {
		return fmt.Errorf("it takes an object, and not %s", kind.Value)
	}
	return fmt.Errorf("%s takes %s, and not %s", kind.Field, takes, kind.Value)
}

// Steer has the process that runs the search in dir carry out a request. ErrNobody means
// that there is none, or that it just ended: the same request may be given again.
func Steer(ctx context.Context, dir string, r engine.Request) (rec engine.Receipt, err error) {
	resp, err := post(ctx, dir, SteerPath, r)
	if err != nil {
		return rec, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return rec, ErrNobody // it was killed: whether it carried it out is told by asking again
	}
	if resp.StatusCode == http.StatusNotFound {
		return rec, fmt.Errorf("the nascent that runs this search is older than this one: stop it, and run the search again")
	}
	if resp.StatusCode == http.StatusOK {
		return rec, json.Unmarshal(text, &rec)
	}
	var no Refusal
	switch err := json.Unmarshal(text, &no); {
	case err != nil:
		return rec, fmt.Errorf("the process that runs the search answered %s", resp.Status)
	case no.Again:
		return rec, ErrNobody
	}
	return rec, &RemoteError{Text: no.Error, Exit: no.Exit}
}
