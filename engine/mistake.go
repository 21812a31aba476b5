package engine

import (
	"errors"
	"fmt"

	"github.com/nascent-nas/nascent/genome"
)

// Mistake is a user's mistake. Of a Config its Key is that of the value as a
// search.yaml has it: "objectives[0].metric", "strategy.population",
// "evaluators.NAME.width".
type Mistake = genome.Mistake

// configError is a Mistake in a Config.
type configError struct{ Mistake }

func (e *configError) Error() string   { return ErrConfig.Error() + ": " + e.Mistake.Error() }
func (e *configError) Unwrap() []error { return []error{ErrConfig, &e.Mistake} }

// wrong returns a Mistake that wraps ErrConfig. The key may be empty.
func wrong(key, problem string, args ...any) *configError {
	return &configError{Mistake{Key: key, Problem: fmt.Sprintf(problem, args...)}}
}

// but says what to do about it.
func (e *configError) but(remedy string, args ...any) *configError {
	e.Remedy = fmt.Sprintf(remedy, args...)
	return e
}

// notOpened is why an evaluator or a strategy could not be opened: a mistake in
// what lies at its key, where it refuses that, or trouble of its own.
func notOpened(key string, err error) error {
	var m *Mistake
	if errors.As(err, &m) {
		return wrongWithin(key, m)
	}
	return fmt.Errorf("%s: %w", key, err)
}

// wrongWithin is err as a Mistake in what lies at a key.
func wrongWithin(key string, err error) *configError {
	var m *Mistake
	if !errors.As(err, &m) {
		return wrong(key, "%v", err)
	}
	in := *m
	return &configError{*in.Within(key)}
}
