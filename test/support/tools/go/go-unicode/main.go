// Which code points are letters and which are digits to Go's own unicode package: a line each, `L` or `D` and the number.
package main

import (
	"bufio"
	"fmt"
	"os"
	"unicode"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for code := rune(0); code <= unicode.MaxRune; code++ {
		if unicode.IsLetter(code) {
			fmt.Fprintln(out, "L", code)
		}
		if unicode.IsDigit(code) {
			fmt.Fprintln(out, "D", code)
		}
	}
}
