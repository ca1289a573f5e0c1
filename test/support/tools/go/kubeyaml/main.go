// What Kubernetes' own decoders read in a text, for tests that compare: apimachinery's stream decoder and
// sigs.k8s.io/yaml, put together as Argo CD's cmp-server and repo-server do it.
//
// Each line of stdin is a text in base64; each line of stdout answers one.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type reading struct {
	// One JSON text a document; none where it was refused.
	Documents []string `json:"documents"`
	Error     string   `json:"error,omitempty"`
}

type answer struct {
	// The documents as a config management plugin's output is cut, before anything asks what they are.
	Raw reading `json:"raw"`
	// Objects as they are read from a file of a plain directory.
	Direct reading `json:"direct"`
	// Objects as they are read from what a plugin or a renderer prints: cut, made JSON, and read as YAML once more.
	Printed reading `json:"printed"`
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) == 0 && err != nil {
			return
		}
		text, failed := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(line)))
		if failed != nil {
			fmt.Fprintln(os.Stderr, failed)
			os.Exit(1)
		}
		said, failed := json.Marshal(answer{Raw: guard(text, raw), Direct: guard(text, direct), Printed: guard(text, printed)})
		if failed != nil {
			fmt.Fprintln(os.Stderr, failed)
			os.Exit(1)
		}
		out.Write(said)
		out.WriteByte('\n')
		out.Flush()
	}
}

// A decoder that panics has not read the text either.
func guard(text []byte, read func([]byte) ([]string, error)) (result reading) {
	defer func() {
		if cause := recover(); cause != nil {
			result = reading{Error: fmt.Sprint("panic: ", cause)}
		}
	}()
	documents, err := read(text)
	if err != nil {
		return reading{Error: err.Error()}
	}
	return reading{Documents: documents}
}

func raw(text []byte) ([]string, error) {
	decoder := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	documents := []string{}
	for {
		document := runtime.RawExtension{}
		if err := decoder.Decode(&document); err != nil {
			if errors.Is(err, io.EOF) {
				return documents, nil
			}
			return nil, err
		}
		document.Raw = bytes.TrimSpace(document.Raw)
		if len(document.Raw) > 0 && !bytes.Equal(document.Raw, []byte("null")) {
			documents = append(documents, string(document.Raw))
		}
	}
}

func direct(text []byte) ([]string, error) {
	decoder := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	documents := []string{}
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object); err != nil {
			if errors.Is(err, io.EOF) {
				return documents, nil
			}
			return nil, err
		}
		if object == nil {
			continue
		}
		said, err := json.Marshal(object.Object)
		if err != nil {
			return nil, err
		}
		documents = append(documents, string(said))
	}
}

func printed(text []byte) ([]string, error) {
	cut, err := raw(text)
	if err != nil {
		return nil, err
	}
	documents := []string{}
	for _, document := range cut {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), object); err != nil {
			return nil, err
		}
		said, err := json.Marshal(object.Object)
		if err != nil {
			return nil, err
		}
		documents = append(documents, string(said))
	}
	return documents, nil
}
