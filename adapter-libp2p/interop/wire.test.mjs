import assert from 'node:assert'
import { test } from 'node:test'
import { clusterKey, decodePacket, memberHash, readRecord, shortName, sipHash, varint } from './wire.mjs'

const key = clusterKey('demo')
const web1 = '6e87284d04b904b532517a3198590a93'

test('the hashes are those of the specification', () => {
  assert.equal(key.toString('hex'), 'c277a7c6dbbf7fb4fcb8207fa84df0e6')
  assert.equal(sipHash(2, 4, Buffer.alloc(16), Buffer.from('web-1'), 16).toString('hex'), web1)
  assert.equal(shortName(key, web1, 7).toString(16), 'dbb8fcdd')
  assert.equal(memberHash(key, web1, 7, 0).toString(16), 'f421639b2a625b80')
})

test('a varint has its shortest form', () => {
  assert.deepEqual([0, 127, 128, 1n << 63n].map(value => varint(value).toString('hex')), ['00', '7f', '8001', '80808080808080808001'])
})

test('the example of the specification is read', () => {
  const hex = '10ad689702dbb8fcdd010a0000000100000002000011040102030121080123456789abcdef091c0102000008000000000000000a00' +
    '0201010008000000000000000800' + '7f20527b2f96740f67a7e903e75bd00fbbbfe82bbb8c0747ba0362ccd4f9af036399'
  const { sender, sections } = decodePacket(key, Buffer.from(hex, 'hex'), short => short === 0xdbb8fcdd ? { id: web1, generation: 7n } : undefined)
  assert.equal(sender.id, web1)
  assert.deepEqual(sections.map(([tag]) => tag), [1, 17, 33, 9])
  const records = sections[3][1].list(readRecord)
  assert.deepEqual(records.map(({ id, incarnation }) => [id, incarnation]),
    [['527b2f96740f67a7e903e75bd00fbbbf', 0n], ['e82bbb8c0747ba0362ccd4f9af036399', 1n]])
})
