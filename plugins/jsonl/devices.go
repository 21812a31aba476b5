package jsonl

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

// visible is the variable that says which GPUs a process sees.
const visible = "CUDA_VISIBLE_DEVICES"

// device is a GPU: its number as nvidia-smi shows it, or its UUID.
type device string

// UnmarshalJSON reads a number or a text.
func (d *device) UnmarshalJSON(b []byte) error {
	var number uint16
	if json.Unmarshal(b, &number) == nil {
		*d = device(strconv.Itoa(int(number)))
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil || text == "" || strings.ContainsAny(text, ", ") {
		return fmt.Errorf("%s is no GPU: give its number, or its UUID as nvidia-smi -L shows it", b)
	}
	*d = device(text)
	return nil
}

// see returns the environment of a worker that is to see one device: the search's
// processes take turns. Numbers count among the devices that this process was
// given, where it was not given all.
func see(env []string, devices []device, place int) ([]string, error) {
	if len(devices) == 0 {
		return env, nil
	}
	chosen := string(devices[place%len(devices)])
	if given := os.Getenv(visible); given != "" {
		all := strings.Split(given, ",")
		if n, err := strconv.Atoi(chosen); err == nil {
			if n >= len(all) {
				return nil, sdk.BadOption("devices", "there is no device %d, because $%s is %s: count from 0 to %d, or unset it", n,
					visible, given, len(all)-1)
			}
			chosen = all[n]
		} else if !slices.Contains(all, chosen) {
			return nil, sdk.BadOption("devices",
				"there is no device %s, because $%s is %s: name one of these, or unset it", chosen, visible, given)
		}
	}
	// nvidia-smi's order, not the fastest first.
	return append(slices.Clone(env), "CUDA_DEVICE_ORDER=PCI_BUS_ID", visible+"="+chosen), nil
}

// warnOfIdle logs that some devices have no process.
func warnOfIdle(devices, workers, slots int) {
	if busy := (workers + slots - 1) / slots; busy < devices {
		sdk.Log().Warn(fmt.Sprintf("%d workers keep %d of %d devices busy, because a process takes %d jobs: set workers to %d", workers,
			max(1, busy), devices, slots, devices*slots))
	}
}
