// An organisation that is told, opens, answers and purges: the HTTP profile in Node.js 18 or later, with nothing
// but what Node brings. Made from ../../BYTES.md; the comments name its sections and rules.
//
//   node recipient.mjs SETTINGS run
//   node recipient.mjs SETTINGS inbox
//   node recipient.mjs SETTINGS open MESSAGE PERSON NAME PURPOSE
//   node recipient.mjs SETTINGS accept REFERRAL PERSON NAME
//
// On disk: state.json (position, heads, what is closed, what waits), messages/ (sealed bytes), answers/ (what people
// answered). `run` alone writes the first two, so one rename is its transaction (R5). No key is ever written (R9).
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const settings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const at = (...names) => path.join(settings.data, ...names);
const schema = (name) => JSON.parse(fs.readFileSync(new URL(`../../schemas/${name}.json`, import.meta.url)));
const KINDS = schema('head_v1').$defs.MessageKind.enum;
const SIZE_MAX = 524288, HEAD = 1024, NONCE = 12, TAG = 16;

// --- bytes: sections 1 to 5 -----------------------------------------------------------------------

const concat = (...pieces) => Buffer.concat(pieces.map((one) => Buffer.from(one)));
const u8 = (n) => Buffer.from([n]);
const u16 = (n) => { const b = Buffer.alloc(2); b.writeUInt16BE(n); return b; };
const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
const uuid = (text) => Buffer.from(text.replaceAll('-', ''), 'hex');
const names = concat(u8(settings.municipality.length), settings.municipality, u8(settings.slug.length), settings.slug);
const bound = (label, id) => concat(label, names, uuid(id));
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest();

const ownKey = (...names) => crypto.createPrivateKey(fs.readFileSync(path.join(settings.keys, ...names)));
const former = path.join(settings.keys, 'former'); // what is on its way may be sealed to a former key (R10)
const publicKey = (crv, raw) =>
  crypto.createPublicKey({ key: { kty: 'OKP', crv, x: Buffer.from(raw).toString('base64url') }, format: 'jwk' });
const rawPublic = (key) => Buffer.from(key.export({ format: 'jwk' }).x, 'base64url'); // of a private key as well
const sealing = [ownKey('sealing.pem'), ...(fs.existsSync(former) ? fs.readdirSync(former) : [])
  .map((name) => ownKey('former', name, 'sealing.pem'))];
const signing = ownKey('signing.pem');
const hubSealing = Buffer.from(settings.hub_sealing_key, 'base64');
const hubSigning = publicKey('Ed25519', Buffer.from(settings.hub_signing_key, 'base64'));

function unseal(key, nonce, sealed, data) { // throws where the tag does not fit
  const box = crypto.createDecipheriv('aes-256-gcm', key, nonce).setAAD(data).setAuthTag(sealed.subarray(-TAG));
  return concat(box.update(sealed.subarray(0, -TAG)), box.final());
}

const hmac = (key, ...pieces) => crypto.createHmac('sha256', key).update(concat(...pieces)).digest();
const KEM = concat('KEM', u16(0x20)), HPKE = concat('HPKE', u16(0x20), u16(1), u16(2));
const extract = (suite, salt, label, x) => hmac(salt.length ? salt : Buffer.alloc(32), 'HPKE-v1', suite, label, x);
const expand = (suite, prk, label, info, n) =>
  hmac(prk, u16(n), 'HPKE-v1', suite, label, info, u8(1)).subarray(0, n);

function schedule(privateKey, other, enc, reader, info) {
  const dh = crypto.diffieHellman({ privateKey, publicKey: publicKey('X25519', other) });
  const shared = expand(KEM, extract(KEM, '', 'eae_prk', dh), 'shared_secret', concat(enc, reader), 32);
  const context = concat(u8(0), extract(HPKE, '', 'psk_id_hash', ''), extract(HPKE, '', 'info_hash', info));
  const secret = extract(HPKE, shared, 'secret', '');
  return [expand(HPKE, secret, 'key', context, 32), expand(HPKE, secret, 'base_nonce', context, 12)];
}

function hpkeOpen(sealed, info) { // null: for no key of ours, so it is data
  const enc = sealed.subarray(0, 32);
  for (const own of sealing) {
    try {
      const [key, nonce] = schedule(own, enc, enc, rawPublic(own), info);
      return unseal(key, nonce, sealed.subarray(32), Buffer.alloc(0));
    } catch { /* not to this key */ }
  }
  return null;
}

function hpkeSeal(plain, reader, info) {
  let size = 4096;
  while (size < plain.length + 48) size *= 2;
  if (size > SIZE_MAX) throw new Error('too long to send');
  const pair = crypto.generateKeyPairSync('x25519'), enc = rawPublic(pair.publicKey);
  const [key, nonce] = schedule(pair.privateKey, reader, enc, reader, info);
  const box = crypto.createCipheriv('aes-256-gcm', key, nonce);
  return concat(enc, box.update(concat(plain, ' '.repeat(size - 48 - plain.length))), box.final(), box.getAuthTag());
}

const signed = (one, value) => concat(
  'tvaers-message-1', names, u64(one.ce_epoch), u64(one.ce_sequence), uuid(one.ce_id), sha256(value));

function openPiece(label, id, sealed, start, length, key, number) {
  const piece = sealed.subarray(start, start + length);
  const data = concat(bound(label, id), number ? u16(number) : '');
  return JSON.parse(unseal(key, piece.subarray(0, NONCE), piece.subarray(NONCE), data));
}

const openHead = (id, sealed, key) => openPiece('tvaers-head-1', id, sealed, 0, HEAD, key, 0);
const startOf = (parts, number) => HEAD + parts.slice(0, number - 1).reduce((sum, one) => sum + one, 0);

// --- the hub: section 6 ---------------------------------------------------------------------------

class Refused extends Error { constructor(status) { super(`the hub says ${status}`); this.status = status; } }
let token = '', tokenUntil = 0;

const b64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function assertion() { // private_key_jwt: for this endpoint, for a minute, for once
  const iss = settings.username, iat = Math.floor(Date.now() / 1000);
  const claims = { iss, sub: iss, aud: settings.token_url, jti: crypto.randomUUID(), iat, exp: iat + 60 };
  const said = `${b64url({ alg: 'EdDSA', typ: 'JWT' })}.${b64url(claims)}`;
  return `${said}.${crypto.sign(null, Buffer.from(said), signing).toString('base64url')}`;
}

async function fresh() {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: settings.username,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion(),
  });
  const answer = await fetch(settings.token_url, { method: 'POST', body: form });
  if (!answer.ok) throw new Refused(answer.status);
  const found = await answer.json();
  [token, tokenUntil] = [found.access_token, Date.now() + (found.expires_in - 30) * 1000];
}

async function ask(method, where, body) {
  for (const last of [false, true]) {
    if (Date.now() >= tokenUntil) await fresh();
    const answer = await fetch(settings.hub_url + where, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    if (answer.ok) return answer.json();
    await answer.arrayBuffer();
    if (answer.status !== 401 || last) throw new Refused(answer.status);
    tokenUntil = 0; // one fresh token tells (R11)
  }
}

const keysOf = (found) => Object.fromEntries(
  Object.entries(found.keys).map(([name, key]) => [name, Buffer.from(key, 'base64')]));

async function send(id, said) { // under the same id it happens once (R8)
  const value = hpkeSeal(Buffer.from(JSON.stringify(said)), hubSealing, bound('tvaers-inbound-1', id));
  await ask('POST', '/v1/inbound', {
    'content-type': 'application/octet-stream', ce_specversion: '1.0', ce_type: 'dk.tvaers.message.v1', ce_id: id,
    ce_source: `urn:tvaers:${settings.municipality}:${settings.slug}`, value: value.toString('base64'),
    ce_signature: crypto.sign(null, concat(bound('tvaers-inbound-1', id), sha256(value)), signing).toString('base64url'),
  });
}

// --- the disk -------------------------------------------------------------------------------------

function load() {
  try { return JSON.parse(fs.readFileSync(at('state.json'), 'utf8')); } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return { position: [0, 0], messages: {}, closed: {}, outgoing: {} };
  }
}

function store(name, bytes) { // whole or not at all
  const file = fs.openSync(`${at(name)}.new`, 'w', 0o600);
  fs.writeSync(file, bytes);
  fs.fsyncSync(file);
  fs.closeSync(file);
  fs.renameSync(`${at(name)}.new`, at(name));
}

function blanked(sealed, parts, closed) { // random bytes where closed parts were
  const found = Buffer.from(sealed);
  for (const number of closed) if (number <= parts.length) crypto.randomFillSync(found, startOf(parts, number), parts[number - 1]);
  return found;
}

// --- taking in: rules R1 to R7 --------------------------------------------------------------------

const reported = new Set(); // by this process: over HTTP a forgery would otherwise be reported at every pull

async function report(id, reason) {
  if (reported.has(id + reason)) return;
  await send(crypto.randomUUID(), { type: 'problem', body: { message_id: id, reason } });
  reported.add(id + reason);
}

class Unusable extends Error { constructor(reason) { super(reason); this.reason = reason; } }

function readControl(plain) {
  let said;
  try { said = JSON.parse(plain); } catch { throw new Unusable('unreadable'); }
  if (!['receipt', 'revoked', 'erased', 'blank', 'heartbeat'].includes(said.control)) throw new Unusable('unknown_kind');
  if (['revoked', 'erased'].includes(said.control) && typeof said.thread !== 'string') throw new Unusable('unreadable');
  return said;
}

function close(state, revocation, said) {
  const add = (id, parts) => { state.closed[id] = [...new Set([...(state.closed[id] ?? []), ...parts])]; };
  for (const id of said.messages ?? []) add(id, [0]); // 0 is the head: the whole message
  for (const [id, parts] of Object.entries(said.parts ?? {})) add(id, parts);
  const answer = Object.values(state.outgoing).some((one) => one.body.revocation === revocation);
  if (!answer) {
    state.outgoing[crypto.randomUUID()] =
      { type: 'purge_answer', body: { revocation, thread: said.thread, outcome: 'purged' } };
  }
}

async function takeIn() {
  const state = load(), before = state.position;
  const found = (await ask('GET', `/v1/messages?after=${state.position.join('.')}&limit=100`)).messages;
  const data = [];
  for (const one of found) {
    const value = Buffer.from(one.value, 'base64'), number = [Number(one.ce_epoch), Number(one.ce_sequence)];
    const ours = one.ce_source === `urn:tvaers:${settings.municipality}`
      && crypto.verify(null, signed(one, value), hubSigning, Buffer.from(one.ce_signature, 'base64url'));
    if (!ours) { await report(one.ce_id, 'bad_signature'); continue; } // R1: moves nothing
    const [epoch, sequence] = state.position;
    if (number[0] < epoch || (number[0] === epoch && number[1] <= sequence)) continue; // R2
    if (number[0] === epoch ? number[1] !== sequence + 1 : number[1] !== 1) { // R3
      console.error('the hub\'s list has a hole: ring the municipality');
      break;
    }
    state.position = number;
    const plain = hpkeOpen(value, bound('tvaers-control-1', one.ce_id));
    if (plain === null) { data.push([one.ce_id, value]); continue; }
    try {
      const said = readControl(plain);
      if (['revoked', 'erased'].includes(said.control)) close(state, one.ce_id, said);
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      await report(one.ce_id, error.reason); // R4
    }
  }
  if (data.length) await keep(state, data);
  store('state.json', JSON.stringify(state));
  return state.position !== before;
}

async function keep(state, data) {
  const keys = keysOf(await ask('POST', '/v1/messages/head-keys', { messages: data.map(([id]) => id), rebuild: false }));
  for (const [id, sealed] of data) {
    if (!keys[id] || state.closed[id]?.includes(0)) continue; // R6
    let head;
    try { head = openHead(id, sealed, keys[id]); } catch { await report(id, 'tampered'); continue; }
    if (!KINDS.includes(head.kind)) { await report(id, 'unknown_kind'); continue; }
    fs.mkdirSync(at('messages'), { recursive: true });
    store(path.join('messages', id), blanked(sealed, head.parts, state.closed[id] ?? []));
    state.messages[id] = head; // says what, when, how urgent; never who
  }
}

function purge() { // R7: before the answers are sent, so that purged is never said of what is still there
  const state = load();
  if (!Object.keys(state.outgoing).length) return; // nothing new was closed
  for (const [id, closed] of Object.entries(state.closed)) {
    if (!state.messages[id]) { fs.rmSync(at('messages', id), { force: true }); continue; }
    if (closed.includes(0)) {
      fs.rmSync(at('messages', id), { force: true });
      delete state.messages[id];
    } else store(path.join('messages', id), blanked(fs.readFileSync(at('messages', id)), state.messages[id].parts, closed));
  }
  store('state.json', JSON.stringify(state));
}

async function sendWaiting() { // R8, R12
  const state = load();
  for (const [id, said] of Object.entries(state.outgoing)) {
    try { await send(id, said); } catch (error) { // it stays, and holds up nothing: tell the municipality (section 6)
      if (!(error instanceof Refused) || ![404, 409, 410, 422].includes(error.status)) throw error;
      console.error(`answer ${id} was refused (${error.status})`);
      continue;
    }
    delete state.outgoing[id];
    store('state.json', JSON.stringify(state));
  }
  fs.mkdirSync(at('answers'), { recursive: true });
  for (const name of fs.readdirSync(at('answers')).filter((one) => one.endsWith('.json'))) {
    const said = JSON.parse(fs.readFileSync(at('answers', name), 'utf8'));
    try { await send(path.basename(name, '.json'), said); } catch (error) {
      if (!(error instanceof Refused) || ![404, 409, 410, 422].includes(error.status)) throw error;
      console.error(`an answer was refused (${error.status})`);
      if (error.status === 409) continue; // not now: it stays
    }
    fs.rmSync(at('answers', name));
  }
}

async function run() {
  for (;;) {
    let pause = settings.poll_s;
    try {
      if (await takeIn()) pause = 0.05; // there may be more
      purge();
      await sendWaiting();
    } catch (error) { // R11, R12: nothing is lost; later again
      console.error(error instanceof Refused ? error.message : `not now: ${error.cause?.code ?? error.name}`);
      pause = Math.max(1, settings.poll_s);
    }
    await new Promise((resolve) => setTimeout(resolve, pause * 1000));
  }
}

// --- people ---------------------------------------------------------------------------------------

async function open(id, person, name, purpose) {
  const state = load(), head = state.messages[id];
  if (!head || state.closed[id]?.includes(0)) throw new Error('this message is not here: it never came, or it was withdrawn');
  const keys = keysOf(await ask('POST', `/v1/messages/${id}/open`, { person, name, purpose, taken_over: false }));
  const sealed = fs.readFileSync(at('messages', id));
  console.log(head.kind);
  head.parts.forEach((length, index) => {
    const number = index + 1;
    if (!keys[number] || state.closed[id]?.includes(number)) return;
    const part = openPiece('tvaers-part-1', id, sealed, startOf(head.parts, number), length, keys[number], number);
    console.log(JSON.stringify(part, null, 2));
  });
}

function accept(referral, person, name) {
  const head = Object.values(load().messages).find((one) => one.refs?.referral === referral);
  if (!head) throw new Error('no referral of this id is here');
  const body = { thread: head.thread, referral, status: 'accepted', by: { person, name }, at: new Date().toISOString() };
  fs.mkdirSync(at('answers'), { recursive: true });
  store(path.join('answers', `${crypto.randomUUID()}.json`), JSON.stringify({ type: 'referral_answer', body }));
  console.log(`kept; \`run\` sends it. If it can't wait, ring ${settings.duty_number}`);
}

function inbox() {
  for (const [id, one] of Object.entries(load().messages)) console.log(one.deadline ?? '-', one.urgency, one.kind, id);
}

const [, , , command, ...words] = process.argv;
const commands = { run, inbox, open, accept };
try {
  if (!commands[command]) throw new Error(`say one of ${Object.keys(commands).join(', ')}`);
  await commands[command](...words);
} catch (error) {
  console.error(error.cause?.code ? `the hub does not answer (${error.cause.code}); nothing is lost` : error.message);
  process.exitCode = 1;
}
