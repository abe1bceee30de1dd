// own_settings.py for Node.js: the same input, rules and output.
const path = require('path');
const { spawn } = require('child_process');

const seen = ({ pid }) => {
  const found = environment(pid);
  if (!found || !found.variables.size || found.damaged) return null;
  const decoded = (value) => Buffer.from(value, 'latin1').toString();
  const variables = {};
  for (const [name, value] of found.variables) variables[decoded(name)] = decoded(value);
  const folder = link(`/proc/${pid}/cwd`);
  const argv = decoded(text(`/proc/${pid}/cmdline`)).split('\0').slice(0, -1);
  const [program = ''] = argv;
  const runsNode = /^node(js)?\d*$/.test(path.basename(program));
  return { variables, folder, argv, interpreter: runsNode ? located(program, folder, variables) : '' };
};

function located(program, folder, variables) {
  const folders = program.includes('/') ? [folder] : (variables.PATH || '').split(':').filter(Boolean);
  return folders.map((each) => path.resolve(each, program)).find((each) => {
    try { fs.accessSync(each, fs.constants.X_OK); return true; } catch { return false; }
  }) || '';
}

function worker() {
  const found = application().reverse().map(seen).filter(Boolean);
  return found.find(({ interpreter }) => interpreter) || found[0]
    || { variables: process.env, folder: '', argv: [], interpreter: '' };
}

const { inner, ...task } = JSON.parse(helmmailInput());
const { variables, folder, argv, interpreter } = worker();
const program = interpreter || located('node', folder, variables) || process.execPath;
const MARK = `HELMMAIL_PROBE=${require('crypto').randomBytes(16).toString('hex')}`;
let told = '';
let done = false;

function finish(result) {
  if (done) return;
  done = true;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  // a process may be born between two looks
  for (let round = 0; round < 50 && kill(); round += 1) Atomics.wait(pause, 0, 0, 10);
  answer(result);
  process.exit(0);
}

// Ends all that descends from the child; what has left it is known by its environment.
function kill() {
  const known = new Map();
  for (const entry of fs.readdirSync('/proc')) {
    const each = /^\d+$/.test(entry) ? read(entry) : null;
    if (each) known.set(each.pid, each);
  }
  const found = [...known.keys()].filter((pid) => pid !== process.pid && (ancestors(pid, known).has(process.pid)
    || text(`/proc/${pid}/environ`).split('\0').includes(MARK)));
  for (const pid of found) try { process.kill(pid, 'SIGKILL'); } catch { /* it has ended */ }
  return found.length > 0;
}

const child = spawn(program, ['-e', inner], {
  cwd: folder || undefined, env: { ...variables, HELMMAIL_PROBE: MARK.split('=')[1] }, detached: true, stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
});
child.on('error', () => finish({ problem: "the application's Node.js cannot be started" }));
child.stdin.on('error', () => {});
child.stdin.end(JSON.stringify({ ...task, argv }));
child.stdio[3].setEncoding('utf8');
child.stdio[3].on('data', (data) => {
  told += data;
  if (told.endsWith('\n')) finish(JSON.parse(told));
});
child.stdio[3].on('end', () => finish({ problem: 'its interpreter ended without an answer' }));
setTimeout(() => finish({ problem: `its code was not loaded within ${task.seconds.toFixed(0)} s` }), task.seconds * 1000);
