//go:build !ackbeforecommit

package store

// ackBeforeCommit is a planted fault: with the build tag of that name callers
// are answered before their commit, which the kill harness has to notice.
const ackBeforeCommit = false
