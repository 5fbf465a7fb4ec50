//go:build !synchronousnormal

package store

// synchronous is how durable a commit is. With NORMAL it can be answered
// before its fsync; the build tag synchronousnormal makes such a binary, which
// the order test has to notice.
const synchronous = "FULL"
