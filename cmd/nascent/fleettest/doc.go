// Package fleettest has searches whose hosts are placed elsewhere, and kills what carries
// them: they come to what one machine comes to.
package fleettest
