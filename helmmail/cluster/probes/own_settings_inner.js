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

  function hiddenIn(found) {
    const digests = task.hidden.filter((name) => name in task.wanted).map((name) => task.wanted[name][1]);
    const values = task.hidden.map((name) => String(own(found, name) || ''));
    values.push(...Object.values(process.env).filter((value) => digests.includes(digest(value))));
    return values.filter(Boolean);
  }

  function veiled() {
    const more = task.clear === null ? [] : Object.keys(process.env).filter((name) => !task.clear.includes(name));
    return [...task.veiled, ...more].map((name) => process.env[name]).filter(Boolean);
  }

  function withheld(text, values) {
    if (text.includes('://')) return 'it holds a URL';
    const plain = text.toLowerCase();
    const found = values.map((each) => each.toLowerCase())
      .some((each) => plain === each || (each.length >= SHORTEST && plain.includes(each)));
    return found ? 'it holds a credential' : '';
  }

  function spellings(role, text) {
    if (role === 'host') return [text.toLowerCase().replace(/\.+$/, '')];
    if (role !== 'sender') return [text];
    const plain = text.toLowerCase();
    return plain.endsWith('>') ? [plain, plain.slice(plain.lastIndexOf('<') + 1, -1)] : [plain];
  }

  function compare(value, [role, wanted]) {
    const text = value === null || value === undefined || value === false ? '' : String(value);
    if (spellings(role, text).some((each) => digest(each) === wanted)) return [true, ''];
    return [false, text ? 'it has another value' : 'it is empty'];
  }

  function reason(error) {
    const kind = String((error && error.constructor && error.constructor.name) || typeof error);
    const code = error && /^[A-Z_]{1,40}$/.test(error.code) ? ` (${error.code})` : '';
    return `the settings cannot be loaded: ${kind}${code}`;
  }

  async function look() {
    const Script = (async () => {}).constructor;
    const named = "typeof settings === 'undefined' ? undefined : settings, typeof problem === 'undefined' ? undefined : problem";
    const run = new Script('require', 'argv', `${task.script}\n;return [${named}];`);
    // what a script returns by itself counts as its settings
    const given = await run(createRequire(`${process.cwd()}/`), task.argv);
    const [found, problem] = Array.isArray(given) ? given : [given];
    if (typeof problem === 'string') {
      const told = withheld(problem, hiddenIn({})) || withheld(problem, veiled());
      return { problem: told ? 'the script gives no settings' : problem.slice(0, LONGEST) };
    }
    if (found === null || typeof found !== 'object') return { problem: 'the script binds no map `settings`' };
    const credentials = hiddenIn(found);
    const veils = veiled();
    const result = { settings: {}, withheld: {}, results: {} };
    for (const name of task.shown) {
      let value = own(found, name);
      if (value === undefined) value = null;
      if (value !== null && typeof value !== 'boolean') {
        const text = String(value);
        let why = withheld(text, credentials);
        if (!why && task.texts.includes(name) && withheld(text, veils)) why = 'it holds what a Secret has';
        if (why) { result.withheld[name] = why; continue; }
        if (typeof value !== 'number') value = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
      }
      result.settings[name] = value;
    }
    for (const [name, wanted] of Object.entries(task.wanted)) result.results[name] = compare(own(found, name), wanted);
    return result;
  }

  // what the application's code does aside, and fails at, is none of the settings'
  process.on('uncaughtException', () => {});
  let result;
  try {
    result = await look();
  } catch (error) {
    const told = reason(error);
    result = { problem: withheld(told, hiddenIn({})) || withheld(told, veiled()) ? 'the settings cannot be loaded' : told };
  }
  const data = Buffer.from(`${JSON.stringify(result)}\n`);
  for (let at = 0; at < data.length;) at += fs.writeSync(3, data, at);
  process.kill(process.pid, 'SIGKILL'); // past the handlers that the application's code has left
})();
