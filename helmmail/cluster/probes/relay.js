// relay.py for Node.js: the same input and output.
const net = require('net');
const [host, port, seconds, quiet] = helmmailInput().split('\n');
const say = (text) => process.stdout.write(`\nhelmmail-relay:${text}\n`);
let open = false;

function fail(reason) {
  if (open) process.stderr.write(reason); else say(`failed ${reason}`);
  process.exit(1);
}

const connection = net.connect({ host, port: Number(port), allowHalfOpen: true });
const timer = setTimeout(() => fail('timed out'), Number(seconds) * 1000);
connection.on('error', (error) => fail(`${error.code || ''} ${error.message}`));
connection.on('connect', () => {
  clearTimeout(timer);
  open = true;
  say(`open ${connection.remoteAddress}`);
  connection.setTimeout(Number(quiet) * 1000, () => fail('timed out'));
  connection.on('end', () => process.exit(0)); // writes to a pipe are done when `write` returns
  connection.on('data', (data) => process.stdout.write(data));
  process.stdin.on('data', (data) => { if (!connection.write(data)) process.stdin.pause(); });
  connection.on('drain', () => process.stdin.resume());
  process.stdin.on('end', () => { connection.end(); setTimeout(() => process.exit(0), 5000); });
});
