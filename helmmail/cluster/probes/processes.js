// processes.py for Node.js: the application's processes and their environments.
const fs = require('fs');

const text = (path) => { try { return fs.readFileSync(path, 'latin1'); } catch { return ''; } };
const link = (path) => { try { return fs.readlinkSync(path); } catch { return ''; } };

function read(entry) {
  const data = text(`/proc/${entry}/stat`);
  const end = data.lastIndexOf(')');
  if (end < 0) return null;
  const fields = data.slice(end + 1).trim().split(/\s+/);
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  const name = data.slice(data.indexOf('(') + 1, end).replace(/[^\x20-\x7e]/g, '');
  return { pid: Number(entry), parent: Number(fields[1]), started: Number(fields[19]), name };
}

function ancestors(pid, known) {
  const found = new Set();
  while (known.has(pid) && !found.has(pid)) { found.add(pid); pid = known.get(pid).parent; }
  return found;
}

function application() {
  const known = new Map();
  for (const entry of fs.readdirSync('/proc')) {
    const each = /^\d+$/.test(entry) ? read(entry) : null;
    if (each) known.set(each.pid, each);
  }
  const mount = link('/proc/self/ns/mnt');
  const group = text('/proc/self/cgroup');
  const mine = ancestors(process.pid, known);
  const own = [...known.values()].filter(({ pid }) => {
    if (mine.has(pid)) return false;
    const found = link(`/proc/${pid}/ns/mnt`);
    if (found) return found === mount;
    return group !== '' && text(`/proc/${pid}/cgroup`) === group;
  });
  if (!own.length) return [];
  const order = (a, b) => a.started - b.started || a.pid - b.pid;
  own.sort(order);
  const root = own[0];
  const tops = own.some(({ pid }) => pid === 1) ? [root.pid] : [root.pid, 1];
  return own.filter((each) => each === root || tops.some((top) => ancestors(each.parent, known).has(top)));
}

function environment(pid) {
  let data;
  try { data = fs.readFileSync(`/proc/${pid}/environ`, 'latin1'); } catch { return null; }
  const entries = data.split('\0');
  if (entries[entries.length - 1] === '') entries.pop();
  const variables = new Map();
  for (const each of entries) {
    const at = each.indexOf('=');
    if (at > 0 && !variables.has(each.slice(0, at))) variables.set(each.slice(0, at), each.slice(at + 1));
  }
  return { variables, damaged: entries.some((each) => each.indexOf('=') < 1) };
}

function leaves(processes) {
  const parents = new Set(processes.map(({ parent }) => parent));
  return processes.filter(({ pid }) => !parents.has(pid));
}

const say = ({ pid, name }) => `process ${pid} (${name})`;

function workingEnvironment() {
  const processes = application();
  for (const each of [...leaves(processes), ...processes]) {
    const found = environment(each.pid);
    if (found && found.variables.size && !found.damaged) return [say(each), found.variables];
  }
  const own = Object.entries(process.env).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]);
  return ["the container's spec", new Map(own)];
}

const answer = (result) => fs.writeSync(1, `\nhelmmail-probe:${JSON.stringify(result)}\n`);
