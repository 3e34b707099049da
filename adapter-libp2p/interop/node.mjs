// A member of the cluster, from docs/wire-format.md alone: joins through a multiaddr, reads members and keys, writes a key, answers
// what it is asked, leaves when its input ends. It does not detect failures and passes nothing on: others do.
//
//   node node.mjs MULTIADDR KEY_TO_READ KEY_TO_WRITE VALUE
//
// What it does it tells on its output, one JSON object a line.

import { createHash, randomBytes } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import * as wire from './wire.mjs'

const { TAG } = wire
const PROTOCOL = '/gossip-core/1/datagram'
const LABEL = ''
// The times are the node's own affair.
const RETRY_MS = 200

const [contact, keyToRead, keyToWrite, value] = process.argv.slice(2)
const tell = (event, what = {}) => console.log(JSON.stringify({ event, ...what }, (_, v) => typeof v === 'bigint' ? String(v) : v))

const libp2p = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()]
})

const key = wire.clusterKey(LABEL)
const peerBytes = peer => Buffer.from(peer.toMultihash().bytes)
const idOf = bytes => createHash('sha256').update(bytes).digest('hex').slice(0, 32)
const address = peerBytes(libp2p.peerId)
const me = { id: idOf(address), address, generation: BigInt(Date.now()), incarnation: 1n, profile: 1n }
const life = me.generation * 65536n + BigInt(randomBytes(2).readUInt16BE())
const listening = libp2p.getMultiaddrs().map(addr => addr.decapsulateCode(421).bytes)

// What is known: records by id, keys by name, and how far others have seen this node's write.
const members = new Map([[me.id, { ...me, claim: 0 }]])
const keys = new Map()
const acknowledged = new Set()
let welcomed = false
let contactPeer

// One substream out to each peer, and frames on it.
const outbound = new Map()
async function send (peer, ...sections) {
  const packet = wire.encodePacket(key, me, sections)
  if (!outbound.has(peer.toString())) outbound.set(peer.toString(), open(peer))
  const queue = await outbound.get(peer.toString())
  queue.push(Buffer.concat([wire.varint(packet.length), packet]))
}
async function open (peer) {
  const stream = await libp2p.dialProtocol(peer, PROTOCOL)
  const waiting = []
  let wake
  stream.sink((async function * () {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift()
      await new Promise(resolve => { wake = resolve })
    }
  })()).catch(() => outbound.delete(peer.toString()))
  return { push: frame => { waiting.push(frame); wake?.() } }
}
const trySend = (...args) => send(...args).catch(error => tell('unsent', { error: String(error) }))

await libp2p.handle(PROTOCOL, async ({ stream, connection }) => {
  let rest = Buffer.alloc(0)
  for await (const chunk of stream.source) {
    rest = Buffer.concat([rest, chunk.subarray()])
    for (;;) {
      const reader = new wire.Reader(rest)
      let packet
      try { packet = reader.take(reader.length()) } catch { break }
      rest = rest.subarray(reader.at)
      try { receive(connection.remotePeer, packet) } catch (error) { tell('dropped', { error: String(error) }) }
    }
  }
}, { maxInboundStreams: 256 })

function resolve (short) {
  return [...members.values()].find(({ id, generation }) => wire.shortName(key, id, generation) === short)
}

function receive (from, packet) {
  const { sender, sections } = wire.decodePacket(key, packet, resolve)
  if (sender === undefined) return trySend(from, wire.whoAreYou())
  if (sender.id !== idOf(peerBytes(from))) throw new Error('it names another sender')
  for (const [tag, body] of sections) receiveSection(from, tag, body)
}

function receiveSection (from, tag, body) {
  if (tag === TAG.PING) return trySend(from, wire.ack(body.u32(), fingerprint()))
  if (tag === TAG.COOKIE) return trySend(from, wire.join(body.u64(), me))
  if (tag === TAG.WELCOME) { welcomed = true; return tell('joined', { live: body.varint() }) }
  if (tag === TAG.UPDATES) return body.list(wire.readRecord).forEach(learn)
  if (tag === TAG.TABLE_PAGE) return wire.readTablePage(body).forEach(learn)
  if (tag === TAG.PROFILE_REQUEST && body.list(reader => reader.id()).includes(me.id)) {
    return trySend(from, wire.profile(me, wire.hints(listening)))
  }
  if (tag === TAG.KV_DELTA) return wire.readDelta(body).forEach(entry => keys.set(entry.key, entry))
  if (tag === TAG.KV_RECEIPT) {
    const receipt = wire.readReceipt(body)
    if (receipt.answer && receipt.life === life && receipt.through >= 1n) acknowledged.add(from.toString())
  }
}

// Section 13: the higher of two records holds; who is accused refutes.
function learn (record) {
  const rank = ({ generation, incarnation, claim }) => [generation, incarnation, BigInt(claim)]
  if (record.id === me.id) {
    if (record.claim !== 0 && record.generation === me.generation && record.incarnation >= me.incarnation) {
      me.incarnation = record.incarnation + 1n
      members.set(me.id, { ...me, claim: 0 })
      others().forEach(peer => trySend(peer, wire.updates(me)))
    }
    return
  }
  const known = members.get(record.id)
  const differs = known && rank(record).findIndex((part, at) => part !== rank(known)[at])
  if (!known || (differs >= 0 && rank(record)[differs] > rank(known)[differs])) members.set(record.id, record)
}

const alive = () => [...members.values()].filter(({ claim }) => claim === 0)
const fingerprint = () => alive().reduce((sum, { id, generation, incarnation }) => sum + wire.memberHash(key, id, generation, incarnation), 0n)
const others = () => libp2p.getPeers().filter(peer => members.has(idOf(peerBytes(peer))))

async function until (holds, again) {
  for (;;) {
    if (await holds()) return
    await again?.()
    await new Promise(resolve => setTimeout(resolve, RETRY_MS))
  }
}

const connection = await libp2p.dial(multiaddr(contact))
contactPeer = connection.remotePeer
await until(() => welcomed, () => trySend(contactPeer, wire.join(0, me)))
await until(() => members.size > 2)
await until(() => keys.has(keyToRead), () => trySend(contactPeer, wire.kvNothingSeen()))
tell('members', { members: alive().map(({ id }) => id).sort() })
tell('read', { key: keyToRead, value: keys.get(keyToRead).value })
await until(() => acknowledged.has(contactPeer.toString()),
  () => trySend(contactPeer, wire.kvWrite(life, 1, keyToWrite, value), wire.kvAskReceipt(life)))
tell('written', { key: keyToWrite, value })

process.stdin.resume()
await new Promise(resolve => process.stdin.once('end', resolve))
await Promise.all(others().map(peer => trySend(peer, wire.updates(me, 2))))
tell('left')
await new Promise(resolve => setTimeout(resolve, RETRY_MS))
await libp2p.stop()
process.exit(0)
