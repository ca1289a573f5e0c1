// Reads events on stdin, one JSON text a line, as strictly as Flux's published type allows, and answers for each with one
// line: what notification-controller would have of it, or what stands against it.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"unicode/utf8"

	eventv1 "github.com/fluxcd/pkg/apis/event/v1beta1"
)

type answer struct {
	Event    *eventv1.Event `json:"event,omitempty"`
	Revision string         `json:"revision,omitempty"`
	Error    string         `json:"error,omitempty"`
}

// The constraints that stand beside the fields of the type, for the generators of Kubernetes.
func read(line []byte) (*eventv1.Event, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	var event eventv1.Event
	if err := decoder.Decode(&event); err != nil {
		return nil, err
	}
	switch event.Severity {
	case eventv1.EventSeverityInfo, eventv1.EventSeverityError, eventv1.EventSeverityTrace:
	default:
		return nil, fmt.Errorf("severity %q", event.Severity)
	}
	if length := utf8.RuneCountInString(event.Message); length == 0 || length > 39000 {
		return nil, fmt.Errorf("message of %d characters", length)
	}
	object := event.InvolvedObject
	if object.APIVersion == "" || object.Kind == "" || object.Name == "" || object.Namespace == "" {
		return nil, fmt.Errorf("involvedObject %+v", object)
	}
	if event.Reason == "" || event.ReportingController == "" || event.Timestamp.IsZero() {
		return nil, fmt.Errorf("a required field is empty")
	}
	return &event, nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 4<<20)
	encoder := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var told answer
		event, err := read(lines.Bytes())
		if err != nil {
			told.Error = err.Error()
		} else {
			told.Event = event
			// As it reads the metadata once the prefix of the object's group has been taken off.
			stripped := *event
			stripped.Metadata = map[string]string{}
			prefix := event.InvolvedObject.GroupVersionKind().Group + "/"
			for key, value := range event.Metadata {
				if len(key) > len(prefix) && key[:len(prefix)] == prefix {
					stripped.Metadata[key[len(prefix):]] = value
				}
			}
			told.Revision, _ = stripped.GetRevision()
		}
		if err := encoder.Encode(told); err != nil {
			os.Exit(1)
		}
	}
}
