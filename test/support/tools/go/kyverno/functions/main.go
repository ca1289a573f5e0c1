// What Kyverno's own functions say of patterns, conditions and Pod Security, for tests that compare.
//
// Each line of stdin is one question; each line of stdout answers it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine/validate"
	"github.com/kyverno/kyverno/pkg/engine/variables/operator"
	"github.com/kyverno/kyverno/pkg/pss"
	corev1 "k8s.io/api/core/v1"
	kubejson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/pod-security-admission/api"
)

type question struct {
	// pattern, operator or pod
	Kind string `json:"kind"`

	Pattern  json.RawMessage `json:"pattern"`
	Resource json.RawMessage `json:"resource"`
	// Whether the numbers of the pattern are floats, as those of anyPattern are.
	Floats bool `json:"floats"`

	Operator   string          `json:"operator"`
	Key        json.RawMessage `json:"key"`
	Value      json.RawMessage `json:"value"`
	KeyFloat   bool            `json:"keyFloat"`
	ValueFloat bool            `json:"valueFloat"`

	Level   string                          `json:"level"`
	Version string                          `json:"version"`
	Exclude []kyvernov1.PodSecurityStandard `json:"exclude"`
}

type answer struct {
	// pass, skip, fail, error, true, false or panic
	Kind    string `json:"kind"`
	At      string `json:"at,omitempty"`
	Message string `json:"message,omitempty"`
}

func main() {
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
		if err := written.Encode(ask(asked)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func ask(asked question) (given answer) {
	defer func() {
		if fault := recover(); fault != nil {
			given = answer{Kind: "panic"}
		}
	}()
	switch asked.Kind {
	case "pattern":
		return askPattern(asked)
	case "operator":
		handler := operator.CreateOperatorHandler(logr.Discard(), nil, kyvernov1.ConditionOperator(asked.Operator))
		key, value := decoded(asked.Key, asked.KeyFloat), decoded(asked.Value, asked.ValueFloat)
		return answer{Kind: fmt.Sprint(handler.Evaluate(key, value))}
	default:
		return askPod(asked)
	}
}

func askPattern(asked question) answer {
	err := validate.MatchPattern(logr.Discard(), decoded(asked.Resource, false), decoded(asked.Pattern, asked.Floats))
	if err == nil {
		return answer{Kind: "pass"}
	}
	fault := err.(*validate.PatternError)
	switch {
	case fault.Skip:
		return answer{Kind: "skip", Message: fault.Error()}
	case fault.Path == "":
		return answer{Kind: "error", Message: fault.Error()}
	default:
		return answer{Kind: "fail", At: fault.Path, Message: fault.Error()}
	}
}

func askPod(asked question) answer {
	var pod corev1.Pod
	if err := json.Unmarshal(asked.Resource, &pod); err != nil {
		return answer{Kind: "error"}
	}
	version, err := pss.ParseVersion(api.Level(asked.Level), asked.Version)
	if err != nil {
		return answer{Kind: "error"}
	}
	allowed, checks := pss.EvaluatePod(version, asked.Exclude, &pod)
	if allowed {
		return answer{Kind: "pass"}
	}
	return answer{Kind: "fail", Message: pss.FormatChecksPrint(checks)}
}

// Kyverno reads whole numbers of objects as integers; those of some other places as floats.
func decoded(text json.RawMessage, floats bool) any {
	var value any
	unmarshal := kubejson.Unmarshal
	if floats {
		unmarshal = func(data []byte, into any) error { return json.Unmarshal(data, into) }
	}
	if err := unmarshal(text, &value); err != nil {
		panic(err)
	}
	return value
}
