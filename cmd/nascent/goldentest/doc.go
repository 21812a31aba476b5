// Package goldentest runs whole searches that were recorded, in testdata/golden, and
// wants the same trajectories again.
//
// A golden search is a txtar file. Its comment says what it covers and has a line
// "> ARGUMENTS" for each command that is run; "* ARGUMENTS" is one that is killed once
// it has results, and "$ ARGUMENTS" another command than run. The directory of the search is s. The files are search.yaml
// and what it names; the last ones were recorded: "digests" has the line
// of nascent digest after each command, "candidates" what was tried. Some
// searches were also kept as files, as they were before the last command: one for each
// format of the ledger, testdata/golden/FORMAT/NAME.tar.gz.
package goldentest
