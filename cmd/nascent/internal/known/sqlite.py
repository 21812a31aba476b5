# Prints the studies of an Optuna storage as JSON.
import json
import math
import sqlite3
import sys
import urllib.parse


def finite(x):
    """A value as JSON has it: numbers that are none there are nothing."""
    if isinstance(x, list):
        return [finite(e) for e in x]
    if isinstance(x, dict):
        return {k: finite(e) for k, e in x.items()}
    return None if isinstance(x, float) and not math.isfinite(x) else x


try:
    db = sqlite3.connect("file:%s?mode=ro" % urllib.parse.quote(sys.argv[1]), uri=True)
    ask = lambda sql, *args: db.execute(sql, args).fetchall()
    tables = {name for name, in ask("SELECT name FROM sqlite_master")}
    if not {"studies", "trials", "trial_params", "trial_values"} <= tables:
        sys.exit("it has none of Optuna's tables")
    columns = {row[1] for row in ask("PRAGMA table_info(trial_values)")}
    typed = "value_type" in columns
    named = {row[1] for row in ask("PRAGMA table_info(trial_intermediate_values)")}
    out = []
    for study, name in ask("SELECT study_id, study_name FROM studies ORDER BY study_id"):
        if "study_directions" in tables:
            directions = [d.lower() for d, in ask("SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective", study)]
        else:
            directions = [d.lower() for d, in ask("SELECT direction FROM studies WHERE study_id = ?", study)]
        metrics = ask("SELECT value_json FROM study_system_attributes WHERE study_id = ? AND key = 'study:metric_names'", study)
        trials = {}
        for trial, number, state in ask("SELECT trial_id, number, state FROM trials WHERE study_id = ? ORDER BY number", study):
            trials[trial] = {"number": number, "state": state, "params": {}, "values": [None] * len(directions), "attrs": {},
                             "system": {}, "curve": {}}
        of = "FROM %s x JOIN trials t ON x.trial_id = t.trial_id WHERE t.study_id = ?"
        for trial, param, value, kind in ask("SELECT x.trial_id, param_name, param_value, distribution_json " + of % "trial_params", study):
            trials[trial]["params"][param] = {"value": value, "distribution": kind}
        for trial, objective, value in ask("SELECT x.trial_id, objective, value " + of % "trial_values"
                                           + (" AND value_type = 'FINITE'" if typed else ""), study):
            if value is not None and math.isfinite(value) and objective < len(directions):
                trials[trial]["values"][objective] = value
        for trial, key, value in ask("SELECT x.trial_id, key, value_json " + of % "trial_user_attributes", study):
            trials[trial]["attrs"][key] = finite(json.loads(value))
        if "trial_system_attributes" in tables:
            for trial, key, value in ask("SELECT x.trial_id, key, value_json " + of % "trial_system_attributes" +
                                         " AND (key = 'constraints' OR key LIKE 'constraints:%')", study):
                trials[trial]["system"][key] = finite(json.loads(value))
        if "intermediate_value" in named:
            for trial, step, value in ask("SELECT x.trial_id, step, intermediate_value " + of % "trial_intermediate_values", study):
                if value is not None and math.isfinite(value):
                    trials[trial]["curve"][step] = value
        out.append({"name": name, "directions": directions, "metrics": json.loads(metrics[0][0]) if metrics else [],
                    "trials": list(trials.values())})
    json.dump(out, sys.stdout)
except sqlite3.Error as e:
    sys.exit(str(e))
