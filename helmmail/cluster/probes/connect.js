// connect.py for Node.js: the same input and output. Trusts what Node.js trusts (NODE_EXTRA_CA_CERTS too), as its application.
const net = require('net');
const tls = require('tls');

const task = JSON.parse(helmmailInput());
const LONGEST = 300;
const STEPS = ['tcp', 'tls', 'starttls', 'auth', 'mail', 'rset', 'quit'];
const steps = [];
const hidden = [];
let socket = null;
let features = new Map();
let failure = null;
let buffer = '';
let wake = () => {};

// As userinfo in connect.py. Python's unquote, not decodeURIComponent, which fails on a lone %.
function userinfo(url, part) {
  const [authority] = url.trim().split('://').slice(1).join('://').split(/[/?#]/);
  const all = authority.slice(0, Math.max(0, authority.lastIndexOf('@')));
  const colon = all.indexOf(':') < 0 ? all.length : all.indexOf(':');
  return part === 'user' ? all.slice(0, colon) : all.slice(colon + 1);
}
const unquote = (text) => text.replace(/(%[0-9a-f]{2})+/gi, (found) => Buffer.from(found.replace(/%/g, ''), 'hex').toString());

const [source, held] = workingEnvironment();
function credential(from) {
  if (!from) return null;
  const named = 'value' in from ? null : held.get(from.variable);
  let value = named ? Buffer.from(named, 'latin1').toString() : from.value;
  if (value && from.part) {
    const raw = userinfo(value, from.part);
    hidden.push(value, ...(raw ? [raw] : []));
    value = unquote(raw);
  }
  if (value) hidden.push(value, Buffer.from(value).toString('base64'));
  return value || null;
}
const user = credential(task.user);
const password = credential(task.password);
if (user && password) hidden.push(Buffer.from(`\0${user}\0${password}`).toString('base64'));

function clean(text) {
  for (const each of [...hidden].sort((a, b) => b.length - a.length)) {
    for (const shown of [each, each.replace(/=+$/, '')].filter(Boolean)) {
      text = text.replace(new RegExp(shown.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'gi'), '********');
    }
  }
  return text.split(/\s+/).join(' ').replace(/[^\x20-\x7e\u00a0-\uffff]/g, '').trim().slice(0, LONGEST);
}

class Refused extends Error { constructor(code, text) { super(text); this.reply = code; } }
const skip = (name, why) => steps.push([name, null, null, clean(why), 0]);

async function step(name, act) {
  const began = Date.now();
  let done = false;
  let code = null;
  let text;
  try {
    [code, text] = await act();
    done = code === null || (code >= 200 && code < 300);
  } catch (error) {
    text = explain(error);
    code = error.reply === undefined ? null : error.reply;
  }
  steps.push([name, done, code, clean(text), Date.now() - began]);
  if (!done) throw new Refused(code, 'stop');
}

function explain(error) {
  if (error.reply !== undefined) return error.message;
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') return `the name ${task.host} does not resolve`;
  if (error.code === 'ECONNREFUSED') return 'Connection refused';
  if (/CERT|SIGNED|ISSUER|ALTNAME|VERIFY|LEAF/.test(error.code || '')) return `the certificate is not accepted: ${error.message}`;
  if (/^ERR_SSL|EPROTO/.test(error.code || '')) return 'no TLS: the server does not speak it';
  return error.code || error.message;
}

const seconds = task.seconds * 1000;
function within(promise) {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error(`no answer within ${task.seconds} s`)), seconds); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function attach(found) {
  socket = found;
  buffer = '';
  socket.on('data', (data) => { buffer += data.toString(); wake(); });
  socket.on('error', (error) => { failure = failure || error; wake(); });
  socket.on('close', () => { failure = failure || new Error('the server has closed the connection'); wake(); });
}

function connect() {
  return within(new Promise((yes, no) => {
    const found = net.connect({ host: task.host, port: task.port });
    found.once('connect', () => { found.removeListener('error', no); yes(found); });
    found.once('error', no);
  }));
}

function secure(plain) {
  const options = { socket: plain, host: task.host };
  if (!net.isIP(task.host)) options.servername = task.host;
  if (task.authority) options.ca = fs.readFileSync(task.authority);
  return within(new Promise((yes, no) => {
    plain.removeAllListeners();
    const found = tls.connect(options, () => { found.removeListener('error', no); yes(found); });
    found.once('error', no);
  }));
}

async function reply() {
  const lines = [];
  for (;;) {
    const end = buffer.indexOf('\n');
    if (end >= 0) {
      const line = buffer.slice(0, end).trim();
      buffer = buffer.slice(end + 1);
      lines.push(line.slice(4));
      if (line[3] !== '-') return [Number(line.slice(0, 3)) || 0, lines.join('\n')];
    } else if (failure) {
      throw failure;
    } else {
      await within(new Promise((yes) => { wake = yes; }));
    }
  }
}

async function command(text) { socket.write(`${text}\r\n`); return reply(); }

function expect([code, text], wanted) {
  if (code !== wanted) throw new Refused(code, text);
  return [code, text];
}

async function hello() {
  const [code, text] = await command(`EHLO ${require('os').hostname() || 'localhost'}`);
  features = new Map();
  if (code === 250) for (const line of text.split('\n').slice(1)) features.set(line.split(' ')[0].toUpperCase(), line.split(' ').slice(1));
}

async function logIn() {
  const missing = [[task.user, user], [task.password, password]].filter(([from, value]) => from && !value && 'variable' in from);
  if (missing.length) {
    const names = missing.map(([from]) => (from.part ? `${from.part} in ${from.variable}` : from.variable)).join(' and no ');
    await step('auth', async () => { throw new Error(`the application has no ${names}`); });
  } else if (!user || !password) {
    skip('auth', 'without user and password');
  } else if (!socket.encrypted && !task.clear) {
    skip('auth', 'never without TLS');
  } else {
    await step('auth', async () => {
      const offered = features.get('AUTH');
      if (!offered) throw new Error('the server does not offer it');
      const encode = (text) => Buffer.from(text).toString('base64');
      let answered;
      if (offered.includes('PLAIN')) answered = await command(`AUTH PLAIN ${encode(`\0${user}\0${password}`)}`);
      else if (offered.includes('LOGIN')) {
        expect(await command('AUTH LOGIN'), 334);
        expect(await command(encode(user)), 334);
        answered = await command(encode(password));
      } else throw new Error(`no mechanism that this probe knows (offered: ${offered.join(' ')})`);
      expect(answered, 235);
      return [answered[0], `${answered[1]} (offered: ${offered.join(' ')})`];
    });
  }
}

async function talk() {
  if (task.security === 'implicit') {
    let plain;
    await step('tcp', async () => { plain = await connect(); return [null, `connected to ${plain.remoteAddress}`]; });
    await step('tls', async () => {
      attach(await secure(plain));
      const [code, text] = expect(await reply(), 220);
      return [code, `${socket.getProtocol()}, certificate verified: ${text}`];
    });
    skip('starttls', 'TLS is there from the first byte');
  } else {
    await step('tcp', async () => { attach(await connect()); return expect(await reply(), 220); });
    skip('tls', 'not from the first byte');
    await hello();
    if (task.security === 'starttls') {
      await step('starttls', async () => {
        if (!features.has('STARTTLS')) throw new Error('the server does not offer it');
        const [code] = expect(await command('STARTTLS'), 220);
        attach(await secure(socket));
        return [code, `${socket.getProtocol()}, certificate verified`];
      });
    } else {
      skip('starttls', `not asked for; the server ${features.has('STARTTLS') ? 'offers' : 'does not offer'} it`);
    }
  }
  if (socket.encrypted) await hello();
  await logIn();
  if (task.sender) {
    await step('mail', () => {
      // eslint-disable-next-line no-control-regex
      if (/[^\x00-\x7f]/.test(task.sender)) throw new Error('the sender is not ASCII, which this probe cannot send');
      return command(`MAIL FROM:<${task.sender}>`);
    });
    await step('rset', () => command('RSET'));
  } else {
    skip('mail', 'no sender is given');
    skip('rset', 'no sender is given');
  }
  await step('quit', () => command('QUIT'));
}

talk().catch(() => {}).then(() => {
  for (const name of STEPS.slice(steps.length)) skip(name, 'not reached');
  answer({ steps, source });
  process.exit(0);
});
