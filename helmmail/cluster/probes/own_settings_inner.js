// own_settings_inner.py for Node.js: the same input, rules and output. `settings` is a variable of the script's.
(async () => {
  const fs = require('fs');
  const crypto = require('crypto');
  const { createRequire } = require('module');
  const LONGEST = 200;
  const SHORTEST = 4;
  const task = JSON.parse(fs.readFileSync(0).toString());
  const key = Buffer.from(task.key, 'hex');

  const digest = (value) => crypto.createHmac('sha256', key).update(String(value)).digest('hex');
  const own = (found, name) => (name in found ? found[name] : null);

  function hidden(found) {
    const digests = task.hidden.map((name) => task.private[name]);
    const values = task.hidden.map((name) => String(own(found, name) || ''));
    values.push(...Object.values(process.env).filter((value) => digests.includes(digest(value))));
    return values.filter((each) => each.length >= SHORTEST);
  }

  function withheld(text, credentials) {
    if (text.includes('://')) return 'it holds a URL';
    return credentials.some((each) => text.includes(each)) ? 'it holds a credential' : '';
  }

  function compare(value, wanted) {
    if (!value) return [false, 'it is empty'];
    return digest(value) === wanted ? [true, ''] : [false, 'it has another value'];
  }

  function reason(error) {
    const kind = String((error && error.constructor && error.constructor.name) || typeof error);
    const code = error && /^[A-Z_]{1,40}$/.test(error.code) ? ` (${error.code})` : '';
    return `the settings cannot be loaded: ${kind}${code}`;
  }

  async function look() {
    const Script = (async () => {}).constructor;
    const run = new Script('require', `${task.script}\n;return typeof settings === 'undefined' ? undefined : settings;`);
    const found = await run(createRequire(`${process.cwd()}/`));
    if (found === null || typeof found !== 'object') return { problem: 'the script binds no map `settings`' };
    const credentials = hidden(found);
    const result = { settings: {}, withheld: {}, results: {} };
    for (const name of task.shown) {
      let value = own(found, name);
      if (value === undefined) value = null;
      if (value !== null && typeof value !== 'boolean' && typeof value !== 'number') {
        value = String(value);
        const why = withheld(value, credentials);
        if (why) { result.withheld[name] = why; continue; }
        if (value.length > LONGEST) value = `${value.slice(0, LONGEST)}...`;
      }
      result.settings[name] = value;
    }
    for (const [name, wanted] of Object.entries(task.private)) {
      if (wanted) result.results[name] = compare(own(found, name), wanted);
    }
    return result;
  }

  // what the application's code does aside, and fails at, is none of the settings'
  process.on('uncaughtException', () => {});
  let result;
  try {
    result = await look();
  } catch (error) {
    const told = reason(error);
    result = { problem: withheld(told, hidden({})) ? 'the settings cannot be loaded' : told };
  }
  const data = Buffer.from(`${JSON.stringify(result)}\n`);
  for (let at = 0; at < data.length;) at += fs.writeSync(3, data, at);
  process.kill(process.pid, 'SIGKILL'); // past the handlers that the application's code has left
})();
