// Packets, from docs/wire-format.md alone. Integers of 64 bits are BigInts, ids are hexadecimal strings.

const MASK = (1n << 64n) - 1n
const rotate = (x, by) => ((x << by) | (x >> (64n - by))) & MASK

// Section 3. SipHash-c-d of the bytes, of 8 or 16 bytes.
export function sipHash (c, d, key, bytes, length = 8) {
  const word = at => key.readBigUInt64LE(at)
  let v = [0x736f6d6570736575n ^ word(0), 0x646f72616e646f6dn ^ word(8), 0x6c7967656e657261n ^ word(0), 0x7465646279746573n ^ word(8)]
  if (length === 16) v[1] ^= 0xeen
  const rounds = count => {
    let [a, b, e, f] = v
    while (count-- > 0) {
      a = (a + b) & MASK; b = rotate(b, 13n) ^ a; a = rotate(a, 32n)
      e = (e + f) & MASK; f = rotate(f, 16n) ^ e
      a = (a + f) & MASK; f = rotate(f, 21n) ^ a
      e = (e + b) & MASK; b = rotate(b, 17n) ^ e; e = rotate(e, 32n)
    }
    v = [a, b, e, f]
  }
  const tail = Buffer.alloc(8 - bytes.length % 8)
  tail[tail.length - 1] = bytes.length
  const padded = Buffer.concat([bytes, tail])
  for (let at = 0; at < padded.length; at += 8) {
    const m = padded.readBigUInt64LE(at)
    v[3] ^= m; rounds(c); v[0] ^= m
  }
  const out = Buffer.alloc(length)
  const finish = at => { rounds(d); out.writeBigUInt64LE(v[0] ^ v[1] ^ v[2] ^ v[3], at) }
  v[2] ^= length === 16 ? 0xeen : 0xffn
  finish(0)
  if (length === 16) { v[1] ^= 0xddn; finish(8) }
  return out
}

export const clusterKey = label => sipHash(2, 4, Buffer.alloc(16), Buffer.from(`gossip/1 ${label}`), 16)

const u64 = value => { const out = Buffer.alloc(8); out.writeBigUInt64BE(BigInt(value)); return out }
const hash = (key, what, ...fields) => sipHash(1, 3, key, Buffer.concat([Buffer.from(what), ...fields])).readBigUInt64LE()
const low = wide => Number(wide & 0xffffffffn)

export const shortName = (key, id, generation) => low(hash(key, 'S', Buffer.from(id, 'hex'), u64(generation)))
export const memberHash = (key, id, generation, incarnation) =>
  hash(key, 'M', Buffer.from(id, 'hex'), u64(generation), u64(incarnation))
const checksum = (key, first, rest) => low(hash(key, 'P', Buffer.from([first]), rest))

// Section 2.
export function varint (value) {
  const out = []
  for (value = BigInt(value); value > 0x7fn; value >>= 7n) out.push(Number(value & 0x7fn) | 0x80)
  return Buffer.from([...out, Number(value)])
}
const u8 = value => Buffer.from([value])
const u32 = value => { const out = Buffer.alloc(4); out.writeUInt32BE(value); return out }
const blob = bytes => Buffer.concat([varint(bytes.length), bytes])
const address = bytes => Buffer.concat([u8(bytes.length), bytes])

// Reads fields; ids are found in the list of the packet (section 6).
export class Reader {
  constructor (bytes, ids = []) { this.bytes = bytes; this.at = 0; this.ids = ids }
  get empty () { return this.at === this.bytes.length }
  take (length) {
    if (this.at + length > this.bytes.length) throw new Error('truncated')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
  u8 () { return this.take(1)[0] }
  u32 () { return this.take(4).readUInt32BE() }
  u64 () { return this.take(8).readBigUInt64BE() }
  varint () {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0n) throw new Error('varint not in its shortest form')
        if (value > MASK) throw new Error('varint of more than 64 bits')
        return value
      }
      if (shift > 63n) throw new Error('varint of more than 64 bits')
    }
  }
  length () { return Number(this.varint()) }
  blob () { return this.take(this.length()) }
  address () { return this.take(this.u8()) }
  id () {
    const id = this.ids[this.length()]
    if (id === undefined) throw new Error('a reference to no id')
    return id
  }
  list (item) { const out = []; while (!this.empty) out.push(item(this)); return out }
}

// Section 4. Always in full, which is allowed; without flag 4: no stream lane.
export function encodePacket (key, sender, sections) {
  const first = 0x11
  const rest = Buffer.concat([Buffer.from(sender.id, 'hex'), varint(sender.generation),
    ...sections.flatMap(([tag, body]) => [u8(tag), blob(body)])])
  return Buffer.concat([u8(first), u32(checksum(key, first, rest)), rest])
}

// Sections 4 to 7. `resolve` finds the identity behind a short name. Answers the sender, undefined if it is not known, and the sections.
export function decodePacket (key, bytes, resolve) {
  const reader = new Reader(bytes)
  const first = reader.u8()
  if (first >> 4 !== 1) throw new Error(`version ${first >> 4}`)
  if (reader.u32() !== checksum(key, first, bytes.subarray(5))) throw new Error('checksum')
  if (first & 0b1010) throw new Error('sealed, or not canonical')
  const sender = first & 1 ? { id: reader.take(16).toString('hex'), generation: reader.varint() } : resolve(reader.u32())
  const sections = reader.list(() => [reader.u8(), reader.blob()])
  const ids = [sender?.id]
  if (sections.at(-1)?.[0] === TAG.IDS) {
    const list = sections.pop()[1]
    for (let at = 0; at < list.length; at += 16) ids.push(list.subarray(at, at + 16).toString('hex'))
  }
  return { sender, sections: sections.map(([tag, body]) => [tag, new Reader(body, ids)]) }
}

export const TAG = {
  PING: 1, ACK: 2, JOIN: 5, COOKIE: 6, WELCOME: 7, WHO_ARE_YOU: 8, UPDATES: 9, TABLE_PAGE: 11, PROFILE_REQUEST: 12, PROFILE: 13,
  KV_ENTRIES: 32, KV_CONTEXT: 34, KV_DELTA: 35, KV_RECEIPT: 36, IDS: 127
}
export const CLAIM = ['alive', 'down', 'left']

// Section 8. What is written is about the sender alone, which is reference 0: so no list of ids is needed.
export const record = (me, claim = 0) => Buffer.concat([varint(0), varint(me.generation), varint(me.incarnation), u8(claim),
  address(me.address), varint(me.profile)])
export const join = (cookie, me) => [TAG.JOIN, Buffer.concat([u64(cookie), Buffer.alloc(16), record(me)])]
export const ack = (number, fingerprint) => [TAG.ACK, Buffer.concat([u32(number), u32(low(fingerprint))])]
export const updates = (me, claim) => [TAG.UPDATES, record(me, claim)]
export const whoAreYou = () => [TAG.WHO_ARE_YOU, Buffer.alloc(0)]
export const profile = (me, hints) => [TAG.PROFILE, Buffer.concat([varint(0), varint(me.generation), varint(me.profile),
  blob(Buffer.alloc(0)), blob(hints), blob(Buffer.alloc(0))])]
// Section 18, over libp2p.
export const hints = multiaddrs => Buffer.concat(multiaddrs.map(bytes => blob(Buffer.from(bytes))))

export function readRecord (reader) {
  const read = { id: reader.id(), generation: reader.varint(), incarnation: reader.varint(), claim: reader.u8() }
  if (read.claim === 1) read.by = reader.id()
  read.address = reader.address()
  read.profile = reader.varint()
  return read
}
export function readTablePage (reader) {
  reader.u8(); reader.u32(); reader.u32()
  return reader.list(readRecord)
}

// Section 10.
export const kvNothingSeen = () => [TAG.KV_CONTEXT, Buffer.concat([u8(0), u64(0), u64(0)])]
export const kvWrite = (life, counter, key, value) => [TAG.KV_ENTRIES, Buffer.concat([varint(0), varint(life), varint(counter), u8(0),
  blob(Buffer.from(key)), u64(BigInt(Date.now()) << 16n), blob(Buffer.from(value))])]
export const kvAskReceipt = life => [TAG.KV_RECEIPT, Buffer.concat([u8(0), varint(0), varint(life)])]

export function readReceipt (reader) {
  const answer = reader.u8() === 1
  const receipt = { answer, id: reader.id(), life: reader.varint() }
  return answer ? { ...receipt, through: reader.varint() } : receipt
}

// The entries of a delta that are registers.
export function readDelta (reader) {
  reader.u8()
  const writer = reader.id()
  reader.varint()
  let counter = reader.u64()
  reader.u64()
  let [keyLength, valueLength] = [0, 0]
  return reader.list(() => {
    const flags = reader.u8()
    counter += flags & 16 ? reader.varint() + 2n : 1n
    if (flags & 2) reader.varint()
    if (flags & 32) keyLength = reader.length()
    const entry = { writer, counter, own: (flags & 1) !== 0, key: reader.take(keyLength).toString() }
    if (flags & 12) return { ...entry, state: (flags & 12) === 12 ? reader.blob() : undefined }
    if ((flags & 64) && (reader.varint() & 1n)) reader.varint()
    if (flags & 128) valueLength = reader.length()
    return { ...entry, value: reader.take(valueLength).toString() }
  })
}
