// Evaluates expressions as a Kubernetes API server of version 1.36 would: one JSON object with `expr` and `vars` a line
// in, one with what became of it a line out. The names that `vars` may bind are declared with fixed types.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
)

type question struct {
	Expr string          `json:"expr"`
	Vars json.RawMessage `json:"vars"`
}

type answer struct {
	Expr    string  `json:"expr"`
	Refused string  `json:"refused,omitempty"`
	Type    string  `json:"type,omitempty"`
	Value   any     `json:"value,omitempty"`
	Error   string  `json:"error,omitempty"`
	Cost    *uint64 `json:"cost,omitempty"`
}

func main() {
	environmentSet, err := environment.MustBaseEnvSet(version.MajorMinor(1, 36)).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions: []cel.EnvOption{
			cel.Variable("object", cel.DynType),
			cel.Variable("s", cel.StringType),
			cel.Variable("n", cel.IntType),
			cel.Variable("l", cel.ListType(cel.StringType)),
			cel.Variable("m", cel.MapType(cel.StringType, cel.IntType)),
		},
	})
	if err != nil {
		panic(err)
	}
	env, err := environmentSet.Env(environment.NewExpressions)
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		if err := out.Encode(evaluate(env, asked)); err != nil {
			panic(err)
		}
	}
}

func evaluate(env *cel.Env, asked question) (given answer) {
	given.Expr = asked.Expr
	defer func() {
		if failure := recover(); failure != nil {
			given = answer{Expr: asked.Expr, Refused: "panic"}
		}
	}()
	ast, issues := env.Compile(asked.Expr)
	if issues.Err() != nil {
		given.Refused = issues.Errors()[0].Message
		return given
	}
	program, err := env.Program(ast,
		cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost),
		cel.CostTrackerOptions(interpreter.PresenceTestHasCost(false)))
	if err != nil {
		given.Refused = err.Error()
		return given
	}
	given.Type = checker.FormatCELType(ast.OutputType())
	vars := map[string]any{}
	if len(asked.Vars) > 0 {
		if err := utiljson.Unmarshal(asked.Vars, &vars); err != nil {
			panic(err)
		}
	}
	value, details, err := program.Eval(vars)
	if details != nil {
		given.Cost = details.ActualCost()
	}
	if err != nil {
		given.Error = err.Error()
	} else {
		given.Value = show(value)
	}
	return given
}

// show writes a value so that its type can be told: `int 3`, `string abc`, lists as lists, maps as sorted entries.
func show(value ref.Val) any {
	switch v := value.(type) {
	case *types.Optional:
		if !v.HasValue() {
			return "optional none"
		}
		return map[string]any{"optional": show(v.GetValue())}
	case traits.Lister:
		made := []any{}
		for i := int64(0); i < int64(v.Size().(types.Int)); i++ {
			made = append(made, show(v.Get(types.Int(i))))
		}
		return made
	case traits.Mapper:
		made := [][2]any{}
		for keys := v.Iterator(); keys.HasNext() == types.True; {
			key := keys.Next()
			made = append(made, [2]any{show(key), show(v.Get(key))})
		}
		sort.Slice(made, func(i, j int) bool { return fmt.Sprint(made[i][0]) < fmt.Sprint(made[j][0]) })
		return map[string]any{"map": made}
	case types.Bytes:
		return "bytes " + base64.StdEncoding.EncodeToString(v)
	case types.Null:
		return "null"
	case ref.Type:
		return "type " + v.TypeName()
	}
	text := value.ConvertToType(types.StringType)
	if types.IsError(text) {
		return value.Type().TypeName()
	}
	return value.Type().TypeName() + " " + string(text.(types.String))
}
