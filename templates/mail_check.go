package templates

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	syntax "text/template/parse"
)

// checkFields looks at every field that a mail's words name, also where no
// sample comes by: a mail that cannot be written is found at start, and not on
// the day when somebody is to get it.
func checkFields(tree *syntax.Tree, m mail) error {
	c := checker{tree: tree, mail: m, root: reflect.ValueOf(m.sample())}
	c.node(tree.Root, c.root)
	return errors.Join(c.problems...)
}

// checker walks a template with the sample value that "." stands for; the
// zero Value is one that it does not know, below which nothing is checked.
type checker struct {
	tree     *syntax.Tree
	mail     mail
	root     reflect.Value
	problems []error
}

func (c *checker) node(n syntax.Node, dot reflect.Value) {
	switch n := n.(type) {
	case *syntax.ListNode:
		if n != nil { // an else that is not there
			for _, each := range n.Nodes {
				c.node(each, dot)
			}
		}
	case *syntax.ActionNode:
		c.pipe(n.Pipe, dot)
	case *syntax.IfNode:
		c.branch(n.BranchNode, dot, dot)
	case *syntax.WithNode:
		c.branch(n.BranchNode, dot, c.shape(n.Pipe, dot))
	case *syntax.RangeNode:
		c.branch(n.BranchNode, dot, element(c.shape(n.Pipe, dot)))
	case *syntax.TemplateNode:
		c.problem(n, "a mail has no templates inside; write it in one piece")
	}
}

func (c *checker) branch(b syntax.BranchNode, dot, inside reflect.Value) {
	c.pipe(b.Pipe, dot)
	c.node(b.List, inside)
	c.node(b.ElseList, dot)
}

func (c *checker) pipe(p *syntax.PipeNode, dot reflect.Value) {
	if p == nil {
		return
	}
	for _, command := range p.Cmds {
		for _, arg := range command.Args {
			c.argument(arg, dot)
		}
	}
}

func (c *checker) argument(n syntax.Node, dot reflect.Value) {
	switch n := n.(type) {
	case *syntax.FieldNode:
		c.field(n, dot, n.Ident)
	case *syntax.VariableNode:
		if n.Ident[0] == "$" {
			c.field(n, c.root, n.Ident[1:])
		}
	case *syntax.PipeNode:
		c.pipe(n, dot)
	case *syntax.ChainNode:
		c.argument(n.Node, dot)
	case *syntax.IdentifierNode:
		// What they return depends on the data, so no sample proves them.
		if slices.Contains([]string{"index", "slice", "call"}, n.Ident) {
			c.problem(n, fmt.Sprintf("%q is not for mails: it fails on data that is shorter; range and short do not", n.Ident))
		}
	}
}

// field follows names into a sample and returns what stands there; the zero
// Value when it cannot be known.
func (c *checker) field(n syntax.Node, v reflect.Value, names []string) reflect.Value {
	for _, name := range names {
		if v = concrete(v); !v.IsValid() || v.MethodByName(name).IsValid() {
			return reflect.Value{}
		}
		next := member(v, name)
		if !next.IsValid() {
			c.problem(n, fmt.Sprintf("there is no field .%s here; %s", name, allowed(c.mail, v)))
			return reflect.Value{}
		}
		v = next
	}
	return concrete(v)
}

// shape is the sample value of a pipe that is one field, or "." itself.
func (c *checker) shape(p *syntax.PipeNode, dot reflect.Value) reflect.Value {
	if p == nil || len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return reflect.Value{}
	}
	quiet := checker{tree: c.tree, mail: c.mail} // pipe reports what is wrong
	switch n := p.Cmds[0].Args[0].(type) {
	case *syntax.FieldNode:
		return quiet.field(n, dot, n.Ident)
	case *syntax.DotNode:
		return dot
	case *syntax.VariableNode:
		if n.Ident[0] == "$" {
			return quiet.field(n, c.root, n.Ident[1:])
		}
	}
	return reflect.Value{}
}

func (c *checker) problem(n syntax.Node, what string) {
	place, _ := c.tree.ErrorContext(n)
	line, _, _ := strings.Cut(strings.TrimPrefix(place, c.tree.ParseName+":"), ":")
	c.problems = append(c.problems, fmt.Errorf("%s:%s: %s", c.tree.ParseName, line, what))
}

// concrete is what an interface holds.
func concrete(v reflect.Value) reflect.Value {
	if v.IsValid() && v.Kind() == reflect.Interface {
		return v.Elem()
	}
	return v
}

func member(v reflect.Value, name string) reflect.Value {
	switch v.Kind() {
	case reflect.Map:
		return v.MapIndex(reflect.ValueOf(name))
	case reflect.Struct:
		return v.FieldByName(name)
	}
	return reflect.Value{}
}

// element is a sample of what a list has; samples of lists are never empty.
func element(v reflect.Value) reflect.Value {
	if v = concrete(v); v.IsValid() && v.Kind() == reflect.Slice && v.Len() > 0 {
		return concrete(v.Index(0))
	}
	return reflect.Value{}
}

// allowed names the fields of a value, for who wrote another one.
func allowed(m mail, v reflect.Value) string {
	var names []string
	switch v.Kind() {
	case reflect.Map:
		for _, f := range m.fields {
			names = append(names, "."+f.name)
		}
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(v.Type()) {
			names = append(names, "."+f.Name)
		}
	default:
		return "inside of with and range, \".\" is the value itself, and the mail's fields begin with $."
	}
	return fmt.Sprintf("mail %s has %s", m.name, strings.Join(names, ", "))
}
