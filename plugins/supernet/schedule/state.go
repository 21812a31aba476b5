package schedule

import (
	"encoding/json"
	"fmt"
)

// Pack writes a state; ids and numbers always can be.
func Pack(state any) []byte {
	b, err := json.Marshal(state)
	if err != nil {
		panic(err)
	}
	return b
}

// Unpack reads the state of an earlier turn.
func Unpack(state []byte, into any) error {
	if err := json.Unmarshal(state, into); err != nil {
		return fmt.Errorf("the strategy's state cannot be read: %w", err)
	}
	return nil
}
