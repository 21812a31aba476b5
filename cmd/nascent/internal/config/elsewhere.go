package config

import "strings"

// elsewhere are words that other tools have for what a search.yaml says otherwise: how
// it is said here, by the key of the map (without places in lists) and the word in
// lower case, without _ and -.
var elsewhere = map[string]map[string]string{
	"": merged(
		said("objectives: [{metric: accuracy, goal: maximize}]",
			`direction directions metric mode objective goal optimize optimizationgoal primarymetric
			greaterisbetter`),
		said("limits: {evaluations: 100}",
			`ntrials maxtrials maxtrialnumber numtrials trials numsamples niter iterations maxiterations maxevals
			maxevaluations evaluations ncalls nevaluations generations`),
		said("limits: {wall: 2h}, how long the search may run, or limits: {seconds: 2h} of evaluators' time",
			`timebudget timebudgets maxtime maxduration maxexperimentduration duration walltime wall seconds`),
		said("limits: {target: 0.95}",
			`target stop stopping earlystop threshold`),
		said("strategy: {use: NAME}",
			`sampler algorithm algo algorithms tuner searchalg searchstrategy optimizer search method advisor`),
		said("fidelities: [{budget: 3}, {budget: 30}], cheapest first: the best are promoted",
			`pruner scheduler assessor earlystopping earlyterminate fidelity budgets hyperband successivehalving`),
		said("space: {lr: {float: [1e-4, 1e-1], log: true}}",
			`parameters params searchspace hyperparameters hyperparams paramspace distributions domain configspace
			variables genes`),
		said("workers: 4",
			`njobs concurrency maxconcurrenttrials trialconcurrency maxparallel parallel parallelism numworkers
			nworkers jobs threads`),
		said("seed: 1",
			`randomstate randomseed rng rngseed`),
		said("name: NAME",
			`studyname experimentname experiment study project title`),
		said("evaluator: {use: ./evaluate.py}, or {use: exec, command: [...]}",
			`command trialcommand program script trainable trial objectivefunction function fn evaluate trainer model`),
		said("failures: {attempts: 3}",
			`retries maxretries retry maxfailures`),
		said("start: [...], genomes to begin with",
			`pointstoevaluate initialpoints enqueue warmstart initial`),
		said("strategy: {use: aging, population: 20}, an option of the strategy",
			`population populationsize popsize mutation crossover`),
		said("evaluator: {use: ./evaluate.py, devices: [0, 1]}",
			`gpus devices resources resourcespertrial gpunum`),
		said("nascent run search.yaml --dir DIR: a search lives in its directory",
			`storage directory dir logdir outputdir experimentworkingdirectory`),
		said("constraints: [{metric: parameters, max: 5000}]",
			`constraint bounds`),
		said("metrics: {score: accuracy - 0.02*log10(parameters)}",
			`derived derivedmetrics derivedmetric computed expression expressions formula formulas`),
	),
	"constraints": merged(
		said("weight: 0.5",
			`penalty soft softness importance`),
		said("max: N",
			`upper upperbound below most`),
		said("min: N",
			`lower lowerbound above least`),
	),
	"objectives": merged(
		said("goal: maximize, or minimize",
			`direction mode optimize type greaterisbetter`),
		said("metric: NAME",
			`name objective key`),
	),
	"limits": merged(
		said("evaluations: 100",
			`ntrials trials maxtrials maxevaluations numsamples iterations`),
		said("wall: 2h, how long the search may run, or seconds: 2h of evaluators' time",
			`time timeout duration walltime timebudget hours minutes`),
	),
}

// said says how all of these words are said here.
func said(here, words string) map[string]string {
	m := map[string]string{}
	for _, w := range strings.Fields(words) {
		m[w] = here
	}
	return m
}

func merged(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range all {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// here is how something is said here that other tools call so, "" where nobody knows.
// key is that of the map.
func here(key, word string) string {
	key, _, _ = strings.Cut(key, "[")
	return elsewhere[key][strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(word))]
}
