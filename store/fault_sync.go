//go:build synchronousnormal

package store

const synchronous = "NORMAL"
