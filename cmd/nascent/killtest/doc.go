// Package killtest kills real searches: engine, plugins, both, at random
// moments, and wants nothing to be lost, repeated or left behind.
package killtest
