// Package serve shows searches to a browser: a page that loads nothing from elsewhere, and
// the JSON that it is made of (docs/serve.md).
//
// A search is read through a feed (feed.go): what it is, the rows of its History after
// those that are at hand, where it stands. The same feed comes from a stopped search and
// from the process that runs one, so a reader keeps nobody from the ledger. Every view is
// a query over these rows (search.go holds them) and has at most maxAnswer bytes,
// whatever the size of the search: one file each. server.go is who asks, guard.go who may.
package serve
