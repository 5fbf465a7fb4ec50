//go:build ackbeforecommit

package store

const ackBeforeCommit = true
