// Command chaos kills real searches at random moments: nascent, its plugins, their
// workers, what these have started, all of them at once. It lets each search
// go on until it ends, and looks for what must never be: a result that was kept and
// is gone or another, one that counts twice or was measured again, a process or a
// file that is left over, a trajectory that is not that of the search that nobody
// disturbed.
//
// A scenario is a txtar file in scenarios/: its comment has a line "> ARGUMENTS" for
// each "nascent run" that makes the search, "$ COMMAND" for each other command of
// nascent, and "kill: VICTIMS". What is killed is given again; "= DIR COMMAND" only while
// DIR is not there, "! DIR COMMAND" after DIR was removed. "& COMMAND" is given, again and
// again, beside all of these, such as a host of a fleet. "alone: ARGUMENTS" is for each run of
// the search that nobody disturbs, where that is made otherwise. The search's directory is s;
// all others that are there in the end are looked at as well. Where "free" stands in it, timing may decide the trajectory, so that
// replay alone proves it. An evaluator that the scenario brings may keep a log of
// its own at $CHAOS_LOG: lines "began ID" and "answered ID", synced to the disk.
//
// It prints the rows of the table in docs/reliability.md.
package main
