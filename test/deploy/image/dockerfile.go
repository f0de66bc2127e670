package image

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// instruction is one of a Dockerfile, whose lines are joined.
type instruction struct {
	line       int
	name, rest string
}

func (i instruction) String() string {
	return fmt.Sprintf("line %d: %s %s", i.line, i.name, i.rest)
}

// parse reads a Dockerfile: comments are left out, within an instruction, too, and a line
// that ends in a backslash goes on in the next.
func parse(r io.Reader) ([]instruction, error) {
	var all []instruction
	var joined []string
	begin, n := 0, 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if len(joined) == 0 {
			begin = n
		}
		part, continued := strings.CutSuffix(line, `\`)
		if joined = append(joined, strings.TrimSpace(part)); continued {
			continue
		}
		name, rest, _ := strings.Cut(strings.Join(joined, " "), " ")
		all = append(all, instruction{line: begin, name: strings.ToUpper(name), rest: strings.TrimSpace(rest)})
		joined = nil
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(joined) > 0 {
		return nil, fmt.Errorf("line %d: the last instruction goes on, and nothing follows", begin)
	}
	return all, nil
}
