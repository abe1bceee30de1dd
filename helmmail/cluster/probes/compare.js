// compare.py for Node.js: the same input, rules and output.
const crypto = require('crypto');

function state({ pid }, name, digest, key) {
  const found = environment(pid);
  if (!found) return 'hidden';
  const value = found.variables.get(Buffer.from(name).toString('latin1'));
  if (value === undefined) {
    if (found.damaged) return 'hidden';
    return digest === null ? 'same' : 'missing';
  }
  if (digest === null) return 'other';
  const made = crypto.createHmac('sha256', key).update(Buffer.from(value, 'latin1')).digest('hex');
  return made === digest ? 'same' : 'other';
}

function compare(name, digest, key, processes) {
  const states = new Map(processes.map((each) => [each, state(each, name, digest, key)]));
  const working = leaves(processes);
  for (const each of processes) {
    if (states.get(each) === 'other') return [false, `${say(each)} has another value`];
  }
  for (const each of processes) {
    if (states.get(each) === 'hidden' && (working.includes(each) || each === processes[0])) {
      return [null, `the environment of ${say(each)} cannot be read`];
    }
  }
  const without = working.filter((each) => states.get(each) === 'missing');
  if (!without.length) return [true, digest === null ? 'no process has it' : `${say(working[0])} has it`];
  if (without.length === working.length) return [false, `${say(without[0])} does not have it`];
  return [null, `${say(without[0])} does not have it, others do`];
}

const task = JSON.parse(helmmailInput());
const processes = application();
let result = { problem: 'no process of the container can be seen in /proc' };
if (processes.length) {
  result = { results: {} };
  for (const [name, digest] of Object.entries(task.expected)) {
    result.results[name] = compare(name, digest, Buffer.from(task.key, 'hex'), processes);
  }
}
answer(result);
