package genotype

import (
	"regexp"
	"slices"
	"strings"
)

// maxBefore is how far before a genotype its names and the beginning of its line are looked for.
const maxBefore = 400

// What may stand in front of a genotype. Group 1 is what it is called.
var (
	modulePattern = regexp.MustCompile(`(?:[A-Za-z_]\w*\.)+$`)
	// itemPattern is archs['NAME'] =
	itemPattern = regexp.MustCompile(`[A-Za-z_][\w.]*\[\s*['"]([^'"\n]{1,100})['"]\s*\]\s*=\s*$`)
	// annotatedPattern is NAME: Genotype =
	annotatedPattern = regexp.MustCompile(`(?:^|\n)[ \t]*([A-Za-z_]\w*)[ \t]*:[ \t]*['"]?[\w.]*Genotype['"]?\s*=\s*$`)
	assignedPattern  = regexp.MustCompile(`((?:[A-Za-z_]|[^\x00-\x7f])(?:[\w.]|[^\x00-\x7f])*)\s*:?=\s*$`)
	keyPattern       = regexp.MustCompile(`['"]([^'"\n]{1,100})['"]\s*:\s*$`)
	labelPattern     = regexp.MustCompile(`([A-Za-z_]\w*)\s*:\s*$`)
	comparedPattern  = regexp.MustCompile(`[=!<>]=\s*$`)
	// wrappedPattern is where an assignment goes on in the next line, or in parentheses.
	wrappedPattern = regexp.MustCompile(`=\s*\\?\s*\(?\s*$`)
	// plainPattern is what may stand before a name or a genotype in code and in lists of them, beside the open end of a
	// statement: nothing but opening brackets, quotes, bullets and numbers.
	plainPattern = regexp.MustCompile("^(?:[-*>+\\s\"'`({\\[]*|\\s*\\d{1,3}[.)]\\s*|\\s*(?:return|yield|export)\\s*)$")
)

// placed returns a definition for the genotype that begins at a place in the excerpt, with its names and rank.
func (s *finder) placed(at int) definition {
	names, rank := naming(s.excerpt, at)
	return definition{names: names, rank: max(rank, s.rank)}
}

// naming finds out from what stands in front of a place how a genotype there is called, and whether that is code or a line
// of a log.
func naming(x excerpt, at int) (names []string, where rank) {
	before := strings.TrimRight(x.text[lineStart(x.text, at):at], " \t")
	if strings.HasSuffix(before, ".") {
		before = before[:len(before)-len(modulePattern.FindString(before))]
	}
	before = strings.TrimRight(before, "\"'`")
	if prefixed(before) {
		before = strings.TrimRight(before, "uUrRbBfF")
	}
	if endsIn(before, `=(\`) && wrappedPattern.MatchString(before) {
		before = strings.TrimRight(before, "(\\ \t\r\n")
	}
	names, before = takeNames(before)
	if strings.TrimSpace(before) == "" && x.outer != nil { // the names may stand before the string
		outer, where := naming(*x.outer, x.outerAt)
		return slices.Concat(names, outer), where
	}
	if endsIn(before, "({[,;`") || plainPattern.MatchString(before) {
		return names, code
	}
	return names, logged
}

// endsIn tells whether the last character of a text that is no blank is one of those given.
func endsIn(text, characters string) bool {
	text = strings.TrimRight(text, " \t\r\n")
	return text != "" && strings.IndexByte(characters, text[len(text)-1]) >= 0
}

// lineStart returns where the line begins that at is in. Lines in front of it belong to it where they end within an
// assignment.
func lineStart(text string, at int) int {
	const most = 3
	far := max(0, at-maxBefore)
	start := max(far, strings.LastIndexByte(text[:at], '\n')+1)
	for range most {
		open := strings.TrimSpace(text[start:at])
		head := text[far:start]
		if start <= far || strings.Trim(open, "('\"\\") != "" || !endsIn(head, `=(\`) || !wrappedPattern.MatchString(head) {
			break
		}
		start = max(far, strings.LastIndexByte(text[:start-1], '\n')+1)
	}
	return start
}

// takeNames takes off the end of a text the names that are given to what follows, the first of a chain first. It returns
// what is left.
func takeNames(before string) (names []string, rest string) {
	if endsIn(before, ":") {
		for _, pattern := range []*regexp.Regexp{keyPattern, labelPattern} {
			if m := pattern.FindStringSubmatchIndex(before); m != nil {
				if key := before[m[2]:m[3]]; pattern == labelPattern || !slices.Contains(generic, strings.ToLower(key)) {
					names = []string{key}
				}
				return names, before[:m[0]]
			}
		}
	}
	for endsIn(before, "=") && !comparedPattern.MatchString(before) {
		var m []int
		for _, pattern := range []*regexp.Regexp{itemPattern, annotatedPattern, assignedPattern} {
			if m == nil {
				m = pattern.FindStringSubmatchIndex(before)
			}
		}
		if m == nil {
			break
		}
		names = append(attribute(before[m[2]:m[3]]), names...)
		before = before[:m[0]]
	}
	return names, before
}

// attribute returns the names of self.genotype: genotype, and as it is written.
func attribute(name string) []string {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		return []string{name[dot+1:], name}
	}
	return []string{name}
}
