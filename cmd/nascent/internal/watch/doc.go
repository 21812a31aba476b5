// Package watch shows a search in a terminal, as it goes, and steers it, or all that lie in
// a folder: what `nascent watch` does (docs/watch.md).
//
// A model takes keys and answers in and draws lines; bubbletea carries both to and from
// the terminal. Drawing asks for what it shows: each question that a line needs is one of
// the page's (docs/serve.md), its answer is kept until the search has changed, and an older
// one is shown meanwhile. So nothing waits for an answer, and only what is in sight is asked.
package watch
