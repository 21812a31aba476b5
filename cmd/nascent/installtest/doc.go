// Package installtest installs Nascent as its users do, and wants what is installed to
// do without anything else.
package installtest
