// What Kyverno's own JMESPath makes of queries, for tests that compare.
//
// Each line of stdin is {"query": …, "root": …}; each line of stdout answers one. In the root, {"$int": 1} is an int,
// as Kyverno's command line reads whole numbers of objects; every other number is a float.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/kyverno/kyverno/pkg/config"
	"github.com/kyverno/kyverno/pkg/engine/jmespath"
)

type question struct {
	Query string `json:"query"`
	Root  any    `json:"root"`
}

type answer struct {
	// What the query found; null is a value too.
	Value json.RawMessage `json:"value,omitempty"`
	// It was refused before it was run.
	Syntax string `json:"syntax,omitempty"`
	Error  string `json:"error,omitempty"`
	Panic  string `json:"panic,omitempty"`
}

func main() {
	engine := jmespath.New(config.NewDefaultConfiguration(false))
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	written := json.NewEncoder(out)
	written.SetEscapeHTML(false)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := written.Encode(ask(engine, asked)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func ask(engine jmespath.Interface, asked question) (given answer) {
	defer func() {
		if fault := recover(); fault != nil {
			given = answer{Panic: fmt.Sprint(fault)}
		}
	}()
	query, err := engine.Query(asked.Query)
	if err != nil {
		return answer{Syntax: err.Error()}
	}
	found, err := query.Search(withInts(asked.Root))
	if err != nil {
		return answer{Error: err.Error()}
	}
	text, err := json.Marshal(found)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: text}
}

func withInts(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		if number, ok := typed["$int"].(float64); ok && len(typed) == 1 {
			return int64(number)
		}
		for key, inner := range typed {
			typed[key] = withInts(inner)
		}
	case []any:
		for index, inner := range typed {
			typed[index] = withInts(inner)
		}
	}
	return value
}
