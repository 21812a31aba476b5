package follow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// mlflowServer is MLflow's REST API, version 2.0. User and password, or a token, are those
// of MLflow's own clients: MLFLOW_TRACKING_USERNAME, _PASSWORD, _TOKEN.
type mlflowServer struct {
	base   string
	client *http.Client
	id     string // of the experiment
}

func newMLflowServer(uri string) *mlflowServer {
	return &mlflowServer{base: strings.TrimRight(uri, "/") + "/api/2.0/mlflow/", client: &http.Client{Timeout: 30 * time.Second}}
}

// mlflowError is what the server refuses.
type mlflowError struct {
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

func (e *mlflowError) Error() string { return e.Code + ": " + strings.TrimSpace(e.Message) }

// call asks for what at a path, a POST unless body is nil.
func (s *mlflowServer) call(ctx context.Context, path string, body, answer any) error {
	method, content := http.MethodGet, io.Reader(nil)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		method, content = http.MethodPost, bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, content)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if user := os.Getenv("MLFLOW_TRACKING_USERNAME"); user != "" {
		r.SetBasicAuth(user, os.Getenv("MLFLOW_TRACKING_PASSWORD"))
	} else if token := os.Getenv("MLFLOW_TRACKING_TOKEN"); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.client.Do(r)
	if err != nil {
		var wrong *url.Error
		if errors.As(err, &wrong) {
			err = wrong.Err
		}
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer response.Body.Close()
	const most = 16 << 20
	text, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return fmt.Errorf("the server's answer broke off: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		refusal := &mlflowError{}
		if json.Unmarshal(text, refusal) != nil || refusal.Code == "" {
			return fmt.Errorf("the server answers %s to %s", response.Status, path)
		}
		return refusal
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("the server's answer to %s is not that of MLflow: %w", path, err)
	}
	return nil
}

func (s *mlflowServer) experiment(ctx context.Context, name string) error {
	var made struct {
		ID string `json:"experiment_id"`
	}
	err := s.call(ctx, "experiments/create", map[string]any{"name": name}, &made)
	var refusal *mlflowError
	if errors.As(err, &refusal) && refusal.Code == "RESOURCE_ALREADY_EXISTS" {
		var known struct {
			Experiment struct {
				ID string `json:"experiment_id"`
			} `json:"experiment"`
		}
		err = s.call(ctx, "experiments/get-by-name?experiment_name="+url.QueryEscape(name), nil, &known)
		made.ID = known.Experiment.ID
	}
	s.id = made.ID
	return err
}

// keyTag names a run, so that it is found again.
const keyTag = "nascent.key"

func (s *mlflowServer) put(ctx context.Context, r *mlflowRun, fresh bool) error {
	if !fresh {
		if err := s.remove(ctx, r); err != nil {
			return err
		}
	}
	var made struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	err := s.call(ctx, "runs/create", map[string]any{
		"experiment_id": s.id, "run_name": r.name, "start_time": r.start.UnixMilli(),
		"tags": append(slices.Clone(r.tags), pair{keyTag, r.key}),
	}, &made)
	if err != nil {
		return err
	}
	id := made.Run.Info.ID
	// What one request takes: 1,000 metrics, 100 parameters.
	metrics, params := slices.Collect(slices.Chunk(r.metrics, 900)), slices.Collect(slices.Chunk(r.params, 100))
	for i := range max(len(metrics), len(params)) {
		batch := map[string]any{"run_id": id}
		if i < len(metrics) {
			batch["metrics"] = metrics[i]
		}
		if i < len(params) {
			batch["params"] = params[i]
		}
		if err := s.call(ctx, "runs/log-batch", batch, nil); err != nil {
			return err
		}
	}
	return s.call(ctx, "runs/update", map[string]any{"run_id": id, "status": r.status, "end_time": r.end.UnixMilli()}, nil)
}

// remove deletes runs that were told before, perhaps in part.
func (s *mlflowServer) remove(ctx context.Context, r *mlflowRun) error {
	var found struct {
		Runs []struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"runs"`
	}
	err := s.call(ctx, "runs/search", map[string]any{
		"experiment_ids": []string{s.id}, "filter": fmt.Sprintf("tags.`%s` = '%s'", keyTag, r.key), "max_results": 10,
	}, &found)
	for _, run := range found.Runs {
		if err == nil {
			err = s.call(ctx, "runs/delete", map[string]any{"run_id": run.Info.ID}, nil)
		}
	}
	return err
}
